//! `status`: from the objects to the data, what is wrong with an installation and what helps.
//!
//! ```text
//!   mod         the order of the checks, and waiting until none fails
//!    |
//!   measured    samples, what they attribute, what the exporter costs      <- page: a table, or JSON
//!   scraped     targets and rules
//!   running     pods, their nodes and their rights
//!   installed   objects, version, image                                    <- constraints: whose pods they change
//!    |
//!   found       which objects are there, and whose they are
//!   compared    whether they are as `install` makes them                   <- remedy: how install makes them so
//!    |
//!   report      checks
//! ```
//!
//! What may not be seen for want of a right is skipped and says which. Prometheus that cannot be asked is a failure: the
//! data cannot be had then, and what follows from it is skipped.
mod compared;
mod constraints;
mod found;
mod installed;
mod measured;
mod page;
mod remedy;
mod report;
mod running;
mod scraped;

use crate::cluster::{Cluster, PrometheusOptions, Server};
use crate::progress::Progress;
use crate::time::Timestamp;
use anyhow::Result;
pub use page::{Format, write};
use report::Check;
pub use report::{Report, Verdict};
use running::Nodes;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const PROMETHEUS: &str = "prometheus";
/// What cannot be checked without Prometheus.
const ASKED: [&str; 7] = ["targets", "rules", "samples", "attributed", "names", "cost", "config"];
/// Between two rounds of a wait.
const PAUSE: Duration = Duration::from_secs(5);

/// One round of checks.
struct Round {
    report: Report,
    /// What is not as it is by default on the way to Prometheus.
    notes: Vec<String>,
    is_nothing: bool,
}

/// Checks; with `wait`, again and again for so long, until no check fails. `tell` is told of a server that is silent
/// meanwhile, and of the way to Prometheus: what kind of line, and its text. Errors: one line: the API server does not
/// answer, or the login is no longer good.
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
        let Round { report, notes, is_nothing } = round(cluster, &server, prometheus).await?;
        let failed = report.failed();
        let is_late = deadline.is_none_or(|deadline| Instant::now() + PAUSE > deadline);
        if failed.is_empty() || is_nothing || is_late {
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

async fn round(cluster: &Cluster, server: &Server<'_>, prometheus: &PrometheusOptions) -> Result<Round> {
    let installed = installed::look(server).await?;
    let (mut checks, mut notes) = (installed.checks, Vec::new());
    if !installed.is_nothing {
        let (pods, nodes) = running::pods(server, installed.daemonset.as_ref()).await?;
        checks.extend([pods, running::rights(server).await?]);
        match asked(cluster, prometheus, &nodes, &mut notes).await {
            Ok(asked) => checks.extend(asked),
            Err(error) => {
                checks.push(Check::broken(PROMETHEUS, &error.context("it cannot be asked")));
                checks.extend(ASKED.map(|check| Check::skipped(check, "Prometheus cannot be asked")));
            }
        }
    }
    Ok(Round { report: Report::new(checks), notes, is_nothing: installed.is_nothing })
}

/// The checks that Prometheus answers. Errors: it does not; one line with the remedy.
async fn asked(
    cluster: &Cluster,
    prometheus: &PrometheusOptions,
    nodes: &Nodes,
    notes: &mut Vec<String>,
) -> Result<Vec<Check>> {
    let connection = cluster.connect(prometheus).await?;
    let client = &connection.client;
    let now = Timestamp::now();
    let scrapes = scraped::scrapes(client, now).await?;
    notes.extend(connection.notes.iter().cloned());
    let mut checks = vec![Check::ok(PROMETHEUS, format!("it answers at {}", client.url()))];
    checks.push(scraped::targets(client, &scrapes, nodes).await);
    let (rules, interval) = scraped::rules(client, now).await?;
    checks.push(rules);
    checks.extend(measured::checks(client, now, nodes, interval).await);
    Ok(checks)
}
