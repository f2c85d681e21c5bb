//! Nodes that are not there: a scheduler gives them pods and kwok says that those run. With the kinds that OpenShift has
//! and `install` makes, and the DaemonSet whose image every node has.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};

use crate::admission::Admission;
use crate::cluster::Cluster;
use crate::logins::Login;
use crate::namespace::tool;
use crate::objects::serve;
use crate::process::{Process, start};
use crate::wait::until;

/// The kinds beside Kubernetes' own, as group and plural.
const KINDS: [(&str, &str); 3] = [
    ("security.openshift.io", "securitycontextconstraints"),
    ("monitoring.coreos.com", "servicemonitors"),
    ("monitoring.coreos.com", "prometheusrules"),
];

/// The label of nodes that nobody says are ready.
const DOWN: &str = "test-cluster/down";

/// Running nodes; they stop when dropped, and stay as objects.
pub struct Fleet {
    /// Webhooks that admit every pod and PrometheusRule of the cluster.
    pub admission: Admission,
    /// Ended with this struct.
    _parts: Vec<Process>,
}

impl Fleet {
    /// The image of the DaemonSet node-exporter.
    pub const IMAGE: &'static str = "registry.test.example/node-exporter@sha256:0123";

    /// Adds `count` nodes called `node-N` to the cluster, of architecture amd64; ready when this returns.
    pub fn start(cluster: &Cluster, count: usize) -> Result<Self> {
        let api = cluster.api();
        for (group, plural) in KINDS {
            serve(api, group, "v1", plural)?;
        }
        let admission = Admission::start(cluster)?;
        api.apply(
            "/apis/apps/v1/namespaces/openshift-monitoring/daemonsets/node-exporter",
            &node_exporter(),
        )?;
        for number in 0..count {
            add_node(cluster, &format!("node-{number}"), "amd64")?;
        }
        let kubeconfig = format!("--kubeconfig={}", cluster.kubeconfig(Login::Installer).display());
        let scheduler = start(
            "kube-scheduler",
            tool("kube-scheduler")?,
            &[
                kubeconfig.clone(),
                "--leader-elect=false".into(),
                "--secure-port=0".into(),
                "--kube-api-qps=1000".into(),
                "--kube-api-burst=2000".into(),
            ],
        )?;
        let kwok = start(
            "kwok",
            tool("kwok")?,
            &[
                kubeconfig,
                format!("--manage-nodes-with-label-selector=!{DOWN}"),
                "--node-ip=127.0.0.1".into(),
            ],
        )?;
        until("the nodes to be ready", Duration::from_secs(120), || {
            let list: Value = serde_json::from_str(&api.get("/api/v1/nodes")?)?;
            let nodes = list.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let field = |condition: &Value, name: &str, value: &str| {
                condition.get(name).and_then(Value::as_str) == Some(value)
            };
            let ready = nodes.iter().filter(|node| {
                let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
                conditions
                    .into_iter()
                    .flatten()
                    .any(|it| field(it, "type", "Ready") && field(it, "status", "True"))
            });
            let ready = ready.count();
            ensure!(ready == nodes.len(), "{ready} of {} are", nodes.len());
            Ok(())
        })?;
        Ok(Self { admission, _parts: vec![scheduler, kwok] })
    }
}

/// Adds one node of this architecture.
pub fn add_node(cluster: &Cluster, name: &str, architecture: &str) -> Result<()> {
    add_node_with(cluster, name, architecture, &[])
}

/// Adds one node that never becomes ready.
pub fn add_node_down(cluster: &Cluster, name: &str) -> Result<()> {
    add_node_with(cluster, name, "amd64", &[(DOWN, "")])
}

/// Adds one node with more labels.
pub fn add_node_with(cluster: &Cluster, name: &str, architecture: &str, more: &[(&str, &str)]) -> Result<()> {
    let labels = json!({
        "kubernetes.io/os": "linux", "kubernetes.io/arch": architecture, "kubernetes.io/hostname": name,
        "node-role.kubernetes.io/worker": "",
    });
    let more = more.iter().map(|&(key, value)| (key.to_owned(), json!(value)));
    let labels: Map<_, _> = labels
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.clone()))
        .chain(more)
        .collect();
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}});
    let path = format!("/api/v1/nodes/{name}");
    cluster.api().apply(&path, &node.to_string())?;
    let room = json!({"cpu": "32", "memory": "256Gi", "pods": "250"});
    cluster
        .api()
        .merge(&format!("{path}/status"), &json!({"status": {"allocatable": room, "capacity": room}}))
}

/// It runs nowhere here: only its image is of use.
fn node_exporter() -> String {
    let labels = json!({"app.kubernetes.io/name": "node-exporter"});
    let container = |name: &str, image: &str| json!({"name": name, "image": image});
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "node-exporter"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "nodeSelector": {"nowhere": "true"},
            "containers": [
                container("kube-rbac-proxy", "registry.test.example/kube-rbac-proxy"),
                container("node-exporter", Fleet::IMAGE),
            ],
        }}},
    })
    .to_string()
}
