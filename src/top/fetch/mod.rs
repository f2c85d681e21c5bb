//! Fetch: the queries of a plan, all at once, to rows and parts of totals.
//!
//! ```text
//! at_step      rows at one step
//! pods         rows of pods: of the exporter's series on each node, of the platform's by their placement
//!   placement    nodes of pods by the platform
//!   pod_rows     rows that pods are a part of
//! statistics   statistics of single series that the server computes
//! ```
mod at_step;
mod placement;
mod pod_rows;
mod pods;
mod statistics;

use super::key::{Key, Samples};
use super::metric_names;
use super::plan::{Form, Plan, Planned, Purpose};
use crate::prometheus::Series;
use crate::query::Querier;
use crate::query::promql::At;
use crate::report::{Class, Cpuset, SourceKind};
use anyhow::Result;
pub(super) use at_step::fetch_at;
use futures_util::future::try_join_all;
pub(super) use pod_rows::Owners;
use statistics::{Subject, statistics};
use std::collections::BTreeMap;

/// Namespace and name of a pod.
pub(super) type Pod = (String, String);

/// Results of a plan.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// Results of the queries of each purpose.
    pub parts: BTreeMap<Purpose, BTreeMap<Key, Samples>>,
    /// Last node of each pod, if rows of pods are not of nodes.
    pub last_nodes: BTreeMap<Pod, String>,
    /// Notes for the reader.
    pub notes: Vec<String>,
}

/// Fetches all queries of a plan.
pub(super) async fn fetch_all(querier: &Querier<'_>, plan: &Plan<'_>, owners: Owners) -> Result<Fetched> {
    let fetch = Fetch { querier, plan, owners };
    let fetches = plan.queries.iter().map(async |query| {
        let (rows, nodes) = match (query.purpose, plan.kind) {
            (Purpose::Pods, SourceKind::Exporter) => fetch.pods_of_exporter(query).await?,
            (Purpose::Pods, _) => fetch.pods_of_platform(query).await?,
            (Purpose::PlacedPods, _) => fetch.placed_pods(query).await?,
            _ => (fetch.rows(query).await?, BTreeMap::new()),
        };
        anyhow::Ok((query.purpose, rows, nodes))
    });
    let mut fetched = Fetched::default();
    for (purpose, rows, nodes) in try_join_all(fetches).await? {
        fetched.parts.insert(purpose, rows);
        fetched.last_nodes.extend(nodes);
    }
    fetched.notes = fetch.owners.notes;
    Ok(fetched)
}

/// Fetches the queries of a plan.
struct Fetch<'a> {
    querier: &'a Querier<'a>,
    plan: &'a Plan<'a>,
    owners: Owners,
}

impl Fetch<'_> {
    /// Fetches a query whose rows need nothing but its results.
    async fn rows(&self, query: &Planned) -> Result<BTreeMap<Key, Samples>> {
        let key = |series: &Series<'_>| self.key(query.purpose, series);
        if let Form::Statistics(labels) = &query.form {
            let rows = statistics(self.querier, self.subject(query, labels), &self.plan.want, key).await?;
            return Ok(rows.into_iter().map(|(key, figures)| (key, Samples::Statistics(figures))).collect());
        }
        let text = |at: &At| query.text(at);
        let rows = self.querier.range(&text, self.plan.grid, query.cost(), key).await?;
        Ok(rows.into_iter().map(|(key, steps)| (key, Samples::Each(steps))).collect())
    }

    /// Returns the series of a query, and the window. `labels`: those that keys are made of.
    fn subject<'q>(&self, query: &'q Planned, labels: &'q str) -> Subject<'q> {
        let selector = query.selector.as_str();
        Subject { selector, labels, window: self.plan.window, grid: self.plan.grid, cost: query.cost() }
    }

    /// Returns the key of a series of a query.
    fn key(&self, purpose: Purpose, series: &Series<'_>) -> Key {
        let exporter = self.plan.kind == SourceKind::Exporter;
        let text = |name: &str| series.label(name).to_owned();
        let node = self.plan.per_node.then(|| text(if exporter { "instance" } else { "node" }));
        let class = Class::of_label(series.label("class"));
        match purpose {
            Purpose::Groups if !exporter => Key { name: service(series), node, ..Key::of_class(Class::Host) },
            Purpose::Groups => {
                let cpuset = Cpuset::of_label(series.label("cpuset"));
                Key { name: text("groupname"), node, cpuset, ..Key::of_class(class) }
            }
            Purpose::Threads => {
                let thread = Some(text("threadname"));
                Key { name: text("groupname"), node, thread, ..Key::of_class(class) }
            }
            Purpose::Unnamed => Key { name: text("pod"), node, ..Key::of_class(Class::Pod) },
            Purpose::OnNodes if exporter => Key { node, ..Key::of_class(class) },
            Purpose::Namespaces => {
                let namespace = text("namespace");
                let class = if exporter { class } else { Class::of_namespace(&namespace) };
                Key { namespace: Some(namespace), node, ..Key::of_class(class) }
            }
            Purpose::Own | Purpose::Neighbours => {
                let namespace = Some(metric_names::OWN_NAMESPACE.to_owned());
                Key { namespace, node, ..Key::of_class(Class::Infra) }
            }
            Purpose::OnNodes | Purpose::Busy | Purpose::Host | Purpose::Pods | Purpose::PlacedPods => {
                Key { node, ..Key::of_class(Class::Host) }
            }
        }
    }
}

/// Returns the name of a service that the platform counts: `crio` of `/system.slice/crio.service`.
fn service(series: &Series<'_>) -> String {
    let unit = series.label("id").rsplit('/').next().unwrap_or_default();
    unit.rsplit_once('.').map_or(unit, |(stem, _)| stem).to_owned()
}
