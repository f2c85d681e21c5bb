//! Everything of ours goes, dependents first; nothing else does.
use super::console::Console;
use super::look;
use super::place::{DAEMON_SETS, NAME, OURS, PLACES, Place};
use super::preflight::{Metadata, Outlines};
use super::trouble::named;
use crate::cluster::{Cluster, Failure, Part, Server};
use crate::progress::Progress;
use anyhow::{Result, bail};
use futures_util::future::join_all;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The first look whether all is gone comes after this, each further one after twice as long.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LAST_LOOK: Duration = Duration::from_secs(10);

/// What `uninstall` is asked for.
pub struct Removal<'a> {
    /// `--dry-run`: say what would go.
    pub dry_run: bool,
    /// `--wait`: until all is gone.
    pub wait: bool,
    /// `--timeout` for that.
    pub timeout: Duration,
    /// Asks whether to go on; the question is its argument.
    pub ask: &'a dyn Fn(&str) -> bool,
}

/// What carries our labels in one place.
type Found = (Place, Metadata);

/// Deletes all of ours. Errors: what could not be deleted, and why; run again, it goes on.
pub async fn uninstall(cluster: &Cluster, removal: &Removal<'_>, console: &mut Console<'_>) -> Result<()> {
    let server = cluster.server().await?;
    let mut places = PLACES;
    places.reverse();
    let (found, mut failures) = list(&server, &places).await?;
    if found.is_empty() && failures.is_empty() {
        console.line(&format!("nothing of oc interrogate is installed on {}", server.name()));
        return Ok(());
    }
    if removal.dry_run {
        for (place, metadata) in &found {
            console.line(&format!("{} would be deleted (dry run)", place.name_of(&metadata.name)));
        }
        return told(&failures, console);
    }
    let question = format!("Delete {} objects of oc interrogate on {}? [y/N] ", found.len(), server.name());
    if !found.is_empty() && !(removal.ask)(&question) {
        bail!("nothing was deleted: answer y, or pass -y");
    }
    let until = Instant::now() + removal.timeout;
    server.retry_until(until, console.err);
    let mut deleted = Vec::new();
    for (place, metadata) in found {
        let title = place.name_of(&metadata.name);
        match server.delete(&place.path_of(&metadata.name), &metadata.uid, true).await {
            Ok(()) => deleted.push((place, metadata)),
            Err(Failure::LoggedOut(error)) => return Err(error.context(format!("deleting {title}"))),
            Err(failure) => failures
                .push(format!("{:#}", failure.during(&title, "ask for this right, or have it deleted"))),
        }
    }
    let mut all_gone = removal.wait;
    if removal.wait {
        match gone(&server, deleted, until, console).await? {
            Gone::All => {}
            Gone::ButOnNodesDown => all_gone = false,
            Gone::Not(late) => failures.extend(late),
        }
    } else {
        for (place, metadata) in &deleted {
            console.line(&format!("{} deleted (not waited for)", place.name_of(&metadata.name)));
        }
    }
    told(&failures, console)?;
    if all_gone {
        console.line("all of oc interrogate is gone");
    }
    Ok(())
}

/// How a wait for what was deleted ends.
enum Gone {
    /// All of it is gone.
    All,
    /// All but the DaemonSet, whose last pods are on nodes that are down; that has been said.
    ButOnNodesDown,
    /// What is not gone in time.
    Not(Vec<String>),
}

/// What is ours in `places`, in their order, and where that cannot be known.
async fn list(server: &Server<'_>, places: &[Place]) -> Result<(Vec<Found>, Vec<String>)> {
    let lists = join_all(places.iter().map(async |place| {
        let path = format!("{}?labelSelector={OURS}", place.path());
        (place, server.get_opt::<Outlines>(&path, Part::MetadataList).await)
    }));
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for (place, list) in lists.await {
        match list {
            // A kind that is not served has no objects.
            Ok(list) => {
                let items = list.map(|list| list.items).unwrap_or_default();
                let ours = items.into_iter().map(|item| item.metadata).filter(Metadata::is_ours);
                found.extend(ours.map(|metadata| (*place, metadata)));
            }
            Err(Failure::Refused(status)) => {
                let what = format!("looking for {}", place.plural);
                let failure = Failure::Refused(status).during(&what, "ask for the right to list them");
                failures.push(format!("{failure:#}"));
            }
            Err(failure) => {
                return Err(failure.during(&format!("looking for {}", place.plural), "run this again"));
            }
        }
    }
    Ok((found, failures))
}

/// Waits until all of `deleted` is gone, but for pods on nodes that are down: those go when the nodes do or come back.
async fn gone(
    server: &Server<'_>,
    mut deleted: Vec<Found>,
    until: Instant,
    console: &mut Console<'_>,
) -> Result<Gone> {
    let (all, mut pause) = (deleted.len(), FIRST_LOOK);
    let mut progress = None;
    loop {
        let places: Vec<_> =
            PLACES.into_iter().filter(|place| deleted.iter().any(|(other, _)| other == place)).collect();
        let (left, _) = list(server, &places).await?;
        let is_left = |metadata: &Metadata| left.iter().find(|(_, other)| other.uid == metadata.uid);
        let (still, went): (Vec<_>, Vec<_>) =
            deleted.into_iter().partition(|(_, metadata)| is_left(metadata).is_some());
        if !went.is_empty() {
            progress = None;
        }
        for (place, metadata) in &went {
            console.line(&format!("{} deleted", place.name_of(&metadata.name)));
        }
        if still.is_empty() {
            return Ok(Gone::All);
        }
        if still.iter().all(|(place, _)| *place == DAEMON_SETS)
            && let Some(nodes) = look::left_on_nodes_down(server).await?
        {
            drop(progress);
            let (title, nodes) = (DAEMON_SETS.name_of(NAME), named(nodes.iter().map(String::as_str)));
            console.say("warning", &format!("{title} is deleted, but pods of it are left on nodes that are not ready ({nodes}): each goes when its node is ready again, or is deleted; see oc get nodes"));
            return Ok(Gone::ButOnNodesDown);
        }
        if Instant::now() >= until {
            let late = still.iter().map(|(place, metadata)| {
                let title = place.name_of(&metadata.name);
                let kept = is_left(metadata).map(|(_, now)| now.finalizers.join(", ")).unwrap_or_default();
                format!("{title} is deleted but still there (finalizers: {kept}): its pods may be on nodes that are down")
            });
            return Ok(Gone::Not(late.collect()));
        }
        let done = (all - still.len()) as f64 / all as f64;
        progress.get_or_insert_with(|| Progress::start("waiting until all is gone")).set(done);
        deleted = still;
        sleep(pause).await;
        pause = (2 * pause).min(LAST_LOOK);
    }
}

/// Errors: there are failures; each is told.
fn told(failures: &[String], console: &Console<'_>) -> Result<()> {
    failures.iter().for_each(|failure| console.say("failed", failure));
    match failures.len() {
        0 => Ok(()),
        count => {
            bail!("{count} of the objects could not be deleted or looked for: see above, and run this again")
        }
    }
}
