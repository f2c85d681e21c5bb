//! Probe: finds the source, the part of the window that it covers, the times of its samples, and its nodes.
mod sampled;

use super::coverage::Coverage;
use super::metric_names;
use super::nodes::{self, Nodes};
use super::question::SourceChoice;
use super::sampling::Sampling;
use crate::prometheus::{Grid, Size};
use crate::query::{Querier, Span};
use crate::report::{Class, SourceKind, Steps};
use crate::time::show_duration;
use anyhow::{Result, bail};
use sampled::{RecordedTotals, platform_times};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Interval of the exporter's rules and of the platform's, if a single sample tells none.
const EXPORTER_INTERVAL: Duration = Duration::from_secs(15);
const PLATFORM_INTERVAL: Duration = Duration::from_secs(30);
/// Length of time that holds several samples at any usual interval.
const ENOUGH: Duration = Duration::from_secs(300);
/// Number of samples with which the exporter answers though it does not cover the window.
const SAMPLES_ENOUGH: usize = 10;
/// Number of pods of a cluster, before it is known.
pub(super) const PODS: usize = 8000;

/// Facts about a server and its cluster; `None` if the server does not say.
#[derive(Debug, Clone, Default)]
pub(super) struct Identity {
    /// Name of the host, or of the pod, that it runs on.
    pub replica: Option<String>,
    /// Number of nodes at the window's end.
    pub nodes: Option<usize>,
    /// Names of the nodes in the window that was asked for; none if no names were.
    pub node_names: Vec<String>,
}

impl Identity {
    /// Returns the notes on what the server lacks of these nodes.
    pub(super) fn notes(&self, nodes: &Nodes) -> Vec<String> {
        let gaps = |replica| format!("gaps are those of {replica}: another replica may have other ones");
        let silent = |all: usize| {
            let silent = all - nodes.count;
            format!("{silent} of {all} nodes have no series of host processes in this window")
        };
        let gaps = self.replica.as_ref().filter(|_| nodes.has_gaps).map(gaps);
        gaps.into_iter().chain(self.nodes.filter(|all| *all > nodes.count).map(silent)).collect()
    }
}

/// Totals of all nodes, before any filter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    pub classes: BTreeMap<Class, Steps>,
    pub busy: Option<Steps>,
    pub unattributed: Option<Steps>,
}

/// Source that has samples in the window.
#[derive(Debug)]
pub(crate) struct Probe {
    pub kind: SourceKind,
    /// Window cut to the coverage of the source.
    pub window: Span,
    pub grid: Grid,
    pub nodes: Nodes,
    /// Totals that came with the coverage; the platform's are still to be fetched.
    pub totals: Totals,
    pub notes: Vec<String>,
}

/// Fetches the facts about the server and its cluster. `named`: if the nodes' names are asked for.
pub(super) async fn identify(querier: &Querier<'_>, asked: Span, named: bool) -> Result<Identity> {
    let nodes = querier.client().one(metric_names::NODES, asked.end);
    let names = async { Ok(if named { names_of_nodes(querier, asked).await } else { Vec::new() }) };
    let (replica, nodes, node_names) = tokio::try_join!(querier.client().host(), nodes, names)?;
    Ok(Identity { replica, nodes: nodes.map(|nodes| nodes as usize), node_names })
}

/// Lists the names of the nodes of a window; none if the server does not list them.
async fn names_of_nodes(querier: &Querier<'_>, window: Span) -> Vec<String> {
    let (times, size) = ((window.start, window.end), Size::from_samples(nodes::UNKNOWN));
    let of = |label, metric| querier.client().label_values(label, metric, times, size);
    let (placed, busy) = tokio::join!(of("node", metric_names::POD_INFO), of("instance", metric_names::BUSY));
    let names = placed.unwrap_or_default().into_iter().chain(busy.unwrap_or_default());
    let names: BTreeSet<String> = names.filter(|name| !name.is_empty()).collect();
    names.into_iter().collect()
}

/// Finds the source. The inner error is the notes if no source has a sample in the window. Errors if the exporter's series
/// are there without its rules, and nothing else is.
pub(crate) async fn probe(
    querier: &Querier<'_>,
    asked: Span,
    choice: SourceChoice,
) -> Result<Result<Probe, Vec<String>>> {
    // What the exporter covers, if that is not enough to be preferred to the platform.
    let (mut notes, mut less) = (Vec::new(), None);
    for kind in choice.kinds() {
        let (times, interval, recorded) = match kind {
            SourceKind::Exporter => {
                let recorded = RecordedTotals::fetch(querier, asked).await?;
                (recorded.times(), EXPORTER_INTERVAL, recorded)
            }
            _ => (platform_times(querier, asked).await?, PLATFORM_INTERVAL, RecordedTotals::default()),
        };
        let Some(sampling) = Sampling::from_times(&times, interval) else { continue };
        let Some(coverage) = Coverage::from_times(sampling, asked, &times, *kind) else {
            notes.extend((*kind == SourceKind::Exporter).then(|| sampling.none_in()));
            continue;
        };
        let enough = coverage.window == asked || coverage.samples >= SAMPLES_ENOUGH;
        match kind {
            SourceKind::Exporter if enough || choice == SourceChoice::Exporter => {
                return of_exporter(querier, coverage, &recorded).await.map(Ok);
            }
            SourceKind::Exporter => less = Some((coverage, recorded)),
            _ => return of_platform(querier, coverage, less.map(|(less, _)| less)).await.map(Ok),
        }
    }
    if let Some((coverage, recorded)) = less {
        return of_exporter(querier, coverage, &recorded).await.map(Ok);
    }
    if choice != SourceChoice::Platform && notes.is_empty() {
        let scraped = format!("count(last_over_time({}[5m]))", metric_names::SCRAPED);
        if querier.client().one(&scraped, asked.end).await?.is_some() {
            bail!(
                "Prometheus scrapes the exporter and evaluates none of its rules, from which a report is made: \
                 `oc interrogate status` tells why, `oc interrogate install` brings them back"
            );
        }
    }
    Ok(Err(notes))
}

const NOT_INSTALLED: &str = "no series of the exporter: host is the services that the platform counts, pods are 5-minute \
                             rates, and kernel threads are not known; `oc interrogate install` adds them";

/// Completes the platform's source. `less`: what the exporter covers, if that is not enough.
async fn of_platform(querier: &Querier<'_>, coverage: Coverage, less: Option<Coverage>) -> Result<Probe> {
    let Coverage { window, grid, mut notes, .. } = coverage;
    let nodes = Nodes::of_platform(querier, window).await?;
    notes.push(match less {
        None => NOT_INSTALLED.to_owned(),
        Some(less) => format!(
            "the exporter's series cover {} of the window and the platform's {}: --source exporter shows the former",
            show_duration(less.window.length()),
            show_duration(window.length())
        ),
    });
    Ok(Probe { kind: SourceKind::Platform, window, grid, nodes, totals: Totals::default(), notes })
}

/// Completes the exporter's source.
async fn of_exporter(querier: &Querier<'_>, coverage: Coverage, recorded: &RecordedTotals) -> Result<Probe> {
    let Coverage { window, grid, samples, holes, mut notes } = coverage;
    let numbers = recorded.values(metric_names::NODES_RECORDED, window);
    let nodes = Nodes::of_exporter(querier, window, (samples, holes), &numbers).await?;
    notes.extend(nodes.notes.iter().cloned());
    let totals = recorded.totals(grid);
    Ok(Probe { kind: SourceKind::Exporter, window, grid, nodes, totals, notes })
}

/// Returns the number of nodes that a query is planned for.
pub(super) fn nodes_for(nodes: &Nodes) -> usize {
    if nodes.count > 0 { nodes.count } else { nodes::UNKNOWN }
}
