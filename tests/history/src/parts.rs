//! The samples of a window in parts, each of one thing on one node.

use std::collections::{BTreeMap, BTreeSet};

use crate::steps::Window;
use crate::{History, Series, metric};

/// What one thing used on one node. What does not apply is empty.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// `host`, `kernel`, `infra`, `workload`; `pod` of the exporter's count.
    pub(crate) class: &'a str,
    /// A pod's.
    pub(crate) namespace: &'a str,
    /// A group's or a pod's.
    pub(crate) name: &'a str,
    /// Of a thread alone.
    pub(crate) thread: &'a str,
    pub(crate) node: &'a str,
    /// Unix time in milliseconds and cores, by time.
    pub(crate) samples: Vec<(i64, f64)>,
}

impl Part<'_> {
    /// Whether it is a pod's own series, not one of the exporter's.
    pub(crate) fn is_pod(&self) -> bool {
        !self.namespace.is_empty()
    }

    /// Whether it is one of the exporter's own pods.
    pub(crate) fn is_exporter(&self) -> bool {
        self.namespace == "openshift-monitoring" && self.name.starts_with("process-exporter-")
    }
}

/// Everything in a window.
pub(crate) struct Parts<'a> {
    /// By the exporter's count, class `pod` with them.
    pub(crate) groups: Vec<Part<'a>>,
    /// The threads of some of the groups.
    pub(crate) threads: Vec<Part<'a>>,
    /// By the pods' own series, the exporter's own with them, each pod in as many parts as it was on nodes.
    pub(crate) pods: Vec<Part<'a>>,
    /// Namespace and name of each pod to where it was seen, by time.
    places: BTreeMap<(&'a str, &'a str), Vec<(i64, &'a str)>>,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(history: &'a History, window: Window) -> Parts<'a> {
        let places = places(history, window);
        let mut parts = Parts { groups: Vec::new(), threads: Vec::new(), pods: Vec::new(), places };
        for series in &history.series {
            let samples = samples(series, window);
            match series.metric {
                metric::GROUP => parts.groups.push(of_exporter(series, samples)),
                metric::THREAD => parts.threads.push(of_exporter(series, samples)),
                metric::POD => parts.pods.extend(of_pod(series, samples, &parts.places)),
                _ => {}
            }
        }
        parts
    }

    /// Groups where threads are not asked for; else threads, and the groups that have none anywhere.
    pub(crate) fn of_exporter(&self, by_thread: bool) -> Vec<&Part<'a>> {
        if !by_thread {
            return self.groups.iter().collect();
        }
        let has = |part: &Part<'a>| !part.samples.is_empty();
        let split: BTreeSet<_> =
            self.threads.iter().filter(|part| has(part)).map(|part| (part.class, part.name)).collect();
        let whole = self.groups.iter().filter(|part| !split.contains(&(part.class, part.name)));
        whole.chain(&self.threads).collect()
    }

    /// The last of these nodes (of all, when there are none) that a pod was seen on.
    pub(crate) fn last_node(&self, namespace: &str, pod: &str, nodes: &[String]) -> Option<&'a str> {
        let mut seen = self.places.get(&(namespace, pod))?.iter().rev().map(|(_, node)| *node);
        seen.find(|node| nodes.is_empty() || nodes.iter().any(|asked| asked == node))
    }
}

fn places(history: &History, window: Window) -> BTreeMap<(&str, &str), Vec<(i64, &str)>> {
    let mut places: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for series in history.series.iter().filter(|series| series.metric == metric::POD_INFO) {
        let seen = samples(series, window).into_iter().map(|(at, _)| (at, series.label("node")));
        places.entry((series.label("namespace"), series.label("pod"))).or_default().extend(seen);
    }
    for seen in places.values_mut() {
        seen.sort_unstable();
    }
    places
}

fn of_exporter(series: &Series, samples: Vec<(i64, f64)>) -> Part<'_> {
    Part {
        class: series.label("class"),
        namespace: "",
        name: series.label("groupname"),
        thread: series.label("threadname"),
        node: series.label("instance"),
        samples,
    }
}

/// Each sample is of the node where the pod was seen last until then, or first after that.
fn of_pod<'a>(
    series: &'a Series,
    samples: Vec<(i64, f64)>,
    places: &BTreeMap<(&'a str, &'a str), Vec<(i64, &'a str)>>,
) -> impl Iterator<Item = Part<'a>> {
    let (namespace, name) = (series.label("namespace"), series.label("pod"));
    let seen = places.get(&(namespace, name)).map_or(&[][..], Vec::as_slice);
    let mut by_node: BTreeMap<&str, Vec<(i64, f64)>> = BTreeMap::new();
    for sample in samples {
        let until = seen.partition_point(|(at, _)| *at <= sample.0);
        let node = seen.get(until.saturating_sub(1)).map_or("", |(_, node)| *node);
        by_node.entry(node).or_default().push(sample);
    }
    let class = pod_class(namespace);
    by_node.into_iter().map(move |(node, samples)| Part { class, namespace, name, thread: "", node, samples })
}

fn pod_class(namespace: &str) -> &'static str {
    let infra = matches!(namespace, "default" | "openshift")
        || namespace.starts_with("openshift-")
        || namespace.starts_with("kube-");
    if infra { "infra" } else { "workload" }
}

pub(crate) fn samples(series: &Series, window: Window) -> Vec<(i64, f64)> {
    series.samples.iter().copied().filter(|(at, _)| window.holds(*at)).collect()
}
