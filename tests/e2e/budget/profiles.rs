//! Which CPUs are reserved, by the PerformanceProfiles of a real API server.

use super::sites::{all, sites};
use crate::serve::{END_MS, serve};
use crate::way_in::logged_in;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use test_cluster::{Login, shared};

const PROFILE: &str = "/apis/performance.openshift.io/v2/performanceprofiles/cnf";
/// Names of profiles that say nothing of use, and their `reserved`: they take no other along.
const ODD: [(&str, &str); 2] = [("empty", ""), ("words", "the first two")];
const LABEL: &str = "node-role.kubernetes.io/worker-cnf";

#[test]
fn reserved_cpus_are_those_of_the_nodes_profile() -> Result<()> {
    let sites = sites();
    let site = &sites[2];
    let [of_profile, other] = [&site.nodes[0], &site.nodes[1]];
    let prometheus = serve("budget-profiles", &all(&sites[..3]), &[])?;
    let (cluster, api) = (shared(), shared().api());
    cluster.serve("performance.openshift.io", "v2", "performanceprofiles")?;
    let node =
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": of_profile, "labels": {LABEL: ""}}});
    let node_path = format!("/api/v1/nodes/{of_profile}");
    api.apply(&node_path, &node.to_string())?;
    let spec = json!({"cpu": {"reserved": "0-1", "isolated": "2-15"}, "nodeSelector": {LABEL: ""}});
    let profile = json!({
        "apiVersion": "performance.openshift.io/v2", "kind": "PerformanceProfile", "metadata": {"name": "cnf"}, "spec": spec,
    });
    api.apply(PROFILE, &profile.to_string())?;
    let odd_path = |name: &str| PROFILE.replace("/cnf", &format!("/{name}"));
    for (name, reserved) in ODD {
        let mut odd = profile.clone();
        odd["metadata"]["name"] = name.into();
        odd["spec"]["cpu"]["reserved"] = reserved.into();
        api.apply(&odd_path(name), &odd.to_string())?;
    }

    let end = format!("{}", END_MS as f64 / 1000.0);
    let nodes = format!("{of_profile},{other}");
    let flags = ["budget", "ran-du-standard", "--prometheus", &prometheus.url, "-T", &end, "-i", "1h"];
    let more = ["--node", &nodes, "--per-node", "-o", "json"];
    let outcome = logged_in(Login::Installer).run(flags.iter().chain(&more))?;
    let report: Value = serde_json::from_str(&outcome.stdout).with_context(|| outcome.stderr.clone())?;
    let judged = report["lines"][0]["nodes"].as_array().context("no nodes")?;
    let of = |name: &str| judged.iter().find(|of| of["node"] == name).context("not judged");
    // Half a core on the two, as the history has it.
    let is = of(of_profile)?["is"].as_f64().context("no figure")?;
    assert!((is - 0.5).abs() < 1e-6, "{is}");
    let unknown = of(other)?;
    assert_eq!(unknown["verdict"], "unknown");
    let why = unknown["why"].as_str().context("no reason")?;
    for (name, _) in ODD {
        assert!(why.contains(&format!("PerformanceProfile \"{name}\"")), "{why}");
        api.delete(&odd_path(name))?;
    }

    api.delete(PROFILE)?;
    api.delete(&node_path)
}
