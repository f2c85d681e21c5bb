//! Entries of kubeconfigs in the forms that people and tools write.

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::*;

fn entry(kind: &'static str, body: Value) -> Entry {
    Entry { kind, name: "e".into(), body, folder: "/folder".into() }
}

fn refused(kind: &'static str, body: Value) -> String {
    let entry = entry(kind, body);
    let error = match kind {
        "context" => entry.context().err(),
        "cluster" => entry.cluster().err(),
        _ => entry.user().err(),
    };
    let error = error.unwrap();
    assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
    format!("{error:#}")
}

#[test]
fn null_and_empty_are_unset() {
    for unset in [json!(null), json!("")] {
        let keys = [
            "server",
            "certificate-authority",
            "certificate-authority-data",
            "proxy-url",
            "tls-server-name",
            "insecure-skip-tls-verify",
            "disable-compression",
        ];
        let body: Map<String, Value> = keys.iter().map(|key| ((*key).to_owned(), unset.clone())).collect();
        assert_eq!(
            serde_json::to_value(entry("cluster", body.into()).cluster().unwrap()).unwrap(),
            json!({})
        );
        let keys = [
            "username",
            "password",
            "token",
            "tokenFile",
            "client-certificate",
            "client-certificate-data",
            "client-key",
            "client-key-data",
            "as",
            "as-uid",
        ];
        let body: Map<String, Value> = keys.iter().map(|key| ((*key).to_owned(), unset.clone())).collect();
        let user = entry("user", body.into()).user().unwrap();
        let unset_user = serde_json::to_value(AuthInfo::default()).unwrap();
        assert_eq!(serde_json::to_value(user).unwrap(), unset_user);
        assert_eq!(
            entry("context", json!({"cluster": unset, "user": unset})).context().unwrap(),
            Names::default()
        );
    }
    for unset in [json!(null), json!("")] {
        let nothing = ["as-groups", "as-user-extra", "exec", "auth-provider", "extensions"];
        let body: Map<String, Value> = nothing.iter().map(|key| ((*key).to_owned(), unset.clone())).collect();
        let user = entry("user", body.into()).user().unwrap();
        assert!(user.exec.is_none() && user.auth_provider.is_none() && user.impersonate_groups.is_none());
        assert!(user.impersonate_user_extra.is_none());
        assert!(entry("cluster", unset).cluster().unwrap().server.is_none());
    }
}

#[test]
fn line_breaks_and_spaces_in_base64_are_ignored() {
    for data in ["Zm9v\nYmFy\n", "Zm9v YmFy", " Zm9v\r\n\tYmFy", "Zm9vYmFy"] {
        let cluster = entry("cluster", json!({"certificate-authority-data": data})).cluster().unwrap();
        assert_eq!(cluster.certificate_authority_data.as_deref(), Some("Zm9vYmFy"));
        let user = json!({"client-certificate-data": data, "client-key-data": data});
        let user = entry("user", user).user().unwrap();
        assert_eq!(user.client_certificate_data.as_deref(), Some("Zm9vYmFy"));
        assert_eq!(user.client_key_data.unwrap().expose_secret(), "Zm9vYmFy");
    }
    let cluster = entry("cluster", json!({"certificate-authority-data": " \n"})).cluster().unwrap();
    assert!(cluster.certificate_authority_data.is_none());
}

#[test]
fn relative_paths_are_relative_to_their_file() {
    let cluster = entry("cluster", json!({"certificate-authority": "ca.crt"})).cluster().unwrap();
    assert_eq!(cluster.certificate_authority.as_deref(), Some("/folder/ca.crt"));
    let user = json!({"tokenFile": "../token", "client-certificate": "/abs.crt", "client-key": "k/key"});
    let user = entry("user", user).user().unwrap();
    assert_eq!(user.token_file.as_deref(), Some("/folder/../token"));
    assert_eq!(user.client_certificate.as_deref(), Some("/abs.crt"));
    assert_eq!(user.client_key.as_deref(), Some("/folder/k/key"));
    for (command, expected) in [("./plugin", "/folder/./plugin"), ("plugin", "plugin"), ("/p", "/p")] {
        let user = entry("user", json!({"exec": {"command": command}})).user().unwrap();
        assert_eq!(user.exec.unwrap().command.as_deref(), Some(expected));
    }
}

#[test]
fn an_exec_credential_is_parsed_as_kubectl_parses_it() {
    let exec = json!({"command": "c", "args": ["", "a", null, 1], "installHint": "", "apiVersion": null,
        "interactiveMode": "", "provideClusterInfo": null, "unknown": [1],
        "env": [{"name": "A"}, {"name": "B", "value": null}, {"name": "C", "value": "c"}]});
    let exec = entry("user", json!({"exec": exec})).user().unwrap().exec.unwrap();
    assert_eq!(exec.args.unwrap(), ["", "a", "", "1"]);
    let env = exec.env.unwrap();
    let values: Vec<_> = env.iter().map(|pair| pair["value"].as_str()).collect();
    assert_eq!(values, ["", "", "c"]);
    assert!(exec.install_hint.is_none() && exec.interactive_mode.is_none() && exec.api_version.is_none());
    let provider = json!({"auth-provider": {"name": "oidc", "config": {"a": null, "b": "", "c": "d"}}});
    let provider = entry("user", provider).user().unwrap().auth_provider.unwrap();
    assert_eq!((provider.name.as_str(), provider.config.len()), ("oidc", 2));
    let provider = entry("user", json!({"auth-provider": {"name": "oidc", "config": null}}));
    assert!(provider.user().unwrap().auth_provider.unwrap().config.is_empty());
}

#[test]
fn flags_accept_the_words_of_yaml_1_1() {
    for (value, expected) in [(json!(true), true), (json!("yes"), true), (json!("Off"), false)] {
        let cluster = entry("cluster", json!({"insecure-skip-tls-verify": value})).cluster().unwrap();
        assert_eq!(cluster.insecure_skip_tls_verify, Some(expected));
    }
}

#[test]
fn errors_name_a_key_of_the_wrong_type_and_do_not_quote_it() {
    let hidden = json!(["hidden"]);
    for (kind, body, expected) in [
        ("cluster", json!("hidden"), "cluster \"e\" is no list of keys and values: correct it"),
        ("cluster", json!({"server": hidden}), "cluster \"e\": its server is no text: correct it"),
        ("cluster", json!({"insecure-skip-tls-verify": "hidden"}), "its insecure-skip-tls-verify is neither"),
        ("context", json!({"cluster": {"hidden": 1}}), "context \"e\": its cluster is no text"),
        ("user", json!({"token": hidden}), "user \"e\": its token is no text"),
        ("user", json!({"as-groups": "hidden"}), "its as-groups is no list of texts"),
        ("user", json!({"as-user-extra": {"a": "hidden"}}), "its as-user-extra is no lists of texts"),
        ("user", json!({"exec": "hidden"}), "its exec is no list of keys and values"),
        ("user", json!({"exec": {"args": "hidden"}}), "user \"e\": exec: its args is no list of texts"),
        ("user", json!({"exec": {"env": [["hidden"]]}}), "its env is no list of names and values"),
        ("user", json!({"exec": {"interactiveMode": "hidden"}}), "neither Never, IfAvailable nor Always"),
    ] {
        let message = refused(kind, body);
        assert!(message.contains(expected), "{message}");
    }
}
