//! Expected verdicts of each profile, and of each line of a file, on a cluster.

use super::{GB, Site, WINDOW};
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use test_history::{NodeSum, Series, metric, on_nodes};

/// Share of a window that must be known.
const ENOUGH: f64 = 0.9;

/// Expected result of a line on a node, or on a pod of it.
#[derive(Clone, Debug)]
pub(in crate::budget) struct Wanted {
    pub(in crate::budget) is: Option<f64>,
    pub(in crate::budget) limit: Option<f64>,
    coverage: f64,
    is_average: bool,
    pub(in crate::budget) above_seconds: Option<f64>,
}

impl Wanted {
    fn unknown(limit: f64) -> Wanted {
        Wanted { is: None, limit: Some(limit), coverage: 1.0, is_average: true, above_seconds: None }
    }

    fn constant(is: f64, limit: f64) -> Wanted {
        Wanted { is: Some(is), ..Wanted::unknown(limit) }
    }

    pub(in crate::budget) fn left(&self) -> Option<f64> {
        Some(self.limit? - self.is?)
    }

    pub(in crate::budget) fn verdict(&self) -> &'static str {
        let Some((is, limit)) = self.is.zip(self.limit) else { return "unknown" };
        // The unknown part of an average may have been zero.
        let least = if self.is_average && self.coverage < ENOUGH { is * self.coverage } else { is };
        match least > limit + 1e-9 {
            true => "exceeded",
            false if self.coverage < ENOUGH => "unknown",
            false => "kept",
        }
    }
}

/// A line's figures by node, namespace and pod.
type Line = BTreeMap<[String; 3], Wanted>;

impl Site {
    /// A sum on each node, against one limit.
    fn sum(&self, of: NodeSum<'_>, statistic: &str, limit: Option<f64>) -> Line {
        let nodes = on_nodes(&self.history, WINDOW, of, &self.pods());
        let wanted = nodes.into_iter().map(|(node, samples)| {
            let is = samples.statistic(statistic);
            let above = |limit: f64| samples.samples.values().filter(|value| **value > limit + 1e-9).count();
            let wanted = Wanted {
                is,
                limit,
                coverage: samples.covered as f64 / 240.0,
                is_average: statistic == "avg",
                above_seconds: limit.zip(is).map(|(limit, _)| above(limit) as f64 * 15.0),
            };
            ([node, String::new(), String::new()], wanted)
        });
        wanted.collect()
    }

    fn each_node(&self, of: impl Fn(&str) -> Wanted) -> Line {
        self.nodes.iter().map(|node| ([node.clone(), String::new(), String::new()], of(node))).collect()
    }

    fn reserved(&self) -> Option<f64> {
        if self.reserved_list.is_some() { Some(2.0) } else { self.reserved }
    }

    /// Each pod that has a request, on each node that it was on.
    fn each_pod(&self) -> Line {
        let mut line = Line::new();
        for ((namespace, pod), request) in &self.management {
            for (node, samples) in on_nodes(&self.history, WINDOW, NodeSum::Pod(namespace, pod), &self.pods())
            {
                if !samples.samples.is_empty() {
                    let wanted = Wanted {
                        is: samples.statistic("avg"),
                        limit: Some(1.2 * request),
                        coverage: samples.covered as f64 / 240.0,
                        is_average: true,
                        above_seconds: None,
                    };
                    line.insert([node, namespace.clone(), pod.clone()], wanted);
                }
            }
        }
        line
    }

    fn memory(&self, limit: f64, of: impl Fn([f64; 2]) -> f64) -> Line {
        self.each_node(|node| match self.memory.as_ref().and_then(|memory| memory.get(node)) {
            Some(bytes) => Wanted::constant(of(*bytes), limit),
            None => Wanted::unknown(limit),
        })
    }

    /// The lines of a profile.
    pub(in crate::budget) fn expected(&self, profile: &str) -> Vec<Line> {
        let classes =
            |classes: &'static [&'static str], limit| self.sum(NodeSum::Classes(classes), "avg", limit);
        match profile {
            "ran-du" => vec![
                self.sum(NodeSum::Platform, "avg", Some(3.0)),
                self.sum(NodeSum::Platform, "max", Some(4.0)),
                self.memory(16.0 * GB, |[host, infra]| host + infra),
            ],
            "ran-du-standard" => vec![
                self.each_node(|node| match (self.reserved_list, self.reserved_busy, self.recorded_busy) {
                    (Some(_), Some(busy), _) => Wanted::constant(busy, 1.5),
                    (None, _, Some(busy)) => {
                        let nodes = on_nodes(&self.history, WINDOW, NodeSum::Busy, &[]);
                        Wanted { coverage: nodes[node].covered as f64 / 240.0, ..Wanted::constant(busy, 1.5) }
                    }
                    _ => Wanted::unknown(1.5),
                }),
                classes(&["infra"], Some(1.05)),
                classes(&["host"], Some(0.25)),
                classes(&["kernel"], Some(0.2)),
                self.each_pod(),
                self.memory(12.0 * GB, |[_, infra]| infra),
            ],
            "reserved-cpus" => vec![self.sum(NodeSum::Platform, "max", self.reserved())],
            _ => vec![classes(&["host", "kernel"], self.reserved())],
        }
    }

    /// The highest sample of what a line sums up on a node.
    pub(in crate::budget) fn highest(&self, profile: &str, line: &Value, node: &Value) -> Result<f64> {
        let of = match (profile, line.as_str()) {
            ("ran-du-standard", Some("infra pods")) => NodeSum::Classes(&["infra"]),
            ("ran-du-standard", Some("host")) => NodeSum::Classes(&["host"]),
            ("ran-du-standard", Some("kernel")) => NodeSum::Classes(&["kernel"]),
            ("system-reserved", _) => NodeSum::Classes(&["host", "kernel"]),
            _ => NodeSum::Platform,
        };
        let nodes = on_nodes(&self.history, WINDOW, of, &self.pods());
        let samples = nodes.get(node.as_str().unwrap_or_default()).context("no such node")?;
        samples.statistic("max").context("no sample")
    }

    /// Results of the lines of a file, by node, class, group, namespace and pod.
    pub(in crate::budget) fn lines(&self) -> Vec<BTreeMap<String, f64>> {
        let pods = self.pods();
        let of = |name: &str| {
            self.history.series.iter().filter(move |series| series.metric == name).collect::<Vec<_>>()
        };
        let (groups, all_pods) = (of(metric::GROUP), of(metric::POD));
        let managed = |series: &Series| {
            pods.iter().any(|pod| pod.0 == series.label("namespace") && pod.1 == series.label("pod"))
        };
        let infra = |series: &Series| series.label("class") == "infra" || managed(series);
        let host = |series: &Series| series.label("class") == "host";
        let any = |series: &Series| matches!(series.label("class"), "infra" | "workload");
        let unit = |series: &Series| host(series) && series.label("groupname").starts_with("unit-1");
        let openshift =
            |series: &Series| infra(series) && series.label("namespace").starts_with("openshift-");
        let of_group = |series: &Series| series.label("class") != "pod";
        let workload = |series: &Series| series.label("class") == "workload" && !managed(series);
        let busy = on_nodes(&self.history, WINDOW, NodeSum::Busy, &pods);
        vec![
            self.by(&groups, unit, "max", false),
            self.by(&all_pods, openshift, "p95", false),
            self.by(&all_pods, any, "avg", false),
            self.by(&groups, of_group, "avg", true),
            self.by(&all_pods, workload, "max", true),
            busy.into_iter()
                .filter_map(|(node, of)| Some((format!("{node}////"), of.statistic("p50")?)))
                .collect(),
        ]
    }

    /// A statistic of some series on each node: of their sum, or of each.
    fn by(
        &self,
        all: &[&Series],
        keep: impl Fn(&Series) -> bool,
        statistic: &str,
        each: bool,
    ) -> BTreeMap<String, f64> {
        let covered = on_nodes(&self.history, WINDOW, NodeSum::Classes(&[]), &[]);
        let mut sums: BTreeMap<String, (&str, BTreeMap<i64, f64>)> = BTreeMap::new();
        if !each {
            sums.extend(
                self.nodes.iter().map(|node| (format!("{node}////"), (node.as_str(), BTreeMap::new()))),
            );
        }
        for series in all.iter().filter(|series| keep(series)) {
            let node = series.label("instance");
            let class = if series.metric == metric::GROUP { series.label("class") } else { "" };
            let rest =
                [class, series.label("groupname"), series.label("namespace"), series.label("pod")].join("/");
            let place = if each { format!("{node}/{rest}") } else { format!("{node}////") };
            let within = series.samples.iter().filter(|(at, _)| WINDOW.0 < *at && *at <= WINDOW.1);
            for (at, cores) in within {
                *sums.entry(place.clone()).or_insert((node, BTreeMap::new())).1.entry(*at).or_default() +=
                    cores;
            }
        }
        let of = |(place, (node, samples)): (String, (&str, BTreeMap<i64, f64>))| {
            let of = test_history::NodeSamples { samples, covered: covered.get(node)?.covered };
            Some((place, of.statistic(statistic)?))
        };
        sums.into_iter().filter_map(of).collect()
    }
}
