//! Whether a figure is within its bound; the benches' own.

use std::io::Write;

use anyhow::Result;

use crate::spread::Spread;

/// Writes a figure with its bound; whether its median is within.
pub(crate) fn verdict(out: &mut impl Write, name: &str, spread: &Spread, most: f64) -> Result<bool> {
    let fine = spread.median <= most;
    let word = if fine { "fine" } else { "TOO MUCH" };
    writeln!(out, "{name}: {spread}; at most {most}: {word}")?;
    Ok(fine)
}
