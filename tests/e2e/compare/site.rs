//! A cluster of two windows of an hour each, before and after a change: services, kernel threads, and pods of every kind of
//! workload, all of which were restarted between the two.

use fastrand::Rng;
use std::collections::BTreeMap;
use test_history::{History, Series, metric};

use crate::serve::END_MS;

pub(crate) const HOUR_MS: i64 = 3_600_000;
const STEP_MS: i64 = 15_000;
/// Steps of a window.
const STEPS: i64 = HOUR_MS / STEP_MS;

/// Specification of a site.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// Names of the nodes.
    pub(crate) nodes: Vec<String>,
    /// Number of hours before the end. The pods are restarted before the last one.
    pub(crate) hours: i64,
    /// Share of a group's level that it uses in the last hours, by its name.
    pub(crate) changes: BTreeMap<&'static str, f64>,
    /// First of these hours, counted back from the end.
    pub(crate) since: i64,
    /// Hours, counted back from the end, of which the owners' series have samples.
    pub(crate) owners: Vec<i64>,
    /// Seed of the noise.
    pub(crate) seed: u64,
}

/// A pod in one of the lives of its workload.
struct Pod {
    namespace: &'static str,
    name: String,
    owner: (String, &'static str),
    node: usize,
}

/// Workloads by their kind, and in which namespace.
const WORKLOADS: [(&str, &str, &str); 8] = [
    ("deployment", "shop", "web"),
    ("deployment", "openshift-ingress", "router-default"),
    ("daemonset", "openshift-dns", "dns-default"),
    ("statefulset", "shop", "db"),
    ("job", "shop", "migrate"),
    ("cronjob", "shop", "backup"),
    ("staticpod", "openshift-etcd", "etcd"),
    ("barepod", "shop", "alone"),
];

/// Groups and their levels, in cores on each node.
const GROUPS: [(&str, &str, f64); 8] = [
    ("host", "crio", 0.15),
    ("host", "kubelet", 0.2),
    ("host", "ovs-vswitchd", 0.08),
    ("host", "systemd", 0.02),
    ("host", "NetworkManager", 0.005),
    ("kernel", "kworker", 0.05),
    ("kernel", "rcu", 0.03),
    ("kernel", "(interrupts)", 0.04),
];

/// Level of a pod, in cores.
const POD: f64 = 0.06;

impl Site {
    /// Returns a site of so many nodes without any change.
    pub(crate) fn new(nodes: usize) -> Site {
        let nodes = (0..nodes).map(|number| format!("master-{number}")).collect();
        Site { nodes, hours: 2, changes: BTreeMap::new(), since: 0, owners: vec![0, 1], seed: 27 }
    }

    /// Returns the pods of all workloads in one of their lives.
    fn pods(&self, life: usize) -> Vec<Pod> {
        let hash = ["7c6b5d4f8", "5d4f8c7b69"][life];
        let suffix =
            |number: usize| format!("{}{}", ["x7k2", "bqz9"][life], ["b", "c", "d", "f", "g"][number % 5]);
        let mut pods = Vec::new();
        for (of, namespace, name) in WORKLOADS {
            let (replicas, owner) = match of {
                "deployment" | "statefulset" => (2, (name.to_owned(), of)),
                "daemonset" => (self.nodes.len(), (name.to_owned(), of)),
                "cronjob" => (1, (format!("{name}-{}", [28_812_345, 28_812_405][life]), "job")),
                "job" => (1, (name.to_owned(), of)),
                _ => (if of == "staticpod" { self.nodes.len() } else { 1 }, (String::new(), of)),
            };
            for number in 0..replicas {
                let node = number % self.nodes.len();
                let pod = match of {
                    "deployment" => format!("{name}-{hash}-{}", suffix(number)),
                    "daemonset" | "job" => format!("{name}-{}", suffix(number)),
                    "cronjob" => format!("{}-{}", owner.0, suffix(number)),
                    "statefulset" => format!("{name}-{number}"),
                    "staticpod" => format!("{name}-{}", self.nodes[node]),
                    _ => name.to_owned(),
                };
                let owner = (if owner.0.is_empty() { pod.clone() } else { owner.0.clone() }, owner.1);
                pods.push(Pod { namespace, name: pod, owner, node });
            }
        }
        pods
    }

    /// Returns the samples of all series that the exporter's rules and the platform record.
    pub(crate) fn history(&self) -> History {
        let mut rng = Rng::with_seed(self.seed);
        let mut all = Sums::default();
        for step in 0..self.hours * STEPS {
            let at = END_MS - (self.hours * STEPS - 1 - step) * STEP_MS;
            let hour = self.hours - 1 - step / STEPS;
            for (number, node) in self.nodes.iter().enumerate() {
                let mut busy = 0.0;
                for (class, name, level) in GROUPS {
                    let factor =
                        self.changes.get(name).copied().filter(|_| hour <= self.since).unwrap_or(1.0);
                    let cores = level * factor * around(&mut rng);
                    busy += cores;
                    let group = [("class", class), ("groupname", name)];
                    all.add(metric::GROUP, &[&[("instance", node.as_str())], &group[..]].concat(), at, cores);
                    all.add(metric::GROUP_SUM, &group, at, cores);
                    all.class(node, class, at, cores);
                }
                let pods = self.pods(usize::from(hour == 0));
                for pod in pods.iter().filter(|pod| pod.node == number) {
                    let cores = POD * around(&mut rng);
                    busy += cores;
                    let class = if pod.namespace.starts_with("openshift") { "infra" } else { "workload" };
                    let of = [("class", class), ("namespace", pod.namespace)];
                    all.add(metric::NAMESPACE, &of, at, cores);
                    let named = [("namespace", pod.namespace), ("pod", pod.name.as_str())];
                    let labels = [&[("instance", node.as_str())], &of[..1], &named].concat();
                    all.add(metric::POD, &labels, at, cores);
                    all.add(metric::POD_INFO, &[&named[..], &[("node", node)]].concat(), at, 1.0);
                    if self.owners.contains(&hour) {
                        let owner = [("workload", pod.owner.0.as_str()), ("workload_type", pod.owner.1)];
                        all.add(metric::OWNER, &[&named[..], &owner].concat(), at, 1.0);
                    }
                    all.class(node, class, at, cores);
                }
                all.add(metric::BUSY, &[("instance", node)], at, busy + 0.01);
                all.add(metric::CLUSTER_BUSY, &[], at, busy + 0.01);
                all.add(metric::NODES, &[], at, 1.0);
                all.add(metric::UNATTRIBUTED, &[], at, 0.01);
            }
        }
        History { interval_s: 15, pod_interval_s: 30, series: all.series() }
    }
}

/// A factor around one, as a service's usage is from sample to sample.
fn around(rng: &mut Rng) -> f64 {
    1.0 + 0.5 * (rng.f64() + rng.f64() + rng.f64() - 1.5)
}

/// Labels of a series.
type Labels = Vec<(&'static str, String)>;

/// Sums of samples by series and time.
#[derive(Default)]
struct Sums(BTreeMap<(&'static str, Labels), BTreeMap<i64, f64>>);

impl Sums {
    fn add(&mut self, metric: &'static str, labels: &[(&'static str, &str)], at: i64, cores: f64) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        *self.0.entry((metric, labels)).or_default().entry(at).or_default() += cores;
    }

    fn class(&mut self, node: &str, class: &str, at: i64, cores: f64) {
        self.add(metric::CLASS_ON_NODE, &[("instance", node), ("class", class)], at, cores);
        self.add(metric::CLASS, &[("class", class)], at, cores);
    }

    fn series(self) -> Vec<Series> {
        let series = |((metric, labels), samples): (_, BTreeMap<i64, f64>)| Series {
            metric,
            labels,
            samples: samples.into_iter().collect(),
        };
        self.0.into_iter().map(series).collect()
    }
}
