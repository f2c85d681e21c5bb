//! Kubeconfigs that lead nowhere: what is wrong with each is named, with its remedy, and no secret of it is quoted.
use crate::check::Page;
use crate::plugin::Plugin;
use serde_json::{Value, json};
use std::fs;

const PURPOSE: &str =
    "Kubeconfigs that lead nowhere, and the line on standard error. The exit code of each is 1.";
const TOKEN: &str = "sha256~never-to-be-shown";

/// How the line begins once a kubeconfig is read and its server is asked, where nothing listens.
const REFUSED: &str = "error: https://127.0.0.1:1 refused the connection";

/// A kubeconfig that is right but for its server, where nothing listens.
fn good() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    })
}

/// A user who runs the program with `text` as the kubeconfig.
fn with(text: impl AsRef<[u8]>) -> Plugin {
    let plugin = Plugin::new();
    fs::write(plugin.home().join("config"), text).unwrap();
    plugin.kubeconfig("config")
}

/// The good kubeconfig with one value changed.
fn with_changed(pointer: &str, value: &Value) -> Plugin {
    let mut kubeconfig = good();
    *kubeconfig.pointer_mut(pointer).unwrap() = value.clone();
    with(kubeconfig.to_string())
}

fn add(page: &mut Page, case: &str, plugin: &Plugin, flags: &[&str]) {
    let outcome = plugin.run(&[&["top", "-i", "2m"], flags].concat());
    assert!(!format!("{outcome:?}").contains("sha256~"), "{case}: {outcome:?}");
    page.add(case, outcome.error(1));
}

#[test]
fn files() {
    let mut page = Page::new(PURPOSE);
    page.part("Files that cannot be read");
    add(&mut page, "none at all", &Plugin::new(), &[]);
    add(&mut page, "KUBECONFIG=/gone/config", &Plugin::new().kubeconfig("/gone/config"), &[]);
    add(&mut page, "--kubeconfig gone", &Plugin::new(), &["--kubeconfig", "gone"]);
    add(&mut page, "a folder", &Plugin::new().kubeconfig("."), &[]);
    page.part("Texts that are no kubeconfig");
    for (case, text) in [
        ("empty", &b""[..]),
        ("blank", b"\n \n"),
        ("an empty object", b"{}"),
        ("unclosed", b"users: [{name: u, user: {token: sha256~never"),
        ("a word", b"sha256~never"),
        ("a list", b"- token: sha256~never"),
        ("of wrong types", br#"{"users": {"name": "sha256~never"}}"#),
        ("a token in a list", br#"{"users": [{"name": "u", "user": {"token": ["sha256~never"]}}]}"#),
        ("no text", b"\x7fELF\xff\xfe\x00sha256~never"),
        ("UTF-16 with a byte too many", b"\xff\xfes\0h\0a\x002\x005\x006\0~\0n"),
        ("UTF-16 without its mark", b"s\0h\0a\x002\x005\x006\0~\0n\0"),
        ("HTML", b"<html><body>sha256~never</body></html>"),
        (
            "a bomb",
            b"a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]
d: &d [*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f]\n",
        ),
    ] {
        add(&mut page, case, &with(text), &[]);
    }
    page.check("tests/golden/kubeconfig/files.txt");
}

/// Returns what the program says with these flags.
fn said(plugin: &Plugin, flags: &[&str]) -> String {
    let outcome = plugin.run(&[&["top", "-i", "2m"], flags].concat());
    assert!(!format!("{outcome:?}").contains("sha256~"), "{flags:?}: {outcome:?}");
    outcome.error(1).to_owned()
}

/// Each of these leads kubectl to its server.
#[test]
fn kubeconfigs_that_lead_somewhere() {
    let good = good().to_string();
    let utf16: Vec<u16> = format!("\u{feff}{good}").encode_utf16().collect();
    let more = |key: &str, value: Value| {
        let mut kubeconfig = self::good();
        kubeconfig[key].as_array_mut().unwrap().push(value);
        kubeconfig.to_string().into_bytes()
    };
    for (case, text) in [
        ("UTF-8 with its mark", format!("\u{feff}{good}").into_bytes()),
        ("UTF-16, little end first", utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect()),
        ("UTF-16, big end first", utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect()),
        ("a key twice", good.replacen('{', r#"{"current-context": "gone","#, 1).into_bytes()),
        ("a second document", format!("{good}\n---\nclusters: [").into_bytes()),
        (
            "another context without a cluster",
            more("contexts", json!({"name": "y", "context": {"user": "v"}})),
        ),
        (
            "another cluster of wrong types",
            more("clusters", json!({"name": "d", "cluster": {"server": [1]}})),
        ),
        (
            "another user's plugin",
            more("users", json!({"name": "v", "user": {"exec": {"interactiveMode": "Now"}}})),
        ),
    ] {
        let line = said(&with(text), &[]);
        assert!(line.starts_with(REFUSED), "{case}: {line}");
    }
    for (place, key) in [
        ("/clusters/0/cluster", "certificate-authority"),
        ("/clusters/0/cluster", "certificate-authority-data"),
        ("/clusters/0/cluster", "tls-server-name"),
        ("/clusters/0/cluster", "proxy-url"),
        ("/clusters/0/cluster", "insecure-skip-tls-verify"),
        ("/users/0/user", "client-certificate"),
        ("/users/0/user", "client-certificate-data"),
        ("/users/0/user", "client-key"),
        ("/users/0/user", "client-key-data"),
        ("/users/0/user", "tokenFile"),
        ("/users/0/user", "username"),
        ("/users/0/user", "password"),
        ("/users/0/user", "as"),
        ("/users/0/user", "exec"),
        ("/users/0/user", "unknown"),
    ] {
        for unset in [json!(null), json!("")] {
            let mut kubeconfig = self::good();
            kubeconfig.pointer_mut(place).unwrap()[key] = unset.clone();
            let line = said(&with(kubeconfig.to_string()), &[]);
            assert!(line.starts_with(REFUSED), "{key}: {unset}: {line}");
        }
    }
}

#[test]
fn flags_that_a_script_leaves_empty() {
    let plugin = with(good().to_string());
    for flag in [
        "--kubeconfig=",
        "--context=",
        "--cluster=",
        "--user=",
        "--server=",
        "--token=",
        "--as=",
        "--as-group=",
        "--as-uid=",
        "--client-certificate=",
        "--client-key=",
        "--certificate-authority=",
        "--tls-server-name=",
        "--request-timeout=",
        "--namespace=",
        "--selector=",
    ] {
        let line = said(&plugin, &[flag]);
        assert!(line.starts_with(REFUSED), "{flag}: {line}");
    }
}

/// No file of any encoding ends the program at the Tab key.
#[test]
fn names_of_files_that_are_none() {
    for text in
        [&b"\xff\xfea\0b"[..], b"\xfe\xff\0a\0", b"a\0b\0", b"\x7fELF\xff\xfe\0", b"[", b"contexts: 1"]
    {
        let outcome = with(text).run(&["__complete", "top", "--context", ""]);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{text:?}: {outcome:?}");
    }
}

#[test]
fn names() {
    let mut page = Page::new(PURPOSE);
    for flag in ["--context", "--cluster", "--user"] {
        add(&mut page, &format!("{flag} gone"), &with(good().to_string()), &[flag, "gone"]);
    }
    for place in ["/current-context", "/contexts/0/context/cluster", "/contexts/0/context/user"] {
        add(&mut page, &format!("{place} is \"gone\""), &with_changed(place, &json!("gone")), &[]);
    }
    for (flag, value) in [
        ("--as-group", "admins"),
        ("--as-uid", "1"),
        ("--client-certificate", "user.crt"),
        ("--client-key", "user.key"),
    ] {
        add(&mut page, &format!("{flag} alone"), &with(good().to_string()), &[flag, value]);
    }
    page.check("tests/golden/kubeconfig/names.txt");
}

#[test]
fn clusters() {
    let mut page = Page::new(PURPOSE);
    let server = "https://127.0.0.1:1";
    for cluster in [
        json!({}),
        json!([TOKEN]),
        json!({"server": [TOKEN]}),
        json!({"server": "127.0.0.1:1"}),
        json!({"server": "https://"}),
        json!({"server": "http://api.example:6443"}),
        json!({"server": server, "certificate-authority": "gone.crt"}),
        json!({"server": server, "certificate-authority-data": "!"}),
        json!({"server": server, "certificate-authority-data": "bm9uZQ=="}),
        json!({"server": server, "certificate-authority-data": "bm9uZQ==", "insecure-skip-tls-verify": true}),
        json!({"server": server, "proxy-url": "http://user:sha256~never@[::"}),
        json!({"server": server, "proxy-url": "ftp://user:sha256~never@proxy"}),
    ] {
        add(&mut page, &cluster.to_string(), &with_changed("/clusters/0/cluster", &cluster), &[]);
    }
    page.check("tests/golden/kubeconfig/clusters.txt");
}

#[test]
fn servers() {
    let mut page = Page::new(
        "Servers that are not reached, and the line on standard error. The exit code of each is 1.",
    );
    let plugin = with(good().to_string());
    fs::write(plugin.home().join("empty.crt"), "").unwrap();
    let nowhere = ["--prometheus", "https://127.0.0.1:1"];
    add(&mut page, "no API server where the kubeconfig says", &plugin, &[]);
    add(&mut page, "no Prometheus where the flag says", &plugin, &nowhere);
    for file in ["gone.crt", "empty.crt"] {
        let flags = [&nowhere[..], &["--prometheus-ca", file]].concat();
        add(&mut page, &format!("--prometheus-ca {file}"), &plugin, &flags);
    }
    page.check("tests/golden/kubeconfig/servers.txt");
}

#[test]
fn credentials() {
    let mut page = Page::new(PURPOSE);
    let pem = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==";
    for user in [
        json!({"token": [TOKEN]}),
        json!({"exec": {"command": "sh", "interactiveMode": "Sometimes"}}),
        json!({"tokenFile": "gone"}),
        json!({"tokenFile": "/dev/null"}),
        json!({"token": "sha256~a\nsha256~b"}),
        json!({"client-certificate": "gone.crt", "client-key": "gone.key"}),
        json!({"client-certificate-data": pem, "client-key-data": pem}),
        json!({"client-certificate-data": "!", "client-key-data": pem}),
        json!({"client-certificate-data": pem}),
        json!({"auth-provider": {"name": "gcp", "config": {}}}),
        json!({"auth-provider": {"name": "oidc", "config": {}}}),
    ] {
        add(&mut page, &user.to_string(), &with_changed("/users/0/user", &user), &[]);
    }
    page.check("tests/golden/kubeconfig/credentials.txt");
}

/// One that hangs is waited for half a minute: tests/e2e has that case.
#[test]
fn credential_plugins() {
    let mut page = Page::new(PURPOSE);
    let shell = |script: &str| json!({"command": "sh", "args": ["-c", script]});
    for (mut exec, mode) in [
        (shell("echo sha256~never; echo sha256~never >&2; exit 3"), "Never"),
        (shell("kill -9 $$"), "Never"),
        (shell("true"), "Never"),
        (shell("echo 'Token: sha256~never'"), "Never"),
        (shell("exec yes sha256~never"), "Never"),
        (shell("printf '\\377\\376\\000'"), "Never"),
        (shell("echo '\"sha256~never\"'"), "Never"),
        (shell("echo '{\"kind\": \"ExecCredential\"}'"), "Never"),
        (shell("echo '{\"status\": {\"token\": \"\"}}'"), "Never"),
        (json!({"command": "./gone"}), "Never"),
        // A file that is there, and no program.
        (json!({"command": "./config"}), "Never"),
        (json!({}), "Never"),
        (json!({"command": "gone-plugin", "installHint": "install it with\n\u{1b}[31mbrew"}), "Never"),
        (shell("read answer"), "Always"),
    ] {
        let case = exec.to_string();
        exec["apiVersion"] = json!("client.authentication.k8s.io/v1");
        exec["interactiveMode"] = json!(mode);
        let plugin = with_changed("/users/0/user", &json!({"exec": exec}));
        add(&mut page, &format!("{case}, interactiveMode {mode}"), &plugin, &[]);
    }
    page.check("tests/golden/kubeconfig/credential-plugins.txt");
}
