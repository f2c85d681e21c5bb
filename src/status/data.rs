//! Checks of the data: the age of the newest samples, the share of the busy time that they attribute, and what the
//! exporter itself costs.
use super::checks::CheckName;
use super::report::Check;
use super::running::Nodes;
use super::targets::node_of;
use crate::install::pod_problems::list_names;
use crate::prometheus::Client;
use crate::time::Timestamp;
use anyhow::Result;
use std::collections::BTreeMap;

/// Time of the newest recorded sample of each node, Unix seconds. Prometheus looks back five minutes.
const NEWEST: &str = "timestamp(instance:namedprocess_node_cpu_rate:sum)";
/// Time of the newest sample of all nodes within a day, with a resolution of five minutes.
const LAST: &str = "max(max_over_time(timestamp(instance:namedprocess_node_cpu_rate:sum)[1d:5m]))";
/// Cores of each node over the last ten minutes: busy, and attributed.
const BUSY: &str = "avg_over_time(instance:namedprocess_node_cpu_rate:sum[10m])";
const CLASSES: &str = "sum by (instance) (avg_over_time(instance_class:namedprocess_cpu_rate:sum[10m]))";
/// Pods of each node that use CPU and are counted under their name, and under their UID. Pods that have ended show
/// for a while, with zero.
const PODS_WITH_NAME: &str = r#"count by (instance) (namedprocess_pod_cpu_rate{class!="pod"} > 0)"#;
const PODS_WITHOUT_NAME: &str =
    r#"count by (instance) (namedprocess_pod_cpu_rate{class="pod",pod!~"[(].+"} > 0)"#;
/// Number of recorded samples of the last ten minutes.
const SAMPLE_COUNT: &str = "count_over_time(instance:namedprocess_node_cpu_rate:sum[10m])";
/// Cores of each exporter over the last ten minutes.
const OWN_CPU: &str =
    r#"rate(process_cpu_seconds_total{job="process-exporter",namespace="openshift-monitoring"}[10m])"#;
/// Nodes whose exporter failed to read a changed file.
const FAILED_RELOADS: &str =
    r#"{__name__=~"namedprocess_exporter_(config|tls)_last_reload_successful"} == 0"#;
/// Age of a sample, in intervals, from which it is old. The rules' ranges span as many.
const MAX_AGE_INTERVALS: f64 = 4.0;
/// Range of the share that is all right. The kernel's two clocks differ by a few percent, and by more on nodes that
/// are almost idle.
const MIN_SHARE: f64 = 0.8;
const MAX_SHARE: f64 = 1.2;
/// Fewest samples that the share is judged by. The rates leave out the first interval of a new group.
const MIN_SAMPLES: f64 = 10.0;
/// Cores above which an exporter costs too much: ten times what its pod requests.
const MAX_COST: f64 = 0.05;

const FOLLOW_REMEDY: &str = "they follow from the targets and rules above (oc interrogate status --wait); where those are well, check this machine's clock";

/// One value for each node.
type ByNode = BTreeMap<String, f64>;

async fn fetch_by_node(client: &Client, query: &str, now: Timestamp) -> Result<ByNode> {
    client.instant_by(query, now, node_of).await
}

/// Data of each node in Prometheus.
#[derive(Debug, Default)]
pub(super) struct Data {
    newest: ByNode,
    /// Time of the newest sample within a day, if `newest` is empty.
    last: Option<f64>,
    busy: ByNode,
    classes: ByNode,
    sample_counts: ByNode,
    pods_with_name: ByNode,
    pods_without_name: ByNode,
    own_cpu: ByNode,
    failed_reloads: ByNode,
}

impl Data {
    /// Fetches the data at `now`. Errors if Prometheus does not respond, in one line.
    pub(super) async fn fetch(client: &Client, now: Timestamp) -> Result<Data> {
        let (
            newest,
            busy,
            classes,
            sample_counts,
            pods_with_name,
            pods_without_name,
            own_cpu,
            failed_reloads,
        ) = tokio::try_join!(
            fetch_by_node(client, NEWEST, now),
            fetch_by_node(client, BUSY, now),
            fetch_by_node(client, CLASSES, now),
            fetch_by_node(client, SAMPLE_COUNT, now),
            fetch_by_node(client, PODS_WITH_NAME, now),
            fetch_by_node(client, PODS_WITHOUT_NAME, now),
            fetch_by_node(client, OWN_CPU, now),
            fetch_by_node(client, FAILED_RELOADS, now),
        )?;
        let last = if newest.is_empty() { client.one(LAST, now).await? } else { None };
        Ok(Data {
            newest,
            last,
            busy,
            classes,
            sample_counts,
            pods_with_name,
            pods_without_name,
            own_cpu,
            failed_reloads,
        })
    }

    /// Checks the age of the samples at `now`. `nodes` are those that should have samples, `interval` is the time
    /// between two samples in seconds.
    pub(super) fn check_samples(&self, now: Timestamp, nodes: &Nodes, interval: f64) -> Check {
        match self.newest.is_empty() {
            false => check_newest(&self.newest, now.as_seconds(), nodes, interval),
            true => check_last(self.last, now.as_seconds()),
        }
    }

    /// Checks the share of the busy time that is attributed.
    pub(super) fn check_attributed(&self) -> Check {
        let Data { busy, classes, sample_counts, .. } = self;
        let shares = busy.iter().filter(|(_, busy)| **busy > 0.0);
        let shares = shares.filter_map(|(node, busy)| Some((node, classes.get(node)? / busy, *busy)));
        let shares: Vec<_> = shares.collect();
        let worst = shares.iter().max_by(|a, b| (a.1 - 1.0).abs().total_cmp(&(b.1 - 1.0).abs()));
        let Some((node, share, _)) = worst else {
            return Check::skipped(CheckName::Attributed, "there are no samples of the last 10 minutes");
        };
        let all: f64 = shares.iter().map(|(_, _, busy)| busy).sum();
        let used: f64 = shares.iter().map(|(_, share, busy)| share * busy).sum();
        let what = format!(
            "{:.1} % of the busy time of 10 minutes; at worst {:.1} % ({node})",
            100.0 * used / all,
            100.0 * share
        );
        if (MIN_SHARE..=MAX_SHARE).contains(share) {
            return Check::ok(CheckName::Attributed, what);
        }
        let count = sample_counts.get(*node).copied().unwrap_or_default();
        if count < MIN_SAMPLES {
            return Check::skipped(
                CheckName::Attributed,
                format!("{what}, of {count} samples: too few to judge by"),
            );
        }
        Check::warning(
            CheckName::Attributed,
            what,
            format!(
                "see what is left with oc interrogate top --node {node} -i 10m; nodes with little to do differ more"
            ),
        )
    }

    /// Checks that pods are counted under their names.
    pub(super) fn check_names(&self) -> Check {
        let Data { pods_with_name: with, pods_without_name: without, .. } = self;
        let (named, unnamed): (f64, f64) = (with.values().sum(), without.values().sum());
        let Some((node, most)) =
            without.iter().max_by(|a, b| a.1.total_cmp(b.1)).filter(|(_, most)| **most > 0.0)
        else {
            let none = "there are no samples of pods";
            return match named > 0.0 {
                true => Check::ok(CheckName::Names, format!("all of {named} pods that work have their name")),
                false => Check::skipped(CheckName::Names, none),
            };
        };
        let all = named + unnamed;
        Check::warning(
            CheckName::Names,
            format!(
                "{unnamed} of {all} pods that work are counted under their UID, {most} of them on {node}: no conmon's arguments name them there"
            ),
            "their CPU is in class pod; their names: oc get pods -A -o custom-columns=UID:.metadata.uid,NAMESPACE:.metadata.namespace,NAME:.metadata.name (of a static pod the UID is its annotation kubernetes.io/config.hash)",
        )
    }

    /// Checks the CPU of the exporters themselves.
    pub(super) fn check_cost(&self) -> Check {
        let own_cpu = &self.own_cpu;
        let Some((node, most)) = own_cpu.iter().max_by(|a, b| a.1.total_cmp(b.1)) else {
            return Check::skipped(CheckName::Cost, "there are no two samples of it in the last 10 minutes");
        };
        let mean = own_cpu.values().sum::<f64>() / own_cpu.len() as f64;
        let what = format!("{mean:.4} cores a node on average, at most {most:.4} ({node})");
        if *most <= MAX_COST {
            return Check::ok(CheckName::Cost, what);
        }
        Check::warning(
            CheckName::Cost,
            what,
            "run oc interrogate install with --threads=false, or with a longer --scrape-interval",
        )
    }

    /// Checks that the exporters could read their files.
    pub(super) fn check_config(&self) -> Check {
        let failed_reloads = &self.failed_reloads;
        if failed_reloads.is_empty() {
            return Check::ok(
                CheckName::Config,
                "every exporter could read its files when they last changed",
            );
        }
        let nodes = list_names(failed_reloads.keys().map(String::as_str));
        Check::warning(
            CheckName::Config,
            format!(
                "the config or the certificates could not be read by {nodes}; those of before are in force"
            ),
            "the line is in oc -n openshift-monitoring logs daemonset/process-exporter; correct configmap/process-exporter",
        )
    }
}

fn check_newest(newest: &ByNode, now: f64, nodes: &Nodes, interval: f64) -> Check {
    let is_old = |at: &f64| now - at > MAX_AGE_INTERVALS * interval;
    let age = newest.values().map(|at| now - at).fold(f64::INFINITY, f64::min);
    let old: Vec<&str> = newest.iter().filter(|(_, at)| is_old(at)).map(|(node, _)| node.as_str()).collect();
    let all = nodes.desired.map_or(newest.len(), |desired| desired.max(newest.len()));
    let fresh = newest.len() - old.len();
    let state = format!("{fresh} of {all} nodes have fresh samples, the newest {age:.0} s old");
    if fresh == all {
        return Check::ok(CheckName::Samples, state);
    }
    let down_count = nodes.down.iter().filter(|node| newest.get(*node).is_none_or(is_old)).count();
    if fresh + down_count >= all {
        let down = list_names(nodes.down.iter().map(String::as_str));
        return Check::warning(CheckName::Samples, format!("{state}; not ready: {down}"), "see oc get nodes");
    }
    let old = if old.is_empty() { String::new() } else { format!("; none of late of {}", list_names(old)) };
    Check::failed(CheckName::Samples, format!("{state}{old}"), FOLLOW_REMEDY)
}

fn check_last(last: Option<f64>, now: f64) -> Check {
    match last.filter(|at| at.is_finite()) {
        Some(at) => {
            let minutes = (now - at) / 60.0;
            Check::failed(
                CheckName::Samples,
                format!("the newest sample is {minutes:.0} minutes old"),
                FOLLOW_REMEDY,
            )
        }
        None => Check::failed(CheckName::Samples, "there is no sample of the last day", FOLLOW_REMEDY),
    }
}

#[cfg(test)]
mod tests;
