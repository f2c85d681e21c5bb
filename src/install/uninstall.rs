//! Deletes all of our objects, dependents first, and nothing else.
use super::console::Console;
use super::diagnose;
use super::pod_problems::list_names;
use super::preflight::{Metadata, PartialObjectList};
use super::resources::{DAEMON_SETS, NAME, OURS, RESOURCES, Resource};
use crate::cluster::{Cluster, Failure, Part, Server};
use crate::progress::Progress;
use anyhow::{Result, bail};
use futures_util::future::join_all;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Pause before the first check whether all is gone. Each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Options of `uninstall`.
pub struct Removal<'a> {
    /// `--dry-run`: print what would be deleted.
    pub dry_run: bool,
    /// `--wait`: wait until all is gone.
    pub wait: bool,
    /// `--timeout`: longest time to wait.
    pub timeout: Duration,
    /// Asks the user a question, and returns true for yes.
    pub confirm: &'a dyn Fn(&str) -> bool,
}

/// One of our objects.
type Owned = (Resource, Metadata);

/// Deletes all of our objects. Errors name what could not be deleted, and why. A second run continues after an error.
pub async fn uninstall(cluster: &Cluster, removal: &Removal<'_>, console: &mut Console<'_>) -> Result<()> {
    let server = cluster.server().await?;
    let mut resources = RESOURCES;
    resources.reverse();
    let (found, mut failures) = list_ours(&server, &resources).await?;
    if found.is_empty() && failures.is_empty() {
        console.line(&format!("nothing of oc interrogate is installed on {}", server.name()));
        return Ok(());
    }
    if removal.dry_run {
        for (resource, metadata) in &found {
            console.line(&format!("{} would be deleted (dry run)", resource.object_title(&metadata.name)));
        }
        return print_failures(&failures, console);
    }
    let question = format!("Delete {} objects of oc interrogate on {}? [y/N] ", found.len(), server.name());
    if !found.is_empty() && !(removal.confirm)(&question) {
        bail!("nothing was deleted: answer y, or pass -y");
    }
    let deadline = Instant::now() + removal.timeout;
    server.retry_until(deadline, console.err);
    let mut deleted = Vec::new();
    for (resource, metadata) in found {
        let title = resource.object_title(&metadata.name);
        match server.delete(&resource.object_path(&metadata.name), &metadata.uid, true).await {
            Ok(()) => deleted.push((resource, metadata)),
            Err(Failure::LoggedOut(error)) => return Err(error.context(format!("deleting {title}"))),
            Err(failure) => failures
                .push(format!("{:#}", failure.during(&title, "ask for this right, or have it deleted"))),
        }
    }
    let mut all_gone = removal.wait;
    if removal.wait {
        match wait_until_gone(&server, deleted, deadline, console).await? {
            WaitResult::AllGone => {}
            WaitResult::NodesDown => all_gone = false,
            WaitResult::TimedOut(late) => failures.extend(late),
        }
    } else {
        for (resource, metadata) in &deleted {
            console.line(&format!("{} deleted (not waited for)", resource.object_title(&metadata.name)));
        }
    }
    print_failures(&failures, console)?;
    if all_gone {
        console.line("all of oc interrogate is gone");
    }
    Ok(())
}

/// End of a wait for deleted objects.
enum WaitResult {
    /// All are gone.
    AllGone,
    /// Only the DaemonSet remains, with pods on nodes that are down. A warning has been printed.
    NodesDown,
    /// Some remain after the timeout, one line each.
    TimedOut(Vec<String>),
}

/// Fetches our objects of `resources`, in their order. Also returns a line for each kind that the user may not list.
async fn list_ours(server: &Server<'_>, resources: &[Resource]) -> Result<(Vec<Owned>, Vec<String>)> {
    let lists = join_all(resources.iter().map(async |resource| {
        let path = format!("{}?labelSelector={OURS}", resource.list_path());
        (resource, server.get_opt::<PartialObjectList>(&path, Part::MetadataList).await)
    }));
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for (resource, list) in lists.await {
        match list {
            // A kind that is not served has no objects.
            Ok(list) => {
                let items = list.map(|list| list.items).unwrap_or_default();
                let ours = items.into_iter().map(|item| item.metadata).filter(Metadata::is_ours);
                found.extend(ours.map(|metadata| (*resource, metadata)));
            }
            Err(Failure::Refused(status)) => {
                let what = format!("listing {}", resource.plural);
                let failure = Failure::Refused(status).during(&what, "ask for the right to list them");
                failures.push(format!("{failure:#}"));
            }
            Err(failure) => {
                return Err(failure.during(&format!("listing {}", resource.plural), "run this again"));
            }
        }
    }
    Ok((found, failures))
}

/// Waits until all of `deleted` is gone. Pods on nodes that are down are not waited for: they go when their nodes
/// come back or are deleted.
async fn wait_until_gone(
    server: &Server<'_>,
    mut deleted: Vec<Owned>,
    deadline: Instant,
    console: &mut Console<'_>,
) -> Result<WaitResult> {
    let (all, mut pause) = (deleted.len(), FIRST_PAUSE);
    let mut progress = None;
    loop {
        let resources: Vec<_> = RESOURCES
            .into_iter()
            .filter(|resource| deleted.iter().any(|(other, _)| other == resource))
            .collect();
        let (left, _) = list_ours(server, &resources).await?;
        let is_left = |metadata: &Metadata| left.iter().find(|(_, other)| other.uid == metadata.uid);
        let (remaining, gone): (Vec<_>, Vec<_>) =
            deleted.into_iter().partition(|(_, metadata)| is_left(metadata).is_some());
        if !gone.is_empty() {
            progress = None;
        }
        for (resource, metadata) in &gone {
            console.line(&format!("{} deleted", resource.object_title(&metadata.name)));
        }
        if remaining.is_empty() {
            return Ok(WaitResult::AllGone);
        }
        if remaining.iter().all(|(resource, _)| *resource == DAEMON_SETS)
            && let Some(nodes) = diagnose::fetch_nodes_if_all_down(server).await?
        {
            drop(progress);
            let (title, nodes) =
                (DAEMON_SETS.object_title(NAME), list_names(nodes.iter().map(String::as_str)));
            console.say("warning", &format!("{title} is deleted, but pods of it are left on nodes that are not ready ({nodes}): each goes when its node is ready again, or is deleted; see oc get nodes"));
            return Ok(WaitResult::NodesDown);
        }
        if Instant::now() >= deadline {
            let late = remaining.iter().map(|(resource, metadata)| {
                let title = resource.object_title(&metadata.name);
                let kept = is_left(metadata).map(|(_, now)| now.finalizers.join(", ")).unwrap_or_default();
                format!("{title} is deleted but still there (finalizers: {kept}): its pods may be on nodes that are down")
            });
            return Ok(WaitResult::TimedOut(late.collect()));
        }
        let done = (all - remaining.len()) as f64 / all as f64;
        progress.get_or_insert_with(|| Progress::start("waiting until all is gone")).set(done);
        deleted = remaining;
        sleep(pause).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// Prints the failures. Errors if there are any.
fn print_failures(failures: &[String], console: &Console<'_>) -> Result<()> {
    failures.iter().for_each(|failure| console.say("failed", failure));
    match failures.len() {
        0 => Ok(()),
        count => {
            bail!("{count} of the objects could not be deleted or looked for: see above, and run this again")
        }
    }
}
