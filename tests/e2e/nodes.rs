//! Nodes by label, asked of a real API server.

use oc_interrogate::cluster::{Cluster, PrometheusOptions, SessionOptions};
use serde_json::{Value, json};
use test_cluster::{Login, free_port, shared};

/// Returns the nodes that `-l SELECTOR` selects with this login.
fn select(login: Login, selector: &str) -> Result<Vec<String>, String> {
    let kubeconfig = Some(shared().kubeconfig(login));
    select_nodes(&SessionOptions { kubeconfig, ..SessionOptions::default() }, selector)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn select_nodes(options: &SessionOptions, selector: &str) -> Result<Vec<String>, String> {
    let selected = runtime().block_on(Cluster::new(options.clone()).nodes(selector));
    selected.map_err(|error| format!("{error:#}"))
}

#[test]
fn a_selector_names_the_nodes_that_it_matches() {
    for (name, zone) in [("worker-b", "b"), ("worker-a", "a"), ("worker-c", "c")] {
        let labels = json!({"zone": zone, "node-role.kubernetes.io/worker": ""});
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}});
        shared().api().apply(&format!("/api/v1/nodes/{name}"), &node.to_string()).unwrap();
    }
    for (selector, expected) in [
        ("node-role.kubernetes.io/worker=", &["worker-a", "worker-b", "worker-c"][..]),
        ("zone=b", &["worker-b"]),
        ("zone in (a,c)", &["worker-a", "worker-c"]),
        ("node-role.kubernetes.io/worker,zone!=a", &["worker-b", "worker-c"]),
        ("zone=nowhere", &[]),
    ] {
        assert_eq!(select(Login::Installer, selector).unwrap(), expected, "{selector}");
    }
}

#[test]
fn a_selection_that_cannot_be_made_says_why() {
    let closed = format!("https://127.0.0.1:{}", free_port());
    let kubeconfig = Some(shared().kubeconfig(Login::Viewer));
    let down = SessionOptions { kubeconfig, server: Some(closed.clone()), ..SessionOptions::default() };
    let none = SessionOptions { kubeconfig: Some("/gone".into()), ..SessionOptions::default() };
    for (case, selected, said) in [
        (
            "syntax",
            select(Login::Installer, "zone in (a"),
            ["\"zone in (a\" is no label selector", "give one such as"],
        ),
        (
            "value",
            select(Login::Installer, "zone=a b"),
            ["\"zone=a b\" is no label selector", "give one such as"],
        ),
        ("rights", select(Login::Viewer, "zone=a"), ["cannot list resource \"nodes\"", "--node NAME"]),
        ("token", select(Login::WrongToken, "zone=a"), ["(401)", "oc login"]),
        ("no server", select_nodes(&down, "zone=a"), [&closed, "refused the connection"]),
        ("no kubeconfig", select_nodes(&none, "zone=a"), ["reading kubeconfig /gone", "oc login"]),
    ] {
        let error = selected.unwrap_err();
        assert!(said.iter().all(|words| error.contains(words)) && !error.contains('\n'), "{case}: {error}");
    }
}

#[test]
fn a_credential_plugin_runs_once_for_nodes_and_prometheus() {
    let dir = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(shared().kubeconfig(Login::ExecPlugin)).unwrap();
    let mut config: Value = serde_yaml::from_str(&text).unwrap();
    let exec = &mut config["users"][0]["user"]["exec"];
    let runs = dir.path().join("runs");
    let script = format!("echo run >> '{}'; exec \"$@\"", runs.display());
    let mut arguments = vec![json!("-c"), json!(script), json!("sh"), exec["command"].clone()];
    arguments.extend(exec["args"].as_array().cloned().unwrap_or_default());
    exec["command"] = json!("sh");
    exec["args"] = Value::Array(arguments);
    let kubeconfig = dir.path().join("config");
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    let cluster = Cluster::new(SessionOptions { kubeconfig: Some(kubeconfig), ..SessionOptions::default() });
    runtime().block_on(async {
        // This login may see Prometheus and no nodes.
        cluster.nodes("zone=a").await.unwrap_err();
        cluster.connect(&PrometheusOptions::default()).await.map(drop).unwrap();
    });
    assert_eq!(std::fs::read_to_string(runs).unwrap(), "run\n");
}
