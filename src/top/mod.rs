//! From a question to a report: by the cluster's Prometheus, or by this machine's own kernel.
//!
//! `question` (what is asked) → `fetch` (asks `queries`, on the grid that `rhythm` found; `nodes` of pods) →
//! `answers` → `assemble` → the report. `local` goes from the question to the report by itself.
mod answers;
mod assemble;
mod fetch;
mod local;
mod nodes;
mod queries;
mod question;
mod rhythm;
pub mod time;

pub use question::{By, Namespaces, Question};

use crate::prometheus::Client;
use crate::report::Report;
use anyhow::Result;

/// Asks a cluster's Prometheus. Errors are those of the client: what was asked, and what came back.
pub async fn ask(client: &Client, question: &Question) -> Result<Report> {
    let answers = fetch::answers(client, question).await?;
    let mut report = assemble::report(question, answers, client.url());
    report.notes.extend(client.warnings());
    Ok(report)
}

/// Measures this machine for the question's interval; Ctrl-C ends early. Errors where the kernel's counters cannot
/// be read.
pub async fn measure(question: &Question) -> Result<Report> {
    local::measure(question).await
}
