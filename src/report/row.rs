//! Row of a report, and the order of rows.
use super::{Class, Cpuset, Stats};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// CPU of a class, a namespace, a workload, a group, a pod or a thread.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Row {
    /// Class.
    pub class: Class,
    /// Namespace of the pods. `None` if the row is of no pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the group, the pod or the workload; empty in rows of a class or a namespace.
    pub name: String,
    /// Type of the workload, as the owner's series has it. `None` if the row is of none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_type: Option<String>,
    /// Node that a pod ran on at the end of the window, or that the row is of; empty if no series says so. `None` if it does
    /// not apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Name of the thread. `None` if the row is of a whole group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// Set of CPUs on which this part of the group or pod may run. `None` if the node has one set, or it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpuset: Option<Cpuset>,
    /// Statistics over the window, in cores.
    #[serde(flatten)]
    pub stats: Stats,
    /// Percentiles. `None` unless some were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, f64>>")]
    pub percentiles: Option<Percentiles>,
    /// Number of samples by the number expected, 0 to 1. `None` if they were not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<f64>,
    /// Cores at the report's peak. `None` unless the peak was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_peak: Option<f64>,
    /// Means of equal parts of the window, cores; `null` (NaN) if the row was absent. Empty unless they were asked for.
    #[serde(rename = "blocks", skip_serializing_if = "Vec::is_empty", serialize_with = "write_blocks")]
    #[schemars(with = "Option<Vec<Option<f64>>>")]
    pub trend: Vec<f64>,
}

impl Row {
    /// Returns the end of the trend, cores. `None` if the row was absent then, or there is no trend.
    pub fn now(&self) -> Option<f64> {
        self.trend.last().copied().filter(|cores| cores.is_finite())
    }

    /// Returns average, minimum, maximum, the percentiles and the cores at the peak, as far as they were asked for.
    pub fn figures(&self) -> impl Iterator<Item = f64> {
        let percentiles = self.percentiles.iter().flat_map(|all| all.0.iter().map(|(_, value)| *value));
        [self.stats.avg, self.stats.min, self.stats.max].into_iter().chain(percentiles).chain(self.at_peak)
    }

    /// Compares two rows: the bigger one is first, or they are by name. Ties are by name, namespace, type, class, node,
    /// thread and set, so that runs compare.
    pub fn order(&self, other: &Row, by: &SortBy) -> std::cmp::Ordering {
        let figure = |row: &Row| match by {
            SortBy::Avg => row.stats.avg,
            SortBy::Min => row.stats.min,
            SortBy::Max => row.stats.max,
            SortBy::Name => 0.0,
            SortBy::Now => row.now().unwrap_or(0.0),
            SortBy::Percentile(name) => row.percentiles.as_ref().and_then(|all| all.get(name)).unwrap_or(0.0),
        };
        figure(other).total_cmp(&figure(self)).then_with(|| self.names().cmp(&other.names()))
    }

    /// Returns everything that tells it from other rows, the name first.
    fn names(&self) -> (&str, [Option<&str>; 2], Class, [Option<&str>; 3]) {
        let (node, thread) = (self.node.as_deref(), self.thread.as_deref());
        let (namespace, workload_type) = (self.namespace.as_deref(), self.workload_type.as_deref());
        let cpuset = self.cpuset.map(Cpuset::as_str);
        (&self.name, [namespace, workload_type], self.class, [node, thread, cpuset])
    }
}

/// Writes means, `null` for one that is no number.
fn write_blocks<S: serde::Serializer>(means: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(means.iter().map(|mean| Some(*mean).filter(|mean| mean.is_finite())))
}

/// Order of the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// Biggest average first.
    Avg,
    /// Biggest minimum first.
    Min,
    /// Biggest maximum first.
    Max,
    /// By name.
    Name,
    /// Biggest percentile of this name first.
    Percentile(String),
    /// Biggest at the end of the window first, if there is a trend.
    Now,
}

/// Percentiles by name (`p95`), in cores, in the order asked for; in JSON an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Percentiles(pub Vec<(String, f64)>);

impl Percentiles {
    /// Returns the percentile of a name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(of, _)| of == name).map(|(_, value)| *value)
    }
}

impl Serialize for Percentiles {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
