//! Until every node's pod is ready: one watch of the DaemonSet, and a look at pods and events where nothing moves.
use super::certificate;
use super::console::Console;
use super::look::{self, Look};
use super::place::{DAEMON_SETS, NAME};
use super::set::Set;
use crate::cluster::{Events, Failure, Server};
use crate::progress::Progress;
use anyhow::{Result, anyhow, bail};
use futures_util::StreamExt as _;
use kube::core::WatchEvent;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// The first look at what may be wrong comes after this, each further one after twice as long.
const FIRST_LOOK: Duration = Duration::from_secs(3);
const LAST_LOOK: Duration = Duration::from_secs(60);
/// The server ends a watch after this; one that is silent for longer is dead.
const WATCH: Duration = Duration::from_secs(60);
const DEAD: Duration = Duration::from_secs(75);
/// Before a watch that ended is begun again.
const PAUSE: Duration = Duration::from_secs(1);

const ENDED: &str = "somebody deleted the exporter's daemonset while it was waited for: run this again";

/// What a wait knows.
struct Wait<'a, 'b> {
    server: &'a Server<'b>,
    set: Set,
    /// What the last look has found.
    seen: Look,
    progress: Option<Progress>,
    told: BTreeSet<String>,
}

/// Waits until the pods of all nodes are ready, but for those of nodes that are down; gives how many are. Errors: not by
/// `until`, which is `timeout` after the start, with what is in the way; or the login is no longer good.
pub(super) async fn wait(
    server: &Server<'_>,
    until: Instant,
    timeout: Duration,
    console: &Console<'_>,
) -> Result<usize> {
    let mut wait =
        Wait { server, set: Set::default(), seen: Look::default(), progress: None, told: BTreeSet::new() };
    let (mut pause, mut look) = (FIRST_LOOK, Instant::now() + FIRST_LOOK);
    let mut events: Option<(Instant, Events<Set>)> = None;
    loop {
        if events.is_none() {
            events = wait.watch(until, console).await?.map(|events| (Instant::now() + DEAD, events));
        }
        let Some((dead, stream)) = &mut events else { return Err(wait.late(timeout).await) };
        tokio::select! {
            event = stream.next() => match event {
                Some(Ok(WatchEvent::Added(set) | WatchEvent::Modified(set))) => {
                    wait.set = set;
                    if wait.set.is_ending() {
                        bail!(ENDED);
                    }
                    wait.show();
                    if wait.set.is_done() {
                        return wait.done(console).await;
                    }
                    if wait.may_be_done() {
                        look = Instant::now();
                    }
                }
                Some(Ok(WatchEvent::Deleted(_))) => {
                    bail!(ENDED)
                }
                Some(Err(Failure::LoggedOut(error))) => return Err(interrupted(error)),
                Some(Ok(WatchEvent::Bookmark(_))) => {}
                // Another one starts from what is there then.
                Some(Ok(WatchEvent::Error(_)) | Err(_)) | None => {
                    events = None;
                    sleep(PAUSE).await;
                }
            },
            () = sleep_until(*dead) => events = None,
            () = sleep_until(look) => {
                let lines = wait.look(false).await?;
                wait.tell(lines, console);
                if wait.seen.lacks_only_nodes_down(&wait.set) {
                    return wait.done(console).await;
                }
                pause = (2 * pause).min(LAST_LOOK);
                look = Instant::now() + pause;
            }
            () = sleep_until(until) => return Err(wait.late(timeout).await),
        }
    }
}

impl Wait<'_, '_> {
    /// Begins the watch, as soon as there is a server; none if it is late by then.
    async fn watch(&mut self, until: Instant, console: &Console<'_>) -> Result<Option<Events<Set>>> {
        let path = format!(
            "{}?watch=1&fieldSelector=metadata.name%3D{NAME}&timeoutSeconds={}",
            DAEMON_SETS.path(),
            WATCH.as_secs()
        );
        while Instant::now() < until {
            match self.server.watch(&path).await {
                Ok(events) => return Ok(Some(events)),
                Err(Failure::LoggedOut(error)) => return Err(interrupted(error)),
                Err(Failure::Unavailable(error)) => {
                    self.tell(vec![format!("{error:#}; trying again until --timeout")], console);
                    sleep(PAUSE).await;
                }
                Err(failure) => return Err(failure.during("watching the daemonset", "ask for this right")),
            }
        }
        Ok(None)
    }

    fn state(&self) -> String {
        let (ready, desired) = self.set.ready();
        if self.set.is_seen() {
            format!("{ready} of {desired} nodes ready")
        } else {
            "waiting for the nodes".to_owned()
        }
    }

    fn show(&mut self) {
        let (ready, desired) = self.set.ready();
        let state = self.state();
        let progress = self.progress.get_or_insert_with(|| Progress::start(state.clone()));
        progress.update(ready as f64 / desired.max(1) as f64, state);
    }

    /// Tells what has not been told yet.
    fn tell(&mut self, lines: Vec<String>, console: &Console<'_>) {
        let shown = self.progress.as_ref().is_some_and(Progress::is_shown);
        let state = self.state();
        let new: Vec<_> = lines.into_iter().filter(|line| self.told.insert(line.clone())).collect();
        if !new.is_empty() {
            // Its line is empty while others are written.
            self.progress = None;
        }
        new.iter().for_each(|line| console.say("warning", line));
        if !shown && self.told.insert(state.clone()) {
            console.say("note", &state);
        }
        self.show();
    }

    /// Whether nodes that were down at the last look are as many as are not ready: then another look tells.
    fn may_be_done(&self) -> bool {
        let (ready, desired) = self.set.ready();
        !self.seen.nodes_down.is_empty() && desired.saturating_sub(ready) <= self.seen.nodes_down.len()
    }

    async fn done(&mut self, console: &Console<'_>) -> Result<usize> {
        // Pods are ready with anybody's certificate, and Prometheus takes the service CA's alone.
        if let Ok(Some(trouble)) = certificate::refusal(self.server).await {
            self.tell(vec![trouble.to_string()], console);
        }
        let (ready, desired) = self.set.ready();
        if desired == 0 {
            console.say("warning", "no node runs it: check --node-selector, and the nodes with oc get nodes");
        }
        Ok(ready)
    }

    /// What is in the way, as far as it can be seen.
    async fn look(&mut self, late: bool) -> Result<Vec<String>> {
        self.seen = look::look(self.server, &self.set, late).await.map_err(interrupted)?;
        Ok(self.seen.troubles.iter().map(ToString::to_string).collect())
    }

    async fn late(&mut self, timeout: Duration) -> anyhow::Error {
        let state = self.state();
        let lines = self.look(true).await.unwrap_or_default();
        self.progress = None;
        let why = if lines.is_empty() { String::new() } else { format!(" ({})", lines.join("; ")) };
        let seconds = timeout.as_secs_f64();
        anyhow!(
            "after {seconds} s {state}{why}: what is installed stays; run this again to go on waiting, longer with --timeout"
        )
    }
}

fn interrupted(error: anyhow::Error) -> anyhow::Error {
    error.context("the exporter is installed, its pods were being waited for; run this again after that")
}
