//! A thousand nodes cost no more requests than three.
use crate::proxy::{Beyond, Proxy};
use crate::site::{NODES, site};
use serde_json::json;
use std::fs;
use std::time::Duration;
use test_cluster::{Cluster, add_node, until};

const MANY: usize = 1000;
/// Requests of the plugin's own, whatever the number of nodes.
const REQUESTS: usize = 100;
/// Likewise of `status`.
const REQUESTS_OF_STATUS: usize = 25;
/// Its memory at most, KiB.
const MEMORY: u64 = 100 * 1024;

#[test]
fn a_thousand_nodes_take_no_more_requests_than_three() {
    let site = site();
    let _crowd = Crowd::join(site.cluster);
    let proxy = Proxy::start(site.cluster, usize::MAX, Beyond::Hang);
    let exporter = site.exporter.to_str().unwrap();
    let arguments = ["install", "--exporter", exporter, "--server", &proxy.url, "--kubeconfig", "/dev/null"];
    let mut child = site.plugin.start(arguments).unwrap();
    let mut peak = 0;
    until("a thousand nodes to be ready", Duration::from_secs(300), || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let high = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(high.unwrap_or(0));
        anyhow::ensure!(child.try_wait()?.is_some(), "it runs");
        Ok(())
    })
    .unwrap();
    let ended = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{err}");
    assert!(out.contains("1000 nodes are ready"), "{out}");
    assert!(err.contains("note: threads are left out, as there are 1000 nodes, more than 200"), "{err}");
    let set = site.get("/apis/apps/v1/namespaces/openshift-monitoring/daemonsets/process-exporter");
    let arguments = set["spec"]["template"]["spec"]["containers"][0]["args"].to_string();
    assert!(arguments.contains("\"--threads=false\""), "{arguments}");
    let requests = proxy.seen();
    #[allow(clippy::print_stderr, reason = "what was measured")]
    {
        eprintln!("1000 nodes: {requests} requests, {peak} KiB at most");
    }
    assert!(requests <= REQUESTS, "{requests} requests:\n{err}");
    assert!(peak > 0 && peak <= MEMORY, "{peak} KiB");
    let versions = site.versions();
    let again = site.install(&[]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let after = site.versions();
    let changed: Vec<_> = versions.iter().filter(|version| !after.contains(version)).collect();
    assert!(changed.is_empty(), "{changed:?}");
    let proxy = Proxy::start(site.cluster, usize::MAX, Beyond::Hang);
    let status = site.plugin.run(["status", "--server", &proxy.url, "--kubeconfig", "/dev/null"]).unwrap();
    assert!(
        status.stdout.contains("pods         ok       1000 of 1000 nodes are ready"),
        "{}",
        status.stdout
    );
    assert!(proxy.seen() <= REQUESTS_OF_STATUS, "{} requests", proxy.seen());
    edit_all(site.cluster);
    let proxy = Proxy::start(site.cluster, usize::MAX, Beyond::Hang);
    let status = site.plugin.run(["status", "--server", &proxy.url, "--kubeconfig", "/dev/null"]).unwrap();
    assert!(status.stdout.contains("not tried after 6 others"), "{}", status.stdout);
    assert!(proxy.seen() <= REQUESTS_OF_STATUS, "{} requests", proxy.seen());
    let gone = site.uninstall();
    assert_eq!(gone.code, 0, "{}", gone.stderr);
}

/// Somebody changes most of the objects, the DaemonSet without new pods.
fn edit_all(cluster: &Cluster) {
    let here = "namespaces/openshift-monitoring";
    let (rbac, coreos) = ("/apis/rbac.authorization.k8s.io/v1", "/apis/monitoring.coreos.com/v1");
    for (list, change) in [
        (
            format!("/apis/apps/v1/{here}/daemonsets"),
            json!({"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 1}}}}),
        ),
        (format!("{coreos}/{here}/servicemonitors"), json!({"spec": {"jobLabel": "other"}})),
        (format!("{coreos}/{here}/prometheusrules"), json!({"spec": {"groups": []}})),
        (format!("{rbac}/{here}/roles"), json!({"rules": []})),
        (format!("{rbac}/{here}/rolebindings"), json!({"subjects": []})),
        (format!("/api/v1/{here}/services"), json!({"metadata": {"annotations": null}})),
        (format!("/api/v1/{here}/serviceaccounts"), json!({"automountServiceAccountToken": true})),
    ] {
        cluster.api().merge(&format!("{list}/process-exporter"), &change).unwrap();
    }
}

/// The nodes that make them many; gone when dropped, since the tests after this one count on few.
struct Crowd(&'static Cluster);

impl Crowd {
    fn join(cluster: &'static Cluster) -> Self {
        let crowd = Crowd(cluster);
        Self::names().for_each(|name| add_node(cluster, &name, "amd64").unwrap());
        crowd
    }

    fn names() -> impl Iterator<Item = String> {
        (NODES..MANY).map(|number| format!("node-{number}"))
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for name in Self::names() {
            // Those that did not come to be, where the test failed early, are not there to be deleted.
            let _ = self.0.api().delete(&format!("/api/v1/nodes/{name}"));
        }
    }
}
