//! Check of the sets of CPUs: whether something of the platform may run on isolated CPUs.
use super::checks::CheckName;
use super::report::Check;
use crate::cluster::Cluster;
use crate::install::pod_problems::list_names;
use crate::progress::Progress;
use crate::prometheus::Client;
use crate::query::{Querier, Span};
use crate::time::Timestamp;
use crate::top::metric_names::CPUSET_INFO;
use crate::top::{By, Key, Question, SourceChoice, Strays, ThreadsOnNodes};
use anyhow::Result;
use std::time::Duration;

/// Length of the stretch before now whose strays count. A Prometheus that finds no sample in as long takes a series for gone,
/// so that no scrape interval that works is longer.
const LATELY: Duration = Duration::from_secs(300);

/// Checks what strays. A Prometheus that does not respond fails the check, in one line.
pub(super) async fn check(cluster: &Cluster, client: &Client, now: Timestamp) -> Check {
    match fetch(cluster, client, now).await {
        Ok(check) => check,
        Err(error) => Check::error(CheckName::Cpusets, &error),
    }
}

async fn fetch(cluster: &Cluster, client: &Client, now: Timestamp) -> Result<Check> {
    let name = CheckName::Cpusets;
    let nodes = client.one(&format!("count(count by (instance) ({CPUSET_INFO}))"), now).await?;
    let Some(nodes) = nodes.filter(|nodes| *nodes > 0.0) else {
        return Ok(Check::ok(name, "no node isolates CPUs by its kernel's command line"));
    };
    let progress = Progress::none();
    let querier = Querier::new(client, &progress);
    querier.learn_dialect().await?;
    let mut question = Question::of_all(SourceChoice::Exporter, now, LATELY, By::Cpuset);
    question.per_node = true;
    question.sets.partitioning = cluster.partitioning().await;
    let strays = Strays::fetch(&querier, &question, Span::ending(now, LATELY), nodes as usize).await?;
    let expected: String = strays.notes.iter().map(|note| format!("; {note}")).collect();
    if strays.found.is_empty() {
        let what = format!("nothing of the platform strays onto the isolated CPUs of {nodes} nodes");
        return Ok(Check::ok(name, what + &expected));
    }
    let names: Vec<String> = strays.found.iter().map(|(key, on_nodes)| describe(key, on_nodes)).collect();
    let count = names.len();
    let names = list_names(names.iter().map(String::as_str));
    Ok(Check::warning(
        name,
        format!("{count} of the platform may run on isolated CPUs: {names}{expected}"),
        "see what they use, and why they may, with oc interrogate top --by cpuset --per-node",
    ))
}

/// Names a stray, its node, and its threads.
fn describe(key: &Key, on_nodes: &ThreadsOnNodes) -> String {
    let threads: u64 = on_nodes.values().map(|threads| threads.most).sum();
    let cpus: Vec<&str> = on_nodes.values().flat_map(|threads| &threads.cpus).map(String::as_str).collect();
    let pod = key.namespace.as_ref().map_or_else(String::new, |namespace| format!("{namespace}/"));
    let node = key.node.as_deref().unwrap_or_default();
    let s = if threads == 1 { "" } else { "s" };
    format!("{pod}{} on {node} ({threads} thread{s}, CPUs {})", key.name, cpus.join(" and "))
}
