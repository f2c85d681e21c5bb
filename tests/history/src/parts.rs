//! The samples of a window in parts, each of one thing on one node.

use std::collections::{BTreeMap, BTreeSet};

use crate::pods::class;
use crate::question::Source;
use crate::steps::Window;
use crate::{History, Series, metric};

/// Usage of one thing on one node. Fields that do not apply are empty.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// `host`, `kernel`, `infra`, `workload`, or `pod`: what of the pods has no name.
    pub(crate) class: &'a str,
    /// A pod's.
    pub(crate) namespace: &'a str,
    /// A group's or a pod's.
    pub(crate) name: &'a str,
    /// Name of the thread; only for threads.
    pub(crate) thread: &'a str,
    pub(crate) node: &'a str,
    /// Unix time in milliseconds and cores, by time.
    pub(crate) samples: Vec<(i64, f64)>,
}

impl Part<'_> {
    /// Returns true if it is a pod.
    pub(crate) fn is_pod(&self) -> bool {
        matches!(self.class, "infra" | "workload")
    }

    /// Returns true if it is one of the exporter's own pods.
    pub(crate) fn is_exporter(&self) -> bool {
        self.namespace == "openshift-monitoring" && self.name.starts_with("process-exporter-")
    }
}

/// Everything in a window that a source knows.
pub(crate) struct Parts<'a> {
    /// Groups of host and kernel.
    pub(crate) groups: Vec<Part<'a>>,
    /// The threads of some of the groups.
    pub(crate) threads: Vec<Part<'a>>,
    /// Pods, the exporter's own with them, each in as many parts as it was on nodes, and what of them has no name.
    pub(crate) pods: Vec<Part<'a>>,
    /// Namespace and name of each pod to where it was seen, by time.
    places: Places<'a>,
}

type Places<'a> = BTreeMap<(&'a str, &'a str), Vec<(i64, &'a str)>>;

impl<'a> Parts<'a> {
    pub(crate) fn new(history: &'a History, window: Window, source: Source) -> Parts<'a> {
        let places = match source {
            Source::Exporter => places(history, window, metric::POD, "instance"),
            Source::Platform => places(history, window, metric::POD_INFO, "node"),
        };
        let mut parts = Parts { groups: Vec::new(), threads: Vec::new(), pods: Vec::new(), places };
        for series in &history.series {
            let samples = samples(series, window);
            match (source, series.metric) {
                // The group of all pods is the pods once more.
                (Source::Exporter, metric::GROUP | metric::THREAD) if series.label("class") == "pod" => {}
                (Source::Exporter, metric::GROUP) => parts.groups.push(of_group(series, samples)),
                (Source::Exporter, metric::THREAD) => parts.threads.push(of_group(series, samples)),
                (Source::Exporter, metric::POD) => parts.pods.push(Part {
                    class: series.label("class"),
                    namespace: series.label("namespace"),
                    name: series.label("pod"),
                    thread: "",
                    node: series.label("instance"),
                    samples,
                }),
                (Source::Platform, metric::PLATFORM_POD) => {
                    parts.pods.extend(of_pod(series, samples, &parts.places));
                }
                _ => {}
            }
        }
        parts
    }

    /// Groups if threads are not asked for; else threads, and the groups that have none anywhere.
    pub(crate) fn of_groups(&self, by_thread: bool) -> Vec<&Part<'a>> {
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

fn places<'a>(history: &'a History, window: Window, metric: &str, label: &str) -> Places<'a> {
    let mut places = Places::new();
    for series in history.series.iter().filter(|series| series.metric == metric) {
        let seen = samples(series, window).into_iter().map(|(at, _)| (at, series.label(label)));
        places.entry((series.label("namespace"), series.label("pod"))).or_default().extend(seen);
    }
    for seen in places.values_mut() {
        seen.sort_unstable();
    }
    // A row without a name has no node of its own.
    places.retain(|(namespace, _), _| !namespace.is_empty());
    places
}

fn of_group(series: &Series, samples: Vec<(i64, f64)>) -> Part<'_> {
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
    places: &Places<'a>,
) -> impl Iterator<Item = Part<'a>> {
    let (namespace, name) = (series.label("namespace"), series.label("pod"));
    let seen = places.get(&(namespace, name)).map_or(&[][..], Vec::as_slice);
    let mut by_node: BTreeMap<&str, Vec<(i64, f64)>> = BTreeMap::new();
    for sample in samples {
        let until = seen.partition_point(|(at, _)| *at <= sample.0);
        let node = seen.get(until.saturating_sub(1)).map_or("", |(_, node)| *node);
        by_node.entry(node).or_default().push(sample);
    }
    let class = class(namespace);
    by_node.into_iter().map(move |(node, samples)| Part { class, namespace, name, thread: "", node, samples })
}

pub(crate) fn samples(series: &Series, window: Window) -> Vec<(i64, f64)> {
    series.samples.iter().copied().filter(|(at, _)| window.holds(*at)).collect()
}
