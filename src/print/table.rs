//! The table for people: upper-case headers, cores with three decimals, the totals below, notes left to the caller. On a
//! terminal it fits: long names are cut in the middle.
use super::sparks::sparks;
use super::{Format, Look, printable};
use crate::report::{LeftOut, Report, Row, Stats};
use comfy_table::{CellAlignment, ColumnConstraint, Table, presets};
use std::io::{self, Write};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A text column: its header, and a row's cell.
pub(super) type Column = (&'static str, fn(&Row) -> &str);

const COLUMNS: [Column; 5] = [
    ("CLASS", |row| row.class.as_str()),
    ("NAMESPACE", |row| row.namespace.as_deref().unwrap_or_default()),
    ("NAME", |row| &row.name),
    ("NODE", |row| row.node.as_deref().unwrap_or_default()),
    ("THREAD", |row| row.thread.as_deref().unwrap_or_default()),
];
/// Spaces between columns.
pub(super) const GAP: usize = 2;
/// No name is cut shorter than this.
const SHORTEST: usize = 8;

/// Writes the rows, a blank line, and the totals. Columns that no row fills are left out.
pub(super) fn write(report: &Report, look: Look, out: &mut impl Write) -> io::Result<()> {
    let wide = look.format == Format::Wide;
    let columns = columns(&report.rows);
    let percentiles = report.percentiles.iter().map(|name| name.to_uppercase());
    let mut headers: Vec<String> = columns.iter().map(|(header, _)| (*header).to_owned()).collect();
    headers.extend(["AVG", "MIN", "MAX"].map(str::to_owned).into_iter().chain(percentiles));
    if wide {
        headers.extend(["PRESENT", "COURSE"].map(str::to_owned));
    }
    let mut rows: Vec<Vec<String>> = report.rows.iter().map(|row| cells(row, &columns, wide)).collect();
    if let Some(width) = look.width {
        fit(&headers, &mut rows, columns.len(), usize::from(width));
    }
    put(&headers, &rows, columns.len(), look, out)?;
    writeln!(out)?;
    put(&["TOTAL", "AVG", "MIN", "MAX"].map(str::to_owned), &totals(report), 1, look, out)?;
    writeln!(out, "\n{}", printable(&origin(report)))
}

/// The text columns that any row fills.
pub(super) fn columns(rows: &[Row]) -> Vec<Column> {
    let filled = |(header, text): &Column| *header == "CLASS" || rows.iter().any(|row| !text(row).is_empty());
    COLUMNS.into_iter().filter(filled).collect()
}

fn cells(row: &Row, columns: &[Column], wide: bool) -> Vec<String> {
    let mut cells: Vec<String> = columns.iter().map(|(_, text)| printable(text(row))).collect();
    let percentiles = row.percentiles.iter().flat_map(|all| all.0.iter().map(|(_, value)| *value));
    cells.extend([row.stats.avg, row.stats.min, row.stats.max].into_iter().chain(percentiles).map(cores));
    if wide {
        let present = row.present.map_or_else(String::new, |present| format!("{:.1} %", present * 100.0));
        cells.extend([present, sparks(&row.course)]);
    }
    cells
}

/// Cuts the widest text columns until the table fits, or cannot be made to.
fn fit(headers: &[String], rows: &mut [Vec<String>], texts: usize, width: usize) {
    let mut widths = widths(headers, rows);
    narrow(&mut widths, texts, width, SHORTEST);
    for row in rows {
        for (width, cell) in widths.iter().zip(row).take(texts) {
            *cell = cut_middle(cell, *width);
        }
    }
}

/// The columns that the widest cell of each column takes.
pub(super) fn widths(headers: &[String], rows: &[Vec<String>]) -> Vec<usize> {
    let mut widths: Vec<usize> = headers.iter().map(|header| header.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    widths
}

/// Makes the widest of the text columns narrower, but not than `shortest`, until all fit in a width.
pub(super) fn narrow(widths: &mut [usize], texts: usize, width: usize, shortest: usize) {
    let gaps = GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let Some(widest) = widths.iter_mut().take(texts).max().filter(|widest| **widest > shortest) else {
            break;
        };
        *widest -= 1;
    }
}

/// A text in so many columns: its two ends, and `…` for what is between them.
pub(super) fn cut_middle(text: &str, width: usize) -> String {
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
fn totals(report: &Report) -> Vec<Vec<String>> {
    let classes = report.classes.iter().map(|total| (total.class.as_str(), Some(total.stats)));
    let rest = [("unattributed", report.unattributed), ("busy", report.busy)];
    let row = |(name, stats): (&str, Option<Stats>)| {
        let figures = stats.map(|stats| [stats.avg, stats.min, stats.max].map(cores))?;
        Some(std::iter::once(name.to_owned()).chain(figures).collect())
    };
    let left_out = report.left_out.filter(|left_out| *left_out != LeftOut::from(Stats::ZERO));
    let left_out = left_out.map(|LeftOut { avg, min, max }| {
        let figures = [Some(avg), min, max].map(|figure| figure.map_or_else(String::new, cores));
        std::iter::once("left out of the rows".to_owned()).chain(figures).collect()
    });
    classes.chain(rest).filter_map(row).chain(left_out).collect()
}

/// One line: what the figures are, of when, how they were measured, and where they are from.
fn origin(report: &Report) -> String {
    let (window, source) = (&report.window, &report.source);
    let nodes = match source.cluster_nodes {
        Some(all) if all != source.nodes => format!("{} of {all} nodes", source.nodes),
        _ => format!("{} nodes", source.nodes),
    };
    let whence = match &source.url {
        Some(url) if source.nodes == 0 => format!("asked {url}"),
        Some(url) => format!("{} series of {nodes} at {url}", source.kind.as_str()),
        None => "this machine's kernel".to_owned(),
    };
    let replica = source.replica.as_ref().map_or_else(String::new, |replica| format!(" ({replica})"));
    let asked = window.asked_seconds.map_or_else(String::new, |asked| format!(" of {asked:.0} asked for"));
    format!(
        "{}, {} to {} ({:.*} s{asked}, a sample every {} s), {whence}{replica}",
        report.unit,
        window.start.round(jiff::Unit::Second).unwrap_or(window.start),
        window.end.round(jiff::Unit::Second).unwrap_or(window.end),
        usize::from(window.interval_seconds < 10.0),
        window.interval_seconds,
        window.step_seconds,
    )
}

pub(super) fn cores(figure: f64) -> String {
    format!("{figure:.3}")
}

/// Writes a table without the spaces at its lines' ends; its header in bold, where there may be colour.
fn put(
    headers: &[String],
    rows: &[Vec<String>],
    texts: usize,
    look: Look,
    out: &mut impl Write,
) -> io::Result<()> {
    for (index, line) in lay_out(headers, rows, texts).iter().enumerate() {
        match (index, look.headers) {
            (0, false) => {}
            (0, true) if look.colour => writeln!(out, "\u{1b}[1m{}\u{1b}[0m", line.trim_end())?,
            _ => writeln!(out, "{}", line.trim_end())?,
        }
    }
    Ok(())
}

/// Lays out the rows below the header, each column as wide as its widest cell; figures are on the right.
fn lay_out(headers: &[String], rows: &[Vec<String>], texts: usize) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headers).add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, GAP as u16));
        column.set_constraint(ColumnConstraint::ContentWidth);
        if index >= texts {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().collect()
}

#[cfg(test)]
mod tests;
