//! Compares figures with their bounds, for all benches.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;

use crate::spread::Spread;

/// Writes a figure with its bound; whether its median is within.
pub(crate) fn verdict(out: &mut impl Write, name: &str, spread: &Spread, most: f64) -> Result<bool> {
    let fine = spread.median <= most;
    let word = if fine { "fine" } else { "TOO MUCH" };
    writeln!(out, "{name}: {spread}; at most {most}: {word}")?;
    Ok(fine)
}

/// Returns the exit code of a bench: success if all figures were within their bounds.
pub(crate) fn conclude(outcome: Result<bool>, out: &mut impl Write) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(out, "{error:#}"); // nobody is left to tell
            ExitCode::FAILURE
        }
    }
}
