//! Waits for objects that an earlier uninstall is still deleting. What is applied to such an object would go with it.
use super::console::Console;
use super::diagnose;
use super::objects::Object;
use super::pod_problems::list_names;
use super::preflight::{self, Metadata};
use super::resources::{DAEMON_SETS, NAME};
use crate::cluster::Server;
use anyhow::{Result, bail};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Pause between two checks.
const PAUSE: Duration = Duration::from_secs(1);

/// Waits until none of `objects` is being deleted, and updates `existing`. Errors if the deletion does not end by
/// `deadline`, or cannot end because the pods are on nodes that are down.
pub(super) async fn wait(
    server: &Server<'_>,
    objects: &[Object],
    existing: &mut Vec<Option<Metadata>>,
    deadline: Instant,
    console: &Console<'_>,
) -> Result<()> {
    let mut is_printed = false;
    loop {
        let is_deleting = |metadata: &Option<Metadata>| metadata.as_ref().is_some_and(Metadata::is_deleting);
        let ending = objects.iter().zip(existing.iter()).find(|(_, metadata)| is_deleting(metadata));
        let Some((object, _)) = ending else { return Ok(()) };
        let title = object.title();
        if object.resource == DAEMON_SETS
            && let Some(nodes) = diagnose::fetch_nodes_if_all_down(server).await?
        {
            let nodes = list_names(nodes.iter().map(String::as_str));
            bail!(
                "{title} is being deleted, and waits for pods on nodes that are not ready ({nodes}): end these with oc -n openshift-monitoring delete pod -l app.kubernetes.io/name={NAME} --force, and run this again"
            );
        }
        if Instant::now() >= deadline {
            bail!(
                "{title} is being deleted, and does not end: see its finalizers and pods, and run this again"
            );
        }
        if !is_printed {
            console.say("note", &format!("waiting until {title}, which is being deleted, is gone"));
            is_printed = true;
        }
        sleep(PAUSE).await;
        *existing = preflight::fetch_existing(server, objects).await?;
    }
}
