//! `top --by cpuset`: parts of groups and pods by where they may run, sets of CPUs, and strays, on a cluster some of whose
//! nodes are partitioned.

mod budget;
mod platform;

use crate::serve::{END_MS, an_hour, serve};
use crate::way_in::{logged_in, plugin};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use test_cluster::{Login, Prometheus, shared};
use test_history::{History, Series, Spec, metric};

/// Nodes that are not partitioned.
const OF_ONE_SET: [&str; 2] = ["node-003", "node-006"];
const SETS: [&str; 3] = ["reserved", "isolated", "any"];
const INFRASTRUCTURE: &str = "/apis/config.openshift.io/v1/infrastructures/cluster";

/// Share of a group or pod on a node that may run on each set.
fn shares(name: &str, node: &str) -> [f64; 3] {
    let hash =
        name.bytes().chain(node.bytes()).fold(7u32, |hash, byte| hash.wrapping_mul(31) + u32::from(byte));
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.5, 0.25, 0.25], [0.0, 1.0, 0.0]][hash as usize % 4]
}

fn is_partitioned(node: &str) -> bool {
    !node.is_empty() && !OF_ONE_SET.contains(&node)
}

/// The history with the parts of each group and pod of the partitioned nodes, and the sets' busy times.
pub(crate) fn partitioned(spec: &Spec) -> History {
    let mut history = History::generate(spec);
    let mut more = Vec::new();
    for series in &history.series {
        let (node, times) = (series.label("instance"), |share: f64| {
            series.samples.iter().map(|(at, cores)| (*at, share * cores)).collect::<Vec<_>>()
        });
        let (of, name) = match series.metric {
            metric::GROUP => ("namedprocess_namegroup_cpuset_cpu_rate", series.label("groupname")),
            metric::POD => ("namedprocess_pod_cpuset_cpu_rate", series.label("pod")),
            metric::BUSY => ("instance_cpuset:namedprocess_node_cpu_rate:sum", ""),
            _ => continue,
        };
        if !is_partitioned(node) {
            continue;
        }
        let shares = if name.is_empty() { [0.25, 0.75, 0.0] } else { shares(name, node) };
        for (set, share) in SETS.into_iter().zip(shares).take(if name.is_empty() { 2 } else { 3 }) {
            let mut labels = series.labels.clone();
            labels.push(("cpuset", set.to_owned()));
            more.push(Series { metric: of, labels, samples: times(share) });
        }
    }
    history.series.extend(more);
    history
}

/// A series of one value, each 15 s of the hour.
pub(crate) fn constant(metric: &'static str, labels: &[(&'static str, &str)], value: f64) -> Series {
    let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let times = (0..240).map(|step| END_MS - 3_599_875 + step * 15_000);
    Series { metric, labels, samples: times.map(|at| (at, value)).collect() }
}

fn top(prometheus: &Prometheus, flags: &str) -> Result<Value> {
    let fixed =
        ["top", "-T", "1748779207", "-o", "json", "--include-exporter", "--prometheus", &prometheus.url];
    let outcome = plugin().run(fixed.into_iter().chain(flags.split_whitespace()))?;
    ensure!(outcome.code == 0, "{flags}: {}", outcome.stderr);
    Ok(serde_json::from_str(&outcome.stdout)?)
}

/// Rows by class, namespace, name, node and set.
fn rows(report: &Value, labels: &[&str]) -> Result<BTreeMap<String, [f64; 3]>> {
    let row = |row: &Value| {
        let key: Vec<&str> = labels.iter().map(|label| row[*label].as_str().unwrap_or_default()).collect();
        let figures = ["avg", "min", "max"].map(|name| row[name].as_f64().unwrap_or(f64::NAN));
        (key.join("\t"), figures)
    };
    Ok(report["rows"].as_array().context("no rows")?.iter().map(row).collect())
}

fn notes(report: &Value) -> String {
    report["notes"].to_string()
}

#[test]
fn parts_are_those_of_each_node_and_add_up() -> Result<()> {
    let prometheus = serve("cpusets", &partitioned(&an_hour()), &[])?;
    let labels = ["class", "namespace", "name", "node", "cpuset"];
    for flags in ["", "--class host,kernel", "-n ns-1", "--node node-001,node-003", "-S openshift-.*"] {
        let found = top(&prometheus, &format!("--by cpuset --per-node {flags}"))?;
        let whole = rows(&top(&prometheus, &format!("--by group --per-node {flags}"))?, &labels)?;
        let mut expected = BTreeMap::new();
        for (key, figures) in &whole {
            let [class, namespace, name, node] = key.split('\t').take(4).collect::<Vec<_>>()[..] else {
                continue;
            };
            if class == "pod" || !is_partitioned(node) {
                expected.insert(key.clone(), *figures);
                continue;
            }
            for (set, share) in SETS.into_iter().zip(shares(name, node)) {
                let part = figures.map(|figure| share * figure);
                if part[2] > 0.0 {
                    expected.insert([class, namespace, name, node, set].join("\t"), part);
                }
            }
        }
        // A row that used nothing has no parts.
        expected
            .retain(|key, figures| figures[2] > 0.0 || !is_partitioned(key.split('\t').nth(3).unwrap_or("")));
        let found_rows = rows(&found, &labels)?;
        let lacks = expected.keys().find(|key| !found_rows.contains_key(*key));
        let more = found_rows.keys().find(|key| !expected.contains_key(*key));
        ensure!(lacks.is_none() && more.is_none(), "{flags}: lacks {lacks:?}, and has {more:?}");
        ensure!(flags == "-n ns-1" || found_rows.len() > 20, "{flags}: {}", found_rows.len());
        for ((key, found), expected) in found_rows.iter().zip(expected.values()) {
            let differs = found.iter().zip(expected).any(|(a, b)| (a - b).abs() > 1e-9);
            ensure!(!differs, "{flags} {key}: {found:?} {expected:?}");
        }
        let sum =
            |of: &Value| of.as_array().into_iter().flatten().filter_map(|of| of["avg"].as_f64()).sum::<f64>();
        let excluded = found["excluded"]["avg"].as_f64().unwrap_or(0.0);
        let (all, classes) = (sum(&found["rows"]) + excluded, sum(&found["classes"]));
        ensure!((all - classes).abs() < 1e-9, "{flags}: {all} {classes}");
        // Over all nodes a row is the sum of its parts.
        let together = rows(
            &top(&prometheus, &format!("--by cpuset {flags}"))?,
            &["class", "namespace", "name", "cpuset"],
        )?;
        let mut sums: BTreeMap<String, f64> = BTreeMap::new();
        for (key, figures) in &found_rows {
            let mut parts: Vec<&str> = key.split('\t').collect();
            parts.remove(parts.len() - 2);
            *sums.entry(parts.join("\t")).or_default() += figures[0];
        }
        for (key, figures) in &together {
            let sum = sums.get(key).with_context(|| format!("{flags}: {key} in none of {sums:#?}"))?;
            ensure!((figures[0] - sum).abs() < 1e-9, "{flags} {key}: {figures:?} {sum}");
        }
    }
    let report = top(&prometheus, "--by cpuset")?;
    let busy = report["busy"]["avg"].as_f64().context("no busy")?;
    let sets = report["cpusets"].as_array().context("no sets")?;
    let of = |set: &str| sets.iter().find(|of| of["cpuset"] == set).and_then(|of| of["avg"].as_f64());
    let (reserved, isolated) = (of("reserved").context("no set")?, of("isolated").context("no set")?);
    ensure!((isolated / reserved - 3.0).abs() < 1e-9 && reserved + isolated < busy, "{sets:?}");
    ensure!(report["strays"] == json!([]), "{report}");
    Ok(())
}

/// The dashboard's panels of sets and strays have lines.
fn dashboard(prometheus: &Prometheus) -> Result<()> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/dashboards/grafana.json"))?;
    let dashboard: Value = serde_json::from_str(&text)?;
    let panels = dashboard["panels"].as_array().context("no panels")?.iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    let queries = targets
        .filter_map(|target| target["expr"].as_str())
        .filter(|query| query.contains("cpuset") || query.contains("_stray_"));
    let mut count = 0;
    for query in queries {
        let query = query.replace("$node", ".+");
        let series = prometheus.bare.series(&query, Some(END_MS as f64 / 1000.0))?;
        ensure!(!series.is_empty(), "{query} has no answer");
        count += 1;
    }
    ensure!(count == 3, "{count} queries of sets");
    Ok(())
}

/// Strays as the exporter tells them, and what of them is expected.
#[test]
fn strays_are_what_may_leave_the_reserved_cpus() -> Result<()> {
    let mut history = partitioned(&an_hour());
    let unit = history.series.iter().find(|of| {
        of.metric == metric::GROUP && of.label("class") == "host" && of.label("instance") == "node-000"
    });
    let unit = unit.context("no unit")?.label("groupname").to_owned();
    let pod = history.series.iter().find(|of| {
        let own = of.label("pod").starts_with("process-exporter-");
        of.metric == metric::POD && of.label("class") == "infra" && of.label("instance") == "node-000" && !own
    });
    let pod = pod.context("no pod")?;
    let (namespace, pod) = (pod.label("namespace").to_owned(), pod.label("pod").to_owned());
    for node in ["node-000", "node-001"] {
        for (set, cpus) in [("reserved", "0-1,52-53"), ("isolated", "2-51,54-103")] {
            let labels = [("instance", node), ("cpuset", set), ("cpus", cpus)];
            history.series.push(constant("namedprocess_node_cpuset_info", &labels, 1.0));
        }
    }
    const GROUPS: &str = "namedprocess_namegroup_stray_threads";
    // Bound anew within the window: ten threads on two lists are not twenty.
    for (cpus, at) in [("0-3", 0..100), ("2-3", 140..240)] {
        let labels = [("instance", "node-000"), ("class", "host"), ("groupname", "mended"), ("cpus", cpus)];
        let mut series = constant(GROUPS, &labels, 10.0);
        series.samples = series.samples[at].to_vec();
        history.series.push(series);
    }
    for (node, class, group, cpus, threads) in [
        ("node-000", "host", unit.as_str(), "0-3", 4.0),
        ("node-000", "host", &unit, "2", 1.0),
        ("node-001", "host", &unit, "0-103", 2.0),
        ("node-000", "host", "ovs-vswitchd", "0-103", 9.0),
        ("node-000", "kernel", "kworker", "0-103", 3.0),
    ] {
        let labels = [("instance", node), ("class", class), ("groupname", group), ("cpus", cpus)];
        history.series.push(constant(GROUPS, &labels, threads));
    }
    let of_pod = [
        ("instance", "node-000"),
        ("class", "infra"),
        ("namespace", namespace.as_str()),
        ("pod", &pod),
        ("cpus", "0-103"),
    ];
    history.series.push(constant("namedprocess_pod_stray_threads", &of_pod, 5.0));
    let class = [("instance", "node-000"), ("class", "host"), ("cpuset", "any")];
    history.series.push(constant("instance_class_cpuset:namedprocess_cpu_rate:sum", &class, 1.0));
    let unknown = serve("cpusets-strays", &history, &[])?;
    let names = |report: &Value| -> Result<Vec<String>> {
        let strays = report["strays"].as_array().context("no strays")?;
        let mut names: Vec<String> =
            strays.iter().filter_map(|stray| stray["name"].as_str()).map(str::to_owned).collect();
        names.sort();
        Ok(names)
    };
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };

    let report = top(&unknown, "--by cpuset")?;
    assert_eq!(names(&report)?, sorted(vec!["kworker".to_owned(), "mended".to_owned(), unit.clone()]));
    let mended = report["strays"].as_array().context("no strays")?.iter().find(|of| of["name"] == "mended");
    let mended = mended.context("no mended")?;
    assert_eq!((&mended["threads"], &mended["cpus"]), (&json!(10), &json!(["0-3", "2-3"])));
    assert!(notes(&report).contains("OVS may run on isolated CPUs, which is expected"), "{report}");
    assert!(
        notes(&report).contains("Infrastructure/cluster (status.cpuPartitioning) cannot be read"),
        "{report}"
    );
    let stray =
        report["strays"].as_array().context("no strays")?.iter().find(|of| of["name"] == unit.as_str());
    let stray = stray.context("no unit")?;
    assert_eq!((&stray["threads"], &stray["nodes"]), (&json!(7), &json!(2)));
    assert_eq!(stray["cpus"], json!(["0-103", "0-3", "2"]));
    let parts = rows(&report, &["class", "name", "cpuset"])?;
    let used =
        ["isolated", "any"].map(|set| parts.get(&["host", &unit, set].join("\t")).map_or(0.0, |of| of[0]));
    let avg = stray["avg"].as_f64().context("no avg")?;
    assert!((avg - used.iter().sum::<f64>()).abs() < 1e-9 && avg > 0.0, "{avg} {used:?}");
    let reserved =
        report["cpusets"].as_array().context("no sets")?.iter().find(|of| of["cpuset"] == "reserved");
    assert_eq!(reserved.context("no set")?["cpus"], "0-1,52-53");

    let filtered = top(&unknown, "--by cpuset --class kernel --per-node")?;
    assert_eq!(names(&filtered)?, ["kworker"]);
    assert_eq!(filtered["strays"][0]["node"], "node-000");
    assert!(!notes(&filtered).contains("OVS"), "{filtered}");
    assert_eq!(names(&top(&unknown, "--by cpuset --limit 1")?)?.len(), 1);
    assert_eq!(names(&top(&unknown, "--by cpuset --class workload")?)?, Vec::<String>::new());

    dashboard(&unknown)?;

    // A node whose pods are bound has a resource for them.
    let labels = [("node", "node-000"), ("resource", "management_workload_openshift_io_cores")];
    history.series.push(constant("kube_node_status_allocatable", &labels, 4000.0));
    let bound = serve("cpusets-bound", &history, &[])?;
    let report = top(&bound, "--by cpuset")?;
    assert_eq!(
        names(&report)?,
        sorted(vec!["kworker".to_owned(), "mended".to_owned(), unit.clone(), pod.clone()])
    );

    // The API server's word is first.
    let (cluster, api) = (shared(), shared().api());
    cluster.serve("config.openshift.io", "v1", "infrastructures")?;
    let told = |partitioning: &str| -> Result<Value> {
        let object = json!({
            "apiVersion": "config.openshift.io/v1", "kind": "Infrastructure", "metadata": {"name": "cluster"}, "spec": {},
        });
        api.apply(INFRASTRUCTURE, &object.to_string())?;
        let status = json!({"status": {"cpuPartitioning": partitioning}});
        api.merge(&format!("{INFRASTRUCTURE}/status"), &status)?;
        let flags = ["top", "--prometheus", &bound.url, "-T", "1748779207", "--by", "cpuset", "-o", "json"];
        let outcome = logged_in(Login::Installer).run(flags)?;
        serde_json::from_str(&outcome.stdout).context(outcome.stderr)
    };
    let report = told("None")?;
    assert_eq!(names(&report)?, sorted(vec!["kworker".to_owned(), "mended".to_owned(), unit.clone()]));
    assert!(notes(&report).contains("installed without workload partitioning"), "{report}");
    assert_eq!(
        names(&told("AllNodes")?)?,
        sorted(vec!["kworker".to_owned(), "mended".to_owned(), unit, pod])
    );
    api.delete(INFRASTRUCTURE)
}
