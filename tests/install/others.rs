//! Objects and fields of others, and nodes that are unlike the rest.
use crate::site::{DAEMON_SET, HERE, Site, program, site};
use serde_json::json;
use test_cluster::add_node;

fn config_map(site: &Site, labels: &serde_json::Value) -> String {
    let path = format!("/api/v1{HERE}/configmaps/process-exporter");
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "process-exporter", "labels": labels}, "data": {"mine": "1"}});
    site.cluster.api().apply(&path, &map.to_string()).unwrap();
    path
}

/// A DaemonSet as the predecessor made it: of the same name and unlike ours in what cannot be changed.
fn predecessor(site: &Site) {
    let labels = json!({"app": "process-exporter"});
    let set = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "process-exporter", "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
            "spec": {"containers": [{"name": "old", "image": "old"}]}}}});
    site.cluster.api().apply(DAEMON_SET, &set.to_string()).unwrap();
}

#[test]
fn others_objects_are_named_and_stay() {
    let site = site();
    let path = config_map(
        &site,
        &json!({"app.kubernetes.io/name": "process-exporter", "app.kubernetes.io/managed-by": "Helm"}),
    );
    for more in [&[][..], &["--replace-predecessor"]] {
        let refused = site.install(more);
        assert_eq!(refused.code, 1);
        assert!(
            refused.stderr.contains("configmap/process-exporter (managed by Helm)"),
            "{}",
            refused.stderr
        );
        assert!(refused.stdout.is_empty() && !site.has(DAEMON_SET), "{}", refused.stdout);
    }
    site.uninstall();
    assert_eq!(site.get(&path)["data"]["mine"], "1");
    site.cluster.api().delete(&path).unwrap();
}

#[test]
fn predecessors_are_replaced_only_with_the_flag() {
    let site = site();
    predecessor(&site);
    let refused = site.install(&[]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("daemonset.apps/process-exporter: if they are the predecessor's"),
        "{}",
        refused.stderr
    );
    site.uninstall();
    assert!(site.has(DAEMON_SET), "uninstall has taken what is not ours");
    let tried = site.install(&["--replace-predecessor", "--dry-run=server"]);
    assert!(
        tried.stdout.contains("daemonset.apps/process-exporter would be replaced"),
        "{}{}",
        tried.stdout,
        tried.stderr
    );
    let done = site.install(&["--replace-predecessor"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stdout.contains("daemonset.apps/process-exporter deleted (the predecessor's)"),
        "{}",
        done.stdout
    );
    let containers = site.get(DAEMON_SET)["spec"]["template"]["spec"]["containers"].clone();
    assert_eq!(
        (containers.as_array().unwrap().len(), &containers[0]["name"]),
        (1, &json!("process-exporter"))
    );
}

#[test]
fn fields_that_others_have_set_are_theirs_until_forced() {
    let site = site();
    site.install(&[]);
    let more = json!({"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "20%"}}}});
    let path = format!("{DAEMON_SET}?fieldManager=somebody");
    site.cluster.api().merge(&path, &more).unwrap();
    let refused = site.install(&[]);
    assert_eq!(refused.code, 1);
    let expected = "applying daemonset.apps/process-exporter: \"somebody\" has set .spec.updateStrategy.rollingUpdate.maxUnavailable";
    assert!(
        refused.stderr.contains(expected) && refused.stderr.contains("--force-conflicts"),
        "{}",
        refused.stderr
    );
    let forced = site.install(&["--force-conflicts"]);
    assert_eq!(forced.code, 0, "{}", forced.stderr);
    assert!(forced.stdout.contains("daemonset.apps/process-exporter configured"), "{}", forced.stdout);
    assert_eq!(site.get(DAEMON_SET)["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"], "50%");
}

#[test]
fn an_architecture_without_an_exporter_is_skipped() {
    let site = site();
    add_node(site.cluster, "arm", "arm64").unwrap();
    let arms = ["--node-selector", "kubernetes.io/arch=arm64"];
    let refused = site.install(&arms);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("no exporter for arm64"), "{}", refused.stderr);
    assert!(site.names().iter().all(|name| !name.contains("process-exporter")));
    let left_out = "left out: arm: no exporter for arm64 came along";
    let some = site.install(&[]);
    assert_eq!(some.code, 0, "{}", some.stderr);
    assert!(some.stdout.contains("3 nodes are ready") && some.stderr.contains(left_out), "{some:?}");
    let chosen = site.install(&["--node-selector", "kubernetes.io/arch=amd64"]);
    assert_eq!(chosen.code, 0, "{}", chosen.stderr);
    assert!(!chosen.stderr.contains("left out"), "{}", chosen.stderr);
    let none = site.install(&["--node-selector", "zone=nowhere"]);
    assert!(none.code == 1 && none.stderr.contains("no Linux node matches"), "{}", none.stderr);
    let arm = site.plugin.home().join("arm");
    std::fs::write(&arm, program(1000, 183)).unwrap();
    let both = site.install(&["--exporter", arm.to_str().unwrap()]);
    assert_eq!(both.code, 0, "{}", both.stderr);
    assert!(both.stdout.contains("4 nodes are ready") && !both.stderr.contains("left out"), "{both:?}");
    site.uninstall();
    site.cluster.api().delete("/api/v1/nodes/arm").unwrap();
}
