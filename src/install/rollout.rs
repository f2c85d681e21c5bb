//! Until every node's pod is ready: one watch of the DaemonSet, and a look at pods and events where nothing moves.
use super::console::Console;
use super::place::{DAEMON_SETS, NAME, NAMESPACE};
use super::trouble::{self, Scene};
use crate::cluster::{Events, Failure, Part, Server};
use crate::progress::Progress;
use anyhow::{Result, anyhow, bail};
use futures_util::StreamExt as _;
use kube::core::WatchEvent;
use serde::Deserialize;
use serde_json::Value;
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

/// The DaemonSet, as far as it tells how far it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Set {
    metadata: Generation,
    status: SetStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Generation {
    generation: i64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SetStatus {
    observed_generation: i64,
    desired_number_scheduled: usize,
    updated_number_scheduled: usize,
    number_ready: usize,
    number_available: usize,
}

impl Set {
    /// Nodes whose pod is the new one and ready, and nodes that should have one.
    fn ready(&self) -> (usize, usize) {
        let SetStatus { desired_number_scheduled, updated_number_scheduled, number_ready, .. } = self.status;
        (updated_number_scheduled.min(number_ready), desired_number_scheduled)
    }

    fn is_seen(&self) -> bool {
        self.status.observed_generation >= self.metadata.generation
    }

    fn is_done(&self) -> bool {
        let (ready, desired) = self.ready();
        self.is_seen() && ready == desired && self.status.number_available == desired
    }
}

/// What a wait knows.
struct Wait<'a, 'b> {
    server: &'a Server<'b>,
    set: Set,
    progress: Option<Progress>,
    told: BTreeSet<String>,
}

/// Waits until all nodes are ready; gives how many. Errors: not by `until`, which is `timeout` after the start, with
/// what is in the way; or the login is no longer good.
pub(super) async fn wait(
    server: &Server<'_>,
    until: Instant,
    timeout: Duration,
    console: &Console<'_>,
) -> Result<usize> {
    let mut wait = Wait { server, set: Set::default(), progress: None, told: BTreeSet::new() };
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
                    wait.show();
                    if wait.set.is_done() {
                        return wait.done(console);
                    }
                }
                Some(Ok(WatchEvent::Deleted(_))) => {
                    bail!("somebody deleted daemonset {NAME} while it was waited for: run this again")
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
                Err(Failure::Silent(error)) => {
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
        progress.tell(ready as f64 / desired.max(1) as f64, state);
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

    fn done(&self, console: &Console<'_>) -> Result<usize> {
        let (_, desired) = self.set.ready();
        if desired == 0 {
            console.say("warning", "no node runs it: check --node-selector, and the nodes with oc get nodes");
        }
        Ok(desired)
    }

    /// What is in the way, as far as it can be seen.
    async fn look(&self, late: bool) -> Result<Vec<String>> {
        let namespace = format!("/api/v1/namespaces/{NAMESPACE}");
        let pods =
            format!("{namespace}/pods?resourceVersion=0&labelSelector=app.kubernetes.io%2Fname%3D{NAME}");
        let mut scene = Scene { desired: self.set.ready().1, late, ..Scene::default() };
        scene.pods = self.ask::<trouble::Pods>(&pods).await?.unwrap_or_default().items;
        for (field, value) in [("involvedObject.name", NAME), ("reason", "FailedMount")] {
            let path = format!("{namespace}/events?fieldSelector={field}%3D{value}");
            scene.events.extend(self.ask::<trouble::Events>(&path).await?.unwrap_or_default().items);
        }
        scene.nodes_down = self.nodes_down().await?;
        Ok(trouble::lines(&scene))
    }

    /// The nodes that the server's own table does not call ready: a line for each, whatever a node's size.
    async fn nodes_down(&self) -> Result<BTreeSet<String>> {
        let table = match self
            .server
            .get::<Value>("/api/v1/nodes?includeObject=None&resourceVersion=0", Part::Table)
            .await
        {
            Ok(table) => table,
            Err(Failure::LoggedOut(error)) => return Err(interrupted(error)),
            Err(_) => return Ok(BTreeSet::new()),
        };
        let columns = table.get("columnDefinitions").and_then(Value::as_array);
        let named = |name: &str| {
            columns?.iter().position(|column| column.get("name").and_then(Value::as_str) == Some(name))
        };
        let (Some(name), Some(status)) = (named("Name"), named("Status")) else { return Ok(BTreeSet::new()) };
        let rows = table.get("rows").and_then(Value::as_array).into_iter().flatten();
        let down = rows.filter_map(|row| {
            let cells = row.get("cells")?.as_array()?;
            let is_ready = cells.get(status)?.as_str()?.split(',').any(|word| word == "Ready");
            (!is_ready).then(|| cells.get(name)?.as_str().map(str::to_owned))?
        });
        Ok(down.collect())
    }

    /// What a path holds; nothing where the server does not say: a look may be half blind.
    async fn ask<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        match self.server.get(path, Part::Whole).await {
            Ok(found) => Ok(Some(found)),
            Err(Failure::LoggedOut(error)) => Err(interrupted(error)),
            Err(_) => Ok(None),
        }
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

#[cfg(test)]
mod tests {
    use super::Set;
    use serde_json::json;

    #[test]
    fn it_is_done_when_every_node_has_the_new_pod() {
        let set = |status| {
            serde_json::from_value::<Set>(json!({"metadata": {"generation": 2}, "status": status})).unwrap()
        };
        let all = json!({"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberReady": 3, "numberAvailable": 3});
        assert!(set(all.clone()).is_done());
        for (field, value) in [
            ("observedGeneration", 1),
            ("updatedNumberScheduled", 2),
            ("numberReady", 2),
            ("numberAvailable", 2),
        ] {
            let mut part = all.clone();
            part[field] = json!(value);
            assert!(!set(part).is_done(), "{field}");
        }
    }
}
