//! Long tables, and names that are cut. Whole pages are golden files: `src/print/tests.rs`.
use super::cut_middle;
use crate::print::example::hostile;
use crate::print::tests::options;
use crate::print::{Format, PageOptions, report};
use crate::report::Row;

#[test]
fn a_thousand_rows_are_one_table() {
    let mut long = hostile();
    let row = long.rows.swap_remove(0);
    for (rows, headers) in [(1, true), (499, true), (500, false), (501, true), (1001, false), (1201, true)] {
        // The last, in the last of the parts that are laid out together, is as wide as no other.
        let name = |number| format!("row-{number:0width$}", width = if number == rows { 40 } else { 4 });
        long.rows = (1..=rows).map(|number| Row { name: name(number), ..row.clone() }).collect();
        let mut page = Vec::new();
        report(&long, PageOptions { headers, ..options(Format::Table) }, &mut page).unwrap();
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

#[test]
fn figures_are_seven_letters_at_most() {
    let all = [0.0004, 1.25, 999.9994, 999.9996, 1234.56, 9999.94, 9999.96, 234_567.8].map(super::figure);
    assert_eq!(all, ["0.000", "1.250", "999.999", "1000.0", "1234.6", "9999.9", "10000", "234568"]);
}
