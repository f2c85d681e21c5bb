//! kubectl's flags, right and wrong, alone and together.
use crate::trial::{Case, End, administrator, cluster, count, kubeconfig, text, token, try_all};
use serde_json::{Value, json};
use test_cluster::{Login, shared};

#[test]
fn flags() {
    let token = token();
    let wrong = Login::WrongToken.token().unwrap();
    let mut all = kubeconfig(&cluster(), &json!({"token": token}));
    let push = |all: &mut Value, key: &str, value: Value| all[key].as_array_mut().unwrap().push(value);
    push(&mut all, "users", json!({"name": "admin", "user": administrator()}));
    push(&mut all, "users", json!({"name": "wrong", "user": {"token": wrong}}));
    push(&mut all, "clusters", json!({"name": "gone", "cluster": {"server": "https://127.0.0.1:1"}}));
    push(&mut all, "contexts", json!({"name": "y", "context": {"cluster": "gone", "user": "wrong"}}));
    push(&mut all, "contexts", json!({"name": "z", "context": {"cluster": "c", "user": "wrong"}}));
    let (server, ca) = (shared().api().server(), text(shared().api_ca()));
    let user = administrator();
    let (certificate, key) =
        (user["client-certificate"].as_str().unwrap(), user["client-key"].as_str().unwrap());
    let case = |flags: &[&str]| Case::new(flags.join(" "), &all).flags(flags);
    let bare = |flags: &[&str]| Case::bare(flags.join(" ")).flags(flags);
    let ends = try_all(&[
        case(&["--context", "x"]),
        case(&["--context", "y"]),
        case(&["--context", "z"]),
        case(&["--context", "gone"]),
        case(&["--context", "z", "--user", "u"]),
        case(&["--context", "y", "--cluster", "c", "--user", "admin"]),
        case(&["--cluster", "gone"]),
        case(&["--cluster", "not-there"]),
        case(&["--user", "wrong"]),
        case(&["--user", "not-there"]),
        case(&["--token", wrong]),
        case(&["--user", "wrong", "--token", token]),
        case(&["--server", server]),
        case(&["--server", "https://127.0.0.1:1"]),
        case(&["--context", "y", "--server", server, "--certificate-authority", ca, "--token", token]),
        bare(&["--server", server, "--certificate-authority", ca, "--token", token]),
        bare(&["--server", server, "--token", token]),
        bare(&["--server", server, "--insecure-skip-tls-verify", "--token", token]),
        bare(&["--server", server, "--insecure-skip-tls-verify=true", "--token", token]),
        bare(&["--server", server, "--insecure-skip-tls-verify=1", "--token", token]),
        bare(&["--server", server, "--insecure-skip-tls-verify=T", "--token", token]),
        bare(&["--server", server, "--insecure-skip-tls-verify=false", "--token", token]),
        bare(&["--server", server, "--insecure-skip-tls-verify=perhaps", "--token", token]),
        bare(&[
            "--server",
            server,
            "--certificate-authority",
            ca,
            "--client-certificate",
            certificate,
            "--client-key",
            key,
        ]),
        bare(&["--server", server, "--certificate-authority", ca, "--client-certificate", certificate]),
        bare(&["--server", server, "--certificate-authority", ca]),
        case(&["--insecure-skip-tls-verify"]),
        case(&["--insecure-skip-tls-verify", "--certificate-authority", ca]),
        case(&["--certificate-authority", "/gone"]),
        case(&["--certificate-authority", key]),
        case(&["--tls-server-name", "localhost"]),
        case(&["--tls-server-name", "elsewhere.test"]),
        case(&["--client-certificate", certificate, "--client-key", key]),
        case(&["--client-certificate", "/gone", "--client-key", key]),
        case(&["--user", "admin", "--as", "viewer"]),
        case(&["--user", "admin", "--as", "nobody-known"]),
        case(&["--user", "admin", "--as", "nobody-known", "--as-group", "system:masters"]),
        case(&[
            "--user",
            "admin",
            "--as",
            "nobody-known",
            "--as-group",
            "one",
            "--as-group",
            "system:masters",
        ]),
        case(&["--user", "admin", "--as", "viewer", "--as-uid", "7"]),
        case(&["--as", "viewer"]),
        case(&["--as-group", "system:masters"]),
        case(&["--as-uid", "7"]),
        case(&["--request-timeout", "0"]),
        case(&["--request-timeout", "30"]),
        case(&["--request-timeout", "30s"]),
        case(&["--request-timeout", "1m30s"]),
        case(&["--request-timeout", "1m1.5s"]),
        case(&["--request-timeout", "soon"]),
        case(&["--request-timeout", "-1s"]),
        case(&[
            "--context=",
            "--cluster=",
            "--user=",
            "--server=",
            "--token=",
            "--as=",
            "--certificate-authority=",
            "--client-certificate=",
            "--client-key=",
            "--tls-server-name=",
        ]),
        case(&["--kubeconfig="]),
        // In a pod whose service account is not mounted.
        Case::bare("in a pod")
            .variable("KUBERNETES_SERVICE_HOST", "127.0.0.1")
            .variable("KUBERNETES_SERVICE_PORT", "1"),
    ]);
    assert!(count(&ends, End::Connected) >= 20 && count(&ends, End::Refused) >= 8, "{ends:?}");
}
