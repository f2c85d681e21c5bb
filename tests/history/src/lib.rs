//! Synthetic histories of a cluster's CPU, and what a report over them must say.
//!
//! ```text
//! Spec --generate--> History --write_openmetrics--> promtool -> Prometheus -> top -> a report
//!                       \-----expected(Question)--> Expected, which that report must agree with
//! ```
//!
//! The expectation is computed from the samples in memory by the definitions alone, with nothing of the plugin's code and
//! no PromQL, so that the two can only agree if both are right.

mod budget;
mod generate;
mod openmetrics;
mod oracle;
mod owners;
mod parts;
mod pods;
mod question;
mod steps;

pub use budget::{NodeSamples, NodeSum, on_nodes};
pub use oracle::{Expected, Key, Row, expected};
pub use question::{By, Question, Source};
pub use steps::Stat;

/// The metrics of a history, named as Prometheus has them.
pub mod metric {
    /// Cores by node, class and group: labels `instance`, `class`, `groupname`.
    pub const GROUP: &str = "namedprocess_namegroup_cpu_rate";
    /// `GROUP` by thread, where the exporter shows threads: labels `instance`, `class`, `groupname`, `threadname`.
    pub const THREAD: &str = "namedprocess_namegroup_thread_cpu_rate";
    /// Cores that a node was busy: label `instance`.
    pub const BUSY: &str = "instance:namedprocess_node_cpu_rate:sum";
    /// `GROUP` summed over nodes: labels `class`, `groupname`.
    pub const GROUP_SUM: &str = "class_groupname:namedprocess_namegroup_cpu_rate:sum";
    /// Cores by node and pod: labels `instance`, `class`, `namespace`, `pod`.
    pub const POD: &str = "namedprocess_pod_cpu_rate";
    /// Cores by node and class: host and kernel by `GROUP`, the others by `POD`: labels `instance`, `class`.
    pub const CLASS_ON_NODE: &str = "instance_class:namedprocess_cpu_rate:sum";
    /// `CLASS_ON_NODE` summed over nodes: label `class`.
    pub const CLASS: &str = "class:namedprocess_cpu_rate:sum";
    /// `POD` summed over the pods of a namespace: labels `class`, `namespace`.
    pub const NAMESPACE: &str = "class_namespace:namedprocess_pod_cpu_rate:sum";
    /// `BUSY` summed over nodes: no labels.
    pub const CLUSTER_BUSY: &str = "cluster:namedprocess_node_cpu_rate:sum";
    /// The nodes that have `BUSY`: no labels.
    pub const NODES: &str = "cluster:namedprocess_node_cpu_rate:count";
    /// `BUSY` less `CLASS_ON_NODE`, summed over the nodes that have the former: no labels.
    pub const UNATTRIBUTED: &str = "cluster:namedprocess_node_cpu_unattributed_rate:sum";
    /// Cores by pod as the platform records them: labels `namespace`, `pod`.
    pub const PLATFORM_POD: &str = "pod:container_cpu_usage:sum";
    /// Cores that a node was busy as the platform records them: label `instance`.
    pub const PLATFORM_BUSY: &str = "instance:node_cpu:rate:sum";
    /// Metrics that the platform records.
    pub const OF_PLATFORM: [&str; 4] = [PLATFORM_POD, PLATFORM_BUSY, POD_INFO, OWNER];
    /// 1 while a pod is owned: labels `namespace`, `pod`, `workload`, `workload_type`.
    pub const OWNER: &str = "namespace_workload_pod:kube_pod_owner:relabel";
    /// 1 while a pod is on a node: labels `namespace`, `pod`, `node`.
    pub const POD_INFO: &str = "kube_pod_info";
}

/// Specification of a history. The same specification gives the same history.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Nodes.
    pub nodes: usize,
    /// True if three nodes in seven have gaps: in all of their series, or in their busy time.
    pub gaps: bool,
    /// Groups, at least 8: the pods' `conmon`, a quarter of class kernel, the rest of class host.
    pub groups: usize,
    /// Threads of every second group, which add up to it; 0 for an exporter that shows none.
    pub threads: usize,
    /// Pods for each node, one of them the exporter's own.
    pub pods_per_node: usize,
    /// One pod in so many moves to another node in the middle of its time, more than 5.
    pub movers: usize,
    /// Namespaces that the pods are in, infra and workload, at least 2.
    pub namespaces: usize,
    /// Seconds between the samples of the exporter's series.
    pub interval_s: u32,
    /// Seconds between the samples of the platform's series.
    pub pod_interval_s: u32,
    /// Length in seconds; the history is the samples in (end - duration, end].
    pub duration_s: u32,
    /// End, Unix time in milliseconds. The last sample is up to one interval before it.
    pub end_ms: i64,
    /// Seed of everything random.
    pub seed: u64,
}

/// Series in memory, with the exact values and times that are written.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Seconds between the samples of the exporter's series.
    pub interval_s: u32,
    /// Seconds between the samples of the platform's series.
    pub pod_interval_s: u32,
    /// All series, in no order.
    pub series: Vec<Series>,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name, one of `metric`'s.
    pub metric: &'static str,
    /// Its labels.
    pub labels: Vec<(&'static str, String)>,
    /// Unix time in milliseconds and value, by time.
    pub samples: Vec<(i64, f64)>,
}

impl Series {
    /// The value of a label, empty when it has none, as in PromQL.
    pub fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(label, _)| *label == name).map_or("", |(_, value)| value)
    }
}
