//! The series that a report is made of: names of metrics, and selectors of some of theirs.
use crate::prometheus::Series;
use crate::query::promql::{any_of, range, select, sum_by};
use crate::report::Class;
use std::collections::BTreeSet;

/// The nodes' busy time, one series a node.
pub(super) const BUSY: &str = "instance:namedprocess_node_cpu_rate:sum";
/// CPU of each process group on each node.
pub(super) const GROUPS: &str = "namedprocess_namegroup_cpu_rate";
/// The same by thread.
pub(super) const THREADS: &str = "namedprocess_namegroup_thread_cpu_rate";
/// Each group over all nodes; recorded with the above, but possibly not for as long.
pub(super) const GROUP_SUMS: &str = "class_groupname:namedprocess_namegroup_cpu_rate:sum";
/// Each class on each node; likewise.
pub(super) const CLASS_SUMS: &str = "instance_class:namedprocess_namegroup_cpu_rate:sum";
/// All nodes' busy time; recorded with the above, likewise.
pub(super) const CLUSTER_BUSY: &str = "cluster:namedprocess_node_cpu_rate:sum";
/// How many nodes told it; recorded with it.
pub(super) const NODES_RECORDED: &str = "cluster:namedprocess_node_cpu_rate:count";
/// What of it the groups of those nodes leave; recorded with it.
pub(super) const UNATTRIBUTED: &str = "cluster:namedprocess_node_cpu_unattributed_rate:sum";
/// All of these that are of all nodes together.
pub(super) const TOTALS: [&str; 3] = [NODES_RECORDED, CLUSTER_BUSY, UNATTRIBUTED];
/// A group that the predecessor's exporter has on every node; tells its rhythm, as it records no busy time.
pub(super) const PREDECESSOR: &str = r#"namedprocess_namegroup_cpu_rate{groupname="systemd"}"#;
/// The nodes' busy time as the platform records it, a 5-minute rate.
pub(super) const PLATFORM_BUSY: &str = "instance:node_cpu:rate:sum";
/// CPU of each pod, a 5-minute rate, recorded by the platform.
pub(super) const PODS: &str = "pod:container_cpu_usage:sum";
/// CPU of the pods of each namespace, without the exporter's own; recorded with the exporter's series.
pub(super) const NAMESPACE_SUMS: &str = "namespace:pod_container_cpu_usage:sum";
/// CPU of the exporter's own pods; recorded with that, but possibly not for as long.
pub(super) const EXPORTER_SUMS: &str = "namespace:process_exporter_pod_cpu_usage:sum";
/// Both of these.
pub(super) const POD_SUMS: [&str; 2] = [NAMESPACE_SUMS, EXPORTER_SUMS];
/// The namespace that the exporter's pods are in.
pub(super) const OWN_NAMESPACE: &str = "openshift-monitoring";
/// Names of namespaces whose pods are infra; agrees with `Class::of_namespace`.
const INFRA: &str = "default|openshift|(openshift|kube)-.*";
/// Some of the pods, which a cluster always has, and not one a node: their rhythm is that of all.
pub(super) const SOME_PODS: &str =
    r#"pod:container_cpu_usage:sum{namespace="openshift-monitoring",pod!~"(node|process)-exporter-.*"}"#;
/// A pod that every cluster has: tells how far apart the samples of all are.
pub(super) const ONE_POD: &str =
    r#"pod:container_cpu_usage:sum{namespace="openshift-monitoring",pod="prometheus-k8s-0"}"#;
/// How many nodes there are, by the API server.
pub(super) const NODES: &str = "count(kube_node_info)";
/// Where each pod runs.
pub(super) const POD_INFO: &str = "kube_pod_info";
/// The services of the host that the kubelet counts: those slices' direct children, which hold all below them.
const PLATFORM_GROUPS: &str = r#"container_cpu_usage_seconds_total{id=~"/(system|ovs)[.]slice/[^/]+""#;

/// The rates of the host's services at any time, by the platform.
pub(super) fn platform_groups(nodes: &[String]) -> String {
    let nodes: String = nodes.iter().map(|matcher| format!(",{matcher}")).collect();
    format!("rate({PLATFORM_GROUPS}{nodes}}}[5m])")
}

/// A sum of pods by their class, which is told by their namespace.
pub(super) fn sum_by_pod_class(of: &str) -> String {
    sum_by("class", &format!(r#"label_replace({of}, "class", "infra", "namespace", "{INFRA}")"#))
}

/// The class of a series of that sum.
pub(super) fn pod_class(series: &Series<'_>) -> Class {
    if series.find("class").is_some() { Class::Infra } else { Class::Workload }
}

/// Selectors of all pods but the exporter's own. Two, as a selector cannot say "not both"; no pod is in both.
pub(super) fn other_pods() -> [String; 2] {
    [
        r#"{namespace!="openshift-monitoring"}"#,
        r#"{namespace="openshift-monitoring",pod!~"process-exporter-.*"}"#,
    ]
    .map(|matchers| format!("{PODS}{matchers}"))
}

/// A selector of the exporter's own pods; the predecessor's have the same names.
pub(super) fn exporter_pods() -> String {
    format!(r#"{PODS}{{namespace="openshift-monitoring",pod=~"process-exporter-.*"}}"#)
}

/// Whether a pod is one of the exporter's own; agrees with the selector above.
pub(super) fn is_exporter_pod(namespace: &str, pod: &str) -> bool {
    namespace == OWN_NAMESPACE && pod.starts_with("process-exporter-")
}

/// The nodes of each pod in `info`, a selector of where pods run, at any time of a window.
pub(super) fn pod_nodes(info: &str, window: i64) -> String {
    format!("group by (namespace, pod, node) (last_over_time({info}[{}]))", range(window))
}

/// Where some pods run, and a few more of the same names.
pub(super) fn pod_info(pods: &[(String, String)]) -> String {
    select(POD_INFO, &these(pods))
}

/// Matchers of some pods by namespace and name, and of a few more: every combination of theirs.
pub(super) fn these(pods: &[(String, String)]) -> [String; 2] {
    let namespaces: BTreeSet<&str> = pods.iter().map(|pod| pod.0.as_str()).collect();
    let names: BTreeSet<&str> = pods.iter().map(|pod| pod.1.as_str()).collect();
    [any_of("namespace", namespaces), any_of("pod", names)]
}

#[cfg(test)]
mod tests {
    use super::{Class, INFRA};
    use regex::Regex;

    #[test]
    fn a_pods_class_is_told_alike_here_and_there() {
        let infra = Regex::new(&format!("^(?s:{INFRA})$")).unwrap();
        for namespace in
            ["default", "openshift", "openshift-", "openshift-dns", "kube-system", "kube-", "kube"]
                .into_iter()
                .chain(["", "shop", "defaults", "openshifts", "my-openshift-x", "my-default"])
        {
            let class = Class::of_namespace(namespace);
            assert_eq!(infra.is_match(namespace), class == Class::Infra, "{namespace:?}");
        }
    }
}
