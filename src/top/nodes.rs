//! Where pods ran and when: `kube_pod_info`, joined in the client by namespace and pod.
use super::series;
use crate::prometheus::Series;
use crate::query::Querier;
use crate::query::Span;
use crate::query::{Cost, Split};
use anyhow::Result;
use futures_util::future::try_join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Pods that one query names; keeps its text short.
pub(super) const BATCH: usize = 500;
/// Pods of a cluster, when an answer's size is judged before it is known.
pub(super) const PODS: usize = 8000;
/// Their namespaces, likewise.
pub(super) const NAMESPACES: usize = 100;
/// The last part of a window, milliseconds, that holds a sample of every pod that is still there.
const LATELY: i64 = 120_000;

/// A pod's namespace and name.
pub(super) type Pod = (String, String);

/// Where each pod was in a window.
#[derive(Debug, Default)]
pub(super) struct Whereabouts {
    /// The last node of each pod that anything is known of.
    pub last: BTreeMap<Pod, String>,
    /// Pods on several nodes: since when on which, Unix milliseconds, by time.
    pub moved: BTreeMap<Pod, Vec<(i64, String)>>,
}

impl Whereabouts {
    /// Asks for a window: for the last nodes of the pods that were there lately, which are most; for the nodes of all
    /// pods, with all that moved, where `moves` matter.
    pub(super) async fn find(server: &Querier<'_>, span: Span, moves: bool) -> Result<Whereabouts> {
        let window = if moves { span.length() } else { LATELY.min(span.length()) };
        let lately = Span { start: span.end - window, ..span };
        let seen = nodes_of(server, series::POD_INFO, lately, PODS).await?;
        let mut whereabouts = Whereabouts::default();
        whereabouts.take(server, span, seen).await?;
        Ok(whereabouts)
    }

    /// Asks for the last nodes of pods that were not there lately.
    pub(super) async fn add(&mut self, server: &Querier<'_>, span: Span, pods: &[Pod]) -> Result<()> {
        let batches = pods.chunks(BATCH).map(async |batch| {
            let mut seen = nodes_of(server, &series::pod_info(batch), span, batch.len()).await?;
            seen.retain(|pod, _| batch.binary_search(pod).is_ok());
            anyhow::Ok(seen)
        });
        let seen = try_join_all(batches).await?.into_iter().flatten().collect();
        self.take(server, span, seen).await
    }

    /// Takes in who was seen where. Few pods move, and only of those it matters when.
    async fn take(&mut self, server: &Querier<'_>, span: Span, seen: Nodes) -> Result<()> {
        let several: Vec<Pod> =
            seen.iter().filter(|(_, nodes)| nodes.len() > 1).map(|(pod, _)| pod.clone()).collect();
        let batches = several.chunks(BATCH).map(async |batch| {
            let mut moved = times_on_nodes(server, &series::pod_info(batch), span, batch.len()).await?;
            moved.retain(|pod, _| batch.binary_search(pod).is_ok());
            anyhow::Ok(moved)
        });
        self.moved.extend(try_join_all(batches).await?.into_iter().flatten());
        for (pod, nodes) in seen {
            let last = self.moved.get(&pod).and_then(|moves| moves.last()).map(|(_, node)| node.clone());
            if let Some(node) = last.or_else(|| nodes.into_iter().next()) {
                self.last.insert(pod, node);
            }
        }
        Ok(())
    }

    /// A pod's samples by the node that it was on: that of the newest sample of its whereabouts, the first one's before
    /// there is any, and an empty one where nothing is known.
    pub(super) fn split<'a>(
        &'a self,
        pod: &Pod,
        samples: &'a [(i64, f64)],
    ) -> Vec<(&'a str, &'a [(i64, f64)])> {
        let Some(moves) = self.moved.get(pod) else {
            return vec![(self.last.get(pod).map_or("", String::as_str), samples)];
        };
        let mut parts = Vec::new();
        let mut rest = samples;
        for ((_, node), next) in
            moves.iter().zip(moves.iter().skip(1).map(|(since, _)| *since).chain([i64::MAX]))
        {
            let (here, later) = rest.split_at(rest.partition_point(|(at, _)| *at < next));
            parts.push((node.as_str(), here));
            rest = later;
        }
        parts.retain(|(_, samples)| !samples.is_empty());
        parts
    }
}

/// The nodes of each pod.
type Nodes = BTreeMap<Pod, BTreeSet<String>>;

async fn nodes_of(server: &Querier<'_>, info: &str, span: Span, pods: usize) -> Result<Nodes> {
    let mut seen = Nodes::new();
    let take = |answer: &[Series<'_>]| {
        for series in answer.iter().filter(|series| !series.label("node").is_empty()) {
            seen.entry(pod(series)).or_default().insert(series.label("node").to_owned());
        }
    };
    let cost = Cost::of(pods, pods).by(info, "namespace");
    server.over(series::pod_nodes, info, span, (Split::Label, cost), take).await?;
    Ok(seen)
}

/// Since when each pod was on which node.
async fn times_on_nodes(
    server: &Querier<'_>,
    info: &str,
    span: Span,
    pods: usize,
) -> Result<BTreeMap<Pod, Vec<(i64, String)>>> {
    let mut seen: BTreeMap<Pod, Vec<(i64, Rc<str>)>> = BTreeMap::new();
    let take = |answer: &[Series<'_>]| {
        for series in answer.iter().filter(|series| !series.label("node").is_empty()) {
            let node: Rc<str> = series.label("node").into();
            let times = series.samples.iter().map(|(at, _)| (*at, Rc::clone(&node)));
            seen.entry(pod(series)).or_default().extend(times);
        }
    };
    let cost = Cost::of(pods, pods).by(info, "namespace");
    server.samples(info, span, cost, take).await?;
    let changes = |mut times: Vec<(i64, Rc<str>)>| {
        times.sort_unstable();
        times.dedup_by(|later, earlier| later.1 == earlier.1);
        times.into_iter().map(|(since, node)| (since, node.as_ref().to_owned())).collect()
    };
    Ok(seen.into_iter().map(|(pod, times)| (pod, changes(times))).collect())
}

/// Of which pod a series is.
pub(super) fn pod(series: &Series<'_>) -> Pod {
    (series.label("namespace").to_owned(), series.label("pod").to_owned())
}

#[cfg(test)]
mod tests {
    use super::Whereabouts;

    #[test]
    fn a_sample_belongs_to_the_node_of_its_time() {
        let pod = ("shop".to_owned(), "cart-0".to_owned());
        let mut whereabouts = Whereabouts::default();
        let samples = [(10, 1.0), (20, 2.0), (30, 3.0), (40, 4.0)];
        assert_eq!(whereabouts.split(&pod, &samples), [("", &samples[..])]);
        whereabouts.last.insert(pod.clone(), "c".to_owned());
        assert_eq!(whereabouts.split(&pod, &samples), [("c", &samples[..])]);
        // First seen on a at 15, on b from 30 on, then on c after the last sample.
        let moves = [(15, "a"), (30, "b"), (45, "c")].map(|(at, node)| (at, node.to_owned())).to_vec();
        whereabouts.moved.insert(pod.clone(), moves);
        assert_eq!(whereabouts.split(&pod, &samples), [("a", &samples[..2]), ("b", &samples[2..])]);
    }
}
