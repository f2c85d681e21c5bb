//! From a question to a report by the cluster's Prometheus: what is asked after what.
use super::answers::{Answers, Identity};
use super::beats::Beats;
use super::pods;
use super::question::{By, Question};
use super::source::Source;
use super::{assemble, groups, limit, series};
use crate::query::Querier;
use crate::query::Span;
use crate::report::Report;
use anyhow::Result;

/// The report, once it is known whose series answer and when they were sampled.
pub(super) async fn answer(
    server: &Querier<'_>,
    question: &Question,
    identity: Identity,
    mut source: Option<Source>,
    mut beats: Beats,
) -> Result<Report> {
    let asked = question.span();
    let mut answers = Answers { span: asked, groups: None, pods: None, server: identity, notes: Vec::new() };
    if let Some(source) = &mut source {
        source.cut(server).await?;
        answers.span = source.span;
        answers.notes.extend(source.note(asked));
        answers.notes.extend(source.rhythm.note(source.span));
    }
    // Who watches has found them once, and they hold on.
    if answers.span != asked && !server.has_cache() {
        beats = Beats::find(server, question, answers.span).await?;
    }
    let groups = async {
        match &source {
            Some(source) => groups::fetch(server, question, source, &mut answers.notes).await,
            None => Ok(None),
        }
    };
    let pods = pods::fetch(server, question, answers.span, beats);
    (answers.pods, answers.groups) = tokio::try_join!(pods, groups)?;
    if let (Some(source), Some(replica)) = (&source, &answers.server.replica)
        && source.has_gaps()
    {
        answers.notes.push(format!("gaps are those of {replica}: another replica may have other ones"));
    }
    let mut entries = assemble::entries(question, &mut answers);
    if source.is_none() && entries.is_empty() {
        server.client().require_stores().await?;
    }
    if question.by == By::Thread && entries.iter().all(|entry| entry.row.thread.is_none()) {
        answers.notes.push("no series of threads in this window: rows are of their groups".to_owned());
    }
    if let Some(limit) = question.limit {
        limit::cut(server, &mut answers, &mut entries, limit).await?;
    }
    let mut report = assemble::report(answers, asked, entries, server.client().url());
    report.notes.extend(server.client().warnings());
    report.percentiles = question.names();
    Ok(report)
}

/// Finds out who answers, and of how many nodes that server tells.
pub(super) async fn identify(server: &Querier<'_>, asked: Span) -> Result<Identity> {
    let nodes = server.client().one(series::NODES, asked.end);
    let (replica, nodes) = tokio::try_join!(server.client().host(), nodes)?;
    Ok(Identity { replica, nodes: nodes.map(|nodes| nodes as usize) })
}
