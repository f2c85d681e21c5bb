//! Entries that the flags choose from several files, and the flags' changes to them.

use secrecy::ExposeSecret as _;

use super::*;
use crate::cluster::files::Files;
use crate::prometheus::Secret;

const FIRST: &str = "{current-context: '', clusters: [{name: c, cluster: {server: 'https://first', certificate-authority-data: Zm9v, tls-server-name: inner}}]}";
const SECOND: &str = "{current-context: two, clusters: [{name: c, cluster: {server: 'https://second'}}, {name: d, cluster: {server: 'https://other'}}],
    contexts: [{name: two, context: {cluster: c, user: u}}], users: [{name: u, user: {exec: {command: plugin}}}, {name: v, user: {token: V}}]}";

fn both() -> Filed {
    let folder = tempfile::tempdir().unwrap();
    let [first, gone, second] = ["1", "gone", "2"].map(|name| folder.path().join(name));
    std::fs::write(&first, FIRST).unwrap();
    std::fs::write(&second, SECOND).unwrap();
    let paths = std::env::join_paths([first, gone, second]).unwrap();
    Files::choose(None, Some(&paths), None).read().unwrap().unwrap()
}

#[test]
fn paths_are_relative_to_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a/1", "b/2"].map(|name| folder.path().join(name));
    for (path, text) in paths.iter().zip([
        "clusters: [{name: c, cluster: {server: 'https://s', certificate-authority: ca.crt}}]",
        "{current-context: x, contexts: [{name: x, context: {cluster: c, user: u}}],
        users: [{name: u, user: {tokenFile: ../token, client-certificate: c, client-key: k}}]}",
    ]) {
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let paths = std::env::join_paths(paths).unwrap();
    let filed = Files::choose(None, Some(&paths), None).read().unwrap().unwrap();
    let chosen = choose(&filed, "f", &SessionOptions::default()).unwrap();
    let at = |name: &str| Some(folder.path().join(name).to_str().unwrap().to_owned());
    assert_eq!(chosen.cluster.certificate_authority, at("a/ca.crt"));
    assert_eq!(chosen.user.token_file, at("b/../token"));
    assert_eq!((chosen.user.client_certificate, chosen.user.client_key), (at("b/c"), at("b/k")));
}

#[test]
fn files_are_merged_and_the_first_wins() {
    let chosen = choose(&both(), "f", &SessionOptions::default()).unwrap();
    assert_eq!(chosen.context, "two");
    assert_eq!(chosen.cluster.server.as_deref(), Some("https://first"));
    assert_eq!(chosen.user.exec.unwrap().command.as_deref(), Some("plugin"));
}

#[test]
fn flags_change_the_cluster_as_kubectls_do() {
    let with = |change: fn(&mut SessionOptions)| {
        let mut options = SessionOptions::default();
        change(&mut options);
        choose(&both(), "f", &options)
    };
    let server = with(|o| o.server = Some("https://flag".into())).unwrap().cluster;
    assert_eq!((server.server.as_deref(), server.tls_server_name), (Some("https://flag"), None));
    let authority = with(|o| o.certificate_authority = Some("/ca".into())).unwrap();
    assert_eq!(authority.cluster.certificate_authority.as_deref(), Some("/ca"));
    assert_eq!(authority.cluster.certificate_authority_data, None);
    assert!(authority.filed_cluster.certificate_authority_data.is_some());
    let insecure = with(|o| o.insecure_skip_tls_verify = true).unwrap().cluster;
    assert_eq!((insecure.insecure_skip_tls_verify, insecure.certificate_authority_data), (Some(true), None));
    let other = with(|o| o.cluster = Some("d".into())).unwrap().cluster;
    assert_eq!(other.server.as_deref(), Some("https://other"));
    let both = with(|o| (o.insecure_skip_tls_verify, o.certificate_authority) = (true, Some("/ca".into())));
    assert!(both.unwrap_err().to_string().contains("exclude each other"));
}

#[test]
fn flags_change_the_user_as_kubectls_do() {
    let options = SessionOptions { token: Some(Secret::from("T")), ..SessionOptions::default() };
    let user = choose(&both(), "f", &options).unwrap().user;
    assert!(user.exec.is_none() && user.token.is_some());
    let options = SessionOptions {
        user: Some("v".into()),
        impersonate_user: Some("w".into()),
        ..SessionOptions::default()
    };
    let user = choose(&both(), "f", &options).unwrap().user;
    assert_eq!((user.token.unwrap().expose_secret(), user.impersonate.as_deref()), ("V", Some("w")));
    let options = SessionOptions { impersonate_groups: vec!["g".into()], ..SessionOptions::default() };
    assert!(choose(&both(), "f", &options).unwrap_err().to_string().contains("add --as USER"));
}

#[test]
fn a_certificate_by_flag_replaces_the_users() {
    let user = |text: &str, options: &SessionOptions| {
        let user = serde_json::from_str(text).unwrap();
        apply_flags(String::new(), Cluster::default(), user, options).map(|chosen| chosen.user)
    };
    let path = |name: &str| Some(PathBuf::from(name));
    let both = SessionOptions {
        client_certificate: path("/c"),
        client_key: path("/k"),
        ..SessionOptions::default()
    };
    let text = r#"{"client-certificate-data": "YQ==", "client-key-data": "YQ==", "token": "T"}"#;
    let found = user(text, &both).unwrap();
    assert_eq!((found.client_certificate.as_deref(), found.client_key.as_deref()), (Some("/c"), Some("/k")));
    assert!(found.client_certificate_data.is_none() && found.client_key_data.is_none());
    assert!(found.token.is_some());
    let certificate = SessionOptions { client_key: None, ..both.clone() };
    let message = user("{}", &certificate).unwrap_err().to_string();
    assert!(message.contains("add --client-key FILE"), "{message}");
    assert!(user(text, &certificate).is_ok());
    let key = SessionOptions { client_certificate: None, ..both };
    let message = user("{}", &key).unwrap_err().to_string();
    assert!(message.contains("add --client-certificate FILE"), "{message}");
    // A key without a certificate is ignored.
    assert!(user(r#"{"client-key": "/k"}"#, &SessionOptions::default()).unwrap().client_key.is_none());
}

#[test]
fn a_uid_needs_a_user() {
    let uid = SessionOptions { impersonate_uid: Some("1".into()), ..SessionOptions::default() };
    let message = choose(&both(), "f", &uid).unwrap_err().to_string();
    assert!(message.contains("--as-uid") && message.contains("add --as USER"), "{message}");
    let whole = SessionOptions { impersonate_user: Some("w".into()), ..uid };
    assert_eq!(choose(&both(), "f", &whole).unwrap().user.impersonate_uid.as_deref(), Some("1"));
}

/// Chooses from a kubeconfig whose context `x`, cluster `c` and user `u` are valid. `others` are its other three
/// entries.
fn with(others: &str) -> Result<Chosen> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k");
    let text = "current-context: x\ncontexts:\n- {name: x, context: {cluster: c, user: u}}\n- CONTEXT
clusters:\n- {name: c, cluster: {server: 'https://127.0.0.1:1'}}\n- CLUSTER
users:\n- {name: u, user: {token: T}}\n- USER\n";
    let text = others
        .split('|')
        .zip(["CONTEXT", "CLUSTER", "USER"])
        .fold(text.to_owned(), |text, (other, slot)| text.replace(slot, other));
    std::fs::write(&path, text).unwrap();
    let filed = Files::choose(Some(&path), None, None).read()?.unwrap();
    choose(&filed, "f", &SessionOptions::default())
}

#[test]
fn unused_entries_may_be_malformed() {
    for other in [
        "{name: y}|{name: d}|{name: v}",
        "{name: y, context: {user: v}}|{name: d, cluster: {}}|{name: v, user: {}}",
        "{name: y, context: [1]}|{name: d, cluster: text}|{name: v, user: 3}",
        "{context: {cluster: c}}|{cluster: {server: a}}|{user: {token: a}}",
        "{name: [y]}|{name: {d: 1}}|{name: [v]}",
        "null|null|null",
        "text|1|true",
        "[]|[[]]|{}",
        "{name: y, context: {cluster: [c]}}|{name: d, cluster: {server: [1]}}|{name: v, user: {token: {a: 1}}}",
        "{name: y, a: b}|{name: d, cluster: {certificate-authority-data: '!'}}|{name: v, user: {exec: {interactiveMode: Sometimes}}}",
        "{name: y}|{name: d, cluster: {insecure-skip-tls-verify: 7}}|{name: v, user: {auth-provider: {config: [1]}}}",
        "{name: y}|!tag {name: d, [1]: 2}|{name: v, user: {exec: {env: [1], args: a}, as-groups: 1, exec: 2}}",
        "{name: x, context: []}|{name: c, cluster: []}|{name: u, user: []}",
    ] {
        let chosen = with(other).unwrap_or_else(|error| panic!("{other}: {error:#}"));
        assert_eq!(chosen.cluster.server.as_deref(), Some("https://127.0.0.1:1"), "{other}");
        assert_eq!(chosen.user.token.unwrap().expose_secret(), "T", "{other}");
    }
}

#[test]
fn errors_name_the_missing_entry() {
    let named = |name: &str| Some(name.to_owned());
    for (options, expected) in [
        (
            SessionOptions { context: named("x"), ..SessionOptions::default() },
            "no context \"x\" in kubeconfig f:",
        ),
        (
            SessionOptions { cluster: named("x"), ..SessionOptions::default() },
            "no cluster \"x\" in kubeconfig f:",
        ),
        (SessionOptions { user: named("x"), ..SessionOptions::default() }, "no user \"x\" in kubeconfig f:"),
    ] {
        let message = choose(&both(), "f", &options).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    let message = choose(&Filed::default(), "f", &SessionOptions::default()).unwrap_err().to_string();
    assert!(message.starts_with("kubeconfig f has no current context"), "{message}");
}
