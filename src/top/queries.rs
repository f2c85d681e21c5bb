//! The PromQL that `top` asks: which series, over which ranges, summed how. Strings only, no I/O.
//!
//! Samples are the series' own, never carried on past their end: a plain selector would repeat a series' last sample
//! for five minutes, so every selector here is a `last_over_time` over one step less a millisecond, which holds the
//! one sample of that step whether the server's ranges are closed (Prometheus 2) or left-open (3).
use crate::prometheus::promql;
use std::collections::BTreeMap;

/// The nodes' busy time, one series a node.
pub(super) const BUSY: &str = "instance:namedprocess_node_cpu_rate:sum";
/// CPU of each process group on each node.
pub(super) const GROUPS: &str = "namedprocess_namegroup_cpu_rate";
/// A group that the predecessor's exporter has on every node; tells its rhythm, as it records no busy time.
pub(super) const PREDECESSOR: &str = r#"namedprocess_namegroup_cpu_rate{groupname="systemd"}"#;
/// CPU of each pod, a 5-minute rate, recorded by the platform.
pub(super) const PODS: &str = "pod:container_cpu_usage:sum";
/// Where each pod runs.
const POD_INFO: &str = "kube_pod_info";
/// The exporter's own pods; the predecessor's have the same names.
const EXPORTER_PODS: &str = r#"namespace="openshift-monitoring",pod=~"process-exporter-.*""#;

/// A range that holds what is in `(t - ms, t]`.
fn range(ms: i64) -> String {
    promql::duration(ms - 1)
}

/// The series of a selector with the most samples in a window.
pub(super) fn fullest(selector: &str, window: i64) -> String {
    format!("topk(1, count_over_time({selector}[{}]))", range(window))
}

/// All samples of one series in a window, by its name and all of its labels.
pub(super) fn raw(name: &str, labels: &BTreeMap<String, String>, window: i64) -> String {
    let matchers: Vec<String> =
        labels.iter().map(|(label, value)| format!("{label}={}", promql::literal(value))).collect();
    format!("{name}{{{}}}[{}]", matchers.join(","), range(window))
}

/// How many series of a selector have a sample at a step.
pub(super) fn present(selector: &str, step: i64) -> String {
    format!("count(last_over_time({selector}[{}]))", range(step))
}

/// Samples of each node in a window.
pub(super) fn samples_by_node(selector: &str, window: i64) -> String {
    format!("sum by (instance) (count_over_time({selector}[{}]))", range(window))
}

/// The nodes' busy time together.
pub(super) fn busy(step: i64) -> String {
    format!("sum(last_over_time({BUSY}[{}]))", range(step))
}

/// Each group summed over the nodes.
pub(super) fn groups(step: i64) -> String {
    format!("sum by (class, groupname) (last_over_time({GROUPS}[{}]))", range(step))
}

/// Busy time less all groups, of the nodes that told their busy time at that step.
pub(super) fn unattributed(step: i64) -> String {
    let busy = format!("sum by (instance) (last_over_time({BUSY}[{}]))", range(step));
    let groups = format!("sum by (instance) (last_over_time({GROUPS}[{}]))", range(step));
    format!("sum(({busy} - {groups}) or {busy})")
}

/// A statistic of each pod over a window: `sum`, `min`, `max` or `count`.
pub(super) fn pods(statistic: &str, window: i64) -> String {
    let merge = if matches!(statistic, "sum" | "count") { "sum" } else { statistic };
    format!("{merge} by (namespace, pod) ({statistic}_over_time({PODS}[{}]))", range(window))
}

/// The pods of each namespace together, without the exporter's own. Two queries, as a selector cannot say
/// "not both"; no namespace is in both.
pub(super) fn namespaces(step: i64) -> [String; 2] {
    [r#"namespace!="openshift-monitoring""#, r#"namespace="openshift-monitoring",pod!~"process-exporter-.*""#]
        .map(|pods| by_namespace(pods, step))
}

/// The exporter's own pods together.
pub(super) fn exporter_pods(step: i64) -> String {
    by_namespace(EXPORTER_PODS, step)
}

/// Whether a pod is one of the exporter's own; agrees with the selector above.
pub(super) fn is_exporter_pod(namespace: &str, pod: &str) -> bool {
    namespace == "openshift-monitoring" && pod.starts_with("process-exporter-")
}

fn by_namespace(matchers: &str, step: i64) -> String {
    format!("sum by (namespace) (last_over_time({PODS}{{{matchers}}}[{}]))", range(step))
}

/// The nodes of each pod at any time of a window.
pub(super) fn pod_nodes(window: i64) -> String {
    format!("group by (namespace, pod, node) (last_over_time({POD_INFO}[{}]))", range(window))
}

/// All samples of where some pods of a namespace run, to see where they were last.
pub(super) fn pod_info(namespace: &str, pods: &[&str], window: i64) -> String {
    let pods: Vec<String> = pods.iter().map(|pod| regex::escape(pod)).collect();
    let (namespace, pods) = (promql::literal(namespace), promql::literal(&pods.join("|")));
    format!("{POD_INFO}{{namespace={namespace},pod=~{pods}}}[{}]", range(window))
}
