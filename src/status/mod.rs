//! `status`: checks an installation from its objects to its data, and names remedies.
//!
//! ```text
//!   mod          waits until no check fails
//!    |
//!   round        runs all checks once
//!    |
//!   data         samples, their share of the busy time, cost of the exporter   <- output: a table, or JSON
//!   strays       what of the platform may run on isolated CPUs
//!   targets      scrape targets and rules
//!   running      pods, their nodes and their rights
//!   installed    objects, version, image                                       <- constraints: effect on other pods
//!    |
//!   inventory    which objects exist, and who owns them
//!   drift        how they differ from what `install` renders                   <- remedy: how `install` restores them
//!    |
//!   report       results of checks
//!    |
//!   checks       the table of checks: order, names, and what must hold
//! ```
//!
//! A check is skipped if the user lacks a right, and names that right. If Prometheus cannot be queried, its check fails
//! and the checks after it are skipped.
mod checks;
mod constraints;
mod data;
mod drift;
mod installed;
mod inventory;
mod output;
mod remedy;
mod report;
mod round;
mod running;
mod strays;
mod targets;

use crate::cluster::{Cluster, PrometheusOptions};
use crate::progress::Progress;
use anyhow::Result;
pub use checks::CheckName;
pub use output::{Format, write};
pub use report::{CheckStatus, Report};
use round::Round;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Pause between two rounds of a wait.
const PAUSE: Duration = Duration::from_secs(5);

/// Checks the installation. With `wait`, repeats the checks until none fails, for so long at most. `tell` prints
/// lines on standard error, by kind and text: the server is silent, or how Prometheus was reached. Errors if the API
/// server does not respond or if the login has expired, in one line.
pub async fn status(
    cluster: &Cluster,
    prometheus: &PrometheusOptions,
    wait: Option<Duration>,
    tell: &dyn Fn(&str, &str),
) -> Result<Report> {
    let server = cluster.server().await?;
    let deadline = wait.map(|wait| Instant::now() + wait);
    if let Some(deadline) = deadline {
        server.retry_until(deadline, tell);
    }
    let mut progress = None;
    loop {
        let Round { report, notes, nothing_installed } = round::run(cluster, &server, prometheus).await?;
        let failed = report.failed();
        let timed_out = deadline.is_none_or(|deadline| Instant::now() + PAUSE > deadline);
        if failed.is_empty() || nothing_installed || timed_out {
            drop(progress);
            notes.iter().for_each(|note| tell("note", note));
            return Ok(report);
        }
        let done = 1.0 - failed.len() as f64 / report.checks.len().max(1) as f64;
        let what = format!("waiting for {}", failed.join(", "));
        progress.get_or_insert_with(|| Progress::start(what.clone())).update(done, what);
        sleep(PAUSE).await;
    }
}
