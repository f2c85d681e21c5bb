//! `install` and `uninstall`: from nothing to data in one command, and back to nothing. What is open to the crate is
//! what `status` looks with.
//!
//! ```text
//!   mod         the order of things
//!    |
//!   uninstall   only what is ours, dependents first
//!   rollout     n of m nodes ready, and what keeps the others          <- look: pods, events and nodes into trouble
//!   samples     the first data in Prometheus
//!   ending      what an uninstallation has not ended yet
//!   versions    what came along, and what would
//!   apply       server-side, one line an object                        <- diff: what would change
//!   certificate why the service CA issues none
//!   threads     whether they are counted one by one
//!   nodes       which run it, which are left out, which are down
//!   preflight   who asks, what is served, what is in the way           <- rights: every missing one at once
//!    |
//!   objects     manifests/, with what the user asked for in place      <- payload: the exporter's own binary
//!   options     what is asked for
//!   manifest    fields of manifests
//!   place       kinds and paths
//!   console     what is printed where
//! ```
mod apply;
pub(crate) mod certificate;
mod console;
pub(crate) mod diff;
mod ending;
pub(crate) mod look;
mod manifest;
mod nodes;
pub(crate) mod objects;
mod options;
pub(crate) mod payload;
pub(crate) mod place;
pub(crate) mod preflight;
mod rights;
mod rollout;
mod samples;
pub(crate) mod set;
mod threads;
pub(crate) mod trouble;
mod uninstall;
mod versions;

use crate::cluster::{Cluster, PrometheusOptions, Server};
use anyhow::Result;
pub use console::Console;
use nodes::Nodes;
use objects::Object;
pub use objects::{TlsVersion, Wanted, checked_config};
use options::Intent;
pub use options::{Mode, Options};
use payload::Payload;
use place::NAMESPACE;
use tokio::time::Instant;
pub use uninstall::{Removal, uninstall};
pub use versions::{ClusterVersions, Exporters, Installed, carried, in_cluster};

/// Installs, or says what that would change. Errors: one line with the remedy; run again, it goes on where it ended.
pub async fn install(
    cluster: &Cluster,
    prometheus: &PrometheusOptions,
    options: &Options,
    console: &mut Console<'_>,
) -> Result<()> {
    if options.mode == Mode::Client {
        let objects = rendered(cluster, options, console).await?;
        return show(&objects, options.yaml, console);
    }
    let server = cluster.server().await?;
    let user = preflight::user(&server).await?;
    preflight::served(&server).await?;
    let intent = Intent {
        reads_nodes: options.image.is_none(),
        replaces: options.replace_predecessor,
        waits: options.wait && options.mode == Mode::Apply,
    };
    rights::check(&server, &intent, &user, console).await?;
    preflight::namespaces(&server).await?;
    let nodes = match intent.reads_nodes || intent.waits {
        true => Some(Nodes::chosen(&server, &options.wanted.node_selector).await?),
        false => None,
    };
    let program = program(nodes.as_ref().map(|nodes| (&server, nodes)), options).await?;
    let objects = objects::all(&wanted(&server, nodes.as_ref(), options, console).await?, &program)?;
    if let Some(nodes) = &nodes {
        let lines = nodes.left_out(program.architectures().as_ref());
        lines.iter().for_each(|line| console.say("warning", line));
    }
    let mut existing = preflight::existing(&server, &objects).await?;
    let predecessors = preflight::in_the_way(&objects, &existing, options.replace_predecessor)?;
    if options.mode == Mode::Server {
        return diff::show(&server, &objects, &predecessors, options, console).await;
    }
    console.say("note", &format!("installing into {NAMESPACE} of {} as {user}", server.name()));
    console.say(
        "note",
        "Red Hat calls additions to openshift-monitoring unsupported: uninstall before a support case about monitoring",
    );
    if let objects::Program::Payload { image, .. } = &program {
        console.say("note", &format!("the exporter comes along and runs in the image of node-exporter, which every node has: {image}"));
    }
    let until = Instant::now() + options.timeout;
    server.retry_until(until, console.err);
    ending::wait(&server, &objects, &mut existing, until, console).await?;
    // Somebody else may have taken a name meanwhile.
    let predecessors = preflight::in_the_way(&objects, &existing, options.replace_predecessor)?;
    apply::replace(&server, &objects, &existing, &predecessors, until, console).await?;
    let changes = apply::all(&server, &objects, &existing, &predecessors, options, console).await?;
    if !options.wait {
        console.say("note", "not waited for (--wait=false): oc interrogate status tells how far it is");
        return Ok(());
    }
    let ready = rollout::wait(&server, until, options.timeout, console).await?;
    let removed = apply::remove_old_payloads(&server, &objects, console).await?;
    let done = if changes + removed == 0 { "nothing changed: it was installed" } else { "installed" };
    if ready == 0 {
        console.line(&format!("{done}, and no node runs it yet; next: oc interrogate status"));
        return Ok(());
    }
    samples::wait(cluster, prometheus, ready, until, console).await;
    let is_are = if ready == 1 { "1 node is" } else { &format!("{ready} nodes are") };
    console.line(&format!("{done}, {is_are} ready; next: oc interrogate top --interval 10m"));
    Ok(())
}

/// The objects as they would be applied. Asks the cluster only for what the nodes are.
async fn rendered(cluster: &Cluster, options: &Options, console: &Console<'_>) -> Result<Vec<Object>> {
    if options.image.is_some() {
        // Nobody is asked anything, not even how many nodes there are.
        let wanted = Wanted { threads: options.threads.unwrap_or(true), ..options.wanted.clone() };
        return objects::all(&wanted, &program(None, options).await?);
    }
    let server = cluster.server().await?;
    let nodes = Nodes::chosen(&server, &options.wanted.node_selector).await?;
    let program = program(Some((&server, &nodes)), options).await?;
    let lines = nodes.left_out(program.architectures().as_ref());
    lines.iter().for_each(|line| console.say("warning", line));
    objects::all(&wanted(&server, Some(&nodes), options, console).await?, &program)
}

/// What was asked for, and what the cluster's nodes and its TLS profile ask for.
async fn wanted(
    server: &Server<'_>,
    nodes: Option<&Nodes>,
    options: &Options,
    console: &Console<'_>,
) -> Result<Wanted> {
    let min_tls = match preflight::min_tls(server).await? {
        Some(min_tls) => min_tls,
        // Who may not see it does not lower what another administrator has installed.
        None => {
            let min_tls = preflight::installed_min_tls(server).await?.unwrap_or_default();
            console.say(
                "note",
                &format!("the cluster's TLS profile is not known, which takes the right to get apiservers.config.openshift.io \"cluster\": the exporter speaks {min_tls} and above"),
            );
            min_tls
        }
    };
    let threads = threads::are_counted(server, nodes, options, console).await;
    Ok(Wanted { threads, min_tls, ..options.wanted.clone() })
}

/// Where the pods have the program from: the image of the options, or what comes along for `nodes`.
async fn program(nodes: Option<(&Server<'_>, &Nodes)>, options: &Options) -> Result<objects::Program> {
    match (&options.image, nodes) {
        (None, Some((server, nodes))) => {
            let payload = Payload::read(&options.exporters, &nodes.architectures()?)?;
            Ok(objects::Program::Payload { payload, image: preflight::image(server).await? })
        }
        (image, _) => Ok(objects::Program::Image(image.clone().unwrap_or_default())),
    }
}

/// Prints objects that nobody has applied.
fn show(objects: &[Object], yaml: bool, console: &mut Console<'_>) -> Result<()> {
    if yaml {
        return console.yaml(objects.iter().map(|object| &object.value));
    }
    for object in objects {
        console.line(&format!("{} would be applied (client dry run)", object.title()));
    }
    Ok(())
}
