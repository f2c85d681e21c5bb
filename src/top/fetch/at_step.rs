//! Second stage of a plan: rows at one step. Only rows whose samples the server summed up are fetched again.
use super::placement::pod;
use super::pod_rows::Owners;
use super::{Fetch, Fetched};
use crate::prometheus::{Grid, Series};
use crate::query::Querier;
use crate::query::promql::At;
use crate::report::{Class, SourceKind};
use crate::time::Timestamp;
use crate::top::key::{Key, Samples};
use crate::top::plan::{Form, Plan, Planned, Purpose};
use anyhow::Result;
use futures_util::future::try_join_all;
use std::collections::BTreeMap;

/// Fetches the cores at a time of the rows that were fetched as statistics.
pub(in crate::top) async fn fetch_at(
    querier: &Querier<'_>,
    plan: &Plan<'_>,
    fetched: &Fetched,
    time: Timestamp,
) -> Result<BTreeMap<Key, f64>> {
    let is_summed = |query: &&Planned| {
        let rows = fetched.parts.get(&query.purpose).into_iter().flatten();
        matches!(query.form, Form::Statistics(_))
            && rows.into_iter().any(|(_, samples)| matches!(samples, Samples::Statistics(_)))
    };
    let grid = Grid { start: time, end: time, step: plan.grid.step };
    // Rows of workloads are never statistics.
    let fetch = Fetch { querier, plan, owners: Owners::none(plan.by) };
    let fetches = plan.queries.iter().filter(is_summed).map(async |query| {
        let text = |at: &At| query.text(at);
        let row = |series: &Series<'_>| match query.purpose {
            Purpose::Pods => {
                let (pod, node) = (pod(series), series.label("instance"));
                let class = match plan.kind {
                    SourceKind::Exporter => Class::of_label(series.label("class")),
                    _ => Class::of_namespace(&pod.0),
                };
                fetch.owners.key(class, &pod, plan.per_node.then_some(node))
            }
            _ => fetch.key(query.purpose, series),
        };
        querier.range(&text, grid, query.cost(), row).await
    });
    let mut cores = BTreeMap::new();
    for rows in try_join_all(fetches).await? {
        cores.extend(rows.into_iter().filter_map(|(key, steps)| Some((key, steps.at(0)?))));
    }
    Ok(cores)
}
