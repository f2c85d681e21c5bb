//! What a report says of itself: which window, sampled how, of how many nodes, made of what, by whom.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};
use test_cluster::{Outcome, Prometheus, Spec, directory, shared};

use crate::way_in::plugin;

const END: u32 = 1_700_000_000;

/// Ten minutes of node `a`, of node `b` without its middle, and of a third that is known to the API server alone; pods; and
/// the rules' sums or not.
fn serve(name: &str, sums: bool) -> Prometheus {
    let group = "namedprocess_namegroup_cpu_rate";
    let mut series = vec![
        (format!("{group}{{instance=\"a\",class=\"host\",groupname=\"crio\"}}"), 15, 0..600),
        (format!("{group}{{instance=\"b\",class=\"host\",groupname=\"crio\"}}"), 15, 0..300),
        ("instance:namedprocess_node_cpu_rate:sum{instance=\"a\"}".to_owned(), 15, 0..600),
        ("instance:namedprocess_node_cpu_rate:sum{instance=\"b\"}".to_owned(), 15, 0..300),
        ("pod:container_cpu_usage:sum{namespace=\"shop\",pod=\"cart-0\"}".to_owned(), 30, 0..600),
    ];
    for node in ["a", "b", "c"] {
        series.push((format!("kube_node_info{{node=\"{node}\"}}"), 30, 0..600));
    }
    if sums {
        let name = "class_groupname:namedprocess_namegroup_cpu_rate:sum";
        series.push((format!("{name}{{class=\"host\",groupname=\"crio\"}}"), 15, 0..600));
    }
    let mut text = String::new();
    for (series, step, ages) in series {
        for age in ages.rev().filter(|age| age % step == 0) {
            writeln!(text, "{series} 0.5 {}", END - age).unwrap();
        }
    }
    let file = directory().unwrap().join(format!("{name}.om"));
    fs::write(&file, text + "# EOF\n").unwrap();
    let spec = Spec { config: "{}", history: Some(&file), arguments: &["--storage.tsdb.retention.time=30y"] };
    shared().start_prometheus(name, &spec).unwrap()
}

fn top(prometheus: &Prometheus, format: &str) -> Outcome {
    let question = ["top", "-i", "1h", "-T", "1700000000", "-o", format, "--prometheus", &prometheus.url];
    let outcome = plugin().run(question).unwrap();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    outcome
}

#[test]
fn what_a_report_says_of_itself() {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim_end().to_owned();
    for (name, sums, series, words) in [
        ("header-sums", true, "sums", "by the sums that its rules keep"),
        ("header-raw", false, "raw", "each group on each node"),
    ] {
        let prometheus = serve(name, sums);
        let report: Value = serde_json::from_str(&top(&prometheus, "json").stdout).unwrap();
        assert_eq!(report["source"]["nodes"], 2, "{report:#}");
        assert_eq!(report["source"]["cluster_nodes"], 3);
        assert_eq!(report["source"]["series"], series);
        assert_eq!(report["source"]["replica"], json!(host));
        let window = &report["window"];
        assert_eq!(
            [&window["asked_seconds"], &window["interval_seconds"], &window["step_seconds"]],
            [&json!(3600.0), &json!(600.0), &json!(15.0)]
        );
        assert_eq!(window["pod_step_seconds"], 30.0);
        let notes = report["notes"].to_string();
        for said in ["the window was cut", "b (50.0 %)", "1 of 3 nodes have no series", "5-minute rates"] {
            assert!(notes.contains(said), "without {said:?}: {notes}");
        }
        assert!(notes.contains(&format!("gaps are those of {host}")), "{notes}");

        let page = top(&prometheus, "table").stdout;
        let header = page.lines().last().unwrap();
        for said in [
            "(600 s of 3600 asked for, a sample every 15 s; pods every 30 s, as 5-minute rates)",
            "exporter series of 2 of 3 nodes",
            words,
            &prometheus.url,
            &format!("({host})"),
        ] {
            assert!(header.contains(said), "without {said:?}: {header}");
        }
    }
}

#[test]
fn the_course_is_for_people_alone() {
    let prometheus = serve("course", false);
    let wide = top(&prometheus, "wide").stdout;
    assert!(wide.lines().next().unwrap().ends_with("COURSE"), "{wide}");
    // Rows of groups come with their samples; those of pods are asked for it.
    for name in ["crio", "cart-0"] {
        let row = wide.lines().find(|line| line.contains(name)).unwrap();
        assert!(row.ends_with(&"█".repeat(5)), "{row}");
    }
    for format in ["table", "csv", "json", "yaml"] {
        assert!(!top(&prometheus, format).stdout.contains('█'), "{format}");
    }
}
