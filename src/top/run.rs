//! Run: one report of a cluster, from probe over plan and fetch to its assembly.
use super::assemble::{Assembly, Extent};
use super::cpusets::Cpusets;
use super::fetch::{fetch, fetch_at};
use super::plan::{Plan, plan};
use super::probe::{Identity, Probe, identify, nodes_for, probe};
use super::question::{By, Question};
use super::{metric_names, nodes};
use crate::prometheus::Size;
use crate::query::{Querier, source_of};
use crate::report::{Report, Source, SourceKind};
use anyhow::Result;
use std::collections::BTreeSet;
use std::time::Duration;

/// Makes the report. Errors are those of the client.
pub(super) async fn run(querier: &Querier<'_>, question: &Question) -> Result<Report> {
    // Sends one request, and the others only if that is not refused.
    querier.learn_dialect().await?;
    let asked = question.span();
    let (identity, found) =
        tokio::try_join!(identify(querier, asked), probe(querier, asked, question.source))?;
    let mut report = match found {
        Err(notes) => {
            querier.client().require_stores().await?;
            let source = source(querier, SourceKind::Platform, &identity, 0);
            let mut report = question.empty_report(asked.window(Duration::ZERO), source);
            report.notes = notes;
            report.notes.push(NOTHING.to_owned());
            report
        }
        Ok(Probe { kind, window, grid, nodes, totals, mut notes }) => {
            let plan = plan(question, kind, window, grid, nodes_for(&nodes));
            let (fetched, mut cpusets, node_names) = tokio::try_join!(
                fetch(querier, &plan),
                sets_of(querier, question, &plan),
                names_of(querier, &plan)
            )?;
            let source = Source { node_names, ..source(querier, kind, &identity, nodes.count) };
            notes.extend(fetched.notes.iter().cloned());
            notes.extend(cpusets.iter_mut().flat_map(|cpusets| std::mem::take(&mut cpusets.notes)));
            notes.extend(identity.notes(&nodes));
            let expected = window.length().div_duration_f64(grid.step);
            let extent = Extent { kind, window, step: grid.step, points: grid.points(), expected };
            let mut assembly = Assembly::new(question, extent, fetched, totals);
            if let Some(step) = assembly.peak_step() {
                let time = grid.start + grid.step * step as u32;
                let cores = fetch_at(querier, &plan, assembly.fetched(), time).await?;
                assembly.add_peak(step, time, cores);
            }
            if let Some(cpusets) = cpusets {
                assembly.add_cpusets(cpusets);
            }
            assembly.report(source, notes)
        }
    };
    report.notes.extend(querier.client().warnings());
    Ok(report)
}

const NOTHING: &str =
    "no rows: nothing has samples in this window, neither the exporter's series nor the platform's";

/// Fetches the sets of CPUs, if rows are by set.
async fn sets_of(querier: &Querier<'_>, question: &Question, plan: &Plan<'_>) -> Result<Option<Cpusets>> {
    if plan.by != By::Cpuset {
        return Ok(None);
    }
    Cpusets::fetch(querier, question, plan).await.map(Some)
}

/// Lists the names of the nodes, if they are asked for; none if the server does not list them.
async fn names_of(querier: &Querier<'_>, plan: &Plan<'_>) -> Result<Vec<String>> {
    if !plan.node_names {
        return Ok(Vec::new());
    }
    let (times, size) = ((plan.window.start, plan.window.end), Size::from_samples(nodes::UNKNOWN));
    let of = |label, metric| querier.client().label_values(label, metric, times, size);
    let (placed, busy) = tokio::join!(of("node", metric_names::POD_INFO), of("instance", metric_names::BUSY));
    let names = placed.unwrap_or_default().into_iter().chain(busy.unwrap_or_default());
    let names: BTreeSet<String> = names.filter(|name| !name.is_empty()).collect();
    Ok(names.into_iter().collect())
}

fn source(querier: &Querier<'_>, kind: SourceKind, identity: &Identity, nodes: usize) -> Source {
    Source {
        cluster_nodes: identity.nodes,
        replica: identity.replica.clone(),
        ..source_of(querier.client(), kind, nodes)
    }
}
