//! `compare` of saved reports, which needs no cluster: exit codes, and what is refused.
use crate::check::Page;
use crate::plugin::{Plugin, typed};
use serde_json::{Value, json};
use std::fs;

/// A report that `top` saved: an hour of one node, whose crio used so much in each block.
fn report(crio: &[f64]) -> Value {
    let avg = crio.iter().sum::<f64>() / crio.len() as f64;
    let stats = |avg: f64| json!({"avg": avg, "min": 0.0, "max": 1.0});
    let mut row = json!({"class": "host", "name": "crio", "avg": avg, "min": 0.0, "max": 1.0});
    if crio.len() > 1 {
        row["blocks"] = json!(crio);
    }
    json!({
        "apiVersion": "interrogate/v1", "kind": "CpuReport", "unit": "cores",
        "window": {"start": "2026-02-02T01:00:00Z", "end": "2026-02-02T02:00:00Z", "interval_seconds": 3600.0, "step_seconds": 15.0},
        "source": {"kind": "exporter", "nodes": 1}, "rows": [row],
        "classes": [{"class": "host", "avg": avg, "min": 0.0, "max": 1.0}],
        "busy": stats(avg), "unattributed": stats(0.0), "excluded": stats(0.0), "notes": [],
    })
}

fn with(files: &[(&str, String)]) -> Plugin {
    let plugin = Plugin::new();
    for (name, text) in files {
        fs::write(plugin.home().join(name), text).unwrap();
    }
    plugin
}

/// Blocks around a level, which differ by a tenth of it.
fn blocks(level: f64) -> Vec<f64> {
    (0..48).map(|block| level * (0.95 + 0.1 * f64::from(block * 7 % 48) / 48.0)).collect()
}

#[test]
fn exit_codes_are_those_of_the_findings_asked_for() {
    let reports = [("a.json", blocks(0.15)), ("more.json", blocks(0.18)), ("bare.json", vec![0.18])];
    let plugin = with(&reports.map(|(name, crio)| (name, report(&crio).to_string())));
    for (arguments, code, verdict) in [
        (["a.json", "a.json", "--fail-on", "any"], 0, "same"),
        (["a.json", "more.json", "--fail-on", "worse"], 3, "worse"),
        (["more.json", "a.json", "--fail-on", "worse"], 0, "better"),
        (["more.json", "a.json", "--fail-on", "any"], 3, "better"),
        (["a.json", "more.json", "--tolerance", "25%"], 0, "same"),
        (["a.json", "more.json", "--floor", "31m"], 0, "same"),
        (["a.json", "bare.json", "--fail-on", "any"], 3, "worse"),
    ] {
        let outcome = plugin.run(&[&["compare", "-o", "json"], &arguments[..]].concat());
        let comparison: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(
            (outcome.code, &comparison["rows"][0]["verdict"]),
            (code, &verdict.into()),
            "{arguments:?}"
        );
        let bare = arguments[1] == "bare.json";
        assert_eq!(comparison["rows"][0]["p"].is_f64(), verdict != "same" && !bare, "{comparison}");
        assert_eq!(
            comparison["notes"].to_string().contains("what is noise cannot be told"),
            bare,
            "{comparison}"
        );
    }
}

#[test]
fn what_is_no_report_is_refused() {
    let good = report(&blocks(0.1)).to_string();
    let by_class = good.replace("\"name\":\"crio\"", "\"name\":\"\"");
    let plugin = with(&[
        ("a.json", good.clone()),
        ("class.json", by_class),
        ("budget.json", good.replace("CpuReport", "CpuBudgetReport")),
        ("odd.json", good.replace("\"nodes\":1", "\"nodes\":\"one\"")),
        ("cut.json", good[..good.len() / 2].to_owned()),
        ("metrics.openmetrics", "cluster:x:sum{} 11.9 1795730834.184\n# EOF\n".to_owned()),
        ("capture.tar.gz", "\u{1f}\u{8b}".to_owned()),
        ("empty.json", String::new()),
    ]);
    fs::create_dir(plugin.home().join("must-gather.local.1")).unwrap();
    let mut page =
        Page::new("What `compare` refuses, and the line on standard error. The exit code of each is 2.");
    page.part("Files");
    for file in [
        "nowhere.json",
        "must-gather.local.1",
        "metrics.openmetrics",
        "capture.tar.gz",
        "budget.json",
        "odd.json",
        "cut.json",
        "empty.json",
    ] {
        let arguments = ["compare", "a.json", file];
        let outcome = plugin.run(&arguments);
        page.add(&typed(&arguments), outcome.error(2));
    }
    page.part("Windows and flags");
    let now = regex::Regex::new(r"\(it is [-0-9T:]+Z now\)").unwrap();
    for arguments in [
        &["compare"][..],
        &["compare", "a.json"],
        &["compare", "", "a.json"],
        &["compare", "-1x", "now"],
        &["compare", "-1d/soon", "now"],
        &["compare", "now/0s", "now"],
        &["compare", "now/5ms", "now"],
        &["compare", "a.json", "2999-01-01"],
        &["compare", "class.json", "a.json", "--by", "workload"],
        &["compare", "a.json", "a.json", "--by", "thread"],
        &["compare", "a.json", "a.json", "--tolerance", "0.1"],
        &["compare", "a.json", "a.json", "--tolerance", "-1%"],
        &["compare", "a.json", "a.json", "--floor", "10 cores"],
        &["compare", "a.json", "a.json", "--floor", "NaN"],
        &["compare", "a.json", "a.json", "--fail-on", "better"],
        &["compare", "a.json", "a.json", "-o", "csv"],
    ] {
        let outcome = plugin.run(arguments);
        let line = now.replace(outcome.error(2), "(it is 2026-01-31T10:00:00Z now)").into_owned();
        page.add(&typed(arguments), &line);
    }
    page.check("tests/golden/compare/refused.txt");
}

/// Reports that are coarser than the default are compared as they are.
#[test]
fn rows_are_as_coarse_as_the_coarsest_report() {
    let good = report(&blocks(0.1)).to_string();
    let by_class = good.replace("\"name\":\"crio\"", "\"name\":\"\"");
    let plugin = with(&[("a.json", good), ("class.json", by_class)]);
    let outcome = plugin.run(&["compare", "a.json", "class.json", "-o", "json"]);
    let comparison: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(
        (outcome.code, &comparison["by"], &comparison["rows"][0]["name"]),
        (0, &"class".into(), &"".into())
    );
}
