//! Series that a report is made of: names of metrics, and selectors of some of theirs.
use crate::query::promql::{and, any_of, select, statistic, sum_by};
use crate::report::Class;
use std::collections::BTreeSet;

/// CPU of each process group on each node, by the exporter.
pub(crate) const GROUPS: &str = "namedprocess_namegroup_cpu_rate";
/// CPU of each thread name of each group on each node.
pub(crate) const THREADS: &str = "namedprocess_namegroup_thread_cpu_rate";
/// CPU of each pod on each node, and of what of the pods has no name.
pub(crate) const PODS: &str = "namedprocess_pod_cpu_rate";
/// CPU of each group over all nodes.
pub(crate) const GROUP_SUMS: &str = "class_groupname:namedprocess_namegroup_cpu_rate:sum";
/// CPU of the pods of each namespace over all nodes.
pub(crate) const NAMESPACE_SUMS: &str = "class_namespace:namedprocess_pod_cpu_rate:sum";
/// CPU of each class on each node.
pub(crate) const CLASSES_ON_NODES: &str = "instance_class:namedprocess_cpu_rate:sum";
/// CPU of each class over all nodes.
pub(crate) const CLASSES: &str = "class:namedprocess_cpu_rate:sum";
/// Busy time of each node.
pub(crate) const BUSY: &str = "instance:namedprocess_node_cpu_rate:sum";
/// Busy time of each set of CPUs on each node that is partitioned.
pub(crate) const CPUSETS: &str = "instance_cpuset:namedprocess_node_cpu_rate:sum";
/// CPU of each group and of each pod on each node that is partitioned, by the set of CPUs on which it may run.
pub(crate) const GROUPS_BY_CPUSET: &str = "namedprocess_namegroup_cpuset_cpu_rate";
pub(crate) const PODS_BY_CPUSET: &str = "namedprocess_pod_cpuset_cpu_rate";
/// CPUs of each set on each node.
pub(crate) const CPUSET_INFO: &str = "namedprocess_node_cpuset_info";
/// Threads of groups and of pods that may run on isolated CPUs and are not the workload's.
pub(crate) const GROUP_STRAYS: &str = "namedprocess_namegroup_stray_threads";
pub(crate) const POD_STRAYS: &str = "namedprocess_pod_stray_threads";
/// Busy time of all nodes.
pub(crate) const CLUSTER_BUSY: &str = "cluster:namedprocess_node_cpu_rate:sum";
/// Number of nodes that told their busy time.
pub(crate) const NODES_RECORDED: &str = "cluster:namedprocess_node_cpu_rate:count";
/// Busy time that no class accounts for.
pub(crate) const UNATTRIBUTED: &str = "cluster:namedprocess_node_cpu_unattributed_rate:sum";
/// Totals of a report: where all of these have a sample, the exporter's rules cover a step.
pub(crate) const TOTALS: [&str; 4] = [NODES_RECORDED, CLUSTER_BUSY, UNATTRIBUTED, CLASSES];
/// Counters that Prometheus scrapes from the exporter, rules or none.
pub(crate) const SCRAPED: &str = "namedprocess_node_cpu_seconds_total";

/// Busy time of each node as the platform records it, a 5-minute rate.
pub(crate) const PLATFORM_BUSY: &str = "instance:node_cpu:rate:sum";
/// CPU of each pod as the platform records it, a 5-minute rate.
pub(crate) const PLATFORM_PODS: &str = "pod:container_cpu_usage:sum";
/// Services of the host that the kubelet counts: those slices' direct children, which hold all below them.
pub(crate) const PLATFORM_SERVICES: &str =
    r#"container_cpu_usage_seconds_total{id=~"/(system|ovs)[.]slice/[^/]+"}"#;
/// Number of nodes that bind the platform's pods to reserved CPUs: these then have a resource of their own for it.
pub(crate) const PARTITIONED: &str =
    "count(kube_node_status_allocatable{resource=\"management_workload_openshift_io_cores\"} > 0)";
/// Number of nodes, by the API server.
pub(crate) const NODES: &str = "count(kube_node_info)";
/// Nodes, by the API server.
pub(crate) const NODE_INFO: &str = "kube_node_info";
/// Node of each pod.
pub(crate) const POD_INFO: &str = "kube_pod_info";
/// Owner of each pod: labels `namespace`, `pod`, `workload` and `workload_type`.
pub(crate) const OWNERS: &str = "namespace_workload_pod:kube_pod_owner:relabel";
/// Namespace of the exporter's pods.
pub(crate) const OWN_NAMESPACE: &str = "openshift-monitoring";
/// Regular expression of the exporter's pods' names.
pub(crate) const OWN_PODS: &str = "process-exporter-.*";
/// Number of classes.
pub(crate) const CLASS_COUNT: usize = 5;

/// Writes the rates of the host's services by the platform, summed by labels.
pub(crate) fn platform_groups(labels: &str, matchers: &[String]) -> String {
    let selector =
        matchers.iter().fold(PLATFORM_SERVICES.to_owned(), |all, matcher| and(&all, Some(matcher)));
    sum_by(labels, &format!("rate({selector}[5m])"))
}

/// Selects the busy time of some CPUs, which `matchers` name.
pub(crate) fn cpus_busy(matchers: &str) -> String {
    format!("node_cpu_seconds_total{{mode!~\"idle|iowait|steal\",{matchers}}}")
}

/// Writes the cores of each node that such a selector comes to. The range holds two samples at the longest usual scrape
/// interval.
pub(crate) fn cores_of(busy: &str) -> String {
    format!("sum by (instance) (irate({busy}[2m]))")
}

/// Returns true if a pod is one of the exporter's own; agrees with [`OWN_PODS`].
pub(crate) fn is_exporter_pod(namespace: &str, pod: &str) -> bool {
    namespace == OWN_NAMESPACE && pod.starts_with("process-exporter-")
}

/// Matches some classes by the label `class`.
pub(crate) fn of_classes(classes: &[Class]) -> String {
    any_of("class", classes.iter().map(|class| class.as_str()))
}

/// Writes the nodes of each pod in `info`, a selector of where pods run, at any time of a range.
pub(crate) fn pod_nodes(info: &str, range: &str) -> String {
    format!("group by (namespace, pod, node) ({})", statistic("last", info, range))
}

/// Writes the owners of each pod at any time of a range. `owners` is a selector of them.
pub(crate) fn owners_in(owners: &str, range: &str) -> String {
    format!("group by (namespace, pod, workload, workload_type) ({})", statistic("last", owners, range))
}

/// Selects where some pods run, and a few more of the same names.
pub(crate) fn pod_info(pods: &[(String, String)]) -> String {
    select(POD_INFO, &these(pods))
}

/// Matches some pods by namespace and name, and a few more: every combination of theirs.
pub(crate) fn these(pods: &[(String, String)]) -> [String; 2] {
    let namespaces: BTreeSet<&str> = pods.iter().map(|pod| pod.0.as_str()).collect();
    let names: BTreeSet<&str> = pods.iter().map(|pod| pod.1.as_str()).collect();
    [any_of("namespace", namespaces), any_of("pod", names)]
}
