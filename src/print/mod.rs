//! From a report to a page: one small file a format, each writing to any `io::Write`.
mod csv;
mod table;

use crate::report::Report;
use std::io::{self, Write};

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: columns, the totals below.
    Table,
    /// RFC 4180, rows only.
    Csv,
    /// One object.
    Json,
    /// The same object.
    Yaml,
}

/// Writes a report. Errors are the writer's.
pub fn report(report: &Report, format: Format, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Table => table::write(report, out)?,
        Format::Csv => csv::write(report, out)?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, report).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        Format::Yaml => out.write_all(serde_yaml::to_string(report).map_err(io::Error::other)?.as_bytes())?,
    }
    out.flush()?;
    Ok(())
}

/// Text for a terminal: control characters (which could move the cursor or start an escape sequence) as `\u{..}`.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn a_terminal_is_sent_no_control_characters() {
        assert_eq!(printable("a\u{1b}[31mb\tc\u{9b}d é"), "a\\u{1b}[31mb\\tc\\u{9b}d é");
    }
}
