//! Suggestion: how many CPUs to reserve for the platform, by its 99.9th percentile on the node that needs the most.
use super::exporter::Exporter;
use super::facts::{Facts, Reserved};
use super::profiles::profile;
use super::run::Query;
use super::subject::Sum;
use crate::progress::Progress;
use crate::prometheus::Client;
use crate::query::{Querier, Span, source_of};
use crate::report::{Source, SourceKind, Window};
use crate::top::{SourceChoice, probe};
use anyhow::{Result, bail};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Share of the samples that the suggestion covers.
const SHARE: f64 = 0.999;
/// Number of samples that the share needs: one in a thousand is above it.
const SAMPLES: usize = 1000;
/// Threads of a core if nothing tells: they are reserved together.
const THREADS: usize = 2;

/// How many CPUs to reserve.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CpuReservation", deny_unknown_fields)]
pub struct Suggestion {
    /// Version of this form.
    #[serde(rename = "apiVersion")]
    #[schemars(extend("const" = "interrogate/v1"))]
    pub api_version: &'static str,
    /// Kind of this object.
    #[schemars(extend("const" = "CpuReservation"))]
    pub kind: &'static str,
    /// Window that the figures cover.
    pub window: Window,
    /// Origin of the figures.
    pub source: Source,
    /// CPUs to reserve on each node: what the node that needs the most needs.
    pub cpus: usize,
    /// Nodes, the one that needs the most first.
    pub nodes: Vec<NodeReservation>,
    /// Notes that a reader needs, a sentence each.
    pub notes: Vec<String>,
}

/// What a node needs.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct NodeReservation {
    /// Node.
    pub node: String,
    /// 99.9th percentile of the platform, cores.
    #[serde(rename = "p99.9")]
    pub p999: f64,
    /// Number of samples.
    pub samples: usize,
    /// Threads of each core, which are reserved together.
    pub threads_per_core: usize,
    /// CPUs to reserve, a multiple of that.
    pub cpus: usize,
    /// CPUs that are reserved now. `None` if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved: Option<f64>,
}

/// Suggests how many CPUs to reserve. Errors if no node has samples enough.
pub async fn suggest_cluster(client: &Client, query: &Query) -> Result<Suggestion> {
    let progress = Progress::start("querying Prometheus");
    let querier = Querier::new(client, &progress);
    querier.learn_dialect().await?;
    let asked = Span::ending(query.end, query.interval);
    let Ok(found) = probe(&querier, asked, SourceChoice::Exporter).await? else {
        bail!(
            "the exporter has no samples in this window: `oc interrogate install` brings them, in six hours there are enough"
        );
    };
    let (window, grid) = (found.window, found.grid);
    // The CPUs that are reserved now are those of this profile's limit.
    let lines = profile("system-reserved")?.budget()?.lines;
    let facts = Facts::fetch(&querier, window, &lines, Reserved::default()).await?;
    let count = found.nodes.count.max(1);
    let exporter =
        Exporter::fetch(&querier, (window, grid, query.interval), query.nodes.clone(), count, &facts).await?;
    let threads = threads(&querier, window.end).await?;
    let (mut nodes, mut few, mut notes) = (Vec::new(), 0, found.notes);
    for node in exporter.totals.nodes() {
        let steps = exporter.totals.steps(&Sum::Platform, node);
        let samples = steps.samples();
        let Some(p999) = steps.quantile(SHARE).filter(|_| samples >= SAMPLES) else {
            few = few.max(samples);
            notes.push(format!("{node} is left out: it has {samples} samples, and {SAMPLES} are needed"));
            continue;
        };
        let per_core = threads.get(node).copied().unwrap_or(THREADS);
        let cpus = whole_cores(p999, per_core);
        let reserved = facts.less_allocatable.get(node).copied();
        nodes.push(NodeReservation {
            node: node.to_owned(),
            p999,
            samples,
            threads_per_core: per_core,
            cpus,
            reserved,
        });
    }
    for node in facts.nodes.iter().filter(|node| exporter.totals.covered(node) == 0) {
        if query.nodes.as_ref().is_none_or(|named| named.contains(node)) {
            notes.push(format!("{node} is left out: the exporter has no series of it"));
        }
    }
    if nodes.is_empty() && few == 0 {
        bail!("no such node has samples of the exporter: see oc get nodes");
    }
    if nodes.is_empty() {
        bail!(
            "no node has the {SAMPLES} samples that a 99.9th percentile needs, at the most {few}: give a longer --interval such as 12h"
        );
    }
    if nodes.iter().any(|of| !threads.contains_key(&of.node)) {
        notes.push(format!("node_cpu_info tells of no threads: {THREADS} a core are assumed"));
    }
    nodes.sort_by(|a, b| {
        b.cpus.cmp(&a.cpus).then(b.p999.total_cmp(&a.p999)).then_with(|| a.node.cmp(&b.node))
    });
    let cpus = nodes.first().map_or(0, |of| of.cpus);
    let source = source_of(client, SourceKind::Exporter, found.nodes.count);
    let window = window.window(grid.step);
    Ok(Suggestion {
        api_version: "interrogate/v1",
        kind: "CpuReservation",
        window,
        source,
        cpus,
        nodes,
        notes,
    })
}

/// Returns the number of CPUs of as many whole cores as some cores of work need.
fn whole_cores(work: f64, threads: usize) -> usize {
    let cores = (work / threads as f64).ceil().max(1.0) as usize;
    cores * threads
}

/// Fetches the number of threads of a core of each node.
async fn threads(querier: &Querier<'_>, at: crate::time::Timestamp) -> Result<BTreeMap<String, usize>> {
    const QUERY: &str = "count by (instance) (node_cpu_info) / count by (instance) (count by (instance, package, core) (node_cpu_info))";
    let nodes = querier.client().instant_by(QUERY, at, |series| series.label("instance").to_owned()).await?;
    let known = nodes.into_iter().filter(|(_, threads)| *threads >= 1.0);
    Ok(known.map(|(node, threads)| (node, threads.round() as usize)).collect())
}

#[cfg(test)]
mod tests {
    use super::whole_cores;

    #[test]
    fn cores_are_whole() {
        for (work, threads, cpus) in
            [(3.412, 2, 4), (4.0, 2, 4), (4.01, 2, 6), (0.2, 2, 2), (2.5, 1, 3), (0.0, 1, 1)]
        {
            assert_eq!(whole_cores(work, threads), cpus, "{work}");
        }
    }
}
