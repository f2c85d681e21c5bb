//! The one result in the middle: sources make a [`Report`], printers read it. Its fields are the JSON that scripts
//! rely on (`interrogate/v1`), so a change here is a change of the interface.
mod class;
mod steps;

pub use class::Class;
pub use steps::{Figures, Stats, Steps};

use serde::Serialize;

/// Where the CPU went in one window: rows, and the totals that they add up to.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `interrogate/v1`.
    #[serde(rename = "apiVersion")]
    pub api_version: &'static str,
    /// `CpuReport`.
    pub kind: &'static str,
    /// `cores`: 1 is one core, all the time.
    pub unit: &'static str,
    /// What the figures cover.
    pub window: Window,
    /// Where they come from.
    pub source: Source,
    /// The parts, sorted as asked.
    pub rows: Vec<Row>,
    /// Each class's total, before any filter.
    pub classes: Vec<ClassTotal>,
    /// The nodes' busy time, before any filter; none where the source does not know it.
    pub busy: Option<Stats>,
    /// Busy less host, kernel and pods by the exporter's own count; may be negative, is never clamped.
    pub unattributed: Option<Stats>,
    /// What filters and the exporter's exclusion took out of the rows.
    pub left_out: Option<LeftOut>,
    /// What a reader must know to read the figures right, a sentence each.
    pub notes: Vec<String>,
    /// Names of the percentiles asked for, which tables have columns for, with rows or without.
    #[serde(skip)]
    pub percentiles: Vec<String>,
}

impl Report {
    /// An empty report of this window and source; the fields that never vary are filled in.
    pub fn new(window: Window, source: Source) -> Report {
        Report {
            api_version: "interrogate/v1",
            kind: "CpuReport",
            unit: "cores",
            window,
            source,
            rows: Vec::new(),
            classes: Vec::new(),
            busy: None,
            unattributed: None,
            left_out: None,
            notes: Vec::new(),
            percentiles: Vec::new(),
        }
    }
}

/// What is in the totals and in no row, in cores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LeftOut {
    /// Sum of the samples times their distance, over the window; exact.
    pub avg: f64,
    /// Smallest sample; `None` under a limit, whose rows are no samples.
    pub min: Option<f64>,
    /// Biggest sample, likewise.
    pub max: Option<f64>,
}

impl From<Stats> for LeftOut {
    fn from(stats: Stats) -> LeftOut {
        LeftOut { avg: stats.avg, min: Some(stats.min), max: Some(stats.max) }
    }
}

/// The order of the rows.
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
    /// Biggest at the end of the window first, where the course was asked for.
    Now,
}

/// Percentiles by name (`p95`), in cores, in the order asked; in JSON an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Percentiles(pub Vec<(String, f64)>);

impl Percentiles {
    /// One of them.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(of, _)| of == name).map(|(_, value)| *value)
    }
}

impl Serialize for Percentiles {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// The window after it was cut to what the source covers, `(start, end]`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Window {
    /// Exclusive; RFC 3339, UTC.
    pub start: jiff::Timestamp,
    /// Inclusive; RFC 3339, UTC.
    pub end: jiff::Timestamp,
    /// `end - start`, seconds.
    pub interval_seconds: f64,
    /// The length that was asked for, seconds, where the window was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_seconds: Option<f64>,
    /// Distance of two samples, seconds: the scrape interval if they are the exporter's.
    pub step_seconds: f64,
}

/// Where the figures come from.
#[derive(Debug, Clone, Serialize)]
pub struct Source {
    /// The exporter's series, the platform's own, or this machine's kernel.
    pub kind: SourceKind,
    /// Where Prometheus was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How many nodes answered at any time of the window.
    pub nodes: usize,
    /// How many nodes the cluster has at its end, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_nodes: Option<usize>,
    /// Which Prometheus answered, by its host name, where it tells: gaps are that replica's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica: Option<String>,
}

impl Source {
    /// Of which nothing more is known.
    pub fn new(kind: SourceKind, nodes: usize) -> Source {
        Source { kind, url: None, nodes, cluster_nodes: None, replica: None }
    }
}

/// The kinds of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// The exporter's recorded series.
    Exporter,
    /// What the platform records without the exporter.
    Platform,
    /// This machine's own kernel.
    Local,
}

impl SourceKind {
    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            SourceKind::Exporter => "exporter",
            SourceKind::Platform => "platform",
            SourceKind::Local => "local",
        }
    }
}

/// One row: a class, a namespace, a group, a pod or a thread.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What kind of thing it is.
    pub class: Class,
    /// The pod's namespace; none for what is no pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Group or pod; empty in rows of a class or namespace.
    pub name: String,
    /// The node that it ran on at the end of the window, empty where nothing tells; none where it does not apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The thread's name, where rows stand for threads and the group has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// Average, minimum, maximum, in cores.
    #[serde(flatten)]
    pub stats: Stats,
    /// The percentiles asked for; none unless asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentiles: Option<Percentiles>,
    /// Samples there were of samples expected, 0 to 1; none where that was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<f64>,
    /// The mean of each of some equal parts of the window, cores, where that was asked for; NaN where it was absent.
    /// For people: no data format has it.
    #[serde(skip)]
    pub course: Vec<f64>,
}

impl Row {
    /// The end of its course, cores; none where it was absent then, or the course was not asked for.
    pub fn now(&self) -> Option<f64> {
        self.course.last().copied().filter(|cores| cores.is_finite())
    }

    /// Which of two rows comes first: the bigger one, or by name; ties by name, namespace, class, node and thread, so
    /// that runs compare.
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

    /// What tells it from other rows, the name first.
    fn names(&self) -> (&str, Option<&str>, Class, Option<&str>, Option<&str>) {
        (&self.name, self.namespace.as_deref(), self.class, self.node.as_deref(), self.thread.as_deref())
    }
}

/// A class's total, before any filter.
#[derive(Debug, Clone, Serialize)]
pub struct ClassTotal {
    /// The class.
    pub class: Class,
    /// In cores.
    #[serde(flatten)]
    pub stats: Stats,
}
