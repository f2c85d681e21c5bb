//! Sessions from flags, and from a pod's service account.

use secrecy::ExposeSecret as _;

use super::*;

fn options(server: &str) -> SessionOptions {
    SessionOptions {
        // Otherwise the session would read this machine's own kubeconfig.
        kubeconfig: Some("/dev/null".into()),
        server: Some(server.to_owned()),
        token: Some(Secret::from("hidden")),
        ..SessionOptions::default()
    }
}

async fn refused(options: SessionOptions) -> String {
    let error = Session::open(&options).await.err().unwrap();
    assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
    format!("{error:#}")
}

#[tokio::test]
async fn flags_alone_make_a_session() {
    let session = Session::open(&options("https://api.example:6443")).await.unwrap().unwrap();
    assert_eq!(session.name, "https://api.example:6443");
    assert!(session.verified && session.token.is_some());
}

#[tokio::test]
async fn a_session_knows_that_its_server_is_not_verified() {
    let skip = SessionOptions { insecure_skip_tls_verify: true, ..options("https://api.example:6443") };
    assert!(!Session::open(&skip).await.unwrap().unwrap().verified);
    assert!(!Session::open(&options("http://127.0.0.1:8001")).await.unwrap().unwrap().verified);
}

#[tokio::test]
async fn a_pod_without_a_kubeconfig_uses_its_service_account() {
    let mount = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(mount.path().join(name), text).unwrap();
    write("token", "T");
    let certificate = rcgen::generate_simple_self_signed(vec!["api".to_owned()]).unwrap().cert.pem();
    write("ca.crt", &certificate);
    let pod = || Pod::new(mount.path(), Some("fd00::1".into()), Some("6443".into()));
    let gone = Files::choose(None, Some("/nonexistent/kubeconfig".as_ref()), None);
    let open = async |options: &SessionOptions| {
        let chosen = choose(&gone, &pod(), options).unwrap().unwrap();
        Session::from_chosen(chosen, options).await.unwrap()
    };
    let token = |session: &Session| session.token.as_ref().unwrap().expose_secret().to_owned();
    let session = open(&SessionOptions::default()).await;
    assert_eq!((session.name.as_str(), token(&session)), ("https://[fd00::1]:6443", "T".to_owned()));
    assert!(session.verified && session.context.is_none() && session.authorities.len() == 2);
    write("token", "rotated");
    assert_eq!(token(&open(&SessionOptions::default()).await), "rotated");
    let flag = SessionOptions { token: Some(Secret::from("flag")), ..SessionOptions::default() };
    assert_eq!(token(&open(&flag).await), "flag");

    // A context or a server by flag, or a kubeconfig with a context, replaces it.
    let named = SessionOptions { context: Some("x".into()), ..SessionOptions::default() };
    assert!(choose(&gone, &pod(), &named).unwrap().is_none());
    let server = open(&SessionOptions { token: Some(Secret::from("flag")), ..options("https://api") }).await;
    assert_eq!(server.name, "https://api");
    let kubeconfig = mount.path().join("kubeconfig");
    let files = || Files::choose(Some(&kubeconfig), None, None);
    write("kubeconfig", "");
    assert!(choose(&files(), &pod(), &SessionOptions::default()).unwrap().is_some());
    write("kubeconfig", "users: [{name: u}]");
    assert!(choose(&files(), &pod(), &SessionOptions::default()).unwrap().is_some());
    write("kubeconfig", "current-context: x");
    assert!(choose(&files(), &pod(), &SessionOptions::default()).is_err());
}

#[tokio::test]
async fn errors_name_a_bad_server_or_authority() {
    assert!(refused(options("http://api.example:6443")).await.contains("gets no token"));
    assert!(refused(options("api.example:6443")).await.contains("http://api.example:6443/ is not encrypted"));
    assert!(refused(options("ftp://api.example")).await.contains("no http or https address"));
    let gone = SessionOptions {
        certificate_authority: Some("/nonexistent".into()),
        ..options("https://api.example")
    };
    assert!(refused(gone).await.contains("/nonexistent"));
}
