//! Contents of kubeconfigs, in all their forms.
use crate::trial::{Case, End, administrator, cluster, count, folder, kubeconfig, text, token, try_all};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::fs;
use test_cluster::{Login, shared};

/// The good kubeconfig, by token.
fn good() -> Value {
    kubeconfig(&cluster(), &json!({"token": token()}))
}

fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut kubeconfig = good();
    change(&mut kubeconfig);
    kubeconfig
}

fn with_cluster(name: &str, change: impl FnOnce(&mut Value)) -> Case {
    Case::new(name, &changed(|all| change(&mut all["clusters"][0]["cluster"])))
}

fn with_user(name: &str, user: &Value) -> Case {
    Case::new(name, &kubeconfig(&cluster(), user))
}

#[test]
fn clusters() {
    let authority = fs::read_to_string(shared().api_ca()).unwrap();
    let bad = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    let data = BASE64.encode(&authority);
    let broken: String =
        data.as_bytes().chunks(64).map(|line| format!("{}\n", str::from_utf8(line).unwrap())).collect();
    let without =
        |cluster: &mut Value| drop(cluster.as_object_mut().unwrap().remove("certificate-authority"));
    let url = shared().api().server().to_owned();
    let ends = try_all(&[
        with_cluster("a file", |_| ()),
        with_cluster("data", |c| {
            without(c);
            c["certificate-authority-data"] = json!(data);
        }),
        with_cluster("data with line breaks", |c| {
            without(c);
            c["certificate-authority-data"] = json!(broken);
        }),
        with_cluster("data beside a file that is not there", |c| {
            c["certificate-authority-data"] = json!(data);
            c["certificate-authority"] = json!("/gone");
        }),
        with_cluster("data beside the file", |c| c["certificate-authority-data"] = json!(data)),
        with_cluster("a file that is not there", |c| c["certificate-authority"] = json!("/gone")),
        with_cluster("data that is no base64", |c| c["certificate-authority-data"] = json!("!")),
        with_cluster("data that is no PEM", |c| {
            without(c);
            c["certificate-authority-data"] = json!(BASE64.encode("x"));
        }),
        with_cluster("a broken certificate before the authority", |c| {
            without(c);
            c["certificate-authority-data"] = json!(BASE64.encode(format!("{bad}{authority}")));
        }),
        with_cluster("a certificate of nothing behind the authority", |c| {
            without(c);
            c["certificate-authority-data"] =
                json!(BASE64.encode(format!("{authority}{}", bad.replace('!', "AAAA"))));
        }),
        with_cluster("no authority", without),
        with_cluster("empty data", |c| c["certificate-authority-data"] = json!("")),
        with_cluster("null data", |c| c["certificate-authority-data"] = json!(null)),
        with_cluster("unverified", |c| {
            without(c);
            c["insecure-skip-tls-verify"] = json!(true);
        }),
        with_cluster("unverified with an authority", |c| c["insecure-skip-tls-verify"] = json!(true)),
        with_cluster("verified by word", |c| c["insecure-skip-tls-verify"] = json!(false)),
        with_cluster("a name of the certificate", |c| c["tls-server-name"] = json!("localhost")),
        with_cluster("a name of another", |c| c["tls-server-name"] = json!("elsewhere.test")),
        with_cluster("an empty name", |c| c["tls-server-name"] = json!("")),
        with_cluster("an empty proxy", |c| c["proxy-url"] = json!("")),
        with_cluster("a proxy of a kind that nobody knows", |c| c["proxy-url"] = json!("ftp://127.0.0.1:1")),
        with_cluster("a proxy where nothing listens", |c| c["proxy-url"] = json!("http://127.0.0.1:1")),
        with_cluster("a SOCKS proxy where nothing listens", |c| {
            c["proxy-url"] = json!("socks5h://u:p@127.0.0.1:1")
        }),
        with_cluster("a slash behind the server", |c| c["server"] = json!(format!("{url}/"))),
        with_cluster("a path behind the server", |c| c["server"] = json!(format!("{url}/elsewhere"))),
        with_cluster("no scheme", |c| c["server"] = json!(url.replace("https://", ""))),
        with_cluster("no server", |c| drop(c.as_object_mut().unwrap().remove("server"))),
        with_cluster("a server that is no address", |c| c["server"] = json!("https://:::")),
        with_cluster("nothing listens", |c| c["server"] = json!("https://127.0.0.1:1")),
        with_cluster("what nobody knows", |c| c["new-field"] = json!({"a": [1]})),
        with_cluster("compression off", |c| c["disable-compression"] = json!(true)),
    ]);
    assert!(count(&ends, End::Connected) >= 13 && count(&ends, End::Error) >= 5, "{ends:?}");
}

#[test]
fn users() {
    let folder = folder();
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let (token, wrong) = (token(), Login::WrongToken.token().unwrap());
    let right = file("right", token);
    let credential = json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token}});
    let credential = file("credential", &credential.to_string());
    let exec = |change: fn(&mut Value)| {
        let mut exec = json!({"apiVersion": "client.authentication.k8s.io/v1", "command": "cat", "args": [credential], "interactiveMode": "Never"});
        change(&mut exec);
        json!({"exec": exec})
    };
    let as_viewer = |more: Value| {
        let mut user = administrator();
        user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        user
    };
    let ends = try_all(&[
        with_user("a token", &json!({"token": token})),
        with_user("a wrong token", &json!({"token": wrong})),
        with_user("a token file", &json!({"tokenFile": right})),
        with_user(
            "a token file that ends in a line end",
            &json!({"tokenFile": file("newline", &format!("{token}\n"))}),
        ),
        with_user("a token file wins", &json!({"token": wrong, "tokenFile": right})),
        with_user("a wrong token file wins", &json!({"token": token, "tokenFile": file("wrong", wrong)})),
        with_user(
            "an empty token file beside a token",
            &json!({"token": token, "tokenFile": file("empty", "")}),
        ),
        with_user("a token file that is not there", &json!({"tokenFile": "/gone"})),
        with_user("an empty name of a token file", &json!({"token": token, "tokenFile": ""})),
        with_user("nobody", &json!({})),
        with_user("a password", &json!({"username": "viewer", "password": "sha256~secret"})),
        with_user("an empty password", &json!({"username": "viewer"})),
        with_user(
            "a token beside empty fields",
            &json!({"token": token, "username": "", "password": "", "client-certificate": "", "client-key-data": ""}),
        ),
        with_user("a certificate", &administrator()),
        with_user("a plugin", &exec(|_| ())),
        with_user(
            "a plugin of the earlier stage",
            &exec(|exec| exec["apiVersion"] = json!("client.authentication.k8s.io/v1beta1")),
        ),
        with_user("a plugin that is not there", &exec(|exec| exec["command"] = json!("gone-plugin"))),
        with_user("a plugin that fails", &exec(|exec| exec["command"] = json!("false"))),
        with_user("a plugin that says nothing", &exec(|exec| exec["command"] = json!("true"))),
        with_user("a plugin of no mode", &exec(|exec| exec["interactiveMode"] = json!("Sometimes"))),
        with_user("acting as somebody", &as_viewer(json!({"as": "viewer"}))),
        with_user("acting as nobody known", &as_viewer(json!({"as": "nobody-known"}))),
        with_user(
            "acting as a member",
            &as_viewer(json!({"as": "nobody-known", "as-groups": ["system:masters"]})),
        ),
        with_user("acting as a uid", &as_viewer(json!({"as": "viewer", "as-uid": "7"}))),
        with_user("acting without the right", &json!({"token": token, "as": "installer"})),
        with_user("more of nobody", &as_viewer(json!({"as-user-extra": {"a": ["b"]}}))),
        with_user("an empty name to act as", &as_viewer(json!({"as": ""}))),
        with_user("what nobody knows", &json!({"token": token, "new-field": 1})),
    ]);
    assert!(count(&ends, End::Connected) >= 14 && count(&ends, End::Refused) >= 5, "{ends:?}");
}

#[test]
fn files() {
    let folder = folder();
    let good = good();
    let json = good.to_string();
    let yaml = serde_yaml::to_string(&good).unwrap();
    let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("\u{feff}{json}").encode_utf16().flat_map(order).collect()
    };
    let add =
        |key: &str, value: Value| changed(|all| all[key].as_array_mut().unwrap().push(value)).to_string();
    let part = |keys: &[&str], name: &str| {
        let mut part = json!({"apiVersion": "v1", "kind": "Config"});
        for key in keys {
            part[*key] = good[*key].clone();
        }
        let path = folder.join(name);
        fs::write(&path, part.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let halves =
        [part(&["clusters", "current-context"], "first"), part(&["users", "contexts"], "second")].join(":");
    let several = |name: &str, list: &str| Case::bare(name).variable("KUBECONFIG", list);
    // A path is of the file that holds it.
    let relative = changed(|all| all["clusters"][0]["cluster"]["certificate-authority"] = json!("ca.crt"));
    fs::copy(shared().api_ca(), folder.join("ca.crt")).unwrap();
    fs::write(folder.join("relative"), relative.to_string()).unwrap();
    let relative = folder.join("relative");
    fs::create_dir(folder.join(".kube")).unwrap();
    fs::write(folder.join(".kube/config"), &json).unwrap();
    let ends = try_all(&[
        Case::of_bytes("JSON", json.clone()),
        Case::of_bytes("YAML", yaml.clone()),
        Case::of_bytes("YAML with Windows's line ends", yaml.replace('\n', "\r\n")),
        Case::of_bytes("with the mark of UTF-8", format!("\u{feff}{yaml}")),
        Case::of_bytes("UTF-16, little end first", utf16(u16::to_le_bytes)),
        Case::of_bytes("UTF-16, big end first", utf16(u16::to_be_bytes)),
        Case::of_bytes(
            "without kind and version",
            changed(|all| {
                for key in ["apiVersion", "kind"] {
                    all.as_object_mut().unwrap().remove(key);
                }
            })
            .to_string(),
        ),
        Case::of_bytes("of another kind", json.replace("\"Config\"", "\"Pod\"")),
        Case::of_bytes("a comment", format!("# mine\n{yaml}")),
        Case::of_bytes(
            "another context without a cluster",
            add("contexts", json!({"name": "y", "context": {"user": "v"}})),
        ),
        Case::of_bytes("another user without anything", add("users", json!({"name": "v"}))),
        Case::of_bytes("another cluster without anything", add("clusters", json!({"name": "d"}))),
        Case::of_bytes(
            "preferences and extensions",
            changed(|all| {
                all["preferences"] = json!({"colors": true});
                all["extensions"] = json!([{"name": "e", "extension": {"a": 1}}]);
            })
            .to_string(),
        ),
        Case::of_bytes("no current context", changed(|all| all["current-context"] = json!("")).to_string()),
        Case::of_bytes(
            "a current context that is not there",
            changed(|all| all["current-context"] = json!("gone")).to_string(),
        ),
        Case::of_bytes(
            "a context whose cluster is not there",
            changed(|all| all["contexts"][0]["context"]["cluster"] = json!("gone")).to_string(),
        ),
        Case::of_bytes("empty", ""),
        Case::of_bytes("HTML", "<html><body>sha256~x</body></html>"),
        Case::of_bytes("a list", "- a"),
        Case::of_bytes("a word", "word"),
        Case::of_bytes("cut", &json[..json.len() / 2]),
        Case::of_bytes("no text", b"\x7fELF\xff\xfe\0".to_vec()),
        Case::bare("none"),
        Case::bare("the home's").variable("HOME", text(&folder)),
        Case::bare("--kubeconfig").flags(&["--kubeconfig", text(&relative)]),
        Case::bare("--kubeconfig of no file").flags(&["--kubeconfig", "/gone"]),
        several("a path of the file that holds it", text(&relative)),
        several("two halves", &halves),
        several("one of them is not there", &format!("/gone:{halves}")),
        several("empty ones between", &format!(":{halves}::")),
        several("no file in the list", ":").variable("HOME", text(&folder)),
        several("none of them is there", "/gone:/gone-too"),
    ]);
    assert!(count(&ends, End::Connected) >= 15 && count(&ends, End::Error) >= 8, "{ends:?}");
}
