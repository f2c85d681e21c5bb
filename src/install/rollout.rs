//! Waits until every node's pod is ready: watches the DaemonSet, and diagnoses the pods if nothing changes.
use super::console::Console;
use super::daemonset::DaemonSet;
use super::diagnose::{self, Diagnosis};
use super::resources::{DAEMON_SETS, NAME};
use super::serving_certificate;
use crate::cluster::{Events, Failure, Server};
use crate::progress::Progress;
use anyhow::{Result, anyhow, bail};
use futures_util::StreamExt as _;
use kube::core::WatchEvent;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// Time until the first diagnosis. Each further one comes after twice as long.
const FIRST_DIAGNOSIS: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The server ends a watch after `WATCH_TIMEOUT`. A watch that is silent for longer has lost its connection.
const WATCH_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_SILENCE: Duration = Duration::from_secs(75);
/// Pause before a watch is started again.
const PAUSE: Duration = Duration::from_secs(1);

const DELETED: &str = "somebody deleted the exporter's daemonset while it was waited for: run this again";

/// State of a wait.
struct Wait<'a, 'b> {
    server: &'a Server<'b>,
    daemonset: DaemonSet,
    /// The last diagnosis.
    diagnosis: Diagnosis,
    progress: Option<Progress>,
    printed: BTreeSet<String>,
}

/// Waits until the pods of all nodes are ready, except those of nodes that are down. Returns the number of ready
/// nodes. Errors if that takes longer than `deadline`, which is `timeout` after the start, and says what keeps the
/// pods; or if the login has expired.
pub(super) async fn wait(
    server: &Server<'_>,
    deadline: Instant,
    timeout: Duration,
    console: &Console<'_>,
) -> Result<usize> {
    let mut wait = Wait {
        server,
        daemonset: DaemonSet::default(),
        diagnosis: Diagnosis::default(),
        progress: None,
        printed: BTreeSet::new(),
    };
    let (mut pause, mut next_diagnosis) = (FIRST_DIAGNOSIS, Instant::now() + FIRST_DIAGNOSIS);
    let mut events: Option<(Instant, Events<DaemonSet>)> = None;
    loop {
        if events.is_none() {
            events =
                wait.watch(deadline, console).await?.map(|events| (Instant::now() + MAX_SILENCE, events));
        }
        let Some((silence_deadline, stream)) = &mut events else {
            return Err(wait.timeout_error(timeout).await);
        };
        tokio::select! {
            event = stream.next() => match event {
                Some(Ok(WatchEvent::Added(daemonset) | WatchEvent::Modified(daemonset))) => {
                    wait.daemonset = daemonset;
                    if wait.daemonset.is_deleting() {
                        bail!(DELETED);
                    }
                    wait.update_progress();
                    if wait.daemonset.is_rolled_out() {
                        return wait.finish(console).await;
                    }
                    if wait.may_be_done() {
                        next_diagnosis = Instant::now();
                    }
                }
                Some(Ok(WatchEvent::Deleted(_))) => {
                    bail!(DELETED)
                }
                Some(Err(Failure::LoggedOut(error))) => return Err(with_remedy(error)),
                Some(Ok(WatchEvent::Bookmark(_))) => {}
                // The next watch begins with the current state.
                Some(Ok(WatchEvent::Error(_)) | Err(_)) | None => {
                    events = None;
                    sleep(PAUSE).await;
                }
            },
            () = sleep_until(*silence_deadline) => events = None,
            () = sleep_until(next_diagnosis) => {
                let lines = wait.diagnose(false).await?;
                wait.print_new(lines, console);
                if wait.diagnosis.misses_only_nodes_down(&wait.daemonset) {
                    return wait.finish(console).await;
                }
                pause = (2 * pause).min(LONGEST_PAUSE);
                next_diagnosis = Instant::now() + pause;
            }
            () = sleep_until(deadline) => return Err(wait.timeout_error(timeout).await),
        }
    }
}

impl Wait<'_, '_> {
    /// Starts the watch, as soon as the server responds. `None` if that is after `deadline`.
    async fn watch(&mut self, deadline: Instant, console: &Console<'_>) -> Result<Option<Events<DaemonSet>>> {
        let path = format!(
            "{}?watch=1&fieldSelector=metadata.name%3D{NAME}&timeoutSeconds={}",
            DAEMON_SETS.list_path(),
            WATCH_TIMEOUT.as_secs()
        );
        while Instant::now() < deadline {
            match self.server.watch(&path).await {
                Ok(events) => return Ok(Some(events)),
                Err(Failure::LoggedOut(error)) => return Err(with_remedy(error)),
                Err(Failure::Unavailable(error)) => {
                    self.print_new(vec![format!("{error:#}; trying again until --timeout")], console);
                    sleep(PAUSE).await;
                }
                Err(failure) => return Err(failure.during("watching the daemonset", "ask for this right")),
            }
        }
        Ok(None)
    }

    /// Returns the text of the progress bar.
    fn progress_text(&self) -> String {
        let (ready, desired) = self.daemonset.ready();
        if self.daemonset.is_observed() {
            format!("{ready} of {desired} nodes ready")
        } else {
            "waiting for the nodes".to_owned()
        }
    }

    fn update_progress(&mut self) {
        let (ready, desired) = self.daemonset.ready();
        let state = self.progress_text();
        let progress = self.progress.get_or_insert_with(|| Progress::start(state.clone()));
        progress.update(ready as f64 / desired.max(1) as f64, state);
    }

    /// Prints the lines that have not been printed yet.
    fn print_new(&mut self, lines: Vec<String>, console: &Console<'_>) {
        let shown = self.progress.as_ref().is_some_and(Progress::is_visible);
        let state = self.progress_text();
        let new: Vec<_> = lines.into_iter().filter(|line| self.printed.insert(line.clone())).collect();
        if !new.is_empty() {
            // The bar's line must be empty while others are printed.
            self.progress = None;
        }
        new.iter().for_each(|line| console.say("warning", line));
        if !shown && self.printed.insert(state.clone()) {
            console.say("note", &state);
        }
        self.update_progress();
    }

    /// Returns true if no more nodes are missing than were down at the last diagnosis. Another diagnosis decides
    /// then.
    fn may_be_done(&self) -> bool {
        let (ready, desired) = self.daemonset.ready();
        !self.diagnosis.nodes_down.is_empty()
            && desired.saturating_sub(ready) <= self.diagnosis.nodes_down.len()
    }

    /// Prints last warnings. Returns the number of ready nodes.
    async fn finish(&mut self, console: &Console<'_>) -> Result<usize> {
        // Pods become ready with any certificate, but Prometheus accepts only the service CA's.
        if let Ok(Some(problem)) = serving_certificate::fetch_refusal(self.server).await {
            self.print_new(vec![problem.to_string()], console);
        }
        let (ready, desired) = self.daemonset.ready();
        if desired == 0 {
            console.say("warning", "no node runs it: check --node-selector, and the nodes with oc get nodes");
        }
        Ok(ready)
    }

    /// Diagnoses the rollout. Returns a line for each problem.
    async fn diagnose(&mut self, timed_out: bool) -> Result<Vec<String>> {
        self.diagnosis =
            diagnose::diagnose(self.server, &self.daemonset, timed_out).await.map_err(with_remedy)?;
        Ok(self.diagnosis.problems.iter().map(ToString::to_string).collect())
    }

    /// Returns the error of a wait that took too long, with what keeps the pods.
    async fn timeout_error(&mut self, timeout: Duration) -> anyhow::Error {
        let state = self.progress_text();
        let lines = self.diagnose(true).await.unwrap_or_default();
        self.progress = None;
        let why = if lines.is_empty() { String::new() } else { format!(" ({})", lines.join("; ")) };
        let seconds = timeout.as_secs_f64();
        anyhow!(
            "after {seconds} s {state}{why}: what is installed stays; run this again to go on waiting, longer with --timeout"
        )
    }
}

fn with_remedy(error: anyhow::Error) -> anyhow::Error {
    error.context("the exporter is installed, its pods were being waited for; run this again after that")
}
