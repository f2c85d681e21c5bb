//! A credential plugin that hangs. Every other bad kubeconfig is refused without a server: tests/golden/kubeconfig.rs.

use std::fs;

use serde_json::json;

use crate::way_in::{assert_refused, plugin, run_top};

/// One that forks and ends, and holds standard output open all the same, is waited for no longer.
#[test]
fn a_credential_plugin_that_hangs() {
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
        "command": "sh", "args": ["-c", "sleep 100 & exec sleep 100"],
    });
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"exec": exec}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    });
    let plugin = plugin();
    fs::write(plugin.home().join("config"), kubeconfig.to_string()).unwrap();
    let outcome = run_top(&plugin.kubeconfig("config"), &[]);
    assert_refused(
        "hangs",
        &outcome,
        &["plugin sh did not answer within 30 s", "log in again with oc login"],
    );
}
