//! Clusters for `budget`, each a history of a few nodes with names of its own, so that one Prometheus holds all.

mod wanted;

use crate::serve::{END_MS, an_hour};
use anyhow::Result;
use std::collections::BTreeMap;
use std::fs;
use test_history::{History, Series, Spec, metric};
pub(super) use wanted::Wanted;

/// Number of sites.
pub(super) const HISTORIES: usize = 30;
/// The window that is judged, and what its unattributed begins with.
const WINDOW: (i64, i64) = (END_MS - super::HOUR_MS, END_MS);
const LONGER_S: u32 = 3600 + 180;
const GB: f64 = 1e9;

/// One cluster.
pub(crate) struct Site {
    pub(crate) nodes: Vec<String>,
    history: History,
    /// Pods that workload partitioning manages, with their requests, cores.
    pub(super) management: Vec<((String, String), f64)>,
    /// Given with `--reserved`, two CPUs.
    pub(crate) reserved_list: Option<&'static str>,
    /// Capacity less allocatable.
    reserved: Option<f64>,
    /// Busy time of the two reserved CPUs.
    reserved_busy: Option<f64>,
    /// Busy time of those CPUs by the exporter's rules, on a partitioned node.
    recorded_busy: Option<f64>,
    /// Bytes of each node: host, and infra.
    memory: Option<BTreeMap<String, [f64; 2]>>,
}

/// Makes all sites.
pub(crate) fn sites() -> Vec<Site> {
    (0..HISTORIES).map(site).collect()
}

/// The series of some sites together. The totals of all nodes are those of the first: only their times count.
pub(crate) fn all(sites: &[Site]) -> History {
    let mut series: Vec<Series> = Vec::new();
    for (number, site) in sites.iter().enumerate() {
        let of_nodes = |of: &&Series| ["instance", "node"].iter().any(|label| !of.label(label).is_empty());
        series.extend(site.history.series.iter().filter(|of| number == 0 || of_nodes(of)).cloned());
    }
    History { interval_s: 15, pod_interval_s: 30, series }
}

fn site(number: usize) -> Site {
    let nodes = if number.is_multiple_of(3) { 7 } else { 3 };
    let spec = Spec {
        nodes,
        groups: 12,
        threads: 0,
        pods_per_node: 6,
        namespaces: 9,
        duration_s: LONGER_S,
        seed: 100 + number as u64,
        ..an_hour()
    };
    let mut history = History::generate(&spec);
    let platform = metric::OF_PLATFORM;
    history.series.retain(|series| !platform.contains(&series.metric));
    let factor = [0.02, 0.3, 1.0, 10.0, 0.1][number % 5];
    for series in &mut history.series {
        let counts = series.metric == metric::NODES;
        for (label, value) in &mut series.labels {
            match *label {
                "instance" => *value = format!("s{number:02}-{value}"),
                "pod" => *value = format!("{value}-s{number:02}"),
                _ => {}
            }
        }
        series.samples.iter_mut().filter(|_| !counts).for_each(|(_, cores)| *cores *= factor);
    }
    let names: Vec<String> = (0..nodes).map(|node| format!("s{number:02}-node-{node:03}")).collect();
    let mut site = Site {
        management: if number % 4 == 1 {
            Vec::new()
        } else {
            requests(&history, if factor < 0.1 { 4.0 } else { 0.02 })
        },
        reserved_list: number.is_multiple_of(2).then_some("0-1"),
        reserved: (number % 5 != 4).then_some(1.0 + (number % 4) as f64),
        reserved_busy: (number % 4 != 3).then_some(0.25 + 0.125 * (number % 16) as f64),
        recorded_busy: (number % 6 == 1).then_some(0.75 + 0.125 * (number % 8) as f64),
        memory: None,
        nodes: names,
        history,
    };
    if number % 6 != 5 {
        site.add_memory(if number % 7 == 2 { 15.0 } else { 2.0 });
    }
    site.add_facts();
    site.add_sets();
    site
}

/// Some pods of the platform's namespaces, and one of another.
fn requests(history: &History, cores: f64) -> Vec<((String, String), f64)> {
    let infra = |series: &&Series| series.label("class") == "infra";
    let pods = || history.series.iter().filter(|series| series.metric == metric::POD);
    let other = |series: &&Series| series.label("class") == "workload";
    let chosen = pods().filter(infra).take(4).chain(pods().filter(other).take(1));
    let pod = |series: &Series| (series.label("namespace").to_owned(), series.label("pod").to_owned());
    let mut chosen: Vec<_> = chosen.map(pod).collect();
    chosen.sort();
    chosen.dedup();
    (1..).zip(chosen).map(|(n, pod)| (pod, cores * f64::from(n))).collect()
}

/// A series that has the same value all the time.
fn constant(metric: &'static str, labels: &[(&'static str, &str)], value: f64, every_s: i64) -> Series {
    let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let first = END_MS - i64::from(LONGER_S) * 1000 + 3_125;
    let times = (0..).map(|step| first + step * every_s * 1000).take_while(|at| *at <= END_MS);
    Series { metric, labels, samples: times.map(|at| (at, value)).collect() }
}

impl Site {
    fn add_facts(&mut self) {
        let mut series = Vec::new();
        for node in &self.nodes {
            if let Some(reserved) = self.reserved {
                for (metric, cpus) in
                    [("kube_node_status_capacity", 16.0), ("kube_node_status_allocatable", 16.0 - reserved)]
                {
                    series.push(constant(metric, &[("node", node), ("resource", "cpu")], cpus, 60));
                }
            }
            let Some(busy) = self.reserved_busy else { continue };
            for (cpu, mode, share) in [
                ("0", "user", busy / 2.0),
                ("1", "system", busy / 2.0),
                ("1", "idle", 0.5),
                ("2", "user", 1.0),
            ] {
                let labels = [("instance", node.as_str()), ("cpu", cpu), ("mode", mode)];
                let mut counter = constant("node_cpu_seconds_total", &labels, 0.0, 15);
                for (step, (_, value)) in counter.samples.iter_mut().enumerate() {
                    *value = share * 15.0 * step as f64;
                }
                series.push(counter);
            }
        }
        for ((namespace, pod), cores) in &self.management {
            for (container, millicores) in [("a", cores * 750.0), ("b", cores * 250.0)] {
                let labels = [
                    ("node", self.nodes[0].as_str()),
                    ("namespace", namespace),
                    ("pod", pod),
                    ("container", container),
                    ("resource", "management_workload_openshift_io_cores"),
                ];
                series.push(constant("kube_pod_container_resource_requests", &labels, millicores, 60));
            }
        }
        self.history.series.extend(series);
    }

    /// Adds what the exporter's rules record of sets of CPUs, at the times of the busy time.
    fn add_sets(&mut self) {
        let Some(recorded) = self.recorded_busy else { return };
        let busy = self.history.series.iter().filter(|of| of.metric == metric::BUSY);
        let sets = busy.flat_map(|of| {
            ["reserved", "isolated"].map(|set| Series {
                metric: "instance_cpuset:namedprocess_node_cpu_rate:sum",
                labels: vec![("instance", of.label("instance").to_owned()), ("cpuset", set.to_owned())],
                samples: of.samples.iter().map(|(at, _)| (*at, recorded)).collect(),
            })
        });
        let sets: Vec<Series> = sets.collect();
        self.history.series.extend(sets);
    }

    fn add_memory(&mut self, host: f64) {
        const SET: &str = "container_memory_working_set_bytes";
        let mut memory: BTreeMap<String, [f64; 2]> = BTreeMap::new();
        let mut series = Vec::new();
        for node in &self.nodes {
            for (id, bytes) in [("/system.slice", host * GB), ("/ovs.slice", 0.5 * GB), ("/user.slice", GB)] {
                series.push(constant(SET, &[("node", node), ("id", id)], bytes, 30));
            }
            memory.entry(node.clone()).or_default()[0] = (host + 0.5) * GB;
        }
        for of in self
            .history
            .series
            .iter()
            .filter(|of| of.metric == metric::POD && !of.label("namespace").is_empty())
        {
            let (node, namespace, pod) = (of.label("instance"), of.label("namespace"), of.label("pod"));
            let labels = [("node", node), ("namespace", namespace), ("pod", pod), ("container", "")];
            series.push(constant(SET, &labels, 0.25 * GB, 30));
            let managed = self.management.iter().any(|(one, _)| one.0 == namespace && one.1 == pod);
            if of.label("class") == "infra" || managed {
                memory.entry(node.to_owned()).or_default()[1] += 0.25 * GB;
            }
        }
        self.history.series.extend(series);
        self.memory = Some(memory);
    }

    fn pods(&self) -> Vec<(String, String)> {
        let other = |pod: &&(String, String)| {
            !["openshift", "default", "kube-"].iter().any(|it| pod.0.starts_with(it))
        };
        let odd = ["openshifty", "default-apps"];
        self.management
            .iter()
            .map(|(pod, _)| pod)
            .filter(|pod| other(pod) || odd.contains(&pod.0.as_str()))
            .cloned()
            .collect()
    }
}

/// A cluster of so many quiet nodes, one of which has a burst of 15 s; its name, and the time of that.
pub(super) fn with_a_bad_node(nodes: usize) -> (History, String, i64) {
    let spec = Spec {
        nodes,
        groups: 8,
        threads: 0,
        pods_per_node: 3,
        gaps: false,
        duration_s: LONGER_S,
        ..an_hour()
    };
    let mut history = History::generate(&spec);
    history.series.iter_mut().filter(|of| of.metric != metric::NODES).for_each(|of| {
        of.samples.iter_mut().for_each(|(_, cores)| *cores *= 0.02);
    });
    let bad = format!("node-{:03}", nodes / 2);
    let on_bad = |of: &&mut Series| of.label("instance") == bad;
    let mut burst_ms = 0;
    // Unattributed time counts only as a mean over a minute, so the burst is a group's.
    for of in history.series.iter_mut().filter(on_bad) {
        let group = of.metric == metric::GROUP && of.label("groupname") == "unit-3";
        let class = of.metric == metric::CLASS_ON_NODE && of.label("class") == "host";
        if group || class || of.metric == metric::BUSY {
            let middle = END_MS - super::HOUR_MS / 2;
            if let Some((at, cores)) = of.samples.iter_mut().find(|(at, _)| *at > middle) {
                *cores += 6.0;
                burst_ms = *at;
            }
        }
    }
    (history, bad, burst_ms)
}

/// Writes a budget of some lines into a file, and returns its path.
pub(super) fn file(name: &str, lines: &str) -> Result<String> {
    let path = test_cluster::directory()?.join(format!("budget-{name}.yaml"));
    fs::write(&path, format!("apiVersion: interrogate/v1\nkind: CpuBudget\nname: {name}\n{lines}"))?;
    Ok(path.display().to_string())
}
