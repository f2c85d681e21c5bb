//! Provenance of a report: its window, sampling, nodes, source and server.

use std::fs;

use serde_json::{Value, json};
use test_cluster::{Outcome, Prometheus};

use crate::serve::{store, totals};
use crate::way_in::plugin;

/// Ten minutes of node `a`, of node `b` without its middle, and of a third that is known to the API server alone; and a pod.
fn serve(name: &str) -> Prometheus {
    let group = "namedprocess_namegroup_cpu_rate";
    let mut series = vec![
        (format!("class_groupname:{group}:sum{{class=\"host\",groupname=\"crio\"}}"), 15, 0..600),
        ("instance:namedprocess_node_cpu_rate:sum{instance=\"a\"}".to_owned(), 15, 0..600),
        ("instance:namedprocess_node_cpu_rate:sum{instance=\"b\"}".to_owned(), 15, 0..300),
        (
            "namedprocess_pod_cpu_rate{instance=\"a\",class=\"workload\",namespace=\"shop\",pod=\"cart-0\"}"
                .to_owned(),
            15,
            0..600,
        ),
    ];
    for node in ["a", "b", "c"] {
        series.push((format!("kube_node_info{{node=\"{node}\"}}"), 30, 0..600));
    }
    let series = series.into_iter().map(|(series, step, ages)| (series, step, ages, 0.5));
    let totals = [(300..600, 1.0), (0..300, 2.0)]
        .map(|(ages, nodes)| totals(15, ages, nodes, nodes, &[("host", 0.5), ("workload", 0.5)]));
    store(name, totals.into_iter().flatten().chain(series))
}

fn top(prometheus: &Prometheus, format: &str) -> Outcome {
    top_of("1h", prometheus, format)
}

fn top_of(interval: &str, prometheus: &Prometheus, format: &str) -> Outcome {
    let question = ["top", "-i", interval, "-T", "1700000000", "-o", format, "--prometheus", &prometheus.url];
    let outcome = plugin().run(question).unwrap();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    outcome
}

#[test]
fn what_a_report_says_of_itself() {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim_end().to_owned();
    let prometheus = serve("header");
    let report: Value = serde_json::from_str(&top(&prometheus, "json").stdout).unwrap();
    assert_eq!(report["source"]["nodes"], 2, "{report:#}");
    assert_eq!(report["source"]["cluster_nodes"], 3);
    assert_eq!(report["source"]["replica"], json!(host));
    let window = &report["window"];
    assert_eq!(
        [&window["asked_seconds"], &window["interval_seconds"], &window["step_seconds"]],
        [&json!(3600.0), &json!(600.0), &json!(15.0)]
    );
    let notes = report["notes"].to_string();
    for said in ["the window was cut", "b (50.0 %)", "1 of 3 nodes have no series"] {
        assert!(notes.contains(said), "without {said:?}: {notes}");
    }
    assert!(notes.contains(&format!("gaps are those of {host}")), "{notes}");

    let page = top(&prometheus, "table").stdout;
    let header = page.lines().last().unwrap();
    for said in [
        "(600 s of 3600 asked for, a sample every 15 s)",
        "exporter series of 2 of 3 nodes",
        &prometheus.url,
        &format!("({host})"),
    ] {
        assert!(header.contains(said), "without {said:?}: {header}");
    }
}

/// That two nodes told how busy they were at every step does not say that they were the same two, and what was recorded
/// of the second half says nothing of the first.
#[test]
fn nodes_with_gaps_are_not_known_from_their_number_alone() {
    for (name, busy, nodes, silent) in [
        ("always", [("a", 0..600), ("b", 0..600)].as_slice(), 2, &[][..]),
        ("turns", &[("a", 0..600), ("b", 300..600), ("c", 0..300)], 3, &["b (50.0 %)", "c (50.0 %)"]),
        ("late", &[("a", 0..600), ("b", 0..300)], 2, &["b (50.0 %)"]),
        ("fewer", &[("a", 0..600), ("b", 0..600), ("c", 450..600)], 3, &["c (25.0 %)"]),
    ] {
        let mut all = Vec::new();
        for ages in [0..300, 300..450, 450..600] {
            let number = busy.iter().filter(|(_, there)| there.contains(&ages.start)).count() as f64;
            all.extend(totals(15, ages, number, 0.5, &[("host", 0.5)]));
        }
        for (node, ages) in busy {
            let series = format!("instance:namedprocess_node_cpu_rate:sum{{instance=\"{node}\"}}");
            all.push((series, 15, ages.clone(), 0.5));
        }
        let prometheus = store(&format!("nodes-{name}"), all);
        let report: Value = serde_json::from_str(&top_of("10m", &prometheus, "json").stdout).unwrap();
        assert_eq!(report["source"]["nodes"], json!(nodes), "{name}");
        let notes = report["notes"].to_string();
        let said =
            notes.split("left out of busy for the rest: ").nth(1).and_then(|rest| rest.split('"').next());
        assert_eq!(said.unwrap_or_default(), silent.join(", "), "{name}: {notes}");
    }
}

#[test]
fn trends_are_for_people_alone() {
    let prometheus = serve("course");
    let wide = top(&prometheus, "wide").stdout;
    assert!(wide.lines().next().unwrap().ends_with("TREND"), "{wide}");
    for name in ["crio", "cart-0"] {
        let row = wide.lines().find(|line| line.contains(name)).unwrap();
        assert!(row.ends_with(&"█".repeat(5)), "{row}");
    }
    // A part for each sample if these are fewer, and no gaps between them.
    let minute = top_of("1m", &prometheus, "wide").stdout;
    for name in ["crio", "cart-0"] {
        let row = minute.lines().find(|line| line.contains(name)).unwrap();
        assert_eq!(row.split_whitespace().last(), Some("████"), "{row}");
    }
    for format in ["table", "csv", "json", "yaml"] {
        assert!(!top(&prometheus, format).stdout.contains('█'), "{format}");
    }
}
