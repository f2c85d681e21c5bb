//! The report on a page: a line for each check, or one JSON object.
use super::report::{Report, Verdict};
use crate::print::printable;
use std::io::{self, Write};

/// The forms of a status report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A line for each check, with its remedy
    Table,
    /// One object
    Json,
}

/// Columns of the widest check's and the widest verdict's name.
const CHECK: usize = "constraints".len();
const VERDICT: usize = "skipped".len();

/// Writes a report; a table in `colour` where its reader can see it. Errors are the writer's.
pub fn write(report: &Report, format: Format, colour: bool, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, report).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        Format::Table => {
            let bold = if colour { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
            writeln!(out, "{}{:CHECK$}  {:VERDICT$}  MESSAGE{}", bold.0, "CHECK", "STATUS", bold.1)?;
            for check in &report.checks {
                let remedy = check.remedy.as_ref().map(|remedy| format!(": {remedy}")).unwrap_or_default();
                let text = printable(&format!("{}{remedy}", check.message));
                let (on, off) = if colour { (paint(check.status), "\u{1b}[0m") } else { ("", "") };
                let verdict = check.status.as_str();
                writeln!(out, "{:CHECK$}  {on}{verdict:VERDICT$}{off}  {text}", check.check)?;
            }
        }
    }
    out.flush()
}

/// Green, yellow, red, grey.
fn paint(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "\u{1b}[32m",
        Verdict::Warning => "\u{1b}[33m",
        Verdict::Failed => "\u{1b}[31m",
        Verdict::Skipped => "\u{1b}[90m",
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Check;
    use super::*;
    use crate::golden::check;

    /// Returns a report of each status as a page, with `␛` for the escape character.
    fn page(format: Format, colour: bool) -> String {
        let checks = vec![
            Check::ok("pods", "3 of 3 nodes are ready"),
            Check::warning("version", "0.1.0 is installed, this is 0.2.0", "run oc interrogate install"),
            Check::failed("targets", "none\u{1b}[2J", "wait"),
            Check::broken("prometheus", &anyhow::anyhow!("refused").context("it cannot be asked")),
            Check::skipped("attributed", "no samples"),
        ];
        let mut out = Vec::new();
        write(&Report::new(checks), format, colour, &mut out).unwrap();
        String::from_utf8(out).unwrap().replace('\u{1b}', "␛")
    }

    #[test]
    fn reports() {
        check("tests/golden/status/table.txt", &page(Format::Table, false));
        check("tests/golden/status/table-coloured.txt", &page(Format::Table, true));
        check("tests/golden/status/report.json", &page(Format::Json, false));
        assert_eq!(page(Format::Json, true), page(Format::Json, false));
    }

    /// Scripts can check what they read against it.
    #[test]
    fn the_schema_of_json() {
        let schema = schemars::schema_for!(Report);
        check("docs/schema/StatusReport.json", &(serde_json::to_string_pretty(&schema).unwrap() + "\n"));
        let report = serde_json::from_str(&page(Format::Json, false)).unwrap();
        test_cluster::check_report("StatusReport", &report).unwrap();
    }
}
