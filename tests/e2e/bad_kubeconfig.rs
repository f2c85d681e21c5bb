//! Kubeconfigs that lead nowhere: what is wrong with each is named, with its remedy, and nothing of it is quoted.

use std::fs;

use serde_json::{Value, json};
use test_cluster::Plugin;

use crate::way_in::{ask, assert_refused, plugin};

const TOKEN: &str = "sha256~never-to-be-shown";

/// A kubeconfig that is right but for its server, where nothing listens.
fn good() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    })
}

/// A user who runs the plugin with `text` as the kubeconfig.
fn with(text: impl AsRef<[u8]>) -> Plugin {
    let plugin = plugin();
    fs::write(plugin.home().join("config"), text).unwrap();
    plugin.kubeconfig("config")
}

fn with_user(user: &Value) -> Plugin {
    let mut kubeconfig = good();
    kubeconfig["users"][0]["user"] = user.clone();
    with(kubeconfig.to_string())
}

fn with_cluster(cluster: &Value) -> Plugin {
    let mut kubeconfig = good();
    kubeconfig["clusters"][0]["cluster"] = cluster.clone();
    with(kubeconfig.to_string())
}

#[test]
fn files_that_cannot_be_read() {
    let none = ["no kubeconfig", "oc login", "--kubeconfig FILE"];
    assert_refused(
        "none at all",
        &ask(&plugin(), &[]),
        &[none[0], none[1], none[2], "/.kube/config is not there"],
    );
    let gone = plugin().kubeconfig("/gone/config");
    assert_refused("a missing variable's", &ask(&gone, &[]), &[none[0], none[1], none[2], "/gone/config"]);
    let flag = ask(&plugin(), &["--kubeconfig", "gone"]);
    assert_refused("a missing flag's", &flag, &["reading kubeconfig gone", "no such file", none[1], none[2]]);
    let folder = plugin();
    let path = folder.home().to_owned();
    let folder = ask(&folder.kubeconfig(path), &[]);
    assert_refused("a folder", &folder, &["reading kubeconfig /", "it cannot be read", "directory", none[2]]);
}

#[test]
fn texts_that_are_no_kubeconfig() {
    let malformed = ["reading kubeconfig config", "it is no kubeconfig"];
    for (case, text, said) in [
        ("empty", &b""[..], &["kubeconfig config has no current context", "--context", "oc login"][..]),
        ("blank", b"\n \n", &["kubeconfig config has no current context", "--context", "oc login"]),
        ("empty object", b"{}", &["kubeconfig config has no current context", "--context", "oc login"]),
        ("unclosed", b"users: [{name: u, user: {token: sha256~never", &[malformed[0], malformed[1], "line 1"]),
        ("a word", b"sha256~never", &malformed),
        ("a list", b"- token: sha256~never", &malformed),
        ("of wrong types", br#"{"users": {"name": "sha256~never"}}"#, &malformed),
        ("a token in a list", br#"{"users": [{"name": "u", "user": {"token": ["sha256~never"]}}]}"#, &malformed),
        ("no text", b"\x7fELF\xff\xfe\x00sha256~never", &["reading kubeconfig config", "it cannot be read", "UTF-8"]),
        ("HTML", b"<html><body>sha256~never</body></html>", &malformed),
        ("a bomb", b"a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f]\n", &["config"]),
    ] {
        assert_refused(case, &ask(&with(text), &[]), said);
    }
}

#[test]
fn names_that_nothing_has() {
    let context = ["no context \"gone\" in kubeconfig config", "oc config get-contexts"];
    let cluster = ["no cluster \"gone\" in kubeconfig config", "oc config get-clusters"];
    let user = ["no user \"gone\" in kubeconfig config", "oc config get-users"];
    for (flag, said) in [("--context", context), ("--cluster", cluster), ("--user", user)] {
        assert_refused(flag, &ask(&with(good().to_string()), &[flag, "gone"]), &said);
    }
    for (place, said) in [
        ("/current-context", context),
        ("/contexts/0/context/cluster", cluster),
        ("/contexts/0/context/user", user),
    ] {
        let mut kubeconfig = good();
        *kubeconfig.pointer_mut(place).unwrap() = json!("gone");
        assert_refused(place, &ask(&with(kubeconfig.to_string()), &[]), &said);
    }
    let group = ask(&with(good().to_string()), &["--as-group", "admins"]);
    assert_refused("--as-group alone", &group, &["--as-group", "add --as USER"]);
}

#[test]
fn clusters_that_are_none() {
    let server = "https://127.0.0.1:1";
    for (case, cluster, said) in [
        ("no server", json!({}), &["has no server", "--server URL"][..]),
        ("no address", json!({"server": "127.0.0.1:1"}), &["no http or https address", "--server URL"]),
        ("no host", json!({"server": "https://"}), &["no http or https address", "--server URL"]),
        ("not encrypted", json!({"server": "http://api.example:6443"}), &["gets no token", "https"]),
        (
            "no such authority",
            json!({"server": server, "certificate-authority": "gone.crt"}),
            &["context \"x\"", "certificate authority", "gone.crt", "--certificate-authority FILE"],
        ),
        (
            "no base64",
            json!({"server": server, "certificate-authority-data": "!"}),
            &["context \"x\"", "certificate-authority-data is no base64", "oc login"],
        ),
        (
            "no certificate",
            json!({"server": server, "certificate-authority-data": "bm9uZQ=="}),
            &["context \"x\"", "certificate authority", "--certificate-authority FILE"],
        ),
        (
            "both ways",
            json!({"server": server, "certificate-authority-data": "bm9uZQ==", "insecure-skip-tls-verify": true}),
            &["exclude each other", "leave one out"],
        ),
        (
            "no proxy",
            json!({"server": server, "proxy-url": "http://user:sha256~never@[::"}),
            &["proxy-url", "correct it"],
        ),
        (
            "a strange proxy",
            json!({"server": server, "proxy-url": "ftp://user:sha256~never@proxy"}),
            &["neither http, https nor socks5", "correct it"],
        ),
    ] {
        assert_refused(case, &ask(&with_cluster(&cluster), &[]), said);
    }
}

#[test]
fn credentials_that_are_none() {
    let pem = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==";
    for (case, user, said) in [
        ("no such token file", json!({"tokenFile": "gone"}), &["token file", "gone", "oc login"][..]),
        ("an empty token file", json!({"tokenFile": "/dev/null"}), &["token", "empty", "oc login"]),
        (
            "a token of two lines",
            json!({"token": "sha256~a\nsha256~b"}),
            &["token", "characters", "oc login"],
        ),
        (
            "no such certificate",
            json!({"client-certificate": "gone.crt", "client-key": "gone.key"}),
            &["client certificate", "gone.crt", "oc login"],
        ),
        (
            "a certificate that is none",
            json!({"client-certificate-data": pem, "client-key-data": pem}),
            &["the kubeconfig for https://127.0.0.1:1 is wrong", "oc login"],
        ),
        ("gcp", json!({"auth-provider": {"name": "gcp", "config": {}}}), &["auth-provider gcp", "oc login"]),
        (
            "oidc",
            json!({"auth-provider": {"name": "oidc", "config": {}}}),
            &["auth-provider oidc", "oc login"],
        ),
    ] {
        assert_refused(case, &ask(&with_user(&user), &[]), said);
    }
}

#[test]
fn credential_plugins_that_yield_nothing() {
    let shell = |script: &str| json!({"command": "sh", "args": ["-c", script]});
    let remedy = "log in again with oc login";
    for (case, mut exec, said) in [
        (
            "fails",
            shell("echo sha256~never; echo sha256~never >&2; exit 3"),
            "plugin sh failed (exit status: 3): run it by hand",
        ),
        ("is killed", shell("kill -9 $$"), "plugin sh failed (signal: 9"),
        ("says nothing", shell("true"), "plugin sh printed no credential"),
        ("prints rubbish", shell("echo 'Token: sha256~never'"), "plugin sh printed no credential"),
        ("prints without end", shell("exec yes sha256~never"), "plugin sh failed (signal: 13"),
        ("prints bytes", shell("printf '\\377\\376\\000'"), "plugin sh printed no credential"),
        ("prints a string", shell("echo '\"sha256~never\"'"), "plugin sh printed no credential"),
        (
            "prints no status",
            shell("echo '{\"kind\": \"ExecCredential\"}'"),
            "plugin sh printed no credential",
        ),
        ("prints an empty token", shell("echo '{\"status\": {\"token\": \"\"}}'"), "token is empty"),
        ("is not there", json!({"command": "./gone"}), "gone could not be started (No such file"),
        (
            "is no program",
            json!({"command": "/etc/hosts"}),
            "/etc/hosts could not be started (Permission denied",
        ),
        ("has no name", json!({}), "names no command: correct the kubeconfig"),
        // One that forks and is gone, and holds standard output open all the same, is waited for no longer.
        ("hangs", shell("sleep 100 & exec sleep 100"), "plugin sh did not answer within 30 s"),
    ] {
        exec["apiVersion"] = json!("client.authentication.k8s.io/v1");
        exec["interactiveMode"] = json!("Never");
        assert_refused(case, &ask(&with_user(&json!({"exec": exec})), &[]), &[said, remedy]);
    }
    let mut asks = shell("read answer");
    asks["apiVersion"] = json!("client.authentication.k8s.io/v1");
    asks["interactiveMode"] = json!("Always");
    let outcome = ask(&with_user(&json!({"exec": asks})), &[]);
    assert_refused(
        "asks where nobody is",
        &outcome,
        &["standard input is no terminal", "run it by hand", remedy],
    );
    let hint = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": "gone-plugin",
        "installHint": "install it with\n\u{1b}[31mbrew",
    }});
    assert_refused(
        "is not installed",
        &ask(&with_user(&hint), &[]),
        &["gone-plugin is not installed: install it with [31mbrew"],
    );
}
