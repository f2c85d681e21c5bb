//! `version`: what is here, and what is in the cluster.
use serde_json::{Value, json};
use test_cluster::{Login, Plugin, shared};

const SET: &str = "/apis/apps/v1/namespaces/openshift-monitoring/daemonsets/process-exporter";

fn plugin(login: Login) -> Plugin {
    let plugin = Plugin::new(env!("CARGO_BIN_EXE_oc-interrogate")).unwrap();
    plugin.kubeconfig(shared().kubeconfig(login))
}

#[test]
fn the_cluster_and_what_is_installed_are_named() {
    let plugin = plugin(Login::Installer);
    let report = || -> Value {
        let outcome = plugin.run(["version", "-o", "json"]).unwrap();
        assert_eq!(outcome.code, 0, "{outcome:?}");
        serde_json::from_str(&outcome.stdout).unwrap()
    };
    let before = report();
    let server: Value = serde_json::from_str(&shared().api().get("/version").unwrap()).unwrap();
    assert_eq!(before["plugin"], env!("CARGO_PKG_VERSION"));
    assert_eq!(before["cluster"]["kubernetes"], server["gitVersion"]);
    assert_eq!(before["cluster"]["installed"], Value::Null);
    let labels = json!({"app": "version"});
    let volume =
        |name: &str| json!({"name": name, "configMap": {"name": format!("process-exporter-payload-{name}")}});
    let set = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "process-exporter"}, "spec": {
        "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "containers": [{"name": "exporter", "image": "node-exporter:1"}],
            "volumes": [volume("amd64-0123456789ab-0"), volume("amd64-0123456789ab-1"), volume("arm64-ba9876543210-0")],
    }}}});
    shared().api().apply(SET, &set.to_string()).unwrap();
    let after = report();
    let installed =
        json!({"image": "node-exporter:1", "exporter": {"amd64": "0123456789ab", "arm64": "ba9876543210"}});
    assert_eq!(after["cluster"]["installed"], installed);
    let lines = plugin.run(["version"]).unwrap().stdout;
    assert!(
        lines.contains("\nInstalled: amd64 0123456789ab, arm64 ba9876543210 (in node-exporter:1)\n"),
        "{lines}"
    );
    shared().api().delete(SET).unwrap();
}
