//! Run: one report of a cluster, from probe over plan and fetch to its assembly.
use super::assemble::{Assembly, Extent};
use super::cpusets::Cpusets;
use super::fetch::{fetch, fetch_at};
use super::plan::{Plan, plan};
use super::probe::{Identity, Probe, identify, nodes_for, probe};
use super::question::{By, Question};
use crate::query::{Querier, source_of};
use crate::report::{Class, Report, Source, SourceKind};
use anyhow::Result;
use std::time::Duration;

/// Makes the report. Errors are those of the client.
pub(super) async fn run(querier: &Querier<'_>, question: &Question) -> Result<Report> {
    // Sends one request, and the others only if that is not refused.
    querier.learn_dialect().await?;
    let (identity, found) = tokio::try_join!(identify(querier, question.span()), probe(querier, question))?;
    let mut report = match found {
        Ok(found) => of_source(querier, question, &identity, found).await?,
        Err(notes) => {
            querier.client().require_stores().await?;
            nothing(querier, question, &identity, notes)
        }
    };
    report.notes.extend(querier.client().warnings());
    Ok(report)
}

async fn of_source(
    querier: &Querier<'_>,
    question: &Question,
    identity: &Identity,
    Probe { kind, window, grid, nodes, totals, notes }: Probe,
) -> Result<Report> {
    let plan = plan(question, kind, window, grid, nodes_for(&nodes));
    let (fetched, mut cpusets) =
        tokio::try_join!(fetch(querier, question, &plan), sets_of(querier, question, &plan))?;
    let source = source(querier, kind, identity, nodes.count);
    let expected = window.length().div_duration_f64(grid.step);
    let extent = Extent { kind, window, step: grid.step, points: grid.points(), expected };
    let mut assembly = Assembly::new(question, extent, fetched, totals);
    if let Some(step) = assembly.peak_step() {
        let time = grid.start + grid.step * step as u32;
        let cores = fetch_at(querier, question, &plan, assembly.fetched(), time).await?;
        assembly.add_peak(step, time, cores);
    }
    let mut of_fetch = assembly.fetched().notes.clone();
    if let Some(cpusets) = &mut cpusets {
        of_fetch.append(&mut cpusets.notes);
    }
    if let Some(cpusets) = cpusets {
        assembly.add_cpusets(cpusets);
    }
    let mut report = assembly.report(source);
    report.notes = [notes, of_fetch].concat();
    if let Some(replica) = identity.replica.as_ref().filter(|_| nodes.has_gaps) {
        report.notes.push(format!("gaps are those of {replica}: another replica may have other ones"));
    }
    if let Some(all) = identity.nodes.filter(|all| *all > nodes.count) {
        let silent = all - nodes.count;
        report.notes.push(format!("{silent} of {all} nodes have no series of host processes in this window"));
    }
    notes_of_rows(question, &mut report);
    Ok(report)
}

/// Adds the notes on what rows there are.
pub(super) fn notes_of_rows(question: &Question, report: &mut Report) {
    let threads = report.rows.iter().any(|row| row.thread.is_some());
    let groups = [Class::Host, Class::Kernel].iter().any(|class| question.filter.has_class(*class));
    if question.by == By::Thread && groups && !threads {
        report.notes.push("no series of threads in this window: rows are of their groups".to_owned());
    }
    if report.rows.is_empty() {
        report
            .notes
            .push("no rows: the filters left out everything that has samples in this window".to_owned());
    }
}

/// Fetches the sets of CPUs, if rows are by set.
async fn sets_of(querier: &Querier<'_>, question: &Question, plan: &Plan) -> Result<Option<Cpusets>> {
    if !plan.of_cpusets {
        return Ok(None);
    }
    Cpusets::fetch(querier, question, plan).await.map(Some)
}

/// Makes the report of a window in which nothing has a sample.
fn nothing(querier: &Querier<'_>, question: &Question, identity: &Identity, notes: Vec<String>) -> Report {
    let source = source(querier, SourceKind::Platform, identity, 0);
    let mut report = question.empty_report(question.span().window(Duration::ZERO), source);
    report.notes = notes;
    report.notes.push(
        "no rows: nothing has samples in this window, neither the exporter's series nor the platform's"
            .to_owned(),
    );
    report
}

fn source(querier: &Querier<'_>, kind: SourceKind, identity: &Identity, nodes: usize) -> Source {
    Source {
        cluster_nodes: identity.nodes,
        replica: identity.replica.clone(),
        ..source_of(querier.client(), kind, nodes)
    }
}
