//! The table for people: upper-case headers, cores with three decimals, the totals below, notes left to the caller.
use super::printable;
use crate::report::{Report, Row, Stats};
use comfy_table::{Cell, CellAlignment, Table, presets};
use std::io::{self, Write};

/// A text column: its header, and a row's cell.
type Column = (&'static str, fn(&Row) -> &str);

const COLUMNS: [Column; 4] = [
    ("CLASS", |row| row.class.as_str()),
    ("NAMESPACE", |row| row.namespace.as_deref().unwrap_or_default()),
    ("NAME", |row| &row.name),
    ("NODE", |row| row.node.as_deref().unwrap_or_default()),
];

/// Writes the rows, a blank line, and the totals. Columns that no row fills are left out.
pub(super) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let columns: Vec<Column> = COLUMNS
        .into_iter()
        .filter(|(header, text)| *header == "CLASS" || report.rows.iter().any(|row| !text(row).is_empty()))
        .collect();
    let mut table = plain();
    table.set_header(columns.iter().map(|(header, _)| *header).chain(["AVG", "MIN", "MAX"]).map(Cell::new));
    for row in &report.rows {
        let texts = columns.iter().map(|(_, text)| Cell::new(printable(text(row))));
        table.add_row(texts.chain(figures(Some(row.stats))));
    }
    right_align(&mut table, columns.len());
    put(&table, out)?;
    writeln!(out)?;
    put(&totals(report), out)?;
    writeln!(out, "\n{}", printable(&origin(report)))?;
    Ok(())
}

/// Class totals, and what they leave of the busy time.
fn totals(report: &Report) -> Table {
    let mut table = plain();
    table.set_header(["TOTAL", "AVG", "MIN", "MAX"]);
    for total in &report.classes {
        table.add_row(std::iter::once(Cell::new(total.class.as_str())).chain(figures(Some(total.stats))));
    }
    let rest = [
        ("pods unnamed", report.pods_unnamed),
        ("unattributed", report.unattributed),
        ("busy", report.busy),
        ("left out of the rows", report.left_out.filter(|stats| *stats != Stats::ZERO)),
    ];
    for (name, stats) in rest.into_iter().filter(|(_, stats)| stats.is_some()) {
        table.add_row(std::iter::once(Cell::new(name)).chain(figures(stats)));
    }
    right_align(&mut table, 1);
    table
}

/// One line: what the figures are, of when, from where.
fn origin(report: &Report) -> String {
    let (window, source) = (&report.window, &report.source);
    let whence = match &source.url {
        Some(url) => format!("{} series of {} nodes at {url}", source.kind.as_str(), source.nodes),
        None => "this machine's kernel".to_owned(),
    };
    format!(
        "{}, {} to {} ({:.0} s, a sample every {} s), {whence}",
        report.unit,
        window.start.round(jiff::Unit::Second).unwrap_or(window.start),
        window.end.round(jiff::Unit::Second).unwrap_or(window.end),
        window.interval_seconds,
        window.step_seconds,
    )
}

fn figures(stats: Option<Stats>) -> impl Iterator<Item = Cell> {
    let figures = stats.map(|stats| [stats.avg, stats.min, stats.max]).into_iter().flatten();
    figures.map(|figure| Cell::new(format!("{figure:.3}")))
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// Figures to the right; no padding before the first column, two spaces between columns.
fn right_align(table: &mut Table, texts: usize) {
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index >= texts {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Writes a table without the spaces at its lines' ends.
fn put(table: &Table, out: &mut impl Write) -> io::Result<()> {
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use crate::print::{Format, report};
    use crate::report::{Class, ClassTotal, Report, Row, Source, SourceKind, Stats, Window};

    /// A report of two rows, one with a hostile name.
    pub(in crate::print) fn example() -> Report {
        let end: jiff::Timestamp = "2026-02-02T02:00:00Z".parse().unwrap();
        let window = Window {
            start: end - jiff::SignedDuration::from_hours(1),
            end,
            interval_seconds: 3600.0,
            step_seconds: 15.0,
        };
        let url = Some("https://prometheus.example/".to_owned());
        let mut report = Report::new(window, Source { kind: SourceKind::Exporter, url, nodes: 3 });
        let host = Stats { avg: 1.25, min: 0.5, max: 2.0 };
        let row = Row {
            class: Class::Host,
            namespace: None,
            name: "crio".to_owned(),
            node: None,
            stats: host,
            present: 1.0,
        };
        report.rows = vec![
            row.clone(),
            Row {
                class: Class::Workload,
                namespace: Some("shop".to_owned()),
                name: "a \"b\",\n\u{1b}[1mc".to_owned(),
                node: Some("node-1".to_owned()),
                stats: Stats { avg: 0.5, min: 0.25, max: 0.75 },
                ..row
            },
        ];
        report.classes = vec![ClassTotal { class: Class::Host, stats: host }];
        report.unattributed = Some(Stats { avg: -0.001, min: -0.25, max: 0.125 });
        report.busy = Some(Stats { avg: 1.749, min: 1.0, max: 12.5 });
        report.left_out = Some(Stats::ZERO);
        report
    }

    #[test]
    fn a_page_for_people() {
        let mut page = Vec::new();
        report(&example(), Format::Table, &mut page).unwrap();
        let expected = [
            "CLASS     NAMESPACE  NAME                NODE      AVG    MIN    MAX",
            "host                 crio                        1.250  0.500  2.000",
            r#"workload  shop       a "b",\n\u{1b}[1mc  node-1  0.500  0.250  0.750"#,
            "",
            "TOTAL            AVG     MIN     MAX",
            "host           1.250   0.500   2.000",
            "unattributed  -0.001  -0.250   0.125",
            "busy           1.749   1.000  12.500",
            "",
            "cores, 2026-02-02T01:00:00Z to 2026-02-02T02:00:00Z (3600 s, a sample every 15 s), exporter series of 3 nodes at https://prometheus.example/",
            "",
        ];
        assert_eq!(String::from_utf8(page).unwrap(), expected.join("\n"));
    }

    #[test]
    fn the_object_that_scripts_read() {
        let mut page = Vec::new();
        report(&example(), Format::Json, &mut page).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&page).unwrap();
        assert_eq!(json["apiVersion"], "interrogate/v1");
        assert_eq!(json["window"]["start"], "2026-02-02T01:00:00Z");
        assert_eq!(
            json["rows"][0],
            serde_json::json!({"class": "host", "name": "crio", "avg": 1.25, "min": 0.5, "max": 2.0, "present": 1.0})
        );
        assert_eq!(json["pods_unnamed"], serde_json::Value::Null);
        assert_eq!(json["left_out"]["avg"], 0.0);
        let mut yaml = Vec::new();
        report(&example(), Format::Yaml, &mut yaml).unwrap();
        assert_eq!(serde_yaml::from_slice::<serde_json::Value>(&yaml).unwrap(), json);
    }
}
