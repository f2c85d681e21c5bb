//! `install` and `uninstall`: the exporter, its rules and its dashboard, into the cluster and out of it. What is
//! `pub(crate)` is what `status` reads.
//!
//! ```text
//!   mod                  the order of the steps
//!    |
//!   uninstall            deletes our objects, dependents first
//!   rollout              waits until the pods are ready                  <- diagnose: what keeps them from it
//!   first_samples        waits for the first samples in Prometheus
//!   deletion             waits for what an earlier uninstall deleted
//!   versions             of the plugin's exporters and of the cluster's
//!   apply                server-side apply, a line for each object       <- diff: server-side dry run
//!   threads              whether to count thread by thread
//!   serving_certificate  why the service CA issues none                  <- pod_problems: from pods and events
//!   nodes                which run the exporter, and which are down      <- daemonset: how far its rollout is
//!   preflight            user, API groups, namespaces, other's objects   <- rights: all missing ones at once
//!    |
//!   options              the command line's
//!   objects              manifests/, with the user's settings filled in  <- payload: the exporter's binary
//!   manifest             fields of manifests
//!   resources            kinds and their API paths
//!   console              standard output and standard error
//! ```
mod apply;
mod console;
pub(crate) mod daemonset;
mod deletion;
pub(crate) mod diagnose;
pub(crate) mod diff;
mod first_samples;
mod manifest;
mod nodes;
pub(crate) mod objects;
mod options;
pub(crate) mod payload;
pub(crate) mod pod_problems;
pub(crate) mod preflight;
pub(crate) mod resources;
mod rights;
mod rollout;
pub(crate) mod serving_certificate;
mod threads;
mod uninstall;
mod versions;

use crate::cluster::{Cluster, PrometheusOptions, Server};
use anyhow::Result;
pub use console::Console;
use nodes::Nodes;
use objects::Object;
pub use objects::{Settings, TlsVersion, validate_config};
use options::Intent;
pub use options::{Mode, Options};
use payload::Payload;
use resources::NAMESPACE;
use tokio::time::Instant;
pub use uninstall::{Removal, uninstall};
pub use versions::{ClusterVersions, Exporters, Installed, bundled_exporters, fetch_cluster_versions};

/// Installs, or prints what that would change. Errors are one line with the remedy. A second run continues after an
/// error.
pub async fn install(
    cluster: &Cluster,
    prometheus: &PrometheusOptions,
    options: &Options,
    console: &mut Console<'_>,
) -> Result<()> {
    if options.mode == Mode::Client {
        let objects = render_for_client(cluster, options, console).await?;
        return print_client_dry_run(&objects, options.yaml, console);
    }
    let server = cluster.server().await?;
    let user = preflight::fetch_user(&server).await?;
    preflight::check_served_kinds(&server).await?;
    let intent = Intent {
        reads_nodes: options.image.is_none(),
        replaces: options.replace_predecessor,
        waits: options.wait && options.mode == Mode::Apply,
    };
    rights::check(&server, &intent, &user, console).await?;
    preflight::check_namespaces(&server).await?;
    let nodes = match intent.reads_nodes || intent.waits {
        true => Some(Nodes::fetch(&server, &options.settings.node_selector).await?),
        false => None,
    };
    let program = choose_program(nodes.as_ref().map(|nodes| (&server, nodes)), options).await?;
    let objects =
        objects::render(&complete_settings(&server, nodes.as_ref(), options, console).await?, &program)?;
    if let Some(nodes) = &nodes {
        let lines = nodes.exclusion_lines(program.architectures().as_ref());
        lines.iter().for_each(|line| console.say("warning", line));
    }
    let mut existing = preflight::fetch_existing(&server, &objects).await?;
    let predecessors = preflight::find_predecessors(&objects, &existing, options.replace_predecessor)?;
    if options.mode == Mode::Server {
        return diff::print_dry_run(&server, &objects, &predecessors, options, console).await;
    }
    console.say("note", &format!("installing into {NAMESPACE} of {} as {user}", server.name()));
    console.say(
        "note",
        "Red Hat calls additions to openshift-monitoring unsupported: uninstall before a support case about monitoring",
    );
    if let objects::Program::Payload { image, .. } = &program {
        console.say("note", &format!("the exporter comes along and runs in the image of node-exporter, which every node has: {image}"));
    }
    let deadline = Instant::now() + options.timeout;
    server.retry_until(deadline, console.err);
    deletion::wait(&server, &objects, &mut existing, deadline, console).await?;
    // Another client may have created an object of the same name meanwhile.
    let predecessors = preflight::find_predecessors(&objects, &existing, options.replace_predecessor)?;
    apply::delete_predecessors(&server, &objects, &existing, &predecessors, deadline, console).await?;
    let changes = apply::apply_all(&server, &objects, &existing, &predecessors, options, console).await?;
    if !options.wait {
        console.say("note", "not waited for (--wait=false): oc interrogate status shows the progress");
        return Ok(());
    }
    let ready = rollout::wait(&server, deadline, options.timeout, console).await?;
    let removed = apply::remove_old_payloads(&server, &objects, console).await?;
    let done = if changes + removed == 0 { "nothing changed: it was installed" } else { "installed" };
    if ready == 0 {
        console.line(&format!("{done}, and no node runs it yet; next: oc interrogate status"));
        return Ok(());
    }
    first_samples::wait(cluster, prometheus, ready, deadline, console).await;
    let is_are = if ready == 1 { "1 node is" } else { &format!("{ready} nodes are") };
    console.line(&format!("{done}, {is_are} ready; next: oc interrogate top --interval 10m"));
    Ok(())
}

/// Renders the objects as they would be applied. The API server is only queried for the nodes.
async fn render_for_client(
    cluster: &Cluster,
    options: &Options,
    console: &Console<'_>,
) -> Result<Vec<Object>> {
    if options.image.is_some() {
        // With `--image` no request is sent, not even for the number of nodes.
        let settings = Settings { threads: options.threads.unwrap_or(true), ..options.settings.clone() };
        return objects::render(&settings, &choose_program(None, options).await?);
    }
    let server = cluster.server().await?;
    let nodes = Nodes::fetch(&server, &options.settings.node_selector).await?;
    let program = choose_program(Some((&server, &nodes)), options).await?;
    let lines = nodes.exclusion_lines(program.architectures().as_ref());
    lines.iter().for_each(|line| console.say("warning", line));
    objects::render(&complete_settings(&server, Some(&nodes), options, console).await?, &program)
}

/// Returns the user's settings, completed by what the cluster's nodes and its TLS profile require.
async fn complete_settings(
    server: &Server<'_>,
    nodes: Option<&Nodes>,
    options: &Options,
    console: &Console<'_>,
) -> Result<Settings> {
    let min_tls = match preflight::fetch_min_tls(server).await? {
        Some(min_tls) => min_tls,
        // Without the right to read the profile, keep what another administrator has installed.
        None => {
            let min_tls = preflight::fetch_installed_min_tls(server).await?.unwrap_or_default();
            console.say(
                "note",
                &format!("the cluster's TLS profile is not known, which takes the right to get apiservers.config.openshift.io \"cluster\": the exporter speaks {min_tls} and above"),
            );
            min_tls
        }
    };
    let threads = threads::should_count(server, nodes, options, console).await;
    Ok(Settings { threads, min_tls, ..options.settings.clone() })
}

/// Returns the source of the exporter's program: the image of the options, or a payload for the architectures of
/// `nodes`.
async fn choose_program(nodes: Option<(&Server<'_>, &Nodes)>, options: &Options) -> Result<objects::Program> {
    match (&options.image, nodes) {
        (None, Some((server, nodes))) => {
            let payload = Payload::read(&options.exporters, &nodes.architectures()?)?;
            Ok(objects::Program::Payload {
                payload,
                image: preflight::require_node_exporter_image(server).await?,
            })
        }
        (image, _) => Ok(objects::Program::Image(image.clone().unwrap_or_default())),
    }
}

/// Prints the objects of a client-side dry run.
fn print_client_dry_run(objects: &[Object], yaml: bool, console: &mut Console<'_>) -> Result<()> {
    if yaml {
        return console.yaml(objects.iter().map(|object| &object.value));
    }
    for object in objects {
        console.line(&format!("{} would be applied (client dry run)", object.title()));
    }
    Ok(())
}
