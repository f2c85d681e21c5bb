//! Windows, nodes and pods of which only a part is known: no limit is kept by what is not known, and none exceeded.

use super::sites;
use crate::serve::{END, Stored, store, totals};
use crate::way_in::plugin;
use anyhow::{Context, Result};
use serde_json::Value;
use std::ops::Range;
use test_cluster::Prometheus;

/// Judges these lines of a file at the histories' end.
fn judge(prometheus: &Prometheus, lines: &str, flags: &[&str]) -> Result<Vec<Value>> {
    let name: String = lines.chars().filter(char::is_ascii_alphanumeric).take(60).collect();
    let file = sites::file(&format!("odd-{name}"), &format!("lines:\n{lines}"))?;
    let end = END.to_string();
    let fixed = ["budget", "-f", &file, "-T", &end, "-o", "json", "--prometheus", &prometheus.url];
    let outcome = plugin().run(fixed.iter().chain(flags))?;
    let report: Value = serde_json::from_str(&outcome.stdout).with_context(|| outcome.stderr.clone())?;
    Ok(report["lines"].as_array().cloned().unwrap_or_default())
}

const PLATFORM: &str =
    "- {of: platform, statistic: avg, limit: 1.25}\n- {of: platform, statistic: max, limit: 1.25}\n";

/// A node whose platform uses 1.2 cores all the time, at these ages, seconds.
fn node(name: &str, step: u32, ages: Range<u32>) -> Vec<Stored> {
    let class = |class: &str, cores| {
        let of = format!("instance_class:namedprocess_cpu_rate:sum{{instance=\"{name}\",class=\"{class}\"}}");
        (of, step, ages.clone(), cores)
    };
    let busy = format!("instance:namedprocess_node_cpu_rate:sum{{instance=\"{name}\"}}");
    let mut all = vec![class("host", 0.7), class("workload", 2.0), (busy, step, ages.clone(), 3.2)];
    all.extend(totals(step, ages.clone(), 1.0, 3.2, &[("host", 0.7), ("workload", 2.0)]));
    all
}

fn is(line: &Value) -> f64 {
    line["is"].as_f64().unwrap_or(f64::NAN)
}

#[test]
fn an_average_is_one_whatever_the_window_holds_of_a_step() -> Result<()> {
    let prometheus = store("odd-windows", node("a", 15, 0..1200));
    for interval in ["20s", "50s", "100s", "7m", "10m"] {
        let lines = judge(&prometheus, PLATFORM, &["-i", interval])?;
        for line in &lines {
            assert!((is(line) - 1.2).abs() < 1e-9, "{interval}: {line}");
            assert_eq!(line["verdict"], "kept", "{interval}: {line}");
        }
    }
    Ok(())
}

#[test]
fn nothing_is_kept_by_a_small_part_of_the_window() -> Result<()> {
    let prometheus = store("odd-parts", node("a", 15, 0..1200));
    let flags = ["-i", "1h", "--source", "exporter"];
    for line in judge(&prometheus, PLATFORM, &flags)? {
        assert_eq!(line["verdict"], "unknown", "{line}");
        assert!(line["why"].to_string().contains("cover 33 %"), "{line}");
    }
    // A maximum of a part is one of the whole, and an average only as far as the rest cannot lower it.
    let lower = PLATFORM.replace("1.25", "1.0");
    let lines = judge(&prometheus, &lower, &flags)?;
    assert_eq!((&lines[0]["verdict"], &lines[1]["verdict"]), (&"unknown".into(), &"exceeded".into()));
    let lines = judge(&prometheus, &PLATFORM.replace("1.25", "0.3"), &flags)?;
    assert_eq!(lines[0]["verdict"], "exceeded");
    Ok(())
}

const GB: f64 = 1e9;

fn memory(labels: &str, ages: Range<u32>, bytes: f64) -> Stored {
    (format!("container_memory_working_set_bytes{{node=\"a\",{labels}}}"), 30, ages, bytes)
}

fn pod(name: &str) -> String {
    format!("namespace=\"openshift-x\",pod=\"{name}\",container=\"\"")
}

#[test]
fn memory_is_known_if_the_kubelet_reports_all_of_it() -> Result<()> {
    let line = "- {resource: memory, of: platform, statistic: max, limit: 16 GB}\n";
    let whole = |mut more: Vec<Stored>| {
        more.extend(node("a", 15, 0..3700));
        more
    };
    let slice = "id=\"/system.slice\"";
    for (name, series, verdict, gigabytes) in [
        ("both", vec![memory(slice, 0..3700, GB), memory(&pod("x"), 0..3700, 5.0 * GB)], "kept", 6.0),
        ("pods-alone", vec![memory(&pod("x"), 0..3700, 5.0 * GB)], "unknown", f64::NAN),
        (
            "slices-late",
            vec![memory(slice, 0..1200, GB), memory(&pod("x"), 0..3700, 5.0 * GB)],
            "unknown",
            6.0,
        ),
        (
            "too-much",
            vec![memory(slice, 0..3700, GB), memory(&pod("x"), 0..3700, 20.0 * GB)],
            "exceeded",
            21.0,
        ),
    ] {
        let prometheus = store(&format!("odd-memory-{name}"), whole(series));
        let lines = judge(&prometheus, line, &["-i", "1h"])?;
        assert_eq!(lines[0]["verdict"], verdict, "{name}: {}", lines[0]);
        let found = is(&lines[0]) / GB;
        assert!(
            (found - gigabytes).abs() < 1e-6 || (found.is_nan() && gigabytes.is_nan()),
            "{name}: {found}"
        );
    }
    Ok(())
}

#[test]
fn a_node_of_which_nothing_is_known_is_unknown_in_every_line() -> Result<()> {
    let mut series = node("a", 15, 0..3700);
    for node in ["a", "b"] {
        series.push((format!("kube_node_info{{node=\"{node}\"}}"), 60, 0..3700, 1.0));
    }
    let pod = "namedprocess_pod_cpu_rate{instance=\"a\",class=\"infra\",namespace=\"openshift-x\",pod=\"x\"}";
    series.push((pod.to_owned(), 15, 0..3700, 0.25));
    // A pod of a node that tells no totals.
    series.push((pod.replace("\"a\"", "\"c\""), 15, 0..3700, 0.25));
    let prometheus = store("odd-nodes", series);
    let lines =
        "- {of: platform, statistic: avg, limit: 4}\n- {of: infra, each: pod, statistic: avg, limit: 0.5}\n";
    for line in judge(&prometheus, lines, &["-i", "1h", "--per-node"])? {
        let of = |node: &str| {
            let nodes = line["nodes"].as_array().into_iter().flatten();
            nodes.filter(|of| of["node"] == node).map(|of| of["verdict"].clone()).collect::<Vec<_>>()
        };
        assert_eq!((of("a"), of("b")), (vec!["kept".into()], vec!["unknown".into()]), "{line}");
        assert!(of("c").iter().all(|verdict| verdict == "unknown"), "{line}");
        assert_eq!(line["verdict"], "unknown");
    }
    Ok(())
}

/// Values that the platform's own series do not have are not zero.
#[test]
fn the_platform_alone_does_not_know_everything() -> Result<()> {
    let busy =
        |node: &str, ages| (format!("instance:node_cpu:rate:sum{{instance=\"{node}\"}}"), 30, ages, 5.0);
    let pod = ("pod:container_cpu_usage:sum{namespace=\"shop\",pod=\"cart\"}".to_owned(), 30, 0..3700, 4.0);
    let placed = ("kube_pod_info{namespace=\"shop\",pod=\"cart\",node=\"a\"}".to_owned(), 30, 0..3700, 1.0);
    let lines = "- {of: platform, statistic: avg, limit: 2}\n- {of: host, statistic: avg, limit: 1}
- {of: pod, statistic: avg, limit: 1}\n- {of: [host, kernel], each: group, statistic: avg, limit: 1}\n";
    let flags = ["-i", "1h", "--source", "platform"];
    let known = store("odd-platform", vec![busy("a", 0..3700), pod.clone(), placed]);
    let verdicts: Vec<Value> =
        judge(&known, lines, &flags)?.iter().map(|line| line["verdict"].clone()).collect();
    assert_eq!(verdicts, ["kept", "unknown", "unknown", "unknown"]);
    let unplaced = store("odd-unplaced", vec![busy("a", 0..3700), pod.clone()]);
    assert_eq!(judge(&unplaced, lines, &flags)?[0]["verdict"], "unknown");
    let late = store("odd-late", vec![busy("a", 0..600), busy("b", 0..3700), pod]);
    assert_eq!(judge(&late, lines, &flags)?[0]["verdict"], "unknown");
    Ok(())
}
