//! From a report to a page: one small file a format, each writing to any `io::Write`.
mod csv;
#[cfg(test)]
mod example;
mod screen;
mod sparks;
mod table;

pub use screen::{Next, Screen};

use crate::report::Report;
use std::io::{self, Write};

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: columns, the totals below
    Table,
    /// The table with all there is
    Wide,
    /// RFC 4180, rows only
    Csv,
    /// One object
    Json,
    /// The same object
    Yaml,
}

/// How a page looks.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Its form.
    pub format: Format,
    /// Whether tables and CSV begin with a header line.
    pub headers: bool,
    /// Whether a table may use colour.
    pub colour: bool,
    /// Columns of the terminal that a table must fit in; none where it goes elsewhere.
    pub width: Option<u16>,
}

impl Look {
    /// Whether a report's notes are not in its form, and so are for another way.
    pub fn has_no_notes(self) -> bool {
        !matches!(self.format, Format::Json | Format::Yaml)
    }
}

/// Writes a report. Errors are the writer's.
pub fn report(report: &Report, look: Look, out: &mut impl Write) -> io::Result<()> {
    match look.format {
        Format::Table | Format::Wide => table::write(report, look, out)?,
        Format::Csv => csv::write(report, look, out)?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, report).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        Format::Yaml => {
            out.write_all(serde_yaml::to_string(report).map_err(io::Error::other)?.as_bytes())?;
        }
    }
    out.flush()
}

/// Text for a terminal: control characters (which could move the cursor or start an escape sequence), and those that
/// are not seen or turn the direction of text, as `\u{..}`.
pub fn printable(text: &str) -> String {
    let invisible = |c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let hostile = |c: char| c.is_control() || invisible(c);
    if !text.chars().any(hostile) {
        return text.to_owned();
    }
    text.chars().flat_map(|c| if hostile(c) { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests;
