//! Checks of the data: the age of the newest samples, the share of the busy time that they attribute, and what the
//! exporter itself costs.
use super::report::Check;
use super::running::Nodes;
use super::targets::node_of;
use crate::install::pod_problems::list_names;
use crate::prometheus::{Client, Series, Size};
use crate::time::Timestamp;
use anyhow::Result;
use std::collections::BTreeMap;

const SAMPLES: &str = "samples";
const ATTRIBUTED: &str = "attributed";
const NAMES: &str = "names";
const COST: &str = "cost";
const CONFIG: &str = "config";

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
    let all = client.instant(query, now, Size::Many, |series| {
        let value =
            |series: &Series<'_>| Some((node_of(series), series.value().filter(|value| value.is_finite())?));
        series.iter().filter_map(value).collect()
    });
    all.await
}

/// Checks the data at `now`. `nodes` are those that should have samples, `interval` is the time between two samples
/// in seconds.
pub(super) async fn checks(client: &Client, now: Timestamp, nodes: &Nodes, interval: f64) -> Vec<Check> {
    try_checks(client, now, nodes, interval).await.unwrap_or_else(|error| {
        let others =
            [ATTRIBUTED, NAMES, COST, CONFIG].map(|check| Check::skipped(check, "Prometheus did not answer"));
        [Check::error(SAMPLES, &error)].into_iter().chain(others).collect()
    })
}

/// Does the same. Errors if Prometheus does not respond, in one line.
async fn try_checks(client: &Client, now: Timestamp, nodes: &Nodes, interval: f64) -> Result<Vec<Check>> {
    let (newest, busy, classes, counts, named, unnamed, own_cpu, failed_reloads) = tokio::try_join!(
        fetch_by_node(client, NEWEST, now),
        fetch_by_node(client, BUSY, now),
        fetch_by_node(client, CLASSES, now),
        fetch_by_node(client, SAMPLE_COUNT, now),
        fetch_by_node(client, PODS_WITH_NAME, now),
        fetch_by_node(client, PODS_WITHOUT_NAME, now),
        fetch_by_node(client, OWN_CPU, now),
        fetch_by_node(client, FAILED_RELOADS, now),
    )?;
    let seconds = now.as_seconds();
    let samples = match newest.is_empty() {
        false => check_samples(&newest, seconds, nodes, interval),
        true => check_last_sample(client, now).await?,
    };
    let attributed = check_attributed(&busy, &classes, &counts);
    Ok(vec![
        samples,
        attributed,
        check_names(&named, &unnamed),
        check_cost(&own_cpu),
        check_config(&failed_reloads),
    ])
}

fn check_samples(newest: &ByNode, now: f64, nodes: &Nodes, interval: f64) -> Check {
    let is_old = |at: &f64| now - at > MAX_AGE_INTERVALS * interval;
    let age = newest.values().map(|at| now - at).fold(f64::INFINITY, f64::min);
    let old: Vec<&str> = newest.iter().filter(|(_, at)| is_old(at)).map(|(node, _)| node.as_str()).collect();
    let all = nodes.desired.map_or(newest.len(), |desired| desired.max(newest.len()));
    let fresh = newest.len() - old.len();
    let state = format!("{fresh} of {all} nodes have fresh samples, the newest {age:.0} s old");
    if fresh == all {
        return Check::ok(SAMPLES, state);
    }
    let down_count = nodes.down.iter().filter(|node| newest.get(*node).is_none_or(is_old)).count();
    if fresh + down_count >= all {
        let down = list_names(nodes.down.iter().map(String::as_str));
        return Check::warning(SAMPLES, format!("{state}; not ready: {down}"), "see oc get nodes");
    }
    let old = if old.is_empty() { String::new() } else { format!("; none of late of {}", list_names(old)) };
    Check::failed(SAMPLES, format!("{state}{old}"), FOLLOW_REMEDY)
}

async fn check_last_sample(client: &Client, now: Timestamp) -> Result<Check> {
    let last = client.one(LAST, now).await?;
    Ok(match last.filter(|at| at.is_finite()) {
        Some(at) => {
            let minutes = (now.as_seconds() - at) / 60.0;
            Check::failed(SAMPLES, format!("the newest sample is {minutes:.0} minutes old"), FOLLOW_REMEDY)
        }
        None => Check::failed(SAMPLES, "there is no sample of the last day", FOLLOW_REMEDY),
    })
}

fn check_attributed(busy: &ByNode, classes: &ByNode, counts: &ByNode) -> Check {
    let shares = busy.iter().filter(|(_, busy)| **busy > 0.0);
    let shares = shares.filter_map(|(node, busy)| Some((node, classes.get(node)? / busy, *busy)));
    let shares: Vec<_> = shares.collect();
    let worst = shares.iter().max_by(|a, b| (a.1 - 1.0).abs().total_cmp(&(b.1 - 1.0).abs()));
    let Some((node, share, _)) = worst else {
        return Check::skipped(ATTRIBUTED, "there are no samples of the last 10 minutes");
    };
    let all: f64 = shares.iter().map(|(_, _, busy)| busy).sum();
    let used: f64 = shares.iter().map(|(_, share, busy)| share * busy).sum();
    let what = format!(
        "{:.1} % of the busy time of 10 minutes; at worst {:.1} % ({node})",
        100.0 * used / all,
        100.0 * share
    );
    if (MIN_SHARE..=MAX_SHARE).contains(share) {
        return Check::ok(ATTRIBUTED, what);
    }
    let count = counts.get(*node).copied().unwrap_or_default();
    if count < MIN_SAMPLES {
        return Check::skipped(ATTRIBUTED, format!("{what}, of {count} samples: too few to tell by"));
    }
    Check::warning(
        ATTRIBUTED,
        what,
        format!(
            "see what is left with oc interrogate top --node {node} -i 10m; nodes with little to do differ more"
        ),
    )
}

fn check_names(with: &ByNode, without: &ByNode) -> Check {
    let (named, unnamed): (f64, f64) = (with.values().sum(), without.values().sum());
    let Some((node, most)) =
        without.iter().max_by(|a, b| a.1.total_cmp(b.1)).filter(|(_, most)| **most > 0.0)
    else {
        let none = "there are no samples of pods";
        return match named > 0.0 {
            true => Check::ok(NAMES, format!("all of {named} pods that work have their name")),
            false => Check::skipped(NAMES, none),
        };
    };
    let all = named + unnamed;
    Check::warning(
        NAMES,
        format!(
            "{unnamed} of {all} pods that work are counted under their UID, {most} of them on {node}: no conmon's arguments name them there"
        ),
        "their CPU is in class pod; whose it is tells oc get pods -A -o custom-columns=UID:.metadata.uid,NAMESPACE:.metadata.namespace,NAME:.metadata.name (of a static pod the UID is its annotation kubernetes.io/config.hash)",
    )
}

fn check_cost(own_cpu: &ByNode) -> Check {
    let Some((node, most)) = own_cpu.iter().max_by(|a, b| a.1.total_cmp(b.1)) else {
        return Check::skipped(COST, "there are no two samples of it in the last 10 minutes");
    };
    let mean = own_cpu.values().sum::<f64>() / own_cpu.len() as f64;
    let what = format!("{mean:.4} cores a node on average, at most {most:.4} ({node})");
    if *most <= MAX_COST {
        return Check::ok(COST, what);
    }
    Check::warning(
        COST,
        what,
        "run oc interrogate install with --threads=false, or with a longer --scrape-interval",
    )
}

fn check_config(failed_reloads: &ByNode) -> Check {
    if failed_reloads.is_empty() {
        return Check::ok(CONFIG, "every exporter could read its files when they last changed");
    }
    let nodes = list_names(failed_reloads.keys().map(String::as_str));
    Check::warning(
        CONFIG,
        format!("the config or the certificates could not be read by {nodes}; those of before are in force"),
        "the line is in oc -n openshift-monitoring logs daemonset/process-exporter; correct configmap/process-exporter",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::report::CheckStatus;

    fn nodes(figures: &[(&str, f64)]) -> ByNode {
        figures.iter().map(|(node, figure)| ((*node).to_owned(), *figure)).collect()
    }

    #[test]
    fn samples_are_fresh_and_of_every_node() {
        let newest = nodes(&[("a", 990.0), ("b", 941.0)]);
        let of =
            |desired, down: &[&str]| Nodes { desired, down: down.iter().map(ToString::to_string).collect() };
        let check = |desired, interval| check_samples(&newest, 1000.0, &of(desired, &[]), interval);
        assert_eq!(check(Some(2), 15.0).status, CheckStatus::Ok);
        assert_eq!(check(None, 15.0).message, "2 of 2 nodes have fresh samples, the newest 10 s old");
        assert_eq!(check(Some(3), 15.0).status, CheckStatus::Failed);
        let old = check(Some(2), 10.0);
        assert!(old.status == CheckStatus::Failed && old.message.ends_with("; none of late of b"), "{old:?}");
        for (down, desired, expected) in [
            (&["b"][..], 2, CheckStatus::Warning),
            (&["b", "c"], 3, CheckStatus::Warning),
            (&["c"], 3, CheckStatus::Failed),
            (&["a"], 2, CheckStatus::Failed),
        ] {
            let check = check_samples(&newest, 1000.0, &of(Some(desired), down), 10.0);
            assert_eq!(check.status, expected, "{down:?} of {desired}: {check:?}");
        }
    }

    #[test]
    fn what_is_attributed_is_weighed_by_busy_time() {
        let busy = nodes(&[("a", 9.0), ("b", 1.0), ("idle", 0.0)]);
        let counts = nodes(&[("a", 10.0), ("b", 10.0)]);
        let check = check_attributed(&busy, &nodes(&[("a", 9.0), ("b", 0.9), ("idle", 0.0)]), &counts);
        assert_eq!(
            (check.status, check.message.as_str()),
            (CheckStatus::Ok, "99.0 % of the busy time of 10 minutes; at worst 90.0 % (b)")
        );
        for wrong in [0.7, 1.3] {
            let classes = nodes(&[("a", 9.0), ("b", wrong)]);
            assert_eq!(check_attributed(&busy, &classes, &counts).status, CheckStatus::Warning);
            let early = check_attributed(&busy, &classes, &nodes(&[("a", 10.0), ("b", 9.0)]));
            assert_eq!(early.status, CheckStatus::Skipped);
            assert!(early.message.ends_with(" (b), of 9 samples: too few to tell by"), "{early:?}");
        }
        assert_eq!(check_attributed(&busy, &nodes(&[]), &counts).status, CheckStatus::Skipped);
    }

    #[test]
    fn pods_without_a_name_are_told_of() {
        let with = nodes(&[("a", 20.0), ("b", 3.0)]);
        let check = check_names(&with, &nodes(&[]));
        assert_eq!(
            (check.status, check.message.as_str()),
            (CheckStatus::Ok, "all of 23 pods that work have their name")
        );
        let check = check_names(&with, &nodes(&[("a", 1.0), ("b", 2.0)]));
        assert_eq!(check.status, CheckStatus::Warning);
        assert!(
            check.message.starts_with("3 of 26 pods that work are counted under their UID, 2 of them on b: "),
            "{check:?}"
        );
        assert_eq!(check_names(&nodes(&[]), &nodes(&[])).status, CheckStatus::Skipped);
    }

    #[test]
    fn the_dearest_node_is_named() {
        let check = check_cost(&nodes(&[("a", 0.001), ("b", 0.003)]));
        assert_eq!(
            (check.status, check.message.as_str()),
            (CheckStatus::Ok, "0.0020 cores a node on average, at most 0.0030 (b)")
        );
        assert_eq!(check_cost(&nodes(&[("a", 0.06)])).status, CheckStatus::Warning);
        assert_eq!(check_cost(&nodes(&[])).status, CheckStatus::Skipped);
    }
}
