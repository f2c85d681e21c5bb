//! From a question to a report: by the cluster's Prometheus, or by this machine's own kernel.
//!
//! ```text
//!   question, filter      the user's question
//!    |
//!   probe                 the source: its `coverage` of the window by the times of its samples, their `sampling`, its `nodes`
//!    |
//!   plan                  everything that is fetched, as a value
//!    |
//!   fetch, cpusets        rows and parts of totals, by their `key`; sets of CPUs; the `metric_names`
//!    |
//!   assemble              rows and totals to a report; `run` leads through all of these, `watch` again and again
//!
//!   local -> recording    this machine: samples in memory, assembled likewise
//!   gathered              a must-gather without samples: sets of CPUs alone
//! ```
mod assemble;
mod coverage;
mod cpusets;
mod fetch;
mod filter;
mod gathered;
mod key;
mod local;
pub(crate) mod metric_names;
mod nodes;
mod plan;
mod probe;
mod question;
mod recording;
mod run;
mod sampling;
mod watch;

pub(crate) use cpusets::{Strays, ThreadsOnNodes};
pub use filter::{Filter, Namespaces};
pub use gathered::gathered;
pub(crate) use key::Key;
pub use local::{LocalWatch, Recorded, record};
pub(crate) use probe::{Probe, probe};
pub use question::{Affinity, By, KnownSets, Percentile, Question, SourceChoice};
pub use watch::Watch;

use crate::progress::Progress;
use crate::prometheus::Client;
use crate::query::Querier;
use crate::report::Report;
use anyhow::Result;

/// Makes the report of a cluster's Prometheus. Errors are those of the client.
pub async fn query(client: &Client, question: &Question) -> Result<Report> {
    let progress = Progress::start("querying Prometheus");
    report(&Querier::new(client, &progress), question).await
}

/// Makes the report by a querier. Errors are those of the client.
pub(crate) async fn report(querier: &Querier<'_>, question: &Question) -> Result<Report> {
    run::run(querier, question).await
}

/// Measures this machine for the question's interval, or until Ctrl-C. Errors if the kernel's counters cannot be read.
pub async fn measure(question: &Question) -> Result<Report> {
    local::measure(question).await
}
