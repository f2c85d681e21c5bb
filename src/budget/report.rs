//! Verdicts on a budget, as scripts rely on them (`CpuBudgetReport`).
use crate::report::{Class, Source, Window};
use schemars::JsonSchema;
use serde::Serialize;

/// Whether a limit is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// At or below its limit.
    Kept,
    /// Above its limit.
    Exceeded,
    /// Not to be told.
    Unknown,
}

impl Verdict {
    /// Returns the name as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Kept => "kept",
            Verdict::Exceeded => "exceeded",
            Verdict::Unknown => "unknown",
        }
    }

    /// Returns the verdict on all: exceeded if any is, whatever else is unknown; else unknown if any is.
    pub fn of_all(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
        verdicts.into_iter().fold(Verdict::Kept, |all, one| match (all, one) {
            (Verdict::Exceeded, _) | (_, Verdict::Exceeded) => Verdict::Exceeded,
            (Verdict::Unknown, _) | (_, Verdict::Unknown) => Verdict::Unknown,
            (Verdict::Kept, Verdict::Kept) => Verdict::Kept,
        })
    }
}

/// Unit of a line's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Cores.
    Cores,
    /// Bytes.
    Bytes,
}

/// Verdicts on the lines of a budget.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CpuBudgetReport", deny_unknown_fields)]
pub struct BudgetReport {
    /// Version of this form.
    #[serde(rename = "apiVersion")]
    #[schemars(extend("const" = "interrogate/v1"))]
    pub api_version: &'static str,
    /// Kind of this object.
    #[schemars(extend("const" = "CpuBudgetReport"))]
    pub kind: &'static str,
    /// Name of the budget.
    pub budget: String,
    /// Verdict on all lines.
    pub verdict: Verdict,
    /// Window that the figures cover.
    pub window: Window,
    /// Origin of the figures of CPU.
    pub source: Source,
    /// Lines, in the budget's order.
    pub lines: Vec<LineReport>,
    /// What the worst moment was made of. `None` if no line has samples of CPU and a limit that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst_moment: Option<WorstMoment>,
    /// Trend of the line of the worst moment on its node. `None` if that has no parts.
    #[serde(skip)]
    pub trend: Option<NodeTrend>,
    /// Notes that a reader needs to read the figures right, a sentence each.
    pub notes: Vec<String>,
}

/// Verdict on a line, and its worst node.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LineReport {
    /// Name.
    pub line: String,
    /// Statistic: `avg`, `max` or a percentile.
    pub statistic: String,
    /// Limit as it was asked for.
    pub asked: String,
    /// Unit of the figures.
    pub unit: Unit,
    /// Verdict on all nodes.
    pub verdict: Verdict,
    /// Number of nodes, or of pods or groups of the nodes, that were judged.
    #[serde(rename = "judged")]
    pub count: usize,
    /// Number of those above their limit.
    pub exceeded: usize,
    /// Number of those of which it is not known.
    pub unknown: usize,
    /// Figures of the worst one; of no node if there was nothing to judge.
    #[serde(flatten)]
    pub worst: Finding,
    /// All of them, the worst first. `None` unless they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Vec<NodeVerdict>>,
}

/// Verdict on a node, or on a pod or group of it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct NodeVerdict {
    /// Verdict.
    pub verdict: Verdict,
    /// What it is based on.
    #[serde(flatten)]
    pub found: Finding,
}

/// Figures of a node, or of a pod or group of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Finding {
    /// Node. `None` if there was nothing to judge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Pod or group, if each is judged.
    #[serde(flatten)]
    pub item: Item,
    /// Limit. `None` if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// Statistic that is held to it. `None` if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<f64>,
    /// Limit less that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<f64>,
    /// Reason why it is not known, and what would tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Time of the highest sample; RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub highest_at: Option<jiff::Timestamp>,
    /// Time above the limit within the window, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above_seconds: Option<f64>,
}

/// Pod or group of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Item {
    /// Class of the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// Group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Namespace of the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
}

/// Highest sample of the line that is nearest to its limit, or the most above it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WorstMoment {
    /// Line.
    pub line: String,
    /// Node.
    pub node: String,
    /// Time; RFC 3339, UTC.
    pub time: jiff::Timestamp,
    /// Cores, to which the parts add up.
    pub cores: f64,
    /// Parts, the biggest first.
    pub parts: Vec<Part>,
}

/// Part of a moment.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Part {
    /// Class; `None` for what none accounts for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// Namespace of the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Group, pod, or `unattributed`.
    pub name: String,
    /// Cores.
    pub cores: f64,
}

/// Trend of what is held to a limit, on one node.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeTrend {
    /// Node.
    pub node: String,
    /// Line.
    pub line: String,
    /// Its statistic.
    pub statistic: String,
    /// Limit, cores.
    pub limit: f64,
    /// Length of a part, seconds; the last one ends with the window.
    pub step_seconds: f64,
    /// Names and means of what the line adds up, cores; NaN if it is not known.
    pub layers: Vec<(String, Vec<f64>)>,
}
