//! Whether there are data: how old the newest samples are, what of the busy time they attribute, and what the exporter
//! itself costs.
use super::report::Check;
use super::running::Nodes;
use super::scraped::node;
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

/// When the newest recorded sample of each node was taken, Unix seconds; of those of the last five minutes.
const NEWEST: &str = "timestamp(instance:namedprocess_node_cpu_rate:sum)";
/// The same over all nodes and a day, to five minutes.
const LAST: &str = "max(max_over_time(timestamp(instance:namedprocess_node_cpu_rate:sum)[1d:5m]))";
/// Cores of each node over the last ten minutes: busy, attributed, and the exporter's own.
const BUSY: &str = "avg_over_time(instance:namedprocess_node_cpu_rate:sum[10m])";
const CLASSES: &str = "sum by (instance) (avg_over_time(instance_class:namedprocess_cpu_rate:sum[10m]))";
/// Pods of each node that work and are counted under their name, and under their UID: what has ended is shown for a while.
const NAMED: &str = r#"count by (instance) (namedprocess_pod_cpu_rate{class!="pod"} > 0)"#;
const UNNAMED: &str = r#"count by (instance) (namedprocess_pod_cpu_rate{class="pod",pod!~"[(].+"} > 0)"#;
/// How many samples that is.
const COUNT: &str = "count_over_time(instance:namedprocess_node_cpu_rate:sum[10m])";
const OWN: &str =
    r#"rate(process_cpu_seconds_total{job="process-exporter",namespace="openshift-monitoring"}[10m])"#;
/// The nodes whose exporter could not read what changed in its files.
const REFUSED: &str = r#"{__name__=~"namedprocess_exporter_(config|tls)_last_reload_successful"} == 0"#;
/// A sample is old after so many intervals: the rules' ranges span as many.
const INTERVALS: f64 = 4.0;
/// Shares of the busy time beyond which something is amiss. The kernel's two clocks differ by a few percent, on nodes
/// with little to do by more.
const LEAST: f64 = 0.8;
const MOST: f64 = 1.2;
/// Samples from which on that can be told: a group that has just appeared has its first interval in none of its rates.
const ENOUGH: f64 = 10.0;
/// Cores beyond which an exporter costs too much: ten times what its pod requests.
const DEAR: f64 = 0.05;

const FOLLOW: &str = "they follow from the targets and rules above (oc interrogate status --wait); where those are well, check this machine's clock";

/// A figure for each node.
type ByNode = BTreeMap<String, f64>;

async fn by_node(client: &Client, query: &str, now: Timestamp) -> Result<ByNode> {
    let all = client.instant(query, now, Size::Many, |series| {
        let value =
            |series: &Series<'_>| Some((node(series), series.value().filter(|value| value.is_finite())?));
        series.iter().filter_map(value).collect()
    });
    all.await
}

/// All checks of the data at `now`. `nodes`: those that there should be data of; `interval`: seconds
/// between two samples.
pub(super) async fn checks(client: &Client, now: Timestamp, nodes: &Nodes, interval: f64) -> Vec<Check> {
    answered(client, now, nodes, interval).await.unwrap_or_else(|error| {
        let others =
            [ATTRIBUTED, NAMES, COST, CONFIG].map(|check| Check::skipped(check, "Prometheus did not answer"));
        [Check::broken(SAMPLES, &error)].into_iter().chain(others).collect()
    })
}

/// The same. Errors: Prometheus does not answer; one line.
async fn answered(client: &Client, now: Timestamp, nodes: &Nodes, interval: f64) -> Result<Vec<Check>> {
    let (newest, busy, classes, counts, named, unnamed, own, refused) = tokio::try_join!(
        by_node(client, NEWEST, now),
        by_node(client, BUSY, now),
        by_node(client, CLASSES, now),
        by_node(client, COUNT, now),
        by_node(client, NAMED, now),
        by_node(client, UNNAMED, now),
        by_node(client, OWN, now),
        by_node(client, REFUSED, now),
    )?;
    let seconds = now.as_seconds();
    let samples = match newest.is_empty() {
        false => samples(&newest, seconds, nodes, interval),
        true => no_samples(client, now).await?,
    };
    let attributed = attributed(&busy, &classes, &counts);
    Ok(vec![samples, attributed, names(&named, &unnamed), cost(&own), config(&refused)])
}

fn samples(newest: &ByNode, now: f64, nodes: &Nodes, interval: f64) -> Check {
    let is_old = |at: &f64| now - at > INTERVALS * interval;
    let age = newest.values().map(|at| now - at).fold(f64::INFINITY, f64::min);
    let old: Vec<&str> = newest.iter().filter(|(_, at)| is_old(at)).map(|(node, _)| node.as_str()).collect();
    let all = nodes.desired.map_or(newest.len(), |desired| desired.max(newest.len()));
    let fresh = newest.len() - old.len();
    let state = format!("{fresh} of {all} nodes have fresh samples, the newest {age:.0} s old");
    if fresh == all {
        return Check::ok(SAMPLES, state);
    }
    let are_down = nodes.down.iter().filter(|node| newest.get(*node).is_none_or(is_old)).count();
    if fresh + are_down >= all {
        let down = list_names(nodes.down.iter().map(String::as_str));
        return Check::warning(SAMPLES, format!("{state}; not ready: {down}"), "see oc get nodes");
    }
    let old = if old.is_empty() { String::new() } else { format!("; none of late of {}", list_names(old)) };
    Check::failed(SAMPLES, format!("{state}{old}"), FOLLOW)
}

async fn no_samples(client: &Client, now: Timestamp) -> Result<Check> {
    let last = client.one(LAST, now).await?;
    Ok(match last.filter(|at| at.is_finite()) {
        Some(at) => {
            let minutes = (now.as_seconds() - at) / 60.0;
            Check::failed(SAMPLES, format!("the newest sample is {minutes:.0} minutes old"), FOLLOW)
        }
        None => Check::failed(SAMPLES, "there is no sample of the last day", FOLLOW),
    })
}

fn attributed(busy: &ByNode, classes: &ByNode, counts: &ByNode) -> Check {
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
    if (LEAST..=MOST).contains(share) {
        return Check::ok(ATTRIBUTED, what);
    }
    let count = counts.get(*node).copied().unwrap_or_default();
    if count < ENOUGH {
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

fn names(with: &ByNode, without: &ByNode) -> Check {
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

fn cost(own: &ByNode) -> Check {
    let Some((node, most)) = own.iter().max_by(|a, b| a.1.total_cmp(b.1)) else {
        return Check::skipped(COST, "there are no two samples of it in the last 10 minutes");
    };
    let mean = own.values().sum::<f64>() / own.len() as f64;
    let what = format!("{mean:.4} cores a node on average, at most {most:.4} ({node})");
    if *most <= DEAR {
        return Check::ok(COST, what);
    }
    Check::warning(
        COST,
        what,
        "run oc interrogate install with --threads=false, or with a longer --scrape-interval",
    )
}

fn config(refused: &ByNode) -> Check {
    if refused.is_empty() {
        return Check::ok(CONFIG, "every exporter could read its files when they last changed");
    }
    let nodes = list_names(refused.keys().map(String::as_str));
    Check::warning(
        CONFIG,
        format!("the config or the certificates could not be read by {nodes}; those of before are in force"),
        "the line is in oc -n openshift-monitoring logs daemonset/process-exporter; correct configmap/process-exporter",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::report::Verdict;

    fn nodes(figures: &[(&str, f64)]) -> ByNode {
        figures.iter().map(|(node, figure)| ((*node).to_owned(), *figure)).collect()
    }

    #[test]
    fn samples_are_fresh_and_of_every_node() {
        let newest = nodes(&[("a", 990.0), ("b", 941.0)]);
        let of =
            |desired, down: &[&str]| Nodes { desired, down: down.iter().map(ToString::to_string).collect() };
        let check = |desired, interval| samples(&newest, 1000.0, &of(desired, &[]), interval);
        assert_eq!(check(Some(2), 15.0).status, Verdict::Ok);
        assert_eq!(check(None, 15.0).message, "2 of 2 nodes have fresh samples, the newest 10 s old");
        assert_eq!(check(Some(3), 15.0).status, Verdict::Failed);
        let old = check(Some(2), 10.0);
        assert!(old.status == Verdict::Failed && old.message.ends_with("; none of late of b"), "{old:?}");
        for (down, desired, expected) in [
            (&["b"][..], 2, Verdict::Warning),
            (&["b", "c"], 3, Verdict::Warning),
            (&["c"], 3, Verdict::Failed),
            (&["a"], 2, Verdict::Failed),
        ] {
            let check = samples(&newest, 1000.0, &of(Some(desired), down), 10.0);
            assert_eq!(check.status, expected, "{down:?} of {desired}: {check:?}");
        }
    }

    #[test]
    fn what_is_attributed_is_weighed_by_busy_time() {
        let busy = nodes(&[("a", 9.0), ("b", 1.0), ("idle", 0.0)]);
        let counts = nodes(&[("a", 10.0), ("b", 10.0)]);
        let check = attributed(&busy, &nodes(&[("a", 9.0), ("b", 0.9), ("idle", 0.0)]), &counts);
        assert_eq!(
            (check.status, check.message.as_str()),
            (Verdict::Ok, "99.0 % of the busy time of 10 minutes; at worst 90.0 % (b)")
        );
        for wrong in [0.7, 1.3] {
            let classes = nodes(&[("a", 9.0), ("b", wrong)]);
            assert_eq!(attributed(&busy, &classes, &counts).status, Verdict::Warning);
            let early = attributed(&busy, &classes, &nodes(&[("a", 10.0), ("b", 9.0)]));
            assert_eq!(early.status, Verdict::Skipped);
            assert!(early.message.ends_with(" (b), of 9 samples: too few to tell by"), "{early:?}");
        }
        assert_eq!(attributed(&busy, &nodes(&[]), &counts).status, Verdict::Skipped);
    }

    #[test]
    fn pods_without_a_name_are_told_of() {
        let with = nodes(&[("a", 20.0), ("b", 3.0)]);
        let check = names(&with, &nodes(&[]));
        assert_eq!(
            (check.status, check.message.as_str()),
            (Verdict::Ok, "all of 23 pods that work have their name")
        );
        let check = names(&with, &nodes(&[("a", 1.0), ("b", 2.0)]));
        assert_eq!(check.status, Verdict::Warning);
        assert!(
            check.message.starts_with("3 of 26 pods that work are counted under their UID, 2 of them on b: "),
            "{check:?}"
        );
        assert_eq!(names(&nodes(&[]), &nodes(&[])).status, Verdict::Skipped);
    }

    #[test]
    fn the_dearest_node_is_named() {
        let check = cost(&nodes(&[("a", 0.001), ("b", 0.003)]));
        assert_eq!(
            (check.status, check.message.as_str()),
            (Verdict::Ok, "0.0020 cores a node on average, at most 0.0030 (b)")
        );
        assert_eq!(cost(&nodes(&[("a", 0.06)])).status, Verdict::Warning);
        assert_eq!(cost(&nodes(&[])).status, Verdict::Skipped);
    }
}
