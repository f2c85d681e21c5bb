//! Comparison of two windows, as scripts rely on it (`CpuComparison`).
use super::level::Level;
use crate::report::{Class, Window};
use schemars::JsonSchema;
use serde::Serialize;

/// Rows of two windows side by side, and what differs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "CpuComparison", deny_unknown_fields)]
pub struct Comparison {
    /// Version of this form.
    #[serde(rename = "apiVersion")]
    #[schemars(extend("const" = "interrogate/v1"))]
    pub api_version: &'static str,
    /// Kind of this object.
    #[schemars(extend("const" = "CpuComparison"))]
    pub kind: &'static str,
    /// Unit of all figures: 1 is one core, all the time.
    #[schemars(extend("const" = "cores"))]
    pub unit: &'static str,
    /// Unit that a row stands for.
    pub by: Level,
    /// Share of A by which a row must differ to be a finding.
    pub tolerance: f64,
    /// Cores by which a row must differ to be a finding.
    pub floor: f64,
    /// True if all figures are averages per node, since the numbers of nodes differ.
    pub per_node: bool,
    /// What is compared.
    pub a: SideReport,
    /// What it is compared with.
    pub b: SideReport,
    /// Numbers of findings.
    pub findings: Findings,
    /// Rows, those that differ most first.
    pub rows: Vec<RowComparison>,
    /// Total of each class, before any filter.
    pub classes: Vec<ClassComparison>,
    /// Busy time of the nodes, before any filter.
    pub busy: Change,
    /// Busy time less all classes.
    pub unattributed: Change,
    /// CPU that is in no row: rows and this add up to the classes.
    pub excluded: Change,
    /// Trends of both sides, for a picture.
    #[serde(skip)]
    pub trends: Trends,
    /// Notes that a reader needs to read the figures right, a sentence each.
    pub notes: Vec<String>,
}

/// Means of blocks of both windows: the same rows by name and in the same order, cores; NaN if one was absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trends {
    /// Rows of A.
    pub a: Vec<(String, Vec<f64>)>,
    /// Rows of B.
    pub b: Vec<(String, Vec<f64>)>,
}

/// One of the two things that are compared.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SideReport {
    /// As it was asked for.
    pub asked: String,
    /// Window that the figures cover.
    pub window: Window,
    /// Share of the window asked for that they cover, 0 to 1.
    pub coverage: f64,
    /// Kind of the series: exporter, platform, local and so on.
    pub source: String,
    /// Address of the Prometheus that has the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Number of nodes that have a sample in the window.
    pub nodes: usize,
    /// Number of blocks of the window whose means noise is judged by. 0 if there are no samples, or too few.
    pub blocks: usize,
    /// Notes on this side alone.
    pub notes: Vec<String>,
}

/// Numbers of findings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Findings {
    /// Rows that use more in B.
    pub worse: usize,
    /// Rows that use less in B.
    pub better: usize,
    /// Rows that are in B alone.
    pub new: usize,
    /// Rows that are in A alone.
    pub gone: usize,
}

impl Findings {
    /// Counts the findings among some rows.
    pub(super) fn count(rows: &[RowComparison]) -> Findings {
        let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
        Findings {
            worse: count(Verdict::Worse),
            better: count(Verdict::Better),
            new: count(Verdict::New),
            gone: count(Verdict::Gone),
        }
    }
}

/// A figure of each side; `null` on a side that does not have it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Change {
    /// Average in A, cores.
    pub a: Option<f64>,
    /// Average in B, cores.
    pub b: Option<f64>,
    /// B less A, cores. `null` if it is not known.
    pub difference: Option<f64>,
    /// The difference by A. `null` if it is not known, or A is not above zero.
    pub relative: Option<f64>,
}

impl Change {
    /// Compares two figures, both of which must be there to have a difference.
    pub(super) fn between(a: Option<f64>, b: Option<f64>) -> Change {
        let difference = a.zip(b).map(|(a, b)| b - a);
        let relative = difference.zip(a.filter(|a| *a > 0.0)).map(|(difference, a)| difference / a);
        Change { a, b, difference, relative: relative.filter(|relative| relative.is_finite()) }
    }

    /// Compares what is left of busy time: it lies around zero, so that no share of it says anything.
    pub(super) fn of_rest(a: Option<f64>, b: Option<f64>) -> Change {
        Change { relative: None, ..Change::between(a, b) }
    }

    /// Compares two figures, one of which may be missing since nothing was used.
    pub(super) fn of_rows(a: Option<f64>, b: Option<f64>) -> Change {
        Change { a, b, ..Change::between(Some(a.unwrap_or(0.0)), Some(b.unwrap_or(0.0))) }
    }
}

/// Verdict on a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Finding: it uses more in B.
    Worse,
    /// Finding: it uses less in B.
    Better,
    /// Finding: it is in B alone.
    New,
    /// Finding: it is in A alone.
    Gone,
    /// Over tolerance and floor, and not told apart from noise.
    Noise,
    /// Within tolerance or floor.
    Same,
    /// One of the sides does not know such rows.
    Unknown,
}

impl Verdict {
    /// Returns the name as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Worse => "worse",
            Verdict::Better => "better",
            Verdict::New => "new",
            Verdict::Gone => "gone",
            Verdict::Noise => "noise",
            Verdict::Same => "same",
            Verdict::Unknown => "unknown",
        }
    }

    /// Returns true if it is a finding.
    pub fn is_finding(self) -> bool {
        matches!(self, Verdict::Worse | Verdict::Better | Verdict::New | Verdict::Gone)
    }

    /// Returns true if it is a finding of more CPU.
    pub fn is_worse(self) -> bool {
        matches!(self, Verdict::Worse | Verdict::New)
    }
}

/// Row of both sides.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RowComparison {
    /// Class.
    pub class: Class,
    /// Namespace of the pods. `None` if the row is of no pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the group, the pod or the workload; empty in rows of a class or a namespace.
    pub name: String,
    /// Type of the workload. `None` if it is not known, or the row is of none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_type: Option<String>,
    /// Averages, cores.
    #[serde(flatten)]
    pub change: Change,
    /// Probability that noise alone makes such a difference, corrected for the number of rows. `None` unless the row is over
    /// tolerance and floor, and both sides have samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
    /// Verdict.
    pub verdict: Verdict,
}

/// Total of a class on both sides.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ClassComparison {
    /// Class.
    pub class: Class,
    /// Averages, cores.
    #[serde(flatten)]
    pub change: Change,
}
