//! Subjects of budgets, computed from groups, pods and busy time alone: sums on each node at each time, and their statistics.

use std::collections::{BTreeMap, BTreeSet};

use crate::pods::class;
use crate::steps::{Steps, percentile, sum};
use crate::{History, Series, metric};

/// A sum on each node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeSum<'a> {
    /// Host, kernel, infra, pod, and unattributed as a mean over a minute.
    Platform,
    /// Some classes.
    Classes(&'a [&'a str]),
    /// The busy time.
    Busy,
    /// One pod.
    Pod(&'a str, &'a str),
}

/// The samples of a sum on a node, and at how many times the node answered at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeSamples {
    /// Unix time in milliseconds to cores.
    pub samples: BTreeMap<i64, f64>,
    /// Times at which anything of the node has a sample; for what needs its busy time, at which that is there too.
    pub covered: usize,
}

impl NodeSamples {
    /// `avg`, `max`, or a percentile such as `p99`. None if the node never answered.
    pub fn statistic(&self, name: &str) -> Option<f64> {
        if self.covered == 0 {
            return None;
        }
        Some(match name {
            "avg" => self.samples.values().sum::<f64>() / self.covered as f64,
            "max" => self.samples.values().copied().reduce(f64::max).unwrap_or(0.0),
            _ => percentile(&self.samples, name.trim_start_matches('p').parse().ok()?).unwrap_or(0.0),
        })
    }
}

/// The samples of a sum on each node in (start, end]. `management`: pods, by namespace and name, that count as infra.
pub fn on_nodes(
    history: &History,
    (start_ms, end_ms): (i64, i64),
    of: NodeSum<'_>,
    management: &[(String, String)],
) -> BTreeMap<String, NodeSamples> {
    let nodes: BTreeSet<&str> = history.series.iter().map(|series| series.label("instance")).collect();
    let within = |at: &i64| start_ms < *at && *at <= end_ms;
    let is_management = |series: &Series| {
        management.iter().any(|pod| pod.0 == series.label("namespace") && pod.1 == series.label("pod"))
    };
    // Classes as budgets have them, the group of all pods left out: it is the pods once more.
    let class_of = |series: &Series| match (series.metric, series.label("class")) {
        (metric::GROUP, "pod") => None,
        (metric::GROUP, class) => Some(class.to_owned()),
        (metric::POD, "pod") => Some("pod".to_owned()),
        (metric::POD, _) if is_management(series) => Some("infra".to_owned()),
        (metric::POD, _) => Some(class(series.label("namespace")).to_owned()),
        _ => None,
    };
    let mut all = BTreeMap::new();
    for node in nodes.into_iter().filter(|node| !node.is_empty()) {
        let on_node = || history.series.iter().filter(move |series| series.label("instance") == node);
        let add = |wanted: &dyn Fn(&Series) -> bool| -> Steps {
            sum(on_node().filter(|series| wanted(series)).flat_map(|series| &series.samples).copied())
        };
        let busy = add(&|series| series.metric == metric::BUSY);
        let everything = add(&|series| class_of(series).is_some());
        let unattributed: Steps =
            busy.iter().map(|(at, busy)| (*at, busy - everything.get(at).unwrap_or(&0.0))).collect();
        let mut samples = match of {
            NodeSum::Busy => busy.clone(),
            NodeSum::Classes(classes) => {
                add(&|series| class_of(series).is_some_and(|class| classes.contains(&class.as_str())))
            }
            NodeSum::Pod(namespace, name) => add(&|series| {
                series.metric == metric::POD
                    && series.label("namespace") == namespace
                    && series.label("pod") == name
            }),
            NodeSum::Platform => {
                let parts = add(&|series| class_of(series).is_some_and(|class| class != "workload"));
                let with_rest = parts.iter().filter_map(|(at, parts)| {
                    let minute: Vec<f64> =
                        unattributed.range(at - 59_999..=*at).map(|(_, value)| *value).collect();
                    let mean = minute.iter().sum::<f64>() / minute.len() as f64;
                    (!minute.is_empty()).then_some((*at, parts + mean))
                });
                with_rest.collect()
            }
        };
        samples.retain(|at, _| within(at));
        let covered = match of {
            NodeSum::Platform | NodeSum::Busy => samples.len(),
            _ => busy.keys().chain(everything.keys()).filter(|at| within(at)).collect::<BTreeSet<_>>().len(),
        };
        all.insert(node.to_owned(), NodeSamples { samples, covered });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{NodeSum, on_nodes};
    use crate::{History, Series, metric};

    fn series(metric: &'static str, labels: &[(&'static str, &str)], values: &[f64]) -> Series {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let samples = (1..).map(|step| step * 15_000).zip(values.iter().copied()).collect();
        Series { metric, labels, samples }
    }

    #[test]
    fn the_platform_is_all_but_workload_and_unattributed_a_mean_over_a_minute() {
        let on = ("instance", "a");
        let history = History {
            interval_s: 15,
            pod_interval_s: 30,
            series: vec![
                series(metric::BUSY, &[on], &[5.0, 5.0, 5.0, 5.0, 9.0]),
                series(metric::GROUP, &[on, ("class", "host"), ("groupname", "crio")], &[1.0; 5]),
                series(metric::GROUP, &[on, ("class", "pod"), ("groupname", "conmon")], &[3.5; 5]),
                series(metric::POD, &[on, ("namespace", "openshift-a"), ("pod", "x")], &[0.5; 5]),
                series(metric::POD, &[on, ("namespace", "b"), ("pod", "y")], &[2.75; 5]),
                series(metric::POD, &[on, ("namespace", "b"), ("pod", "z")], &[0.25; 5]),
            ],
        };
        let management = [("b".to_owned(), "z".to_owned())];
        let of = |sum| on_nodes(&history, (15_000, 75_000), sum, &management).remove("a").unwrap();
        let platform = of(NodeSum::Platform);
        let values: Vec<f64> = platform.samples.values().copied().collect();
        assert_eq!(values, [2.25, 2.25, 2.25, 3.25]);
        assert_eq!((platform.statistic("avg"), platform.statistic("max")), (Some(2.5), Some(3.25)));
        assert_eq!(of(NodeSum::Classes(&["workload"])).statistic("p50"), Some(2.75));
        assert_eq!(of(NodeSum::Classes(&["infra"])).statistic("max"), Some(0.75));
        assert_eq!(of(NodeSum::Pod("b", "z")).statistic("avg"), Some(0.25));
        assert_eq!(of(NodeSum::Busy).covered, 4);
    }
}
