//! The predecessor's five example queries, as its users wrote them down, and those of our dashboard, answered by the real
//! exporter's series through a real Prometheus with the manifest's own rules.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

use anyhow::{Context, Result, ensure};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;
use test_cluster::{Bare, Cgroups, Spec, directory, free_port, program, rules, start, until};

const GROUPS: &str = "namedprocess_namegroup_cpu_rate{groupname!~\"conmon.*\"}";
const THREADS: &str = "namedprocess_namegroup_thread_cpu_rate{groupname!~\"conmon.*\"}";
const OTHERS_THREADS: &str = "namedprocess_namegroup_thread_cpu_rate{threadname!~\"process-exp.*\"}";
const AVERAGES: &str =
    "avg_over_time(namedprocess_namegroup_thread_cpu_rate{threadname!~\"process-exp.*\"}[10m])";
const SUM: &str =
    "sum(avg_over_time(namedprocess_namegroup_thread_cpu_rate{threadname!~\"process-exp.*\"}[10m]))";
/// Cores that each load uses. tests/accuracy measures how exact a rate is: the rate of one second may be that of
/// a burst or of a pause.
const SHARE: f64 = 0.25;
/// Names of a program and a pod of this node.
const UNIT: &str = "system.slice/asked.service";
const POD: &str = "kubepods.slice/kubepods-pod1.slice";
const INFRA: &str = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod2.slice";

/// Result of an instant query: values by their labels of group and thread.
type Values = BTreeMap<(String, String), f64>;

#[test]
fn the_predecessors_queries_and_the_dashboards_have_results() -> Result<()> {
    let Some(tree) = Cgroups::new("queries")? else { return Ok(()) };
    let container = |pod: &str| format!("{pod}/crio-main.scope");
    let _loads = [
        tree.monitor(POD, "shop", "web", "1")?,
        tree.monitor(INFRA, "openshift-etcd", "etcd-0", "2")?,
        tree.load(UNIT, SHARE, 50)?,
        tree.load(&container(POD), SHARE, 50)?,
    ];
    let target = free_port();
    // In the tree itself, as a pod's: its threads are what the third query leaves out.
    let script =
        format!("echo 0 > '{}/cgroup.procs' && exec \"$0\" \"$@\"", tree.make(&container(INFRA))?.display());
    let arguments = [
        "-c".to_owned(),
        script,
        program("process-exporter")?.display().to_string(),
        format!("--web.listen-address=127.0.0.1:{target}"),
        format!("--cgroupfs={}", tree.root().display()),
    ];
    let _exporter = start("queries-exporter", "sh", &arguments)?;
    let prometheus = prometheus(target)?;

    // Ten evaluations, so that an average is one.
    let counted = "count_over_time(namedprocess_namegroup_thread_cpu_rate{groupname=\"asked\"}[10m])";
    until("ten evaluations", Duration::from_secs(90), || {
        let answer = query_values(&prometheus, counted, None)?;
        ensure!(answer.values().any(|count| *count >= 10.0), "{answer:?}");
        Ok(())
    })?;
    let newest = query_values(&prometheus, "max(timestamp(namedprocess_namegroup_cpu_rate))", None)?;
    let at = newest.values().next().copied();
    let fetch = |query: &str| query_values(&prometheus, query, at);

    let (groups, all) = (fetch(GROUPS)?, fetch("namedprocess_namegroup_cpu_rate")?);
    near(&groups, "asked", "")?;
    near(&all, "conmon", "")?;
    ensure!(groups.keys().all(|(group, _)| !group.starts_with("conmon")), "{groups:?}");
    ensure!(groups.len() + 1 == all.len(), "only the pods are left out: {groups:?} of {all:?}");

    let threads = fetch(THREADS)?;
    near(&threads, "asked", "test-load")?;
    ensure!(threads.keys().all(|(group, _)| !group.starts_with("conmon")), "{threads:?}");
    for ((group, _), rate) in &groups {
        let of_group = threads.iter().filter(|((its, _), _)| its == group).map(|(_, rate)| rate);
        let sum: f64 = of_group.sum();
        ensure!((sum - rate).abs() < 1e-6, "{group}: {rate} is not {sum} of its threads, {threads:?}");
    }

    let (others, all) = (fetch(OTHERS_THREADS)?, fetch("namedprocess_namegroup_thread_cpu_rate")?);
    near(&others, "conmon", "test-load")?;
    let own = |answer: &Values| answer.keys().filter(|(_, thread)| thread == "process-exporte").count();
    ensure!(own(&all) == 1 && own(&others) == 0, "{others:?} of {all:?}");

    let (averages, sum) = (fetch(AVERAGES)?, fetch(SUM)?);
    near(&averages, "asked", "test-load")?;
    near(&averages, "conmon", "test-load")?;
    ensure!(others.keys().all(|series| averages.contains_key(series)), "{averages:?} of {others:?}");
    let total: f64 = averages.values().sum();
    let sum: Vec<f64> = sum.into_values().collect();
    ensure!(sum.len() == 1 && (sum[0] - total).abs() < 1e-6, "{sum:?} is not {total}");
    dashboard(&prometheus)
}

/// Every panel of the dashboard shows something, in lines that its legend tells apart, whatever is chosen for its variables.
fn dashboard(prometheus: &Bare) -> Result<()> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/dashboard.yaml");
    let manifest: serde_yaml::Value = serde_yaml::from_str(&fs::read_to_string(manifest)?)?;
    let text = manifest["data"]["process-exporter.json"].as_str().context("no dashboard")?;
    let dashboard: Value = serde_json::from_str(text)?;
    let panels = items(&dashboard["rows"]).into_iter().flat_map(|row| items(&row["panels"]));
    let targets: Vec<Value> = panels.flat_map(|panel| items(&panel["targets"])).collect();
    ensure!(targets.len() > 9, "{} queries", targets.len());
    let variables = variables(prometheus, &dashboard)?;
    let label = Regex::new(r"\{\{(\w+)\}\}")?;
    for target in targets {
        let query = target["expr"].as_str().context("no query")?;
        let legend = target["legendFormat"].as_str().context("no legend")?;
        for query in expanded(query, &variables) {
            ensure!(!query.contains('$'), "{query} has a variable that nobody can choose");
            let series = prometheus.series(&query, None)?;
            // This machine has one set of CPUs. tests/e2e/cpusets.rs asks these of nodes that are partitioned.
            let is_of_sets = ["cpuset", "_stray_"].iter().any(|part| query.contains(part));
            ensure!(is_of_sets || !series.is_empty(), "{query} has no answer");
            for one in &series {
                for name in label.captures_iter(legend).map(|found| found[1].to_owned()) {
                    ensure!(one["metric"].get(&name).is_some(), "{query}: no {name} for the legend in {one}");
                }
            }
        }
    }
    Ok(())
}

/// The dashboard's variables, with what can be chosen for each: OpenShift's console shows none without `hide: 0`, offers the
/// values of `label_values(SERIES, LABEL)`, and writes `.+` for "All".
fn variables(prometheus: &Bare, dashboard: &Value) -> Result<BTreeMap<String, Vec<String>>> {
    let values = Regex::new(r"^label_values\((.+), *(\w+)\)$")?;
    let mut all = BTreeMap::new();
    for variable in items(&dashboard["templating"]["list"]).into_iter().filter(|one| one["type"] == "query") {
        let name = variable["name"].as_str().context("a variable without a name")?;
        ensure!(variable["hide"] == 0, "the console hides {name}");
        let query = values.captures(variable["query"].as_str().unwrap_or_default());
        let query = query.with_context(|| format!("the console cannot read the query of {name}"))?;
        let series = prometheus.series(&query[1], None)?;
        let mut chosen: Vec<String> =
            series.iter().filter_map(|one| one["metric"][&query[2]].as_str().map(str::to_owned)).collect();
        ensure!(!chosen.is_empty(), "nothing can be chosen for {name}");
        chosen.extend((variable["includeAll"] == true).then(|| ".+".to_owned()));
        all.insert(name.to_owned(), chosen);
    }
    ensure!(!all.is_empty(), "no variables");
    Ok(all)
}

/// A query with each of its variables' values in turn.
fn expanded(query: &str, variables: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    variables.iter().fold(vec![query.to_owned()], |queries, (name, values)| {
        let name = format!("${name}");
        let with = |query: String| match query.contains(&name) {
            true => values.iter().map(|value| query.replace(&name, value)).collect(),
            false => vec![query],
        };
        queries.into_iter().flat_map(with).collect()
    })
}

fn items(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// Checks that a result has a series of about a load's usage.
fn near(answer: &Values, group: &str, thread: &str) -> Result<()> {
    let found = answer.get(&(group.to_owned(), thread.to_owned()));
    let found = found.with_context(|| format!("no {group} {thread} in {answer:?}"))?;
    ensure!((SHARE / 5.0..SHARE * 3.0).contains(found), "{group} {thread}: {found}, not {SHARE}");
    Ok(())
}

fn query_values(prometheus: &Bare, query: &str, at: Option<f64>) -> Result<Values> {
    let label = |one: &Value, name: &str| one["metric"][name].as_str().unwrap_or_default().to_owned();
    let value = |one: &Value| anyhow::Ok(one["value"][1].as_str().context("no value")?.parse::<f64>()?);
    let series = prometheus.series(query, at)?;
    series.iter().map(|one| Ok(((label(one, "groupname"), label(one, "threadname")), value(one)?))).collect()
}

/// Scrapes and evaluates the manifest's rules every second; ready when this returns.
fn prometheus(target: u16) -> Result<Bare> {
    let file = directory()?.join("queries-rules.yml");
    fs::write(&file, rules(1)?)?;
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
         rule_files: [{}]\n\
         scrape_configs: [{{job_name: process-exporter, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]\n",
        file.display()
    );
    Bare::start("queries-prometheus", &Spec { config: &config, ..Spec::default() })
}
