//! Run: one report of a cluster, from probe over plan and fetch to its assembly.
use super::assemble::{Assembly, Extent};
use super::cpusets::Cpusets;
use super::fetch::{Owners, fetch_all, fetch_at};
use super::plan::plan;
use super::probe::{Identity, Probe, identify, nodes_for, probe};
use super::question::Question;
use crate::query::{Querier, source_of};
use crate::report::{Report, Source, SourceKind};
use anyhow::Result;
use std::time::Duration;

/// Makes the report. Errors are those of the client.
pub(super) async fn run(querier: &Querier<'_>, question: &Question) -> Result<Report> {
    // Sends one request, and the others only if that is not refused.
    querier.learn_dialect().await?;
    let asked = question.span();
    let (identity, found) = tokio::try_join!(
        identify(querier, asked, question.node_names),
        probe(querier, asked, question.source)
    )?;
    let mut report = match found {
        Ok(Probe { kind, window, grid, nodes, totals, mut notes }) => {
            let plan = plan(question, kind, window, grid, nodes_for(&nodes));
            let owners = Owners::fetch(querier, plan.by, plan.window).await?;
            let (fetched, mut cpusets) = tokio::try_join!(
                fetch_all(querier, &plan, owners),
                Cpusets::fetch(querier, question, &plan)
            )?;
            let source = source(querier, kind, &identity, nodes.count);
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
        Err(notes) => {
            querier.client().require_stores().await?;
            let source = source(querier, SourceKind::Platform, &identity, 0);
            let mut report = question.empty_report(asked.window(Duration::ZERO), source);
            report.notes = notes;
            report.notes.push(NOTHING.to_owned());
            report
        }
    };
    report.notes.extend(querier.client().warnings());
    Ok(report)
}

/// Note on a window without any sample.
const NOTHING: &str =
    "no rows: nothing has samples in this window, neither the exporter's series nor the platform's";

/// Describes the source of a report.
fn source(querier: &Querier<'_>, kind: SourceKind, identity: &Identity, nodes: usize) -> Source {
    Source {
        cluster_nodes: identity.nodes,
        replica: identity.replica.clone(),
        node_names: identity.node_names.clone(),
        ..source_of(querier.client(), kind, nodes)
    }
}
