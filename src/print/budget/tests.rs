//! Golden pages of verdicts, of each format, and the schemas.
use super::{BudgetFormat, BudgetOptions, budget, budgets, suggestion};
use crate::budget::{
    BudgetReport, Finding, Item, LineReport, NodeReservation, NodeTrend, NodeVerdict, PROFILES, Part,
    Suggestion, Unit, Verdict, WorstMoment,
};
use crate::golden::check;
use crate::report::{Class, Source, SourceKind, Window};

fn window() -> Window {
    let end: jiff::Timestamp = "2026-02-02T02:00:00Z".parse().unwrap();
    Window {
        start: end - jiff::SignedDuration::from_hours(1),
        end,
        interval_seconds: 3600.0,
        asked_seconds: None,
        step_seconds: 15.0,
    }
}

fn source() -> Source {
    Source { url: Some("https://prometheus.example/".to_owned()), ..Source::new(SourceKind::Exporter, 3) }
}

fn node(name: &str, limit: f64, is: f64) -> NodeVerdict {
    let exceeded = is > limit;
    let found = Finding {
        node: Some(name.to_owned()),
        limit: Some(limit),
        is: Some(is),
        left: Some(limit - is),
        highest_at: "2026-02-02T01:30:15Z".parse().ok(),
        above_seconds: Some(if exceeded { 45.0 } else { 0.0 }),
        ..Finding::default()
    };
    NodeVerdict { verdict: if exceeded { Verdict::Exceeded } else { Verdict::Kept }, found }
}

fn line(name: &str, statistic: &str, asked: &str, nodes: Vec<NodeVerdict>) -> LineReport {
    let why = Some("no pod has a request: kube-state-metrics tells them".to_owned());
    let nothing = Finding { why, ..Finding::default() };
    let count = |verdict| nodes.iter().filter(|node| node.verdict == verdict).count();
    LineReport {
        line: name.to_owned(),
        statistic: statistic.to_owned(),
        asked: asked.to_owned(),
        unit: if asked.ends_with("GB") { Unit::Bytes } else { Unit::Cores },
        verdict: if nodes.is_empty() {
            Verdict::Unknown
        } else {
            Verdict::of_all(nodes.iter().map(|of| of.verdict))
        },
        count: nodes.len(),
        exceeded: count(Verdict::Exceeded),
        unknown: count(Verdict::Unknown),
        worst: nodes.first().map_or(nothing, |one| one.found.clone()),
        nodes: Some(nodes),
    }
}

/// Lines of each verdict; names with what a terminal and XML must not see.
fn report(per_node: bool) -> BudgetReport {
    let hostile = "crio\u{1b}[2J <&\"'> \u{202e}x".to_owned();
    let pod =
        Item { namespace: Some("openshift-etcd".to_owned()), pod: Some(hostile.clone()), ..Item::default() };
    let each = node("sno-1", 0.36, 0.5);
    let found = Finding { item: pod, highest_at: None, above_seconds: None, ..each.found };
    let each = NodeVerdict { found, ..each };
    let found = Finding {
        node: Some("sno-3".to_owned()),
        limit: Some(16e9),
        why: Some("no series of sno-3 in this window: `oc interrogate status` tells why".to_owned()),
        ..Finding::default()
    };
    let unknown = NodeVerdict { verdict: Verdict::Unknown, found };
    let mut lines = vec![
        line(
            "platform in steady state",
            "avg",
            "3000m",
            vec![node("sno-2", 3.0, 2.5), node("sno-1", 3.0, 2.25)],
        ),
        line("platform", "max", "4000m", vec![node("sno-1", 4.0, 4.25), node("sno-2", 4.0, 3.5)]),
        line("memory of the platform", "max", "16 GB", vec![unknown, node("sno-1", 16e9, 12.5e9)]),
        line("each infra pod", "avg", "120% of request", vec![each]),
        line("each workload pod", "avg", "120% of request", Vec::new()),
    ];
    if !per_node {
        lines.iter_mut().for_each(|line| line.nodes = None);
    }
    let part = |class, namespace: Option<&str>, name: &str, cores| Part {
        class,
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        cores,
    };
    let mut parts = vec![
        part(Some(Class::Infra), Some("openshift-ovn-kubernetes"), "ovnkube-node-x", 2.5),
        part(Some(Class::Host), None, &hostile, 1.0),
        part(None, None, "unattributed", 0.25),
    ];
    parts.extend((0..12).map(|n| part(Some(Class::Kernel), None, &format!("kworker-{n}"), 0.5 / 12.0)));
    BudgetReport {
        api_version: "interrogate/v1",
        kind: "CpuBudgetReport",
        budget: "ran-du".to_owned(),
        verdict: Verdict::of_all(lines.iter().map(|line| line.verdict)),
        window: window(),
        source: source(),
        lines,
        worst_moment: Some(WorstMoment {
            line: "platform".to_owned(),
            node: "sno-1".to_owned(),
            time: "2026-02-02T01:30:15Z".parse().unwrap(),
            cores: 4.25,
            parts,
        }),
        trend: Some(trend()),
        notes: vec!["a note".to_owned()],
    }
}

/// Trend of the worst line, with a gap.
fn trend() -> NodeTrend {
    let trend = |of: f64| {
        let part = |part: u32| if part == 7 { f64::NAN } else { (f64::from(part) / 4.0).sin().abs() * of };
        (0..20).map(part).collect()
    };
    NodeTrend {
        node: "sno-1".to_owned(),
        line: "platform".to_owned(),
        statistic: "max".to_owned(),
        limit: 4.0,
        step_seconds: 180.0,
        layers: [("host", 1.0), ("infra", 3.0), ("unattributed", 0.25)]
            .map(|(name, of)| (name.to_owned(), trend(of)))
            .into(),
    }
}

fn page(report: &BudgetReport, format: BudgetFormat, colour: bool) -> String {
    write(report, BudgetOptions { format, colour, chart: false, width: None })
}

fn write(report: &BudgetReport, options: BudgetOptions) -> String {
    let mut page = Vec::new();
    budget(report, options, &mut page).unwrap();
    String::from_utf8(page).unwrap()
}

/// The chart has the limit's line where no layer is, in the gap too; a report without a trend has none.
#[test]
fn charts_of_verdicts() {
    let plain = BudgetOptions { format: BudgetFormat::Table, colour: false, chart: true, width: None };
    let chart = write(&report(false), plain);
    check("tests/golden/budget/table-chart.txt", &chart);
    let coloured = write(&report(false), BudgetOptions { colour: true, width: Some(60), ..plain });
    check("tests/golden/budget/table-chart-coloured.txt", &coloured.replace('\u{1b}', "␛"));
    let mut without = report(false);
    without.trend = None;
    assert_eq!(write(&without, plain), page(&without, BudgetFormat::Table, false));
}

#[test]
fn pages_of_verdicts() {
    use BudgetFormat::{Html, Json, Junit, Svg, Table, Yaml};
    for (name, format, per_node, colour) in [
        ("tests/golden/budget/table.txt", Table, false, false),
        ("tests/golden/budget/table-coloured.txt", Table, false, true),
        ("tests/golden/budget/table-per-node.txt", Table, true, false),
        ("tests/golden/budget/report.json", Json, true, false),
        ("tests/golden/budget/report.yaml", Yaml, false, false),
        ("tests/golden/budget/junit.xml", Junit, false, false),
        ("tests/golden/budget/report.svg", Svg, false, false),
        ("tests/golden/budget/report.html", Html, false, false),
        ("tests/golden/budget/junit-per-node.xml", Junit, true, false),
    ] {
        check(name, &page(&report(per_node), format, colour));
    }
}

#[test]
fn what_a_terminal_gets_has_no_escape_of_a_name() {
    for format in [BudgetFormat::Table, BudgetFormat::Junit, BudgetFormat::Html] {
        let page = page(&report(true), format, false);
        assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'), "{page}");
    }
}

#[test]
fn suggestions_and_profiles() {
    let node = |node: &str, p999, cpus| NodeReservation {
        node: node.to_owned(),
        p999,
        samples: 5760,
        threads_per_core: 2,
        cpus,
        reserved: (cpus == 4).then_some(2.0),
    };
    let of = Suggestion {
        api_version: "interrogate/v1",
        kind: "CpuReservation",
        window: window(),
        source: source(),
        cpus: 6,
        nodes: vec![node("sno-2", 4.125, 6), node("sno-1", 3.5, 4)],
        notes: Vec::new(),
    };
    for (name, format) in [
        ("tests/golden/budget/suggestion.txt", BudgetFormat::Table),
        ("tests/golden/budget/suggestion.json", BudgetFormat::Json),
    ] {
        let mut page = Vec::new();
        suggestion(&of, format, false, &mut page).unwrap();
        check(name, &String::from_utf8(page).unwrap());
    }
    let all: Vec<_> = PROFILES.iter().map(|profile| profile.budget().unwrap()).collect();
    check("tests/golden/budget/list.txt", &budgets(&all));
}

/// Scripts can check what they read against them.
#[test]
fn the_schemas_of_json() {
    let schema = |of: schemars::Schema| serde_json::to_string_pretty(&of).unwrap() + "\n";
    check("docs/schema/CpuBudgetReport.json", &schema(schemars::schema_for!(BudgetReport)));
    check("docs/schema/CpuReservation.json", &schema(schemars::schema_for!(Suggestion)));
}
