//! Whole reports in each format and shape, and what holds for every text that is printed.
use super::example::{classes, groups, hostile, local, namespaces, nothing, per_node, threads};
use super::{Format, Look, printable, report};
use crate::golden::check;
use crate::report::Report;

/// Written to no terminal.
pub(super) fn look(format: Format) -> Look {
    Look { format, headers: true, colour: false, width: None }
}

/// Returns what is printed, with `␛` for the escape character.
fn page(of: &Report, look: Look) -> String {
    let mut page = Vec::new();
    report(of, look, &mut page).unwrap();
    String::from_utf8(page).unwrap().replace('\u{1b}', "␛")
}

#[test]
fn tables() {
    let table = look(Format::Table);
    check("tests/golden/report/table.txt", &page(&groups(), table));
    check("tests/golden/report/table-no-headers.txt", &page(&groups(), Look { headers: false, ..table }));
    check("tests/golden/report/table-hostile-name.txt", &page(&hostile(), table));
    check("tests/golden/report/table-nothing.txt", &page(&nothing(), table));
    check("tests/golden/report/table-by-class.txt", &page(&classes(), table));
    check("tests/golden/report/table-by-namespace.txt", &page(&namespaces(), table));
    check("tests/golden/report/table-by-thread.txt", &page(&threads(), table));
    check("tests/golden/report/table-per-node.txt", &page(&per_node(), table));
    check("tests/golden/report/table-local.txt", &page(&local(), table));
    let terminal = Look { width: Some(60), colour: true, ..table };
    check("tests/golden/report/table-60-columns-coloured.txt", &page(&groups(), terminal));
}

#[test]
fn wide_tables() {
    let wide = look(Format::Wide);
    check("tests/golden/report/wide.txt", &page(&hostile(), wide));
    check("tests/golden/report/wide-no-headers.txt", &page(&hostile(), Look { headers: false, ..wide }));
    let terminal = Look { width: Some(60), colour: true, ..wide };
    check("tests/golden/report/wide-60-columns-coloured.txt", &page(&hostile(), terminal));
}

#[test]
fn data_formats() {
    for (shape, report) in [("groups", groups()), ("hostile-name", hostile()), ("nothing", nothing())] {
        let [csv, json, yaml] = [Format::Csv, Format::Json, Format::Yaml].map(|of| page(&report, look(of)));
        check(&format!("tests/golden/report/{shape}.csv"), &csv);
        check(&format!("tests/golden/report/{shape}.json"), &json);
        check(&format!("tests/golden/report/{shape}.yaml"), &yaml);
        let object: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_yaml::from_str::<serde_json::Value>(&yaml).unwrap(), object, "{shape}");
    }
    let rows_alone = Look { headers: false, ..look(Format::Csv) };
    check("tests/golden/report/groups-no-headers.csv", &page(&groups(), rows_alone));
}

#[test]
fn a_terminal_is_sent_no_control_characters() {
    assert_eq!(printable("a\u{1b}[31mb\tc\u{9b}d é"), "a\\u{1b}[31mb\\tc\\u{9b}d é");
    assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
}
