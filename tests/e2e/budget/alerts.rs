//! The alerts of a budget, by the real promtool: they fire on the histories that the command finds exceeded, and on no other.

use super::sites::{self, Site, sites};
use super::{PROFILES, budget};
use crate::serve::{END_MS, serve};
use crate::way_in::plugin;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use test_cluster::directory;
use test_history::Series;

/// Half an hour: promtool's engine holds 10,000 samples of a query.
const INTERVAL: &str = "30m";

/// Line and node of each alert.
type Firing = BTreeSet<(String, String)>;

#[test]
fn alerts_fire_where_the_command_finds_it_exceeded() -> Result<()> {
    let sites = sites();
    // Without gaps: promtool's histories have no staleness markers where a node did not answer.
    let whole: Vec<Site> =
        sites.into_iter().enumerate().filter(|(n, _)| n % 3 != 0).map(|(_, site)| site).take(12).collect();
    let history = sites::all(&whole);
    let prometheus = serve("budget-alerts", &history, &[])?;
    let folder = directory()?.join("budget-alerts");
    fs::create_dir_all(&folder)?;
    for profile in PROFILES {
        let flags = [profile, "-i", INTERVAL, "--per-node", "--reserved", "0-1", "-o", "json"];
        let report: Value = serde_json::from_str(&budget(&prometheus.url, &flags)?.stdout)?;
        let exceeded = exceeded(&report);
        let fired = fired(&folder, profile, &history)?;
        ensure!(fired == exceeded, "{profile}: fired {fired:?}, exceeded {exceeded:?}");
        ensure!(!fired.is_empty(), "{profile}: nothing fired");
    }
    Ok(())
}

/// Returns the lines and nodes that the command finds exceeded.
fn exceeded(report: &Value) -> Firing {
    let mut all = Firing::new();
    for line in report["lines"].as_array().into_iter().flatten() {
        for node in line["nodes"].as_array().into_iter().flatten() {
            if node["verdict"] == "exceeded" {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                all.insert((text(&line["line"]), text(&node["node"])));
            }
        }
    }
    all
}

/// Returns the alerts that promtool finds firing at the end of a history.
fn fired(folder: &std::path::Path, profile: &str, history: &test_history::History) -> Result<Firing> {
    let rule =
        plugin().run(["budget", profile, "-i", INTERVAL, "--reserved", "0-1", "-o", "alerting-rule"])?;
    ensure!(rule.code == 0, "{}", rule.stderr);
    let rule: serde_yaml::Value = serde_yaml::from_str(&rule.stdout)?;
    let groups = serde_yaml::to_string(rule.get("spec").context("no spec")?)?;
    fs::write(folder.join(format!("{profile}.rules.yaml")), groups)?;
    let expression = "sum by (line, instance, node) (ALERTS{alertstate=\"firing\"})";
    let nodes: BTreeSet<&str> =
        history.series.iter().map(|of| of.label("instance")).filter(|of| !of.is_empty()).collect();
    // A test for each node, likewise.
    let tests = nodes.into_iter().map(|node| {
        json!({
            "interval": "15s",
            "input_series": history.series.iter().filter(|of| is_of(of, node)).map(input).collect::<Vec<_>>(),
            "promql_expr_test": [{
                "expr": expression,
                "eval_time": "63m",
                // Wrong on purpose: promtool then prints what there is.
                "exp_samples": [{"labels": "{none=\"\"}", "value": -1}],
            }],
        })
    });
    let test = json!({
        "rule_files": [format!("{profile}.rules.yaml")],
        "evaluation_interval": "63m",
        "tests": tests.collect::<Vec<_>>(),
    });
    let file = folder.join(format!("{profile}.test.yaml"));
    fs::write(&file, serde_yaml::to_string(&test)?)?;
    let promtool = test_cluster::tool("promtool")?;
    let output = std::process::Command::new(promtool).args(["test", "rules"]).arg(&file).output()?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    ensure!(!text.contains("err:") && text.contains("got:"), "promtool: {text}");
    let label = |line: &str, name: &str| {
        let value = line.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
        Some(value.to_owned())
    };
    let firing = text
        .lines()
        .filter(|line| line.trim().starts_with("got:"))
        .flat_map(|line| line.split('}'))
        .filter_map(|line| {
            let node = label(line, "instance").or_else(|| label(line, "node"))?;
            Some((label(line, "line")?, node))
        });
    Ok(firing.collect())
}

/// Returns true if a series is of a node, or of requests, which are of pods.
fn is_of(series: &Series, node: &str) -> bool {
    let site = node.split('-').next().unwrap_or_default();
    let requests =
        series.metric == "kube_pod_container_resource_requests" && series.label("pod").ends_with(site);
    series.label("instance") == node || series.label("node") == node || requests
}

/// A series as promtool reads it, by the ends of steps of 15 s; what is scraped more seldom has gaps.
fn input(of: &Series) -> Value {
    let first = END_MS - 15_000 * 252;
    let labels: Vec<String> = of.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    let mut values = vec!["_".to_owned(); 253];
    for (at, value) in &of.samples {
        let step = (at - first).div_euclid(15_000) + 1;
        if let Some(slot) = usize::try_from(step).ok().and_then(|step| values.get_mut(step)) {
            *slot = value.to_string();
        }
    }
    // A series that ends is marked, as Prometheus does.
    for step in 1..values.len() {
        let ends = values[step] == "_" && !["_", "stale"].contains(&values[step - 1].as_str());
        if ends && of.metric.contains("namedprocess") {
            values[step] = "stale".to_owned();
        }
    }
    json!({"series": format!("{}{{{}}}", of.metric, labels.join(", ")), "values": values.join(" ")})
}

/// Two pods of one name are two alerts, and names that look like templates are none.
#[test]
fn alerts_of_pods_keep_their_namespaces() -> Result<()> {
    let folder = directory()?.join("budget-alerts-of-pods");
    fs::create_dir_all(&folder)?;
    let lines = "lines:\n- {name: 'each {{ pod', of: infra, each: pod, statistic: max, limit: 0.1}\n";
    let file = sites::file("alert-of-pods", lines)?;
    let rule = plugin().run(["budget", "-f", &file, "-i", "30m", "-o", "alerting-rule"])?;
    let rule: serde_yaml::Value = serde_yaml::from_str(&rule.stdout)?;
    fs::write(folder.join("rules.yaml"), serde_yaml::to_string(rule.get("spec").context("no spec")?)?)?;
    let pod = |namespace: &str| {
        let labels = format!("instance=\"a\", class=\"infra\", namespace=\"{namespace}\", pod=\"x\"");
        json!({"series": format!("namedprocess_pod_cpu_rate{{{labels}}}"), "values": "0.5x40"})
    };
    let alert = |namespace: &str| json!({"labels": format!("{{namespace=\"{namespace}\", line=\"each {{{{ pod\"}}"), "value": 1});
    let test = json!({
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "5m",
        "tests": [{
            "interval": "15s",
            "input_series": [pod("openshift-a"), pod("openshift-b")],
            "promql_expr_test": [{
                "expr": "sum by (namespace, line) (ALERTS{alertstate=\"firing\"})",
                "eval_time": "10m",
                "exp_samples": [alert("openshift-a"), alert("openshift-b")],
            }],
        }],
    });
    let file = folder.join("test.yaml");
    fs::write(&file, serde_yaml::to_string(&test)?)?;
    let output = std::process::Command::new(test_cluster::tool("promtool")?)
        .args(["test", "rules"])
        .arg(&file)
        .output()?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    ensure!(output.status.success(), "{text}");
    Ok(())
}
