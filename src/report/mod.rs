//! The one result in the middle: sources make a `Report`, printers read it. Its fields are the JSON that scripts
//! rely on (`interrogate/v1`), so a change here is a change of the interface.
mod class;
mod cpuset;
mod row;
mod source;
mod steps;

pub use class::Class;
pub use cpuset::{Cpuset, CpusetBusy, Stray};
pub use row::{Percentiles, Row, SortBy};
pub use source::{Source, SourceKind, Window};
pub use steps::{Figures, Stats, Steps, parts};

use schemars::JsonSchema;
use serde::Serialize;

/// CPU of the rows of one window, and the totals that they add up to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CpuReport", deny_unknown_fields)]
pub struct Report {
    /// Version of this form.
    #[serde(rename = "apiVersion")]
    #[schemars(extend("const" = "interrogate/v1"))]
    pub api_version: &'static str,
    /// Kind of this object.
    #[schemars(extend("const" = "CpuReport"))]
    pub kind: &'static str,
    /// Unit of all figures: 1 is one core, all the time.
    #[schemars(extend("const" = "cores"))]
    pub unit: &'static str,
    /// Window that the figures cover.
    pub window: Window,
    /// Origin of the figures.
    pub source: Source,
    /// Rows in the order that was asked for.
    pub rows: Vec<Row>,
    /// Total of each class, before any filter.
    pub classes: Vec<ClassTotal>,
    /// Busy time of the nodes, before any filter. `None` if the source does not know it.
    pub busy: Option<Stats>,
    /// Busy time less all classes; may be negative, and is never clamped.
    pub unattributed: Option<Stats>,
    /// CPU that filters, a limit and the exporter's exclusion took out of the rows: rows and this add up to the classes.
    pub excluded: Option<Excluded>,
    /// Step at which the rows that the filters let through were together highest. `None` unless it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak: Option<Peak>,
    /// Busy time of each set of CPUs. `None` unless rows are by set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpusets: Option<Vec<CpusetBusy>>,
    /// What of the platform may run on isolated CPUs. `None` unless rows are by set, and the source tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strays: Option<Vec<Stray>>,
    /// Notes that a reader needs to read the figures right, a sentence each.
    pub notes: Vec<String>,
    /// Names of the percentiles that were asked for: columns of a table, with rows or without.
    #[serde(skip)]
    pub percentiles: Vec<String>,
    /// True if rows are of workloads, which have a type.
    #[serde(skip)]
    pub of_workloads: bool,
    /// Trend of the busy time, in the parts that the rows' trends have. `None` unless these were asked for.
    #[serde(skip)]
    pub total_trends: Option<TotalTrends>,
    /// True if rows are by set of CPUs.
    #[serde(skip)]
    pub of_cpusets: bool,
}

impl Report {
    /// Makes an empty report of a window and a source.
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
            excluded: None,
            peak: None,
            cpusets: None,
            strays: None,
            notes: Vec::new(),
            percentiles: Vec::new(),
            of_workloads: false,
            total_trends: None,
            of_cpusets: false,
        }
    }
}

/// Trend of the busy time over the window.
#[derive(Debug, Clone, PartialEq)]
pub struct TotalTrends {
    /// Length of a part, seconds; the last one ends with the window.
    pub step_seconds: f64,
    /// Mean of each part, cores; NaN if it is not known.
    pub busy: Vec<f64>,
    /// The same of each class.
    pub classes: Vec<(Class, Vec<f64>)>,
}

/// CPU that is in the totals and in no row, in cores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Excluded {
    /// Sum of the samples times their distance, over the window; exact.
    pub avg: f64,
    /// Smallest sample. `None` under a limit: the rows that it cuts are no samples.
    pub min: Option<f64>,
    /// Biggest sample, likewise.
    pub max: Option<f64>,
    /// Part of the peak that is in no row since a limit cut it. `None` unless the peak was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_peak: Option<f64>,
}

impl From<Stats> for Excluded {
    fn from(stats: Stats) -> Excluded {
        Excluded { avg: stats.avg, min: Some(stats.min), max: Some(stats.max), at_peak: None }
    }
}

/// Highest moment of a report: the rows' `at_peak` and that of `excluded` add up to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Peak {
    /// Time of the step; RFC 3339, UTC.
    pub time: jiff::Timestamp,
    /// Cores that the rows that the filters let through used together.
    pub cores: f64,
}

/// Total of a class, before any filter.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ClassTotal {
    /// Class.
    pub class: Class,
    /// Statistics of the class, in cores.
    #[serde(flatten)]
    pub stats: Stats,
}
