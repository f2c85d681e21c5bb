//! Allow-list for a hub of Advanced Cluster Management: the few series of each cluster that budgets are judged by.
use super::expression::platform;
use anyhow::{Context, Result};
use serde_json::json;

/// Interval of the exporter's rules as installed.
const STEP: &str = "15s";

/// Series that a hub gets: sums, as many as there are nodes, classes and namespaces.
const NAMES: [&str; 8] = [
    "class:namedprocess_cpu_rate:sum",
    "class_groupname:namedprocess_namegroup_cpu_rate:sum",
    "class_namespace:namedprocess_pod_cpu_rate:sum",
    "cluster:namedprocess_node_cpu_rate:count",
    "cluster:namedprocess_node_cpu_rate:sum",
    "cluster:namedprocess_node_cpu_unattributed_rate:sum",
    "instance:namedprocess_node_cpu_rate:sum",
    "instance_class:namedprocess_cpu_rate:sum",
];

/// Writes the ConfigMap that the hub's observability reads, as YAML.
pub fn allow_list() -> Result<String> {
    let record = json!({"record": "instance:namedprocess_platform_cpu_rate:sum", "expr": platform(STEP)});
    let list = json!({"names": NAMES, "recording_rules": [record]});
    let list = serde_yaml::to_string(&list).context("cannot write the list")?;
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "observability-metrics-custom-allowlist",
            "namespace": "open-cluster-management-observability",
        },
        "data": {"metrics_list.yaml": list},
    });
    serde_yaml::to_string(&object).context("cannot write the ConfigMap")
}
