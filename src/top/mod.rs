//! From a question to a report: by the cluster's Prometheus, or by this machine's own kernel.
//!
//! ```text
//!   question, filter      what is asked
//!    |
//!   source, rhythm        whose series answer, when they were sampled, which part of the window they cover
//!    |
//!   groups, silent, platform, pods, nodes      ask `queries` by way of `ask`, on that grid, in `pieces`
//!    |
//!   answers -> assemble -> limit       rows and totals
//!
//!   local -> course       from the question to the report by themselves
//! ```
mod answers;
mod ask;
mod assemble;
mod course;
mod filter;
mod groups;
mod limit;
mod local;
mod nodes;
mod pieces;
mod platform;
mod pods;
mod queries;
mod question;
mod rhythm;
mod silent;
mod source;
mod span;
pub mod time;

pub use filter::{Filter, Namespaces};
pub use question::{By, Percentile, Question};

use crate::progress::Progress;
use crate::prometheus::Client;
use crate::report::Report;
use answers::Answers;
use anyhow::Result;
use ask::Server;
use pods::Beats;
use source::Source;
use span::Span;

/// Asks a cluster's Prometheus. Errors are those of the client: what was asked, and what came back.
pub async fn ask(client: &Client, question: &Question) -> Result<Report> {
    let progress = Progress::start("asking Prometheus");
    let asked = Span { start: question.end - question.interval, end: question.end };
    let mut answers = Answers { span: asked, groups: None, pods: None, notes: Vec::new() };
    let server = Server::new(client, &progress);
    let ((), mut source, mut beats) =
        tokio::try_join!(server.meet(), Source::find(&server, asked), Beats::find(&server, asked))?;
    if let Some(source) = &mut source {
        source.cut(&server).await?;
        answers.span = source.span;
        answers.notes.extend(source.note(asked));
        answers.notes.extend(source.rhythm.note(source.span));
    }
    if answers.span != asked {
        beats = Beats::find(&server, answers.span).await?;
    }
    let groups = async {
        match &source {
            Some(source) => groups::fetch(&server, question, source, &mut answers.notes).await,
            None => Ok(None),
        }
    };
    (answers.groups, answers.pods) =
        tokio::try_join!(groups, pods::fetch(&server, question, answers.span, beats))?;
    let mut entries = assemble::entries(question, &answers);
    if question.by == By::Thread && entries.iter().all(|entry| entry.key.thread.is_none()) {
        answers.notes.push("no series of threads in this window: rows are of their groups".to_owned());
    }
    if let Some(limit) = question.limit {
        limit::cut(&server, &mut answers, &mut entries, limit).await?;
    }
    let mut report = assemble::report(answers, entries, client.url());
    report.notes.extend(client.warnings());
    Ok(report)
}

/// Measures this machine for the question's interval; Ctrl-C ends early. Errors where the kernel's counters cannot
/// be read.
pub async fn measure(question: &Question) -> Result<Report> {
    local::measure(question).await
}
