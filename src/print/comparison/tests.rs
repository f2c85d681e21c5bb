//! Golden pages of a comparison, of each format, and the schema.
use super::{ComparisonFormat, ComparisonOptions, FailOn, comparison};
use crate::compare::{
    Change, ClassComparison, Comparison, Findings, Level, RowComparison, SideReport, Trends, Verdict,
};
use crate::golden::check;
use crate::report::{Class, Window};

fn change(a: Option<f64>, b: Option<f64>) -> Change {
    let difference = Some(b.unwrap_or(0.0) - a.unwrap_or(0.0));
    let relative = difference.zip(a.filter(|a| *a > 0.0)).map(|(difference, a)| difference / a);
    Change { a, b, difference, relative }
}

fn row(
    class: Class,
    (namespace, name): (&str, &str),
    figures: (Option<f64>, Option<f64>),
    p: Option<f64>,
    verdict: Verdict,
) -> RowComparison {
    let is_pod = !namespace.is_empty();
    RowComparison {
        class,
        namespace: is_pod.then(|| namespace.to_owned()),
        name: name.to_owned(),
        workload_type: is_pod.then(|| "deployment".to_owned()),
        change: change(figures.0, figures.1),
        p,
        verdict,
    }
}

fn side(asked: &str, end: &str, coverage: f64) -> SideReport {
    let end: jiff::Timestamp = end.parse().unwrap();
    SideReport {
        asked: asked.to_owned(),
        window: Window {
            start: end - jiff::SignedDuration::from_hours(1),
            end,
            interval_seconds: 3600.0,
            asked_seconds: (coverage < 1.0).then_some(3600.0 / coverage),
            step_seconds: 15.0,
        },
        coverage,
        source: "exporter".to_owned(),
        url: Some("https://prometheus.example/".to_owned()),
        nodes: 3,
        blocks: 48,
        notes: vec!["a note on one side".to_owned()],
    }
}

/// Rows of each verdict; names with what a terminal and XML must not see.
fn example() -> Comparison {
    let hostile = "crio\u{1b}[2J <&\"'> \u{202e}x";
    let rows = vec![
        row(Class::Host, ("", hostile), (Some(0.15), Some(0.25)), Some(0.0004), Verdict::Worse),
        row(Class::Infra, ("openshift-etcd", "etcd"), (Some(0.5), Some(0.4)), Some(0.0123), Verdict::Better),
        row(Class::Workload, ("shop", "cart"), (None, Some(0.0625)), Some(0.001), Verdict::New),
        row(Class::Workload, ("shop", "till"), (Some(0.05), None), Some(0.002), Verdict::Gone),
        row(Class::Infra, ("openshift-dns", "dns"), (Some(0.02), Some(0.04)), Some(0.5), Verdict::Noise),
        row(Class::Kernel, ("", "rcu"), (Some(0.01), None), None, Verdict::Unknown),
        row(Class::Kernel, ("", "kworker"), (Some(0.0005), Some(0.0405)), Some(0.0001), Verdict::Worse),
        row(Class::Host, ("", "kubelet"), (Some(0.2), Some(0.205)), None, Verdict::Same),
    ];
    let total = |class, a, b| ClassComparison { class, change: change(Some(a), Some(b)) };
    Comparison {
        api_version: "interrogate/v1",
        kind: "CpuComparison",
        unit: "cores",
        by: Level::Workload,
        tolerance: 0.1,
        floor: 0.01,
        per_node: false,
        a: side("-1d/1h", "2026-02-01T02:00:00Z", 1.0),
        b: side("now/2h", "2026-02-02T02:00:00Z", 0.5),
        findings: Findings { worse: 2, better: 1, new: 1, gone: 1 },
        rows,
        classes: vec![total(Class::Host, 0.35, 0.455), total(Class::Infra, 0.52, 0.44)],
        busy: change(Some(1.0), Some(1.05)),
        unattributed: Change { relative: None, ..change(Some(-0.01), Some(0.01)) },
        excluded: change(Some(0.0), Some(0.125)),
        trends: trends(hostile),
        notes: vec!["samples of B cover 50.0 % of the window that was asked for".to_owned()],
    }
}

/// The second window has more of the first row, a gap, and none of the third.
fn trends(hostile: &str) -> Trends {
    let trend =
        |of: f64| (0..24).map(|part| of * (2.0 + (f64::from(part) / 3.0).sin())).collect::<Vec<f64>>();
    let mut gap = trend(0.2);
    gap[5] = f64::NAN;
    let named = |name: &str, trend| (name.to_owned(), trend);
    let [first, second, third] = [hostile, "openshift-etcd etcd", "shop till"];
    Trends {
        a: vec![named(first, trend(0.1)), named(second, trend(0.2)), named(third, trend(0.05))],
        b: vec![named(first, trend(0.25)), named(second, gap), named(third, Vec::new())],
    }
}

fn page(format: ComparisonFormat, all_rows: bool, fail_on: FailOn) -> String {
    let options = ComparisonOptions { format, all_rows, colour: false, fail_on };
    let mut page = Vec::new();
    comparison(&example(), options, &mut page).unwrap();
    String::from_utf8(page).unwrap()
}

#[test]
fn pages() {
    let page = |format, all_rows| page(format, all_rows, FailOn::Worse);
    check("tests/golden/compare/table.txt", &page(ComparisonFormat::Table, false));
    check("tests/golden/compare/table-all.txt", &page(ComparisonFormat::Table, true));
    check("tests/golden/compare/comparison.json", &page(ComparisonFormat::Json, false));
    check("tests/golden/compare/comparison.yaml", &page(ComparisonFormat::Yaml, false));
    check("tests/golden/compare/junit.xml", &page(ComparisonFormat::Junit, false));
    let svg = page(ComparisonFormat::Svg, false);
    roxmltree::Document::parse(&svg).unwrap();
    assert!(!svg.contains('\u{1b}') && !svg.contains('\u{202e}'), "{svg}");
    check("tests/golden/compare/comparison.svg", &svg);
    let html = page(ComparisonFormat::Html, false);
    assert!(!html.contains('\u{1b}') && !html.contains("2J <&"), "{html}");
    check("tests/golden/compare/comparison.html", &html);
}

#[test]
fn failures_are_the_findings_asked_for() {
    for (fail_on, failures) in [(FailOn::Worse, 3), (FailOn::Any, 5)] {
        let page = page(ComparisonFormat::Junit, false, fail_on);
        assert_eq!(page.matches("<failure").count(), failures, "{page}");
        assert!(!page.contains('\u{1b}') && page.contains("<skipped"), "{page}");
    }
}

/// A page of nothing new says so, and has no table of rows.
#[test]
fn no_finding_is_said() {
    let mut same = example();
    same.rows.retain(|row| row.verdict == Verdict::Same);
    let format = ComparisonFormat::Table;
    let options = ComparisonOptions { format, all_rows: false, colour: false, fail_on: FailOn::Any };
    let mut page = Vec::new();
    comparison(&same, options, &mut page).unwrap();
    let page = String::from_utf8(page).unwrap();
    assert!(
        page.starts_with("TOTAL") && page.contains("no finding; 1 of 1 rows within 10 % or 10m"),
        "{page}"
    );
}

#[test]
fn the_schema_is_that_of_the_type() {
    let schema = schemars::schema_for!(Comparison);
    check("docs/schema/CpuComparison.json", &(serde_json::to_string_pretty(&schema).unwrap() + "\n"));
}
