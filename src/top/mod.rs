//! From a question to a report: by the cluster's Prometheus, or by this machine's own kernel.
//!
//! ```text
//!   question, filter      what is asked
//!    |
//!   source, rhythm, singles, presence, answering   whose series answer, when they were sampled, which part of the window they cover
//!    |
//!   groups, group_rows, silent, platform, pods, beats, nodes   fetch `series` by way of `crate::query`;
//!    |                                                         rows of single series: `summed`
//!    |
//!   answers -> assemble -> limit       rows and totals, all of which `inquire` leads through
//!
//!   local -> course       from the question to the report by themselves
//!   watch                 the same question again and again: only what is new is fetched
//! ```
mod answering;
mod answers;
mod assemble;
mod beats;
mod course;
mod filter;
mod group_rows;
mod groups;
mod inquire;
mod limit;
mod local;
mod nodes;
mod platform;
mod pods;
mod presence;
mod question;
mod rhythm;
mod series;
mod silent;
mod singles;
mod source;
mod summed;
mod watch;

pub use filter::{Filter, Namespaces};
pub use local::LocalWatch;
pub use question::{By, Percentile, Question};
pub use watch::Watch;

use crate::progress::Progress;
use crate::prometheus::Client;
use crate::query::Querier;
use crate::report::Report;
use anyhow::Result;
use beats::Beats;
use presence::Presence;
use source::Source;

/// Asks a cluster's Prometheus. Errors are those of the client: what was asked, and what came back.
pub async fn ask(client: &Client, question: &Question) -> Result<Report> {
    let progress = Progress::start("asking Prometheus");
    let server = Querier::new(client, &progress);
    let asked = question.span();
    // One request, and the others only if that is not refused.
    server.probe().await?;
    let presence = Presence::of(series::BUSY, asked);
    let report = async {
        let source = Source::find(&server, asked, presence.clone());
        let identity = inquire::identify(&server, asked);
        let (identity, source, beats) =
            tokio::try_join!(identity, source, Beats::find(&server, question, asked))?;
        inquire::answer(&server, question, identity, source, beats).await
    };
    // Where nodes have to be counted, that takes the longest: who was there is asked first.
    tokio::try_join!(presence.counted(&server), report).map(|(_, report)| report)
}

/// Measures this machine for the question's interval; Ctrl-C ends early. Errors where the kernel's counters cannot
/// be read.
pub async fn measure(question: &Question) -> Result<Report> {
    local::measure(question).await
}
