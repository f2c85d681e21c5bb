//! Placement: nodes of pods over time, by `kube_pod_info`, for the platform's series, which have no node.
use super::super::metric_names;
use super::super::probe::PODS;
use crate::prometheus::Series;
use crate::query::{Cost, Querier, Span, Split};
use crate::time::Timestamp;
use anyhow::Result;
use futures_util::future::try_join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

/// Number of pods that one query names; keeps its text short.
pub(super) const BATCH: usize = 500;
/// Last part of a window, which holds a sample of every pod that is still there.
const LATELY: Duration = Duration::from_secs(120);

/// Namespace and name of a pod.
pub(super) type Pod = (String, String);

/// Node of each pod in a window.
#[derive(Debug, Default)]
pub(super) struct Placement {
    /// Last node of each pod that is known.
    pub last: BTreeMap<Pod, String>,
    /// Pods on several nodes: since when on which, by time.
    pub rescheduled: BTreeMap<Pod, Vec<(Timestamp, String)>>,
}

impl Placement {
    /// Fetches the last nodes of the pods that were there lately, which are most; if `moves` matter, the nodes of all
    /// pods, with those that moved.
    pub(super) async fn fetch(querier: &Querier<'_>, span: Span, moves: bool) -> Result<Placement> {
        let window = if moves { span.length() } else { LATELY.min(span.length()) };
        let lately = Span::ending(span.end, window);
        let seen = nodes_of(querier, metric_names::POD_INFO, lately, PODS).await?;
        let mut placement = Placement::default();
        placement.add_seen(querier, span, seen).await?;
        Ok(placement)
    }

    /// Fetches the last nodes of pods that were not there lately.
    pub(super) async fn add(&mut self, querier: &Querier<'_>, span: Span, pods: &[Pod]) -> Result<()> {
        let batches = pods.chunks(BATCH).map(async |batch| {
            let mut seen = nodes_of(querier, &metric_names::pod_info(batch), span, batch.len()).await?;
            seen.retain(|pod, _| batch.binary_search(pod).is_ok());
            anyhow::Ok(seen)
        });
        let seen = try_join_all(batches).await?.into_iter().flatten().collect();
        self.add_seen(querier, span, seen).await
    }

    /// Adds the nodes on which pods were seen. Few pods move, and times are fetched of those alone.
    async fn add_seen(&mut self, querier: &Querier<'_>, span: Span, seen: Nodes) -> Result<()> {
        let several: Vec<Pod> =
            seen.iter().filter(|(_, nodes)| nodes.len() > 1).map(|(pod, _)| pod.clone()).collect();
        let batches = several.chunks(BATCH).map(async |batch| {
            let mut moved =
                times_on_nodes(querier, &metric_names::pod_info(batch), span, batch.len()).await?;
            moved.retain(|pod, _| batch.binary_search(pod).is_ok());
            anyhow::Ok(moved)
        });
        self.rescheduled.extend(try_join_all(batches).await?.into_iter().flatten());
        for (pod, nodes) in seen {
            let last =
                self.rescheduled.get(&pod).and_then(|moves| moves.last()).map(|(_, node)| node.clone());
            if let Some(node) = last.or_else(|| nodes.into_iter().next()) {
                self.last.insert(pod, node);
            }
        }
        Ok(())
    }

    /// Splits a pod's samples by node: that of the newest sample of its placement, or of the first one for earlier samples.
    /// The node is empty if none is known.
    pub(super) fn split<'a>(
        &'a self,
        pod: &Pod,
        samples: &'a [(Timestamp, f64)],
    ) -> Vec<(&'a str, &'a [(Timestamp, f64)])> {
        let Some(moves) = self.rescheduled.get(pod) else {
            return vec![(self.last.get(pod).map_or("", String::as_str), samples)];
        };
        let mut parts = Vec::new();
        let mut rest = samples;
        let ends = moves.iter().skip(1).map(|(since, _)| Some(*since)).chain([None]);
        for ((_, node), end) in moves.iter().zip(ends) {
            let is_before = |(at, _): &(Timestamp, f64)| end.is_none_or(|end| *at < end);
            let (here, later) = rest.split_at(rest.partition_point(is_before));
            parts.push((node.as_str(), here));
            rest = later;
        }
        parts.retain(|(_, samples)| !samples.is_empty());
        parts
    }
}

/// Nodes of each pod.
type Nodes = BTreeMap<Pod, BTreeSet<String>>;

async fn nodes_of(querier: &Querier<'_>, info: &str, span: Span, pods: usize) -> Result<Nodes> {
    let mut seen = Nodes::new();
    let take = |answer: &[Series<'_>]| {
        for series in answer.iter().filter(|series| !series.label("node").is_empty()) {
            seen.entry(pod(series)).or_default().insert(series.label("node").to_owned());
        }
    };
    let cost = Cost::new(pods, pods).by(info, "namespace");
    if querier.has_cache() {
        // Then only the new samples are read, and of all pods only in the first round.
        querier.samples(info, span, cost, take).await?;
    } else {
        querier.over(metric_names::pod_nodes, info, span, (Split::Label, cost), take).await?;
    }
    Ok(seen)
}

/// Fetches since when each pod was on which node.
async fn times_on_nodes(
    querier: &Querier<'_>,
    info: &str,
    span: Span,
    pods: usize,
) -> Result<BTreeMap<Pod, Vec<(Timestamp, String)>>> {
    let mut seen: BTreeMap<Pod, Vec<(Timestamp, Rc<str>)>> = BTreeMap::new();
    let take = |answer: &[Series<'_>]| {
        for series in answer.iter().filter(|series| !series.label("node").is_empty()) {
            let node: Rc<str> = series.label("node").into();
            let times = series.samples.iter().map(|(at, _)| (*at, Rc::clone(&node)));
            seen.entry(pod(series)).or_default().extend(times);
        }
    };
    let cost = Cost::new(pods, pods).by(info, "namespace");
    querier.samples(info, span, cost, take).await?;
    let changes = |mut times: Vec<(Timestamp, Rc<str>)>| {
        times.sort_unstable();
        times.dedup_by(|later, earlier| later.1 == earlier.1);
        times.into_iter().map(|(since, node)| (since, node.as_ref().to_owned())).collect()
    };
    Ok(seen.into_iter().map(|(pod, times)| (pod, changes(times))).collect())
}

/// Returns the pod of a series.
pub(super) fn pod(series: &Series<'_>) -> Pod {
    (series.label("namespace").to_owned(), series.label("pod").to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Placement, Timestamp};

    #[test]
    fn a_sample_belongs_to_the_node_of_its_time() {
        let pod = ("shop".to_owned(), "cart-0".to_owned());
        let mut placement = Placement::default();
        let at = Timestamp::from_millis;
        let samples = [(10, 1.0), (20, 2.0), (30, 3.0), (40, 4.0)].map(|(ms, value)| (at(ms), value));
        assert_eq!(placement.split(&pod, &samples), [("", &samples[..])]);
        placement.last.insert(pod.clone(), "c".to_owned());
        assert_eq!(placement.split(&pod, &samples), [("c", &samples[..])]);
        // First seen on a at 15, on b from 30 on, then on c after the last sample.
        let moves = [(15, "a"), (30, "b"), (45, "c")].map(|(ms, node)| (at(ms), node.to_owned())).to_vec();
        placement.rescheduled.insert(pod.clone(), moves);
        assert_eq!(placement.split(&pod, &samples), [("a", &samples[..2]), ("b", &samples[2..])]);
    }
}
