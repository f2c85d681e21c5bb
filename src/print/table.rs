//! Table for people: upper-case headers, cores with three decimals, the totals below; notes are the caller's. To fit a
//! terminal, long names are cut in the middle.
mod cpusets;

use super::sparks::sparks;
use super::{Format, PageOptions, printable};
use crate::report::{Cpuset, Excluded, Report, Row, Source, Stats, Window};
use comfy_table::{Cell, CellAlignment, ColumnConstraint, Table, presets};
use std::io::{self, Write};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Text column: its header, and a row's cell.
pub(super) type Column = (&'static str, fn(&Row) -> &str);

const COLUMNS: [Column; 7] = [
    ("CLASS", |row| row.class.as_str()),
    ("NAMESPACE", |row| row.namespace.as_deref().unwrap_or_default()),
    ("NAME", |row| &row.name),
    ("TYPE", |row| row.workload_type.as_deref().unwrap_or_default()),
    ("NODE", |row| row.node.as_deref().unwrap_or_default()),
    ("THREAD", |row| row.thread.as_deref().unwrap_or_default()),
    ("CPUSET", |row| row.cpuset.map_or("", Cpuset::as_str)),
];
/// Number of spaces between columns.
pub(super) const GAP: usize = 2;
/// Length of the shortest name that is left of a long one.
const SHORTEST: usize = 8;
/// Cores below which a figure is zero in three decimals.
const NOTHING: f64 = 0.0005;

/// Writes the rows, a blank line, and the totals. Columns that no row fills are left out.
pub(super) fn write(report: &Report, options: PageOptions, out: &mut impl Write) -> io::Result<()> {
    let wide = options.format == Format::Wide;
    let shown: Vec<&Row> = report.rows.iter().filter(|row| !(options.fold && is_nothing(row))).collect();
    let columns = columns(&shown);
    let percentiles = report.percentiles.iter().map(|name| name.to_uppercase());
    let mut headers: Vec<String> = columns.iter().map(|(header, _)| (*header).to_owned()).collect();
    headers.extend(["AVG", "MIN", "MAX"].map(str::to_owned).into_iter().chain(percentiles));
    headers.extend(report.peak.map(|_| "AT PEAK".to_owned()));
    if wide {
        headers.extend(["PRESENT", "TREND"].map(str::to_owned));
    }
    let mut rows: Vec<Vec<String>> = shown.iter().map(|row| cells(row, &columns, wide)).collect();
    if let Some(width) = options.width {
        fit(&headers, &mut rows, columns.len(), usize::from(width));
    }
    write_lines(headers, rows, columns.len(), options, out)?;
    match report.rows.len() - shown.len() {
        0 => {}
        1 => writeln!(out, "1 more row below 0.001")?,
        more => writeln!(out, "{more} more rows below 0.001")?,
    }
    writeln!(out)?;
    let headers = ["TOTAL", "AVG", "MIN", "MAX"].map(str::to_owned).to_vec();
    write_lines(headers, totals(report), 1, options, out)?;
    cpusets::write(report, options, out)?;
    if let Some(peak) = report.peak {
        let cut = report.excluded.and_then(|excluded| excluded.at_peak).filter(|cores| *cores != 0.0);
        let cut =
            cut.map_or_else(String::new, |cut| format!(", {} of it in rows beyond --limit", cores(cut)));
        writeln!(out, "\npeak of all rows: {} at {}{cut}", cores(peak.cores), peak.time)?;
    }
    writeln!(out, "\n{}", printable(&provenance(report.unit, &report.window, &report.source)))
}

/// Returns true if each figure of a row is zero in three decimals.
fn is_nothing(row: &Row) -> bool {
    row.figures().all(|cores| cores.abs() < NOTHING)
}

/// Returns the text columns that any row fills.
pub(super) fn columns(rows: &[&Row]) -> Vec<Column> {
    let filled = |(header, text): &Column| *header == "CLASS" || rows.iter().any(|row| !text(row).is_empty());
    COLUMNS.into_iter().filter(filled).collect()
}

fn cells(row: &Row, columns: &[Column], wide: bool) -> Vec<String> {
    let mut cells: Vec<String> = columns.iter().map(|(_, text)| printable(text(row))).collect();
    cells.extend(row.figures().map(cores));
    if wide {
        let present = row.present.map_or_else(String::new, |present| format!("{:.1} %", present * 100.0));
        cells.extend([present, sparks(&row.trend)]);
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

/// Returns the width of each column's widest cell.
pub(super) fn widths(headers: &[String], rows: &[Vec<String>]) -> Vec<usize> {
    let mut widths: Vec<usize> = headers.iter().map(|header| header.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    widths
}

/// Makes the widest of the text columns narrower until all fit in a width, but no column than `shortest`.
pub(super) fn narrow(widths: &mut [usize], texts: usize, width: usize, shortest: usize) {
    let gaps = GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let Some(widest) = widths.iter_mut().take(texts).max().filter(|widest| **widest > shortest) else {
            break;
        };
        *widest -= 1;
    }
}

/// Writes cores in seven letters at most: a thousand of them needs no thousandths.
pub(super) fn figure(cores: f64) -> String {
    match cores.abs() {
        9999.95.. => format!("{cores:.0}"),
        999.9995.. => format!("{cores:.1}"),
        _ => self::cores(cores),
    }
}

/// Cuts a text to so many columns: its two ends, with `…` between them.
pub(super) fn cut_middle(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let (front, back) = ((width.saturating_sub(1)).div_ceil(2), width.saturating_sub(1) / 2);
    let head = take_width(text.chars(), front);
    let tail: Vec<char> = take_width(text.chars().rev(), back).chars().rev().collect();
    head + "…" + &String::from_iter(tail)
}

/// Returns as many characters as fit.
fn take_width(chars: impl Iterator<Item = char>, width: usize) -> String {
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or_default();
        used <= width
    };
    chars.take_while(fits).collect()
}

/// Returns the lines of the totals.
fn totals(report: &Report) -> Vec<Vec<String>> {
    let classes = report.classes.iter().map(|total| (total.class.as_str(), Some(total.stats)));
    let rest = [("unattributed", report.unattributed), ("busy", report.busy)];
    let row = |(name, stats): (&str, Option<Stats>)| {
        let figures = stats.map(|stats| [stats.avg, stats.min, stats.max].map(cores))?;
        Some(std::iter::once(name.to_owned()).chain(figures).collect())
    };
    let excluded = report.excluded.filter(|excluded| (excluded.avg, excluded.max) != (0.0, Some(0.0)));
    let excluded = excluded.map(|Excluded { avg, min, max, .. }| {
        let figures = [Some(avg), min, max].map(|figure| figure.map_or_else(String::new, cores));
        std::iter::once("excluded".to_owned()).chain(figures).collect()
    });
    classes.chain(rest).filter_map(row).chain(excluded).collect()
}

/// Returns the last line: unit and window of the figures, the distance of samples, and the source.
pub(super) fn provenance(unit: &str, window: &Window, source: &Source) -> String {
    let nodes = match source.cluster_nodes {
        Some(all) if all != source.nodes => format!("{} of {all} nodes", source.nodes),
        _ if source.nodes == 1 => "1 node".to_owned(),
        _ => format!("{} nodes", source.nodes),
    };
    let origin = match &source.url {
        Some(url) if source.nodes == 0 => format!("asked {url}"),
        Some(url) => format!("{} series of {nodes} at {url}", source.kind.as_str()),
        None => match &source.file {
            Some(file) if source.nodes == 0 => format!("in {file}"),
            Some(file) => {
                format!("{} series of {nodes} in {file}", source.series.unwrap_or(source.kind).as_str())
            }
            None => "this machine's kernel".to_owned(),
        },
    };
    let replica = source.replica.as_ref().map_or_else(String::new, |replica| format!(" ({replica})"));
    let asked = window.asked_seconds.map_or_else(String::new, |asked| format!(" of {asked:.0} asked for"));
    format!(
        "{}, {} to {} ({:.*} s{asked}, a sample every {} s), {origin}{replica}",
        unit,
        window.start.round(jiff::Unit::Second).unwrap_or(window.start),
        window.end.round(jiff::Unit::Second).unwrap_or(window.end),
        usize::from(window.interval_seconds < 10.0),
        window.interval_seconds,
        window.step_seconds,
    )
}

/// Writes cores with three decimals, and nothing as nothing: `-0.000` would look like less.
pub(super) fn cores(figure: f64) -> String {
    let text = format!("{figure:.3}");
    if text == "-0.000" { "0.000".to_owned() } else { text }
}

/// Writes a table without the spaces at its lines' ends; its header in bold if there may be colour.
fn write_lines(
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
    texts: usize,
    options: PageOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    for (index, line) in lay_out(headers, rows, texts).lines().enumerate() {
        match (index, options.headers) {
            (0, false) => {}
            (0, true) if options.colour => writeln!(out, "\u{1b}[1m{}\u{1b}[0m", line.trim_end())?,
            _ => writeln!(out, "{}", line.trim_end())?,
        }
    }
    Ok(())
}

/// Lays out the rows below the header, each column as wide as its widest cell; figures are on the right.
fn lay_out(headers: Vec<String>, rows: Vec<Vec<String>>, texts: usize) -> Table {
    // Thousands of rows are moved rather than copied: there is memory for each once.
    let rows = rows.into_iter().map(|row| row.into_iter().map(Cell::new_owned).collect::<Vec<_>>());
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headers).add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, GAP as u16));
        column.set_constraint(ColumnConstraint::ContentWidth);
        if index >= texts {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

#[cfg(test)]
mod tests;
