//! From a question to a report: by the cluster's Prometheus, or by this machine's own kernel.
//!
//! ```text
//!   question, filter      what is asked
//!    |
//!   probe                 which source answers: its coverage of the window by its `sampling`, and its `nodes`
//!    |
//!   plan                  everything that is fetched, as a value
//!    |
//!   fetch                 rows and parts of totals, by their `key`; the names of the `series`
//!    |
//!   assemble              rows and totals to a report; `run` leads through all of these, `watch` again and again
//!
//!   local -> recording    this machine: samples in memory, assembled likewise
//! ```
mod assemble;
mod fetch;
mod filter;
mod key;
mod local;
mod nodes;
mod plan;
mod probe;
mod question;
mod recording;
mod run;
mod sampling;
mod series;
mod watch;

pub use filter::{Filter, Namespaces};
pub use local::LocalWatch;
pub use question::{By, Percentile, Question, Whose};
pub use watch::Watch;

use crate::progress::Progress;
use crate::prometheus::Client;
use crate::query::Querier;
use crate::report::Report;
use anyhow::Result;

/// Reports what a cluster's Prometheus says. Errors are those of the client: what was asked, and what came back.
pub async fn ask(client: &Client, question: &Question) -> Result<Report> {
    let progress = Progress::start("asking Prometheus");
    run::run(&Querier::new(client, &progress), question).await
}

/// Measures this machine for the question's interval; Ctrl-C ends early. Errors where the kernel's counters cannot
/// be read.
pub async fn measure(question: &Question) -> Result<Report> {
    local::measure(question).await
}
