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
const CHECK: usize = "attributed".len();
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

    fn page(format: Format, colour: bool) -> String {
        let checks = vec![
            Check::ok("pods", "3 of 3 nodes are ready"),
            Check::failed("targets", "none\u{1b}[2J", "wait"),
            Check::skipped("attributed", "no samples"),
        ];
        let mut out = Vec::new();
        write(&Report { checks }, format, colour, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_holds_the_remedy_and_nothing_that_a_terminal_obeys() {
        let expected = "\
CHECK       STATUS   MESSAGE
pods        ok       3 of 3 nodes are ready
targets     failed   none\\u{1b}[2J: wait
attributed  skipped  no samples
";
        assert_eq!(page(Format::Table, false), expected);
        let coloured = page(Format::Table, true);
        assert!(coloured.contains("targets     \u{1b}[31mfailed \u{1b}[0m  none\\u{1b}"), "{coloured}");
    }

    #[test]
    fn json_is_one_object() {
        let object: serde_json::Value = serde_json::from_str(&page(Format::Json, true)).unwrap();
        assert_eq!(
            (object["apiVersion"].as_str(), object["kind"].as_str()),
            (Some("interrogate/v1"), Some("StatusReport"))
        );
        let failed = serde_json::json!({"check": "targets", "status": "failed", "message": "none\u{1b}[2J", "remedy": "wait"});
        assert_eq!(object["checks"][1], failed);
        assert!(object["checks"][0].get("remedy").is_none());
    }
}
