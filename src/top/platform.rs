//! Without the exporter: what the platform itself keeps of the host. Services by the kubelet's counters, as 5-minute
//! rates like the pods', and the nodes' busy time; no kernel threads.
use super::answers::{Groups, Key, Part, Samples};
use super::question::{By, Question};
use super::series;
use super::source::Source;
use crate::prometheus::{Grid, Series};
use crate::query::Cost;
use crate::query::promql::{self, At};
use crate::query::{self, Querier};
use crate::report::{Class, SourceKind, Steps};
use anyhow::Result;
use std::collections::BTreeMap;

/// Services of one node, when an answer's size is judged.
const SERVICES: usize = 60;
/// Samples that a rate of five minutes reads at each step.
const SCRAPES: usize = 10;

/// Asks for host rows and busy time.
pub(super) async fn fetch(
    server: &Querier<'_>,
    question: &Question,
    source: &Source,
    grid: Grid,
    notes: &mut Vec<String>,
) -> Result<Groups> {
    notes.push(
        "no series of the exporter: host is the services that the platform counts, as 5-minute rates, and kernel threads \
         are not known; `oc interrogate install` adds both"
            .to_owned(),
    );
    let mut nodes = source.nodes(server, grid).await?;
    notes.append(&mut nodes.notes);
    let nodes = nodes.count();
    let busy = |at: &At| promql::sum_by("", &at.of(series::PLATFORM_BUSY));
    let all = |_: &At| promql::sum_by("", &series::platform_groups(&[]));
    let read = Cost::of(1, nodes * SERVICES * SCRAPES);
    let (busy, host) =
        tokio::try_join!(server.one(&busy, grid, Cost::of(1, nodes)), server.one(&all, grid, read))?;
    let mut rows = BTreeMap::new();
    if question.filter.has_class(Class::Host) {
        let wanted = question.filter.nodes.as_ref();
        let wanted: Vec<String> = wanted
            .map(|nodes| promql::any_of("node", nodes.iter().map(String::as_str)))
            .into_iter()
            .collect();
        let (labels, series) =
            if question.per_node { ("node, id", nodes * SERVICES) } else { ("id", SERVICES) };
        let query = |_: &At| promql::sum_by(labels, &series::platform_groups(&wanted));
        let cost = Cost { returned: series, ..read };
        rows = server.range(&query, grid, cost, |series| key(question, series)).await?;
    }
    let shown = Steps::total(query::points(grid), rows.values());
    let filtered = question.filter.nodes.is_some() || !question.filter.has_class(Class::Host);
    let left_out = filtered.then(|| host.less(&shown));
    let rows = rows.into_iter().map(|(key, steps)| (key, Samples::Each(steps))).collect();
    let classes = BTreeMap::from([(Class::Host, host)]);
    let part = Part { grid, rows, nodes: BTreeMap::new(), classes, left_out };
    Ok(Groups { part, busy: Some(busy), unattributed: None, nodes, series: None, kind: SourceKind::Platform })
}

/// The row of a service: `/system.slice/crio.service` is `crio`.
fn key(question: &Question, series: &Series<'_>) -> Key {
    let unit = series.label("id").rsplit('/').next().unwrap_or_default();
    let name = unit.rsplit_once('.').map_or(unit, |(stem, _)| stem);
    let one = matches!(question.by, By::Group | By::Thread);
    Key {
        name: if one { name.to_owned() } else { String::new() },
        node: question.per_node.then(|| series.label("node").to_owned()),
        ..Key::of_class(Class::Host)
    }
}
