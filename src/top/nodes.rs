//! Where pods ran: `kube_pod_info`, joined in the client by namespace and pod.
use super::queries;
use super::rhythm::Span;
use crate::prometheus::{Client, Series};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

/// Pods whose samples one query asks for; keeps its text short.
const BATCH: usize = 100;

/// A pod's namespace and name.
type Key = (String, String);

/// The last node of each pod in a window; pods that nothing is known of are absent.
pub(super) async fn of_pods(client: &Client, span: Span) -> Result<BTreeMap<Key, String>> {
    let answer = client.instant(&queries::pod_nodes(span.length()), span.end).await?;
    let mut seen: BTreeMap<Key, BTreeSet<String>> = BTreeMap::new();
    for series in answer.iter().filter(|series| !series.label("node").is_empty()) {
        seen.entry(key(series)).or_default().insert(series.label("node").to_owned());
    }
    // Few pods move; only of those the samples' times are needed.
    let mut moved: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for ((namespace, pod), nodes) in &seen {
        if nodes.len() > 1 {
            moved.entry(namespace).or_default().push(pod);
        }
    }
    let mut last: BTreeMap<Key, (i64, String)> = BTreeMap::new();
    for (namespace, pods) in moved {
        for batch in pods.chunks(BATCH) {
            let answer =
                client.instant(&queries::pod_info(namespace, batch, span.length()), span.end).await?;
            for series in &answer {
                let candidate =
                    (series.samples.last().map_or(i64::MIN, |(at, _)| *at), series.label("node").to_owned());
                let entry = last.entry(key(series)).or_insert_with(|| candidate.clone());
                if *entry < candidate && !candidate.1.is_empty() {
                    *entry = candidate;
                }
            }
        }
    }
    let mut nodes = BTreeMap::new();
    for (key, names) in seen {
        let node = last.remove(&key).map(|(_, node)| node).or_else(|| names.into_iter().next());
        nodes.insert(key, node.unwrap_or_default());
    }
    Ok(nodes)
}

fn key(series: &Series) -> Key {
    (series.label("namespace").to_owned(), series.label("pod").to_owned())
}
