//! What `budget` prints, and the exit code that this comes to: that of the verdict, or of a command that failed.
use super::{FAILURE, check_written, print_stderr, shared};
use crate::budget::{BudgetReport, Suggestion, Verdict};
use crate::print::{self, BudgetFormat, BudgetOptions};
use anyhow::Result;
use std::io::{self, Write};
use std::process::{ExitCode, ExitStatus};

/// Exit code if a limit is exceeded.
const EXCEEDED: u8 = 3;

/// Prints a text as it is.
pub(super) fn print_text(text: &str) -> Result<ExitCode> {
    check_written("the text", io::stdout().write_all(text.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a report. The exit code is the command's if it failed, else that of the verdict.
pub(super) fn print_report(
    report: &BudgetReport,
    options: BudgetOptions,
    status: Option<ExitStatus>,
) -> Result<ExitCode> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    check_written("the report", print::budget(report, options, &mut out))?;
    if !options.format.has_notes() {
        report.notes.iter().for_each(|note| print_stderr("note", note));
    }
    if let Some(status) = status.filter(|status| !status.success()) {
        return Ok(failure(status));
    }
    Ok(ExitCode::from(match report.verdict {
        Verdict::Kept => 0,
        Verdict::Unknown => FAILURE,
        Verdict::Exceeded => EXCEEDED,
    }))
}

/// Tells that the command failed, and returns its exit code.
pub(super) fn failure(status: ExitStatus) -> ExitCode {
    print_stderr("error", &format!("the command failed: {status}"));
    ExitCode::from(code_of(status))
}

pub(super) fn print_suggestion(suggestion: &Suggestion, format: BudgetFormat) -> Result<ExitCode> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    check_written("the suggestion", print::suggestion(suggestion, format, shared::colour(), &mut out))?;
    if !format.has_notes() {
        suggestion.notes.iter().for_each(|note| print_stderr("note", note));
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the exit code of a command that failed, as shells do: 128 and the signal, if one ended it.
fn code_of(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return u8::try_from(128 + signal).unwrap_or(FAILURE);
        }
    }
    status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0).unwrap_or(FAILURE)
}

#[cfg(all(test, unix))]
mod tests {
    use super::code_of;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    #[test]
    fn a_commands_failure_has_the_code_that_a_shell_gives_it() {
        for (raw, code) in [(7 << 8, 7), (255 << 8, 255), (15, 143), (9, 137)] {
            assert_eq!(code_of(ExitStatus::from_raw(raw)), code);
        }
    }
}
