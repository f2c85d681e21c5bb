//! Whole reports in each format and shape, and what holds for every text that is printed.
use super::example::{
    at_peak, classes, cpusets, groups, hostile, local, namespaces, nothing, per_node, small, threads,
    workloads,
};
use super::{ChartOf, Format, PageOptions, printable, report};
use crate::golden::check;
use crate::report::{Report, TotalTrends};

/// Returns the options of a page that goes to no terminal.
pub(super) fn options(format: Format) -> PageOptions {
    PageOptions { format, headers: true, colour: false, fold: false, width: None, chart: None }
}

/// Returns the page, with `␛` for the escape character.
fn page(of: &Report, options: PageOptions) -> String {
    let mut page = Vec::new();
    report(of, options, &mut page).unwrap();
    String::from_utf8(page).unwrap().replace('\u{1b}', "␛")
}

#[test]
fn tables() {
    let table = options(Format::Table);
    check("tests/golden/report/table.txt", &page(&groups(), table));
    check(
        "tests/golden/report/table-no-headers.txt",
        &page(&groups(), PageOptions { headers: false, ..table }),
    );
    check("tests/golden/report/table-hostile-name.txt", &page(&hostile(), table));
    check("tests/golden/report/table-nothing.txt", &page(&nothing(), table));
    check("tests/golden/report/table-by-class.txt", &page(&classes(), table));
    check("tests/golden/report/table-by-namespace.txt", &page(&namespaces(), table));
    check("tests/golden/report/table-by-thread.txt", &page(&threads(), table));
    check("tests/golden/report/table-per-node.txt", &page(&per_node(), table));
    check("tests/golden/report/table-local.txt", &page(&local(), table));
    check("tests/golden/report/table-folded.txt", &page(&small(), PageOptions { fold: true, ..table }));
    check("tests/golden/report/table-by-workload.txt", &page(&workloads(), table));
    check("tests/golden/report/table-at-peak.txt", &page(&at_peak(), table));
    let mut moving = classes();
    let trend = |of: f64| (0..30).map(|part| (f64::from(part) / 5.0).sin().abs() * of).collect::<Vec<f64>>();
    let trends = moving.classes.iter().map(|total| (total.class, trend(total.stats.avg)));
    moving.total_trends =
        Some(TotalTrends { step_seconds: 120.0, busy: trend(6.0), classes: trends.collect() });
    let charted = PageOptions { chart: Some(ChartOf::Classes), ..table };
    check("tests/golden/report/table-chart.txt", &page(&moving, charted));
    let colours = PageOptions { colour: true, width: Some(60), ..charted };
    check("tests/golden/report/table-chart-coloured.txt", &page(&moving, colours));
    check("tests/golden/report/table-by-cpuset.txt", &page(&cpusets(), PageOptions { fold: true, ..table }));
    let terminal = PageOptions { width: Some(60), colour: true, ..table };
    check("tests/golden/report/table-60-columns-coloured.txt", &page(&groups(), terminal));
}

/// Differences of sums are a little off nothing, on either side.
#[test]
fn nothing_has_no_sign() {
    let texts = [-0.000_4, 0.0, 0.000_4, -0.000_6].map(super::table::cores);
    assert_eq!(texts, ["0.000", "0.000", "0.000", "-0.001"]);
    let texts = [-0.000_4, 0.000_4, -0.000_6].map(super::comparison::signed);
    assert_eq!(texts, ["+0.000", "+0.000", "-0.001"]);
    let texts = [-0.004, 0.004, -0.006].map(super::comparison::percent);
    assert_eq!(texts, ["+0 %", "+0 %", "-1 %"]);
}

/// Scripts can check what they read against it.
#[test]
fn the_schema_of_json() {
    let schema = schemars::schema_for!(Report);
    check("docs/schema/CpuReport.json", &(serde_json::to_string_pretty(&schema).unwrap() + "\n"));
}

#[test]
fn wide_tables() {
    let wide = options(Format::Wide);
    check("tests/golden/report/wide.txt", &page(&hostile(), wide));
    check(
        "tests/golden/report/wide-no-headers.txt",
        &page(&hostile(), PageOptions { headers: false, ..wide }),
    );
    let terminal = PageOptions { width: Some(60), colour: true, ..wide };
    check("tests/golden/report/wide-60-columns-coloured.txt", &page(&hostile(), terminal));
}

#[test]
fn data_formats() {
    for (shape, report) in [
        ("groups", groups()),
        ("hostile-name", hostile()),
        ("nothing", nothing()),
        ("workloads", workloads()),
        ("at-peak", at_peak()),
    ] {
        let [csv, json, yaml] =
            [Format::Csv, Format::Json, Format::Yaml].map(|of| page(&report, options(of)));
        check(&format!("tests/golden/report/{shape}.csv"), &csv);
        check(&format!("tests/golden/report/{shape}.json"), &json);
        check(&format!("tests/golden/report/{shape}.yaml"), &yaml);
        let object: serde_json::Value = serde_json::from_str(&json).unwrap();
        test_cluster::check_report("CpuReport", &object).unwrap();
        assert_eq!(serde_yaml::from_str::<serde_json::Value>(&yaml).unwrap(), object, "{shape}");
    }
    let rows_alone = PageOptions { headers: false, ..options(Format::Csv) };
    check("tests/golden/report/groups-no-headers.csv", &page(&groups(), rows_alone));
}

#[test]
fn a_terminal_is_sent_no_control_characters() {
    assert_eq!(printable("a\u{1b}[31mb\tc\u{9b}d é"), "a\\u{1b}[31mb\\tc\\u{9b}d é");
    assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
    assert_eq!(printable("a\u{ffff}b"), "a\\u{ffff}b");
}

/// A format without a golden file would be one that nobody has looked at.
#[test]
fn each_format_has_a_golden_file() {
    use clap::ValueEnum;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let names: Vec<String> = ["report", "pictures"]
        .iter()
        .flat_map(|of| std::fs::read_dir(folder.join(of)).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for format in Format::value_variants() {
        let name = format.to_possible_value().unwrap().get_name().to_owned();
        let is_of = |file: &String| file.starts_with(&name) || file.ends_with(&format!(".{name}"));
        assert!(names.iter().any(is_of), "no golden file of -o {name}");
    }
}
