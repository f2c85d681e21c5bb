//! `top --by workload` in a cluster without kube-state-metrics: nothing tells who owns a pod.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use test_cluster::Prometheus;
use test_history::{History, metric};

use crate::serve::{an_hour, serve};
use crate::way_in::plugin;

/// Runs `top` with flags, which must succeed, and returns its stdout and its notes.
fn top(prometheus: &Prometheus, flags: &str) -> Result<(String, String)> {
    let fixed = ["top", "-T", "1748779207", "--prometheus", &prometheus.url];
    let outcome = plugin().run(fixed.into_iter().chain(flags.split_whitespace()))?;
    ensure!(outcome.code == 0, "{flags}: {}", outcome.stderr);
    Ok((outcome.stdout, outcome.stderr))
}

/// Returns the average of each row by its labels. Errors if a row is of a workload.
fn rows(report: &Value, labels: &[&str]) -> Result<BTreeMap<String, f64>> {
    let rows = report["rows"].as_array().context("no rows")?;
    let row = |row: &Value| {
        ensure!(row["workload_type"].is_null(), "a workload: {row}");
        let key: Vec<String> = labels.iter().map(|label| row[*label].to_string()).collect();
        Ok((key.join(" "), row["avg"].as_f64().context("no avg")?))
    };
    rows.iter().map(row).collect()
}

#[test]
fn without_kube_state_metrics_rows_are_pods_and_a_note_says_so() -> Result<()> {
    let mut history = History::generate(&an_hour());
    let all = history.series.len();
    history.series.retain(|series| ![metric::OWNER, metric::POD_INFO].contains(&series.metric));
    ensure!(history.series.len() < all, "the history has nothing of kube-state-metrics");
    let prometheus = serve("no-owners", &history, &[])?;
    let labels = ["class", "namespace", "name", "node"];
    for (flags, labels) in [
        ("--source exporter", &labels[..3]), // without the node of a pod, which rows by workload do not have
        ("--source exporter --per-node", &labels),
        ("--source platform", &labels[..3]),
    ] {
        let reports = ["workload", "group"].map(|by| top(&prometheus, &format!("{flags} --by {by} -o json")));
        let [by_workload, by_group] = reports;
        let (by_workload, by_group): (Value, Value) =
            (serde_json::from_str(&by_workload?.0)?, serde_json::from_str(&by_group?.0)?);
        let (found, expected) = (rows(&by_workload, labels)?, rows(&by_group, labels)?);
        ensure!(found.keys().eq(expected.keys()) && found.len() > 50, "{flags}: {found:#?} {expected:#?}");
        let differs = found.iter().zip(expected.values()).find(|((_, a), b)| (*a - *b).abs() > 1e-9);
        ensure!(differs.is_none(), "{flags}: {differs:?}");
        let told = |report: &Value| report["notes"].to_string().contains("no series of the pods' owners");
        ensure!(told(&by_workload) && !told(&by_group), "{flags}: {}", by_workload["notes"]);

        let (table, stderr) = top(&prometheus, &format!("{flags} --by workload"))?;
        ensure!(table.starts_with("CLASS"), "{table}");
        ensure!(stderr.contains("note: no series of the pods' owners"), "{flags}: {stderr}");
    }
    Ok(())
}
