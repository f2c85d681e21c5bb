//! Plan: what is fetched for a question, as a value. Made once, before anything is; nothing in it depends on what a query
//! returns, but that pods on several nodes are fetched again in its second stage.
mod exporter;
mod platform;

use super::question::Question;
use super::series;
use crate::prometheus::Grid;
use crate::query::promql::{self, At, How};
use crate::query::time::{show_duration, show_time};
use crate::query::{Cost, Span};
use crate::report::SourceKind;
use std::fmt;

/// Number of namespaces that a cluster is taken for when the cost of a query is estimated.
const NAMESPACES: usize = 100;

/// Everything that is fetched for a question.
#[derive(Debug)]
pub(super) struct Plan {
    pub kind: SourceKind,
    pub window: Span,
    pub grid: Grid,
    pub queries: Vec<Planned>,
}

/// What a query's results are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// Rows of groups.
    Groups,
    /// Rows of threads.
    Threads,
    /// Rows of pods, each on each node.
    Pods,
    /// Rows of pods, by where the platform says that they ran.
    PlacedPods,
    /// Rows of what of the pods has no name.
    Unnamed,
    /// Pods by namespace.
    Namespaces,
    /// Pods of the exporter's namespace but its own.
    Neighbours,
    /// The exporter's own pods.
    Own,
    /// Classes on some nodes, or on each.
    OnNodes,
    /// Busy time of all nodes.
    Busy,
    /// Services of the host on all nodes.
    Host,
}

/// What a query computes of its series.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    /// Their sum by labels at each step.
    Sum(String),
    /// Statistics of each over the window.
    Statistics(String),
    /// The platform's services of the host by labels at each step, on nodes that matchers select.
    Services(String, Vec<String>),
    /// Each sample of each, by labels.
    Each(String),
}

/// One query of a plan.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub purpose: Purpose,
    pub selector: String,
    pub form: Form,
    /// Numbers of series returned and read, about.
    pub returned: usize,
    pub read: usize,
    /// Label by whose values it may be split.
    pub split: Option<&'static str>,
}

impl Planned {
    /// Writes the query of samples at the steps of a grid.
    pub(super) fn text(&self, at: &At) -> String {
        match &self.form {
            Form::Sum(labels) | Form::Each(labels) | Form::Statistics(labels) => {
                promql::sum_by(labels, &at.of(&self.selector))
            }
            Form::Services(labels, matchers) => series::platform_groups(labels, matchers),
        }
    }

    pub(super) fn cost(&self) -> Cost<'_> {
        let cost = Cost::of(self.returned, self.read);
        match self.split {
            Some(label) => cost.by(&self.selector, label),
            None => cost,
        }
    }
}

/// Plans what is fetched: `nodes` is how many there are, for the costs.
pub(super) fn plan(question: &Question, kind: SourceKind, window: Span, grid: Grid, nodes: usize) -> Plan {
    let planner = Planner { question, nodes };
    let queries = match kind {
        SourceKind::Platform => planner.of_platform(),
        _ => planner.of_exporter(),
    };
    Plan { kind, window, grid, queries }
}

/// Makes the queries of a plan.
struct Planner<'a> {
    question: &'a Question,
    /// Number of nodes.
    nodes: usize,
}

impl Planner<'_> {
    fn nodes_matcher(&self, label: &str) -> Option<String> {
        let nodes = self.question.filter.nodes.as_ref()?;
        Some(promql::any_of(label, nodes.iter().map(String::as_str)))
    }
}

/// For a reader: source, window, grid, and each query with its purpose and cost.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (window, grid) = (self.window, self.grid);
        writeln!(
            f,
            "source {}, window {} to {}",
            self.kind.as_str(),
            show_time(window.start),
            show_time(window.end)
        )?;
        writeln!(
            f,
            "a sample every {} from {} to {}",
            show_duration(grid.step),
            show_time(grid.start),
            show_time(grid.end)
        )?;
        for query in &self.queries {
            let at = At { how: How::Plain, step: grid.step, matcher: None };
            let (text, form) = match &query.form {
                Form::Statistics(labels) => (query.selector.clone(), format!("statistics by {labels}")),
                _ => (query.text(&at), "at each step".to_owned()),
            };
            writeln!(
                f,
                "{:?}, {form}, about {} of {} series: {text}",
                query.purpose, query.returned, query.read
            )?;
        }
        if self
            .queries
            .iter()
            .any(|query| query.purpose == Purpose::Pods && self.kind == SourceKind::Exporter)
        {
            writeln!(f, "then Pods that were on several nodes, at each step")?;
        }
        if self.queries.iter().any(|query| {
            matches!(query.purpose, Purpose::PlacedPods | Purpose::Pods) && self.kind == SourceKind::Platform
        }) {
            writeln!(f, "beside them where pods ran, then when those moved that did: kube_pod_info")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
