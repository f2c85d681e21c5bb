//! `top --by cpuset --from`: parts and strays by the exporter's series, and sets by what a must-gather tells of its nodes.

use super::{Dump, agree, counter, dump, json as report_of};
use crate::cpusets::{constant, partitioned};
use crate::serve::{an_hour, serve};
use crate::way_in::{assert_refused, plugin};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::fs;
use test_cluster::directory;
use test_history::{History, Spec};

#[test]
fn parts_and_strays_are_the_servers() -> Result<()> {
    let mut history = partitioned(&Spec { gaps: false, ..an_hour() });
    for (node, cpus) in [("node-000", "0-3"), ("node-001", "2")] {
        let (stray, set) = ("namedprocess_namegroup_stray_threads", "namedprocess_node_cpuset_info");
        let labels = [("class", "host"), ("groupname", "unit-3"), ("instance", node), ("cpus", cpus)];
        history.series.push(constant(stray, &labels, 3.0));
        history.series.push(constant(
            set,
            &[("instance", node), ("cpuset", "reserved"), ("cpus", "0-1")],
            1.0,
        ));
    }
    let prometheus = serve("replay-sets", &history, &[])?;
    let file = dump("replay-sets", &history, &Dump::default())?;
    for flags in ["", "--per-node", "--node node-000,node-003 --class host", "-i 20m --limit 9"] {
        let count = agree(&prometheus.url, &file, &format!("top --by cpuset {flags}"))?;
        ensure!(count > 10, "{flags}: {count} figures");
    }
    let report = report_of(&["top", "--by", "cpuset", "--from", &file.display().to_string()])?;
    ensure!(report["strays"][0]["name"] == "unit-3", "{}", report["strays"]);
    Ok(())
}

/// Before the exporter is there: sets are those of the must-gather's profile, on the nodes that it selects, and of the command line
/// of another node.
#[test]
fn sets_are_those_of_the_objects_beside_the_samples() -> Result<()> {
    let mut history = History::generate(&an_hour());
    for node in ["node-000", "node-001", "node-002"] {
        for (cpu, cores) in [("0", 0.5), ("1", 0.25), ("2", 0.125), ("3", 0.0625)] {
            let labels = [("instance", node), ("cpu", cpu), ("mode", "user")];
            history.series.push(counter("node_cpu_seconds_total", &labels, cores, 15));
        }
    }
    let file = dump("replay-objects", &history, &Dump::default())?;
    let root = file.ancestors().nth(3).context("no root")?;
    let write = |path: &str, text: &str| -> Result<()> {
        let path = root.join(path);
        fs::create_dir_all(path.parent().context("no folder")?)?;
        Ok(fs::write(path, text)?)
    };
    for (node, role) in [("node-000", "du"), ("node-001", "hub"), ("node-002", "hub")] {
        let text = format!(
            "kind: Node\nmetadata: {{name: {node}, labels: {{role: {role}}}}}\nstatus: {{capacity: {{cpu: \"4\"}}}}\n"
        );
        write(&format!("cluster-scoped-resources/core/nodes/{node}.yaml"), &text)?;
    }
    write(
        "cluster-scoped-resources/performance.openshift.io/performanceprofiles/p.yaml",
        "kind: PerformanceProfile\nmetadata: {name: p}\n\
         spec: {cpu: {reserved: '0', isolated: 1-3}, nodeSelector: {role: du}}\n",
    )?;
    write("nodes/node-001/proc_cmdline", "BOOT_IMAGE=x rcu_nocbs=2-3 quiet")?;
    let root = root.display().to_string();
    let report = report_of(&[
        "top",
        "--by",
        "cpuset",
        "--per-node",
        "--source",
        "platform",
        "-i",
        "20m",
        "--from",
        &root,
    ])?;
    let sets = report["cpusets"].as_array().context("no sets")?;
    let found = |node: &str, set: &str| {
        let of = sets.iter().find(|of| of["node"] == node && of["cpuset"] == set);
        of.map(|of| (of["cpus"].as_str().unwrap_or_default().to_owned(), of["avg"].as_f64().unwrap_or(-1.0)))
    };
    for (node, set, cpus, cores) in [
        ("node-000", "reserved", "0", 0.5),
        ("node-000", "isolated", "1-3", 0.4375),
        ("node-001", "reserved", "0-1", 0.75),
        ("node-001", "isolated", "2-3", 0.1875),
    ] {
        let (list, avg) = found(node, set).with_context(|| format!("no {set} of {node}: {sets:?}"))?;
        ensure!(list == cpus && (avg - cores).abs() < 1e-9, "{node} {set}: {list} {avg}");
    }
    ensure!(found("node-002", "reserved").is_none(), "{sets:?}");
    Ok(())
}

/// A default must-gather has no samples: it tells the sets, and which processes may run on both.
#[test]
fn a_default_must_gather_has_sets_and_who_may_leave_them() -> Result<()> {
    let root = directory()?.join("replay-default/must-gather.local.2/quay-io-y");
    let write = |path: &str, text: &str| -> Result<()> {
        let path = root.join(path);
        fs::create_dir_all(path.parent().context("no folder")?)?;
        Ok(fs::write(path, text)?)
    };
    for node in ["node-000", "node-001"] {
        let text = format!("kind: Node\nmetadata: {{name: {node}, labels: {{role: du}}}}\n");
        write(&format!("cluster-scoped-resources/core/nodes/{node}.yaml"), &text)?;
    }
    write(
        "cluster-scoped-resources/performance.openshift.io/performanceprofiles/p.yaml",
        "kind: PerformanceProfile\nmetadata: {name: p}\n\
         spec: {cpu: {reserved: 0-1, isolated: 2-3}, nodeSelector: {role: du}}\n",
    )?;
    let thread = |process: &str, affinity: &[u32]| json!({"pid": 7, "tid": 7, "process": process, "thread": process, "affinity": affinity});
    let threads = json!([
        thread("crio", &[0, 1]),
        thread("kubelet", &[0, 1, 2, 3]),
        thread("kubelet", &[1, 2]),
        thread("du", &[2, 3]),
        thread("ksoftirqd/2", &[2]),
    ]);
    write("nodes/node-000/cpu_affinities.json", &threads.to_string())?;
    // One that is broken takes nothing else along.
    write("nodes/node-001/cpu_affinities.json", "[{\"pid\": 1")?;
    let (of, said) = (root.display().to_string(), "there are no samples");
    let report = report_of(&["top", "--by", "cpuset", "--from", &of])?;
    let expected =
        json!([{"class": "host", "name": "kubelet", "nodes": 1, "threads": 2, "cpus": ["0-3", "1-2"]}]);
    let mut strays = report["strays"].clone();
    for stray in strays.as_array_mut().into_iter().flatten() {
        stray.as_object_mut().context("no stray")?.retain(|name, value| name != "why" && !value.is_null());
    }
    ensure!(strays == expected, "{strays}");
    let sets = json!([{"cpuset": "reserved", "cpus": "0-1"}, {"cpuset": "isolated", "cpus": "2-3"}]);
    ensure!(report["cpusets"] == sets, "{}", report["cpusets"]);
    ensure!(report["rows"] == json!([]) && report["notes"].to_string().contains(said), "{}", report["notes"]);
    let table = plugin().run(["top", "--by", "cpuset", "--from", &of])?;
    ensure!(
        table.code == 0 && table.stdout.contains("kubelet") && table.stderr.contains(said),
        "{}{}",
        table.stdout,
        table.stderr
    );
    let other = plugin().run(["top", "--from", &of])?;
    assert_refused("without samples", &other, &["there is no metrics.openmetrics", "gather_metrics"]);
    Ok(())
}
