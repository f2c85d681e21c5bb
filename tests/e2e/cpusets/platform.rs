//! Sets of CPUs before the exporter is there.

use super::{constant, notes, top};
use crate::serve::{an_hour, serve};
use crate::way_in::logged_in;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use test_cluster::{Login, shared};
use test_history::History;

const PROFILE: &str = "/apis/performance.openshift.io/v2/performanceprofiles/sets";

/// Before the exporter is there, a profile or the user tells the sets, and node_exporter how busy their CPUs are.
#[test]
fn sets_of_a_profile_are_busy_by_node_exporter() -> Result<()> {
    let mut history = History::generate(&an_hour());
    for node in ["node-000", "node-001", "node-002"] {
        for (cpu, cores) in [("0", 0.5), ("1", 0.25), ("2", 0.125), ("3", 0.0625), ("12", 1.0)] {
            for (mode, share) in [("user", cores), ("idle", 1.0 - cores), ("steal", 0.1)] {
                let labels = [("instance", node), ("cpu", cpu), ("mode", mode)];
                let mut counter = constant("node_cpu_seconds_total", &labels, 0.0);
                for (step, (_, value)) in (0u32..).zip(counter.samples.iter_mut()) {
                    *value = share * 15.0 * f64::from(step);
                }
                history.series.push(counter);
            }
        }
    }
    let prometheus = serve("cpusets-platform", &history, &[])?;
    let averages = |report: &Value| -> Result<BTreeMap<String, f64>> {
        let sets = report["cpusets"].as_array().context("no sets")?;
        let set = |of: &Value| {
            let text = |name: &str| of[name].as_str().unwrap_or_default().to_owned();
            let key = [text("cpuset"), text("cpus"), text("node")].join(" ");
            (key.trim().to_owned(), (of["avg"].as_f64().unwrap_or(f64::NAN) * 1e6).round() / 1e6)
        };
        Ok(sets.iter().map(set).collect())
    };
    let given = top(&prometheus, "--by cpuset --source platform -i 30m --reserved 0-1")?;
    let expected = [("reserved 0-1", 3.0 * 0.75), ("isolated", 3.0 * 1.1875)];
    assert_eq!(averages(&given)?, expected.map(|(set, avg)| (set.to_owned(), avg)).into());
    assert!(given["strays"].is_null() && notes(&given).contains("do not tell where something may run"));
    assert!(given["rows"].as_array().is_some_and(|rows| rows.iter().all(|row| row["cpuset"].is_null())));
    let unknown = top(&prometheus, "--by cpuset --source platform -i 30m")?;
    assert!(notes(&unknown).contains("--reserved 0-1,52-53 tells"), "{unknown}");

    let (cluster, api) = (shared(), shared().api());
    cluster.serve("performance.openshift.io", "v2", "performanceprofiles")?;
    let label = "node-role.kubernetes.io/sets";
    for node in ["node-000", "node-001"] {
        let object =
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node, "labels": {label: ""}}});
        api.apply(&format!("/api/v1/nodes/{node}"), &object.to_string())?;
    }
    let profile = json!({
        "apiVersion": "performance.openshift.io/v2", "kind": "PerformanceProfile", "metadata": {"name": "sets"},
        "spec": {"cpu": {"reserved": "0", "isolated": "2-3,12", "shared": "1"}, "nodeSelector": {label: ""}},
    });
    api.apply(PROFILE, &profile.to_string())?;
    let flags = "--by cpuset --source platform -i 30m -T 1748779207 -o json";
    let fixed = ["top", "--prometheus", &prometheus.url];
    let outcome = logged_in(Login::Installer).run(fixed.into_iter().chain(flags.split_whitespace()))?;
    let report: Value = serde_json::from_str(&outcome.stdout).context(outcome.stderr)?;
    let expected = [("reserved 0", 1.0), ("isolated 2-3,12", 2.375), ("shared 1", 0.5)];
    assert_eq!(averages(&report)?, expected.map(|(set, avg)| (set.to_owned(), avg)).into());
    api.delete(PROFILE)?;
    for node in ["node-000", "node-001"] {
        api.delete(&format!("/api/v1/nodes/{node}"))?;
    }
    Ok(())
}
