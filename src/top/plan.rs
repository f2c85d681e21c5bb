//! Plan: the queries of a question, as a value. It is made once, before any of them is sent, and depends on no result.
//! Its second stage fetches rows again: pods that were on several nodes, and all rows at the step of the peak.
mod exporter;
mod platform;

use super::filter::Filter;
use super::metric_names;
use super::question::{By, Question};
use crate::prometheus::Grid;
use crate::query::promql::{self, At};
use crate::query::{Cost, Span, Want};
use crate::report::SourceKind;
use crate::time::show_duration;
use std::fmt;

/// Number of namespaces that a cluster is taken for when the cost of a query is estimated.
const NAMESPACES: usize = 100;

/// Queries of a question, and what of it their results depend on.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub kind: SourceKind,
    pub window: Span,
    pub grid: Grid,
    pub queries: Vec<Planned>,
    /// Number of nodes, for the costs.
    pub nodes: usize,
    /// Level of the rows.
    pub by: By,
    /// True if each node has rows of its own.
    pub per_node: bool,
    /// Filter of the rows.
    pub filter: &'a Filter,
    /// Statistics of each row that the server computes.
    pub want: Want,
    /// True if the rows whose samples the server sums up are fetched again at the step of the peak.
    pub at_peak: bool,
}

/// Purpose of a query's results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// Rows of groups.
    Groups,
    /// Rows of threads.
    Threads,
    /// Rows of pods, each on each node.
    Pods,
    /// Rows of pods, by the nodes on which the platform places them.
    PlacedPods,
    /// Rows of pods without a name.
    Unnamed,
    /// Pods by namespace.
    Namespaces,
    /// Pods of the exporter's namespace but its own.
    Neighbours,
    /// Exporter's own pods.
    Own,
    /// Classes on some nodes, or on each.
    OnNodes,
    /// Busy time of all nodes.
    Busy,
    /// Services of the host on all nodes.
    Host,
}

/// Computation of a query.
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
    /// Sum by labels at each step of the parts by set of CPUs, which another selector selects; on nodes of one set the series
    /// themselves.
    Parts(String, String),
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
                promql::sum_by(labels, &at.select(&self.selector))
            }
            Form::Services(labels, matchers) => metric_names::platform_groups(labels, matchers),
            Form::Parts(labels, parts) => {
                let (parts, whole) = (at.select(parts), at.select(&self.selector));
                let of_one_set = format!("{whole} unless on (instance) {}", at.select(metric_names::CPUSETS));
                promql::sum_by(labels, &format!("{parts} or ({of_one_set})"))
            }
        }
    }

    pub(super) fn cost(&self) -> Cost<'_> {
        let cost = Cost::new(self.returned, self.read);
        match self.split {
            Some(label) => cost.by(&self.selector, label),
            None => cost,
        }
    }
}

/// Plans the queries. `nodes`: number of nodes, for the costs.
pub(super) fn plan(
    question: &Question,
    kind: SourceKind,
    window: Span,
    grid: Grid,
    nodes: usize,
) -> Plan<'_> {
    let planner = Planner { question, nodes };
    let queries = match kind {
        SourceKind::Platform => planner.of_platform(),
        _ => planner.of_exporter(),
    };
    Plan {
        kind,
        window,
        grid,
        queries,
        nodes,
        by: question.by,
        per_node: question.per_node,
        filter: &question.filter,
        want: question.want(),
        at_peak: question.at_peak,
    }
}

/// Makes the queries of a plan.
struct Planner<'a> {
    question: &'a Question,
    /// Number of nodes.
    nodes: usize,
}

/// For a reader: source, window, grid, and each query with its purpose and cost.
impl fmt::Display for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (window, grid) = (self.window, self.grid);
        writeln!(f, "source {}, window {} to {}", self.kind.as_str(), window.start, window.end)?;
        writeln!(f, "a sample every {} from {} to {}", show_duration(grid.step), grid.start, grid.end)?;
        for query in &self.queries {
            let (text, form) = match &query.form {
                Form::Statistics(labels) => (query.selector.clone(), format!("statistics by {labels}")),
                _ => (query.text(&At::plain()), "at each step".to_owned()),
            };
            writeln!(
                f,
                "{:?}, {form}, about {} of {} series: {text}",
                query.purpose, query.returned, query.read
            )?;
        }
        let of_pods = |query: &&Planned| query.purpose == Purpose::Pods;
        let is_statistics = |query: &Planned| matches!(query.form, Form::Statistics(_));
        if self.kind == SourceKind::Exporter && self.queries.iter().find(of_pods).is_some_and(is_statistics) {
            writeln!(f, "then Pods that were on several nodes, at each step")?;
        }
        if self.queries.iter().any(|query| {
            matches!(query.purpose, Purpose::PlacedPods | Purpose::Pods) && self.kind == SourceKind::Platform
        }) {
            writeln!(f, "beside them where pods ran, then when those moved that did: kube_pod_info")?;
        }
        if self.by == By::Workload {
            writeln!(f, "beside them the owners of pods: {}", metric_names::OWNERS)?;
        }
        if self.by == By::Cpuset {
            writeln!(f, "beside them the nodes' sets of CPUs: how busy they were, and what strays")?;
        }
        if self.at_peak {
            writeln!(
                f,
                "then at the step of the peak: each of the queries of statistics, as a sum by the same labels"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
