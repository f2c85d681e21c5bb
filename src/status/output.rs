//! Output of the report: a table with a line for each check, or a JSON object.
use super::checks::CheckName;
use super::report::{CheckStatus, Report};
use crate::print::printable;
use std::io::{self, Write};

/// Output formats of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A line for each check, with its remedy
    Table,
    /// One object
    Json,
}

/// Width of the longest name of a status.
const STATUS_WIDTH: usize = "skipped".len();

/// Writes a report, as a table with colours if `colour` is true. Errors are those of the writer.
pub fn write(report: &Report, format: Format, colour: bool, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, report).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        Format::Table => {
            let width = CheckName::ALL.iter().map(|name| name.as_str().len()).max().unwrap_or_default();
            let bold = if colour { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
            writeln!(out, "{}{:width$}  {:STATUS_WIDTH$}  MESSAGE{}", bold.0, "CHECK", "STATUS", bold.1)?;
            for check in &report.checks {
                let remedy = check.remedy.as_ref().map(|remedy| format!(": {remedy}")).unwrap_or_default();
                let text = printable(&format!("{}{remedy}", check.message));
                let (on, off) = if colour { (colour_of(check.status), "\u{1b}[0m") } else { ("", "") };
                let status = check.status.as_str();
                writeln!(out, "{:width$}  {on}{status:STATUS_WIDTH$}{off}  {text}", check.check.as_str())?;
            }
        }
    }
    out.flush()
}

/// Returns the terminal's code of green, yellow, red or grey.
fn colour_of(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Ok => "\u{1b}[32m",
        CheckStatus::Warning => "\u{1b}[33m",
        CheckStatus::Failed => "\u{1b}[31m",
        CheckStatus::Skipped => "\u{1b}[90m",
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Check;
    use super::*;
    use crate::golden::check;

    /// Writes a report with one check of each status. `␛` stands for the escape character.
    fn render(format: Format, colour: bool) -> String {
        let checks = vec![
            Check::ok(CheckName::Pods, "3 of 3 nodes are ready"),
            Check::warning(
                CheckName::Version,
                "0.1.0 is installed, this is 0.2.0",
                "run oc interrogate install",
            ),
            Check::failed(CheckName::Targets, "none\u{1b}[2J", "wait"),
            Check::error(CheckName::Prometheus, &anyhow::anyhow!("refused").context("it cannot be queried")),
            Check::skipped(CheckName::Attributed, "no samples"),
        ];
        let mut out = Vec::new();
        write(&Report::new(checks), format, colour, &mut out).unwrap();
        String::from_utf8(out).unwrap().replace('\u{1b}', "␛")
    }

    #[test]
    fn reports() {
        check("tests/golden/status/table.txt", &render(Format::Table, false));
        check("tests/golden/status/table-coloured.txt", &render(Format::Table, true));
        check("tests/golden/status/report.json", &render(Format::Json, false));
        assert_eq!(render(Format::Json, true), render(Format::Json, false));
    }

    /// Scripts validate the JSON against this schema.
    #[test]
    fn the_schema_of_json() {
        let schema = schemars::schema_for!(Report);
        check("docs/schema/StatusReport.json", &(serde_json::to_string_pretty(&schema).unwrap() + "\n"));
        let report = serde_json::from_str(&render(Format::Json, false)).unwrap();
        test_cluster::check_report("StatusReport", &report).unwrap();
    }
}
