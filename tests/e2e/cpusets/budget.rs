//! `budget`: lines of what may run on a set of CPUs, and of how busy a set is.

use super::{OF_ONE_SET, partitioned, top};
use crate::serve::{END_MS, an_hour, serve};
use crate::way_in::plugin;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use test_cluster::{Prometheus, directory};
use test_history::Spec;

/// Lines whose limits some nodes exceed: name, what it sums up, its sets, its statistic and its limit.
const LINES: [(&str, &str, &[&str], &str, f64); 4] = [
    ("astray", "host, kernel", &["isolated", "any"], "avg", 1.1),
    ("bound", "host", &["reserved"], "avg", 0.8),
    ("workload", "workload", &["isolated"], "avg", 0.15),
    ("pods", "infra, workload", &["any"], "avg", 0.3),
];

/// A budget of these lines, and of how busy the isolated CPUs are.
fn file() -> Result<String> {
    let line = |(name, of, sets, statistic, limit): &(&str, &str, &[&str], &str, f64)| {
        let sets = sets.join(", ");
        format!("- {{name: {name}, of: [{of}], cpuset: [{sets}], statistic: {statistic}, limit: {limit}}}\n")
    };
    let lines: String = LINES.iter().map(line).collect();
    let path = directory()?.join("budget-cpusets.yaml");
    let busy = "- {name: busy, of: isolated, statistic: avg, limit: 2.5}\n";
    std::fs::write(
        &path,
        format!("apiVersion: interrogate/v1\nkind: CpuBudget\nname: sets\nlines:\n{lines}{busy}"),
    )?;
    Ok(path.display().to_string())
}

fn judged(prometheus: &Prometheus, path: &str, more: &[&str]) -> Result<Value> {
    let end = format!("{}", END_MS as f64 / 1000.0);
    let flags =
        ["budget", "-f", path, "--prometheus", &prometheus.url, "-T", &end, "--per-node", "-o", "json"];
    let outcome = plugin().run(flags.iter().chain(more))?;
    serde_json::from_str(&outcome.stdout).context(outcome.stderr)
}

/// The figure of each node of a line.
fn figures(report: &Value, line: &str) -> Result<BTreeMap<String, (Option<f64>, String)>> {
    let lines = report["lines"].as_array().context("no lines")?;
    let line = lines.iter().find(|of| of["line"] == line).context("no such line")?;
    let nodes = line["nodes"].as_array().context("no nodes")?.iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(nodes.map(|of| (text(&of["node"]), (of["is"].as_f64(), text(&of["verdict"])))).collect())
}

#[test]
fn lines_of_sets_are_what_top_shows_and_alerts_agree() -> Result<()> {
    let history = partitioned(&Spec { gaps: false, ..an_hour() });
    // A history has no staleness markers: so that an alert's selectors see no series past its end.
    let prometheus = serve("cpusets-budget", &history, &["--query.lookback-delta=14999ms"])?;
    let path = file()?;
    let report = judged(&prometheus, &path, &["-i", "50m"])?;
    let rows = top(&prometheus, "--by cpuset --per-node -i 50m")?;
    let rows = rows["rows"].as_array().context("no rows")?;
    for (line, of, sets, ..) in LINES {
        let found = figures(&report, line)?;
        ensure!(found.len() == 8, "{line}: {found:?}");
        for (node, (is, verdict)) in &found {
            if OF_ONE_SET.contains(&node.as_str()) {
                ensure!(is.is_none() && verdict == "unknown", "{line} {node}: {is:?} {verdict}");
                continue;
            }
            let is_part = |row: &&Value| {
                let text = |name: &str| row[name].as_str().unwrap_or_default();
                of.split(", ").any(|class| class == text("class"))
                    && sets.contains(&text("cpuset"))
                    && text("node") == node
            };
            let sum: f64 = rows.iter().filter(is_part).filter_map(|row| row["avg"].as_f64()).sum();
            let is = is.with_context(|| format!("{line} {node} is not known"))?;
            ensure!((is - sum).abs() < 1e-9, "{line} {node}: {is}, not {sum}");
        }
        let verdicts: BTreeSet<&str> = found.values().map(|(_, verdict)| verdict.as_str()).collect();
        ensure!(verdicts.contains("exceeded") && verdicts.contains("kept"), "{line}: {found:?}");
    }
    let sets = top(&prometheus, "--by cpuset --per-node -i 50m")?;
    for (node, (is, _)) in figures(&report, "busy")? {
        let sets = sets["cpusets"].as_array().context("no sets")?;
        let set = sets.iter().find(|of| of["cpuset"] == "isolated" && of["node"] == node.as_str());
        let differs = match (is, set.and_then(|set| set["avg"].as_f64())) {
            (Some(is), Some(avg)) => (is - avg).abs() > 1e-9,
            (is, avg) => is.is_some() || avg.is_some(),
        };
        ensure!(!differs, "{node}: {is:?} {set:?}");
    }

    // The alert of a line is true of the nodes that the command finds exceed it, and of no other.
    let rule =
        plugin().run(["budget", "-f", &path, "-i", "50m", "-o", "alerting-rule", "--reserved", "0-1"])?;
    ensure!(rule.code == 0, "{}", rule.stderr);
    let rule: serde_yaml::Value = serde_yaml::from_str(&rule.stdout)?;
    let rules = rule["spec"]["groups"][0]["rules"].as_sequence().context("no rules")?;
    for (line, ..) in LINES {
        let rule =
            rules.iter().find(|rule| rule["labels"]["line"].as_str() == Some(line)).context("no rule")?;
        let expression = rule["expr"].as_str().context("no expression")?;
        let series = prometheus.bare.series(expression, Some(END_MS as f64 / 1000.0))?;
        let fires: BTreeSet<String> =
            series.iter().filter_map(|of| of["metric"]["instance"].as_str()).map(str::to_owned).collect();
        let exceeded = figures(&report, line)?.into_iter().filter(|(_, (_, verdict))| verdict == "exceeded");
        let exceeded: BTreeSet<String> = exceeded.map(|(node, _)| node).collect();
        ensure!(fires == exceeded, "{line}: {expression} is true of {fires:?}, exceeded {exceeded:?}");
    }

    // The platform's series tell none of it.
    let blind = judged(&prometheus, &path, &["-i", "50m", "--source", "platform"])?;
    ensure!(figures(&blind, "astray")?.values().all(|(_, verdict)| verdict == "unknown"), "{blind}");
    ensure!(blind.to_string().contains("do not tell where something may run"), "{blind}");
    Ok(())
}
