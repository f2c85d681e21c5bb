//! `--during`: the window in which a command ran, and the command's own outcome.
use crate::progress::Progress;
use crate::prometheus::{Client, Grid};
use crate::query::{Querier, Span};
use crate::report::SourceKind;
use crate::time::{Timestamp, show_duration};
use crate::top::metric_names::{CLUSTER_BUSY, PLATFORM_PODS};
use crate::top::{Probe, Recorded, SourceChoice, probe, record};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// Stretch in which the source must have samples before the command starts.
const LATELY: Duration = Duration::from_secs(600);
/// Longest time to wait for the samples after the command, beyond the two intervals that they take.
const PATIENCE: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_secs(1);

/// Command that has run, and the source whose samples of that time are awaited.
#[derive(Debug)]
pub struct Ran {
    kind: SourceKind,
    step: Duration,
    start: Timestamp,
    stopped: Timestamp,
    /// How the command ended.
    pub status: ExitStatus,
}

/// Runs a command. Errors if nothing has samples before it starts, or if it cannot be started.
pub async fn run(client: &Client, source: SourceChoice, command: &[OsString]) -> Result<Ran> {
    let (kind, grid) = {
        let progress = Progress::start("querying Prometheus");
        let querier = Querier::new(client, &progress);
        querier.learn_dialect().await?;
        sampling(&querier, source).await?
    };
    let start = Timestamp::now();
    let status = wait(&mut spawn(command)?).await?;
    Ok(Ran { kind, step: grid.step, start, stopped: Timestamp::now(), status })
}

impl Ran {
    /// Waits for the samples that hold all of the command: one scrape and one evaluation more. Returns the end and the length
    /// of the window. Errors if the samples do not come.
    pub async fn window(&self, client: &Client) -> Result<(Timestamp, Duration)> {
        // A sample is of the scrape before it, which is up to a step old, and of the step before that.
        let end = self.stopped + 2 * self.step;
        let metric = if self.kind == SourceKind::Platform { PLATFORM_PODS } else { CLUSTER_BUSY };
        let newest = format!("max(timestamp({metric}))");
        let progress = Progress::start("waiting for the samples of the command's end");
        let patience = Instant::now() + 2 * self.step + PATIENCE;
        loop {
            let now = Timestamp::now();
            let seen = client.one(&newest, now).await?;
            if seen.is_some_and(|at| Timestamp::from_seconds(at) + self.step > end) && now >= end {
                break;
            }
            if Instant::now() > patience {
                bail!("the samples of the command's end do not come: `oc interrogate status` tells why");
            }
            progress.set(now.since(self.stopped).div_duration_f64(end.since(self.stopped)).min(1.0));
            sleep(PAUSE).await;
        }
        // The first sample of which a part is of the time before the command is left out, if others are in the window.
        let whole = end.since(self.start);
        let shorter = whole.saturating_sub(self.step);
        Ok((end, if shorter >= 2 * self.step { shorter } else { whole }))
    }
}

/// Finds the source and its grid. A single sample tells no interval: another is waited for.
async fn sampling(querier: &Querier<'_>, source: SourceChoice) -> Result<(SourceKind, Grid)> {
    let patience = Instant::now() + PATIENCE;
    loop {
        let lately = Span::ending(Timestamp::now(), LATELY);
        let Ok(Probe { kind, grid, .. }) = probe(querier, lately, source).await? else {
            let lately = show_duration(LATELY);
            bail!("nothing has samples of the last {lately}: `oc interrogate status` tells why");
        };
        if grid.points() > 1 || Instant::now() > patience {
            return Ok((kind, grid));
        }
        sleep(PAUSE).await;
    }
}

/// Runs a command, and records this machine meanwhile. Errors if the counters cannot be read, or it cannot be started.
pub async fn record_around(command: &[OsString]) -> Result<(Recorded, ExitStatus)> {
    let mut outcome = None;
    // It starts once the first counters are read.
    let run = async { outcome = Some(async { wait(&mut spawn(command)?).await }.await) };
    let recorded = record(None, run).await?;
    let status = outcome.context("interrupted before the command ended")??;
    Ok((recorded, status))
}

/// Starts a command. What it prints goes to stderr: on stdout is the report alone.
fn spawn(command: &[OsString]) -> Result<Child> {
    let (program, arguments) = command.split_first().context("--during needs a command: give it after --")?;
    let child = Command::new(program).args(arguments).stdout(Stdio::from(io::stderr())).spawn();
    child.with_context(|| format!("cannot start {}", program.display()))
}

/// Waits for a command. Ctrl-C is the command's: the report of what it did until then follows.
async fn wait(child: &mut Child) -> Result<ExitStatus> {
    loop {
        tokio::select! {
            status = child.wait() => return status.context("cannot wait for the command"),
            signal = tokio::signal::ctrl_c() => signal.context("cannot listen for Ctrl-C")?,
        }
    }
}
