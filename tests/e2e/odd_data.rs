//! Histories that nobody expects: names that formats and terminals stumble over, samples that are no numbers, nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::OnceLock;

use serde_json::Value;
use test_cluster::{Outcome, Prometheus};

use crate::serve::serve_text;
use crate::way_in::plugin;

/// The end of the histories, Unix seconds, and how many samples they have at 15 s.
const END: u32 = 1_700_000_000;
const SAMPLES: u32 = 8;

/// Values of labels. Each is a name of its own, and none may change on its way.
const NAMES: [&str; 30] = [
    "plain",
    "with \"quotes\"",
    "'single'",
    "back\\slash",
    "trailing\\",
    "comma,semicolon;",
    "tab\there",
    "new\nline",
    "carriage\rreturn",
    "\r\nboth",
    "esc\u{1b}[31mred",
    "title\u{1b}]0;x\u{7}",
    "csi\u{9b}2J",
    "next\u{85}line",
    "line\u{2028}separator",
    "nul\u{0}",
    "del\u{7f}",
    "naïve-日本-🦀",
    "e\u{301}",
    " spaces  around ",
    "=1+1",
    "@x",
    "null",
    "~",
    "yes",
    "1e3",
    "- item",
    "key: value",
    "# comment",
    "{{.}} %s ${x}",
];

/// One series, in OpenMetrics; `value` of each sample, the first first.
fn series(
    text: &mut String,
    metric: &str,
    labels: &[(&str, &str)],
    value: impl Fn(u32) -> Option<&'static str>,
) {
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", quoted(value)));
    let labels = labels.collect::<Vec<_>>().join(",");
    for sample in 0..SAMPLES {
        if let Some(value) = value(sample) {
            let at = END - 15 * (SAMPLES - 1 - sample);
            writeln!(text, "{metric}{{{labels}}} {value} {at}").unwrap();
        }
    }
}

const GROUP: &str = "namedprocess_namegroup_cpu_rate";
const GROUP_SUM: &str = "class_groupname:namedprocess_namegroup_cpu_rate:sum";
const BUSY: &str = "instance:namedprocess_node_cpu_rate:sum";
const POD: &str = "namedprocess_pod_cpu_rate";
const NAMESPACE: &str = "class_namespace:namedprocess_pod_cpu_rate:sum";

/// The totals that the rules record of one node.
fn totals(text: &mut String, classes: &[&str], busy: impl Fn(u32) -> Option<&'static str>) {
    series(text, "cluster:namedprocess_node_cpu_rate:count", &[], |_| Some("1"));
    series(text, "cluster:namedprocess_node_cpu_rate:sum", &[], &busy);
    series(text, "cluster:namedprocess_node_cpu_unattributed_rate:sum", &[], |_| Some("0.5"));
    for class in classes {
        series(text, "class:namedprocess_cpu_rate:sum", &[("class", class)], |_| Some("8"));
    }
    series(text, BUSY, &[("instance", "n")], busy);
}

/// A Prometheus that holds these series; each metric's must be together.
fn serve(name: &str, text: &str) -> Prometheus {
    serve_text(name, text).unwrap()
}

fn top(prometheus: &Prometheus, flags: &[&str]) -> Outcome {
    let end = if flags.contains(&"-T") { vec![] } else { vec!["-T", "1700000000"] };
    let question = [&["top", "-i", "2m", "--prometheus", &prometheus.url][..], &end, flags].concat();
    let outcome = plugin().run(question).unwrap();
    assert_eq!(outcome.code, 0, "{flags:?}: {}", outcome.stderr);
    outcome
}

fn json(prometheus: &Prometheus, flags: &[&str]) -> Value {
    serde_json::from_str(&top(prometheus, &[flags, &["-o", "json"]].concat()).stdout).unwrap()
}

/// Every name is a group of the host, and a pod in the namespace of the same name.
fn odd_names() -> &'static Prometheus {
    static PROMETHEUS: OnceLock<Prometheus> = OnceLock::new();
    PROMETHEUS.get_or_init(|| {
        let mut text = String::new();
        let host = |name| [("class", "host"), ("groupname", name)];
        for name in NAMES {
            series(&mut text, GROUP_SUM, &host(name), |_| Some("0.25"));
        }
        for name in NAMES {
            series(&mut text, GROUP, &[&[("instance", "n")], &host(name)[..]].concat(), |_| Some("0.25"));
        }
        totals(&mut text, &["host", "workload"], |_| Some("64"));
        let every_other = |sample: u32| (sample % 2 == 1).then_some("0.125");
        for name in NAMES {
            series(&mut text, NAMESPACE, &[("class", "workload"), ("namespace", name)], every_other);
        }
        for name in NAMES {
            let pod = [("instance", "n"), ("class", "workload"), ("namespace", name), ("pod", name)];
            series(&mut text, POD, &pod, every_other);
        }
        serve("odd-names", &text)
    })
}

type Names = BTreeSet<(String, String, String)>;

/// Checks that an output of any format holds class, namespace and name of each row.
fn expected() -> Names {
    let host = NAMES.map(|name| ("host".to_owned(), String::new(), name.to_owned()));
    let pods = NAMES.map(|name| ("workload".to_owned(), name.to_owned(), name.to_owned()));
    host.into_iter().chain(pods).collect()
}

fn names(report: &Value) -> Names {
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    let rows = report["rows"].as_array().unwrap();
    rows.iter().map(|row| (text(row, "class"), text(row, "namespace"), text(row, "name"))).collect()
}

#[test]
fn every_data_format_keeps_every_name() {
    let prometheus = odd_names();
    assert_eq!(names(&json(prometheus, &[])), expected(), "json");
    let yaml = top(prometheus, &["-o", "yaml"]).stdout;
    assert_eq!(names(&serde_yaml::from_str(&yaml).unwrap()), expected(), "yaml");
    let csv = top(prometheus, &["-o", "csv"]).stdout;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let records = reader.records().map(Result::unwrap);
    let cells: Names = records.map(|r| (r[0].to_owned(), r[1].to_owned(), r[2].to_owned())).collect();
    assert_eq!(cells, expected(), "csv");

    let report = json(prometheus, &["--by", "namespace"]);
    let namespaces: BTreeSet<_> = names(&report).into_iter().map(|(_, namespace, _)| namespace).collect();
    assert!(NAMES.iter().all(|name| namespaces.contains(*name)), "{namespaces:?}");
}

#[test]
fn a_terminal_is_sent_no_control_character() {
    for (by, format) in [("group", "table"), ("group", "wide"), ("namespace", "table"), ("class", "table")] {
        let table = top(odd_names(), &["--by", by, "-o", format]);
        for text in [&table.stdout, &table.stderr] {
            let controls: Vec<char> = text.chars().filter(|c| c.is_control() && *c != '\n').collect();
            assert!(controls.is_empty(), "--by {by} -o {format}: {text}");
        }
    }
    let table = top(odd_names(), &[]).stdout;
    let rows =
        table.lines().filter(|line| line.starts_with("host ") || line.starts_with("workload ")).count();
    // Those of the totals too.
    assert_eq!(rows, 2 * NAMES.len() + 2, "{table}");
}

#[test]
fn a_namespace_can_be_named_whatever_it_holds() {
    for name in ["with \"quotes\"", "back\\slash", "new\nline", "naïve-日本-🦀", "comma,semicolon;"] {
        let regex = regex::escape(name).replace(',', "[,]");
        let left = names(&json(odd_names(), &["-S", &regex]));
        let gone: Vec<_> = expected().difference(&left).cloned().collect();
        assert_eq!(gone, [("workload".to_owned(), name.to_owned(), name.to_owned())], "{name:?}");
    }
}

/// Every figure of a report, with its place.
fn figures(value: &Value, place: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let place = format!("{place}.{name}");
                if ["avg", "min", "max", "present"].contains(&name.as_str()) {
                    found.push((place, field.clone()));
                } else {
                    figures(field, &place, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| figures(item, place, found)),
        _ => {}
    }
}

#[test]
fn a_sample_that_is_no_number_is_no_sample() {
    let mut text = String::new();
    let group = |name: &'static str| [("class", "host"), ("groupname", name)];
    let once = |odd: &'static str| move |sample| Some(if sample == 3 { odd } else { "0.5" });
    series(&mut text, GROUP_SUM, &group("steady"), |_| Some("0.5"));
    series(&mut text, GROUP_SUM, &group("nan"), once("NaN"));
    series(&mut text, GROUP_SUM, &group("inf"), once("+Inf"));
    series(&mut text, GROUP_SUM, &group("minus-inf"), once("-Inf"));
    series(&mut text, GROUP_SUM, &group("missing"), |sample| (sample != 3).then_some("0.5"));
    series(&mut text, GROUP_SUM, &group("never"), |_| Some("NaN"));
    totals(&mut text, &["host", "workload"], once("NaN"));
    let pod =
        |name: &'static str| [("instance", "n"), ("class", "workload"), ("namespace", "shop"), ("pod", name)];
    series(&mut text, POD, &pod("steady"), |sample| (sample % 2 == 1).then_some("0.5"));
    series(&mut text, POD, &pod("never"), |sample| (sample % 2 == 1).then_some("NaN"));
    series(&mut text, POD, &pod("pod-missing"), |sample| (sample > 1 && sample % 2 == 1).then_some("0.5"));
    let no_number = |sample| (sample % 2 == 1).then_some(if sample == 1 { "NaN" } else { "0.5" });
    series(&mut text, POD, &pod("pod-nan"), no_number);
    series(&mut text, NAMESPACE, &[("class", "workload"), ("namespace", "shop")], once("NaN"));
    // On another node it goes on: a sum is of what there is.
    let on = |node| [("instance", node), ("class", "host"), ("groupname", "on-two")];
    series(&mut text, GROUP, &on("m"), |_| Some("0.25"));
    series(&mut text, GROUP, &on("n"), once("NaN"));
    let prometheus = serve("no-numbers", &text);
    for by in ["group", "namespace", "class"] {
        let mut found = Vec::new();
        figures(&json(&prometheus, &["--by", by]), "", &mut found);
        assert!(
            !found.is_empty() && found.iter().all(|(_, figure)| figure.is_number()),
            "--by {by}: {found:?}"
        );
    }
    let report = json(&prometheus, &[]);
    let row = |name: &str| {
        let rows = report["rows"].as_array().unwrap().iter().filter(|row| row["name"] == name).cloned();
        rows.collect::<Vec<_>>()
    };
    // The missing one is the measure of the others.
    for name in ["missing", "nan", "inf", "minus-inf"] {
        let rows = row(name);
        let figures: Vec<_> = rows.iter().map(|row| (&row["avg"], &row["min"], &row["max"])).collect();
        assert_eq!(figures, [(&Value::from(0.4375), &Value::from(0.5), &Value::from(0.5))], "{name}");
    }
    for name in ["pod-missing", "pod-nan"] {
        let rows = row(name);
        let figures: Vec<_> = rows.iter().map(|row| (&row["avg"], &row["min"], &row["present"])).collect();
        // There are three samples in eight steps.
        assert_eq!(figures, [(&Value::from(0.1875), &Value::from(0.5), &Value::from(0.375))], "{name}");
    }
    let on_two = json(&prometheus, &["--node", "n,m"])["rows"].as_array().unwrap().clone();
    assert_eq!(
        on_two
            .iter()
            .filter(|row| row["name"] == "on-two")
            .map(|row| (&row["avg"], &row["min"]))
            .collect::<Vec<_>>(),
        [(&Value::from(0.6875), &Value::from(0.25))]
    );
    assert!(row("never").is_empty(), "{:?}", row("never"));
    assert_eq!(row("steady").iter().map(|row| &row["avg"]).collect::<Vec<_>>(), [0.5, 0.25]);
}

#[test]
fn an_empty_report_says_why() {
    let prometheus = odd_names();
    let empty = serve("empty", "");
    for (case, prometheus, flags, said) in [
        ("nothing in the whole of it", &empty, &[][..], "nothing has samples"),
        ("nothing then", prometheus, &["-T", "2001-01-01"], "nothing has samples"),
        ("no such namespace", prometheus, &["-n", "gone"], "the filters left out everything"),
        (
            "all namespaces skipped",
            prometheus,
            &["-S", "(?s).*", "--class", "workload"],
            "the filters left out everything",
        ),
        ("no such node", prometheus, &["--node", "gone"], "the filters left out everything"),
        ("no such class", prometheus, &["--class", "kernel"], "the filters left out everything"),
        (
            "a class that no pod has",
            prometheus,
            &["--class", "host", "-n", "plain"],
            "the filters left out everything",
        ),
        ("no row", prometheus, &["--limit", "0"], "no rows"),
    ] {
        let report = json(prometheus, flags);
        assert_eq!(report["rows"], Value::Array(Vec::new()), "{case}");
        let notes = report["notes"].to_string();
        assert!(notes.contains(said), "{case}: {notes}");
        for format in ["table", "csv"] {
            let outcome = top(prometheus, &[flags, &["-o", format]].concat());
            assert!(outcome.stderr.contains(said), "{case}, {format}: {}", outcome.stderr);
        }
    }
}
