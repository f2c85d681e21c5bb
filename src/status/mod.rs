//! `status`: checks an installation from its objects to its data, and names remedies.
//!
//! ```text
//!   mod          the order of the checks; waits until none fails
//!    |
//!   data         samples, their share of the busy time, cost of the exporter   <- output: a table, or JSON
//!   targets      scrape targets and rules
//!   running      pods, their nodes and their rights
//!   installed    objects, version, image                                       <- constraints: effect on other pods
//!    |
//!   inventory    which objects exist, and who owns them
//!   drift        how they differ from what `install` renders                   <- remedy: how `install` restores them
//!    |
//!   report       results of checks
//! ```
//!
//! A check is skipped if the user lacks a right, and names that right. If Prometheus cannot be queried, its check fails
//! and the checks after it are skipped.
mod constraints;
mod data;
mod drift;
mod installed;
mod inventory;
mod output;
mod remedy;
mod report;
mod running;
mod targets;

use crate::cluster::{Cluster, PrometheusOptions, Server};
use crate::progress::Progress;
use crate::time::Timestamp;
use anyhow::Result;
pub use output::{Format, write};
use report::Check;
pub use report::{CheckStatus, Report};
use running::Nodes;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const PROMETHEUS: &str = "prometheus";
/// Checks that need Prometheus.
const NEED_PROMETHEUS: [&str; 7] = ["targets", "rules", "samples", "attributed", "names", "cost", "config"];
/// Pause between two rounds of a wait.
const PAUSE: Duration = Duration::from_secs(5);

/// One round of checks.
struct Round {
    report: Report,
    /// Notes on how Prometheus was reached.
    notes: Vec<String>,
    nothing_installed: bool,
}

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
        let Round { report, notes, nothing_installed } = round(cluster, &server, prometheus).await?;
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

async fn round(cluster: &Cluster, server: &Server<'_>, prometheus: &PrometheusOptions) -> Result<Round> {
    let installed = installed::fetch(server).await?;
    let (mut checks, mut notes) = (installed.checks, Vec::new());
    if !installed.nothing_installed {
        let (pods, nodes) = running::check_pods(server, installed.daemonset.as_ref()).await?;
        checks.extend([pods, running::check_rights(server).await?]);
        match query_prometheus(cluster, prometheus, &nodes, &mut notes).await {
            Ok(asked) => checks.extend(asked),
            Err(error) => {
                checks.push(Check::error(PROMETHEUS, &error.context("it cannot be asked")));
                checks
                    .extend(NEED_PROMETHEUS.map(|check| Check::skipped(check, "Prometheus cannot be asked")));
            }
        }
    }
    Ok(Round { report: Report::new(checks), notes, nothing_installed: installed.nothing_installed })
}

/// Runs the checks that need Prometheus. Errors if it does not respond, in one line with the remedy.
async fn query_prometheus(
    cluster: &Cluster,
    prometheus: &PrometheusOptions,
    nodes: &Nodes,
    notes: &mut Vec<String>,
) -> Result<Vec<Check>> {
    let connection = cluster.connect(prometheus).await?;
    let client = &connection.client;
    let now = Timestamp::now();
    let scrapes = targets::fetch_scrapes(client, now).await?;
    notes.extend(connection.notes.iter().cloned());
    let mut checks = vec![Check::ok(PROMETHEUS, format!("it answers at {}", client.url()))];
    checks.push(targets::check_targets(client, &scrapes, nodes).await);
    let (rules, interval) = targets::check_rules(client, now).await?;
    checks.push(rules);
    checks.extend(data::checks(client, now, nodes, interval).await);
    Ok(checks)
}
