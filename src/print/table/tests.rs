//! Pages of an example, and of its parts.
use super::cut_middle;
use crate::print::{Format, Look, report};
use crate::report::{
    Class, ClassTotal, Percentiles, Report, Row, SeriesKind, Source, SourceKind, Stats, Window,
};

/// To no terminal.
pub(in crate::print) fn look(format: Format) -> Look {
    Look { format, headers: true, colour: false, width: None }
}

fn percentile(value: f64) -> Option<Percentiles> {
    Some(Percentiles(vec![("p95".to_owned(), value)]))
}

/// A report of two rows, one with a hostile name.
pub(in crate::print) fn example() -> Report {
    let end: jiff::Timestamp = "2026-02-02T02:00:00Z".parse().unwrap();
    let window = Window {
        start: end - jiff::SignedDuration::from_hours(1),
        end,
        interval_seconds: 3600.0,
        asked_seconds: Some(7200.0),
        step_seconds: 15.0,
        pod_step_seconds: Some(30.0),
    };
    let url = Some("https://prometheus.example/".to_owned());
    let (series, replica) = (Some(SeriesKind::Sums), Some("prometheus-k8s-1".to_owned()));
    let source =
        Source { url, cluster_nodes: Some(4), series, replica, ..Source::new(SourceKind::Exporter, 3) };
    let mut report = Report::new(window, source);
    let host = Stats { avg: 1.25, min: 0.5, max: 2.0 };
    let row = Row {
        class: Class::Host,
        namespace: None,
        name: "crio".to_owned(),
        node: None,
        thread: Some("crio-worker".to_owned()),
        stats: host,
        percentiles: percentile(1.9),
        present: Some(1.0),
        course: vec![0.5, f64::NAN, 2.0],
    };
    report.rows = vec![
        row.clone(),
        Row {
            class: Class::Workload,
            namespace: Some("shop".to_owned()),
            name: "a \"b\",\n\u{1b}[1mc".to_owned(),
            node: Some("node-1".to_owned()),
            thread: None,
            stats: Stats { avg: 0.5, min: 0.25, max: 0.75 },
            percentiles: percentile(0.7),
            ..row
        },
    ];
    report.classes = vec![ClassTotal { class: Class::Host, stats: host }];
    report.unattributed = Some(Stats { avg: -0.001, min: -0.25, max: 0.125 });
    report.busy = Some(Stats { avg: 1.749, min: 1.0, max: 12.5 });
    report.left_out = Some(Stats::ZERO);
    report.percentiles = vec!["p95".to_owned()];
    report
}

#[test]
fn a_thousand_rows_are_one_table() {
    let mut long = example();
    let row = long.rows.swap_remove(0);
    for (rows, headers) in [(1, true), (499, true), (500, false), (501, true), (1001, false), (1201, true)] {
        // The last, in the last of the parts that are laid out together, is as wide as no other.
        let name = |number| format!("row-{number:0width$}", width = if number == rows { 40 } else { 4 });
        long.rows = (1..=rows).map(|number| Row { name: name(number), ..row.clone() }).collect();
        let mut page = Vec::new();
        report(&long, Look { headers, ..look(Format::Table) }, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        let table: Vec<&str> = page.lines().take_while(|line| !line.is_empty()).collect();
        let (header, lines) = table.split_at(usize::from(headers));
        assert!(header.iter().all(|line| line.starts_with("CLASS ")), "{rows}: {header:?}");
        let names: Vec<_> = lines.iter().filter_map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!(names, (1..=rows).map(name).collect::<Vec<_>>());
        let ends = table.iter().map(|line| line.len()).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(ends.len(), 1, "{rows}: {ends:?}");
    }
}

#[test]
fn a_page_for_people() {
    let mut page = Vec::new();
    report(&example(), look(Format::Table), &mut page).unwrap();
    let expected = [
        r#"CLASS     NAMESPACE  NAME                NODE    THREAD         AVG    MIN    MAX    P95"#,
        r#"host                 crio                        crio-worker  1.250  0.500  2.000  1.900"#,
        r#"workload  shop       a "b",\n\u{1b}[1mc  node-1               0.500  0.250  0.750  0.700"#,
        "",
        "TOTAL            AVG     MIN     MAX",
        "host           1.250   0.500   2.000",
        "unattributed  -0.001  -0.250   0.125",
        "busy           1.749   1.000  12.500",
        "",
        "cores, 2026-02-02T01:00:00Z to 2026-02-02T02:00:00Z (3600 s of 7200 asked for, a sample every 15 s; pods every 30 s, as 5-minute rates), exporter series of 3 of 4 nodes, by the sums that its rules keep, at https://prometheus.example/ (prometheus-k8s-1)",
        "",
    ];
    assert_eq!(String::from_utf8(page).unwrap(), expected.join("\n"));
}

#[test]
fn the_object_that_scripts_read() {
    let mut page = Vec::new();
    report(&example(), look(Format::Json), &mut page).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&page).unwrap();
    assert_eq!(json["apiVersion"], "interrogate/v1");
    assert_eq!(json["window"]["start"], "2026-02-02T01:00:00Z");
    assert_eq!(
        json["rows"][0],
        serde_json::json!({"class": "host", "name": "crio", "thread": "crio-worker", "avg": 1.25, "min": 0.5, "max": 2.0, "percentiles": {"p95": 1.9}, "present": 1.0})
    );
    assert_eq!(json["pods_unnamed"], serde_json::Value::Null);
    assert_eq!(json["left_out"]["avg"], 0.0);
    let mut yaml = Vec::new();
    report(&example(), look(Format::Yaml), &mut yaml).unwrap();
    assert_eq!(serde_yaml::from_slice::<serde_json::Value>(&yaml).unwrap(), json);
}

#[test]
fn a_terminal_is_filled_and_not_overrun() {
    let mut page = Vec::new();
    let look = Look { width: Some(60), colour: true, ..look(Format::Wide) };
    report(&example(), look, &mut page).unwrap();
    let page = String::from_utf8(page).unwrap();
    let lines: Vec<&str> = page.lines().collect();
    assert!(lines[0].starts_with("\u{1b}[1mCLASS") && lines[0].ends_with("COURSE\u{1b}[0m"), "{page}");
    assert!(lines[2].contains('…') && lines[2].contains("100.0 %"), "{page}");
    assert!(lines[1].ends_with("▂ █"), "{page}");
}

#[test]
fn names_are_cut_in_the_middle() {
    for (text, width, expected) in [
        ("short", 8, "short"),
        ("abcdefghij", 7, "abc…hij"),
        ("abcdefghij", 8, "abcd…hij"),
        ("漢字漢字漢字", 7, "漢…字"),
        ("abc", 0, "…"),
    ] {
        assert_eq!(cut_middle(text, width), expected);
    }
}
