//! The table for people: upper-case headers, cores with three decimals, the totals below, notes left to the caller. On a
//! terminal it fits: long names are cut in the middle.
use super::{Format, Look, printable};
use crate::report::{Report, Row, Stats};
use comfy_table::{Cell, CellAlignment, Table, presets};
use std::io::{self, Write};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A text column: its header, and a row's cell.
type Column = (&'static str, fn(&Row) -> &str);

const COLUMNS: [Column; 5] = [
    ("CLASS", |row| row.class.as_str()),
    ("NAMESPACE", |row| row.namespace.as_deref().unwrap_or_default()),
    ("NAME", |row| &row.name),
    ("NODE", |row| row.node.as_deref().unwrap_or_default()),
    ("THREAD", |row| row.thread.as_deref().unwrap_or_default()),
];
/// Spaces between columns.
const GAP: u16 = 2;
/// No name is cut shorter than this.
const SHORTEST: usize = 8;

/// Writes the rows, a blank line, and the totals. Columns that no row fills are left out.
pub(super) fn write(report: &Report, look: Look, out: &mut impl Write) -> io::Result<()> {
    let wide = look.format == Format::Wide;
    let columns: Vec<Column> = COLUMNS
        .into_iter()
        .filter(|(header, text)| *header == "CLASS" || report.rows.iter().any(|row| !text(row).is_empty()))
        .collect();
    let percentiles = report.percentiles.iter().map(|name| name.to_uppercase());
    let mut headers: Vec<String> = columns.iter().map(|(header, _)| (*header).to_owned()).collect();
    headers.extend(["AVG", "MIN", "MAX"].map(str::to_owned).into_iter().chain(percentiles));
    headers.extend(wide.then(|| "PRESENT".to_owned()));
    let mut rows: Vec<Vec<String>> = report.rows.iter().map(|row| cells(row, &columns, wide)).collect();
    if let Some(width) = look.width {
        fit(&headers, &mut rows, columns.len(), usize::from(width));
    }
    let mut table = plain();
    table.set_header(headers);
    table.add_rows(rows);
    right_align(&mut table, columns.len());
    put(&table, look, out)?;
    writeln!(out)?;
    put(&totals(report), look, out)?;
    writeln!(out, "\n{}", printable(&origin(report)))
}

fn cells(row: &Row, columns: &[Column], wide: bool) -> Vec<String> {
    let mut cells: Vec<String> = columns.iter().map(|(_, text)| printable(text(row))).collect();
    let percentiles = row.percentiles.iter().flat_map(|all| all.0.iter().map(|(_, value)| *value));
    cells.extend([row.stats.avg, row.stats.min, row.stats.max].into_iter().chain(percentiles).map(cores));
    cells.extend(
        wide.then(|| row.present.map_or_else(String::new, |present| format!("{:.1} %", present * 100.0))),
    );
    cells
}

/// Cuts the widest text columns until the table fits, or cannot be made to.
fn fit(headers: &[String], rows: &mut [Vec<String>], texts: usize, width: usize) {
    let mut widths: Vec<usize> = headers.iter().map(|header| header.width()).collect();
    for row in rows.iter() {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let gaps = usize::from(GAP) * headers.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let Some(widest) = widths.iter_mut().take(texts).max().filter(|widest| **widest > SHORTEST) else {
            break;
        };
        *widest -= 1;
    }
    for row in rows {
        for (width, cell) in widths.iter().zip(row).take(texts) {
            *cell = cut_middle(cell, *width);
        }
    }
}

/// A text in so many columns: its two ends, and `…` for what is between them.
fn cut_middle(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let (front, back) = ((width.saturating_sub(1)).div_ceil(2), width.saturating_sub(1) / 2);
    let head = taken(text.chars(), front);
    let tail: Vec<char> = taken(text.chars().rev(), back).chars().rev().collect();
    head + "…" + &String::from_iter(tail)
}

/// As many characters as fit.
fn taken(chars: impl Iterator<Item = char>, width: usize) -> String {
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or_default();
        used <= width
    };
    chars.take_while(fits).collect()
}

/// Class totals, and what they leave of the busy time.
fn totals(report: &Report) -> Table {
    let mut table = plain();
    table.set_header(["TOTAL", "AVG", "MIN", "MAX"]);
    let classes = report.classes.iter().map(|total| (total.class.as_str(), Some(total.stats)));
    let rest = [
        ("pods unnamed", report.pods_unnamed),
        ("unattributed", report.unattributed),
        ("busy", report.busy),
        ("left out of the rows", report.left_out.filter(|stats| *stats != Stats::ZERO)),
    ];
    for (name, stats) in classes.chain(rest) {
        if let Some(stats) = stats {
            let figures = [stats.avg, stats.min, stats.max].map(cores);
            table.add_row(std::iter::once(name.to_owned()).chain(figures).map(Cell::new));
        }
    }
    right_align(&mut table, 1);
    table
}

/// One line: what the figures are, of when, from where.
fn origin(report: &Report) -> String {
    let (window, source) = (&report.window, &report.source);
    let whence = match &source.url {
        Some(url) if source.nodes == 0 => format!("asked {url}"),
        Some(url) => format!("{} series of {} nodes at {url}", source.kind.as_str(), source.nodes),
        None => "this machine's kernel".to_owned(),
    };
    format!(
        "{}, {} to {} ({:.*} s, a sample every {} s), {whence}",
        report.unit,
        window.start.round(jiff::Unit::Second).unwrap_or(window.start),
        window.end.round(jiff::Unit::Second).unwrap_or(window.end),
        usize::from(window.interval_seconds < 10.0),
        window.interval_seconds,
        window.step_seconds,
    )
}

fn cores(figure: f64) -> String {
    format!("{figure:.3}")
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// Figures to the right; no padding before the first column.
fn right_align(table: &mut Table, texts: usize) {
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, GAP));
        if index >= texts {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Writes a table without the spaces at its lines' ends; its header in bold, where there may be colour.
fn put(table: &Table, look: Look, out: &mut impl Write) -> io::Result<()> {
    for (index, line) in table.lines().enumerate() {
        match (index, look.headers) {
            (0, false) => {}
            (0, true) if look.colour => writeln!(out, "\u{1b}[1m{}\u{1b}[0m", line.trim_end())?,
            _ => writeln!(out, "{}", line.trim_end())?,
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
