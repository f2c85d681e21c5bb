//! From a report to a page: one small file a format, each of which writes to any `io::Write`.
mod budget;
mod chart;
mod comparison;
mod csv;
#[cfg(test)]
mod example;
mod junit;
mod picture;
mod screen;
mod sparks;
mod stack;
mod table;
mod words;

pub use budget::{BudgetFormat, BudgetOptions, budget, budgets, suggestion};
pub use comparison::{ComparisonFormat, ComparisonOptions, FailOn, comparison};
pub use screen::{Next, Screen};

use crate::report::Report;
use picture::Scene;
use std::io::{self, Write};

/// Format of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: columns, the totals below
    Table,
    /// The table, with each row's samples and trend
    Wide,
    /// RFC 4180, rows only
    Csv,
    /// One object
    Json,
    /// The same object
    Yaml,
    /// A picture of the trend: classes on each other, or with --by or --limit rows; in a file
    Svg,
    /// A page of HTML with that picture and the table
    Html,
}

impl Format {
    /// Returns true if it is a picture, which no terminal shows.
    pub fn is_picture(self) -> bool {
        matches!(self, Format::Svg | Format::Html)
    }
}

/// Format of a page, and options of tables.
#[derive(Clone, Copy, Debug)]
pub struct PageOptions {
    /// Format.
    pub format: Format,
    /// True if tables and CSV begin with a header line.
    pub headers: bool,
    /// True if a table may use colour.
    pub colour: bool,
    /// True if a table folds the rows that are nothing in three decimals into one line.
    pub fold: bool,
    /// Columns of the terminal that a table must fit in. `None` if it goes elsewhere.
    pub width: Option<u16>,
    /// Chart above a table. `None` for no chart.
    pub chart: Option<ChartOf>,
}

/// Layers of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartOf {
    /// Classes, before any filter.
    Classes,
    /// Rows, the biggest alone and the others together.
    Rows,
}

impl PageOptions {
    /// Returns true if the format holds a report's notes; else they go to stderr.
    pub fn has_notes(self) -> bool {
        matches!(self.format, Format::Json | Format::Yaml | Format::Html)
    }
}

/// Writes a report. Errors are the writer's.
pub fn report(report: &Report, options: PageOptions, out: &mut impl Write) -> io::Result<()> {
    match options.format {
        Format::Table | Format::Wide => {
            chart::write(report, options, out)?;
            table::write(report, options, out)?;
        }
        Format::Csv => csv::write(report, options, out)?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, report).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        Format::Yaml => {
            out.write_all(serde_yaml::to_string(report).map_err(io::Error::other)?.as_bytes())?;
        }
        Format::Svg => picture::write_svg(&Scene::of_report(report), out)?,
        Format::Html => {
            let mut text = Vec::new();
            let plain =
                PageOptions { format: Format::Table, colour: false, width: None, fold: true, ..options };
            table::write(report, plain, &mut text)?;
            picture::write_html(&Scene::of_report(report), &text, &report.notes, out)?;
        }
    }
    out.flush()
}

/// Returns a text for a terminal, with some characters as `\u{..}`: control characters, which could move the cursor or start
/// an escape sequence, those that are invisible or turn the direction of text, and those that no XML may hold.
pub fn printable(text: &str) -> String {
    let invisible = |c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    let hostile = |c: char| c.is_control() || invisible(c);
    if !text.chars().any(hostile) {
        return text.to_owned();
    }
    text.chars().flat_map(|c| if hostile(c) { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests;
