//! Bench of the exporter: the cost of a scrape, the CPU that it captures, and its cost to others.
//!
//! It compares the exporter with process-exporter 0.8.7 in the same run.
//!
//! See README.md beside this folder. `cargo bench -p process-exporter --bench exporter -- idle tenth` runs only these parts.

#![allow(clippy::indexing_slicing, reason = "a panic is how a bench fails")]

mod by_size;
mod children;
mod client;
mod exporters;
mod floor;
mod kernel;
mod kinds;
mod load;
mod memory;
mod over_time;
mod picture;
mod pids;
mod pods;
mod prometheus;
#[path = "../../tests/cluster/src/rules.rs"]
#[allow(unreachable_pub, reason = "public in test-cluster, which this crate does not depend on")]
mod rules;
mod scrapes;
mod sets;
mod size;
mod slice;
#[path = "../spread.rs"]
mod spread;
mod targets;
mod unattributed;

use std::io::{Write, stdout};
use std::process::ExitCode;

use anyhow::{Result, bail};
use spread::Spread;

/// Part of the bench. It returns true if all figures are within their bounds.
type Part = fn(&mut dyn Write) -> Result<bool>;

const PARTS: [(&str, Part); 15] = [
    ("size", size::size),
    ("kernel", kernel::kernel),
    ("pods", pods::pods),
    ("sets", sets::sets),
    ("idle", |out| scrapes::scrapes(out, &scrapes::IDLE)),
    ("tenth", |out| scrapes::scrapes(out, &scrapes::TENTH)),
    ("active", |out| scrapes::scrapes(out, &scrapes::ACTIVE)),
    ("threaded", |out| scrapes::scrapes(out, &scrapes::THREADED)),
    ("process", scrapes::process),
    ("memory", memory::memory),
    ("children", children::children),
    ("by-size", by_size::by_size),
    ("prometheus", prometheus::prometheus),
    ("over-time", over_time::over_time),
    ("unattributed", unattributed::unattributed),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let outcome = match load::run_mode(&arguments) {
        Some(load) => load.map(|()| true),
        None => bench(&mut stdout().lock(), &arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error:#}"); // stderr is the last resort
            ExitCode::FAILURE
        }
    }
}

/// Runs the named parts, or all without a name. Returns true if all figures are within their bounds.
fn bench(out: &mut dyn Write, names: &[String]) -> Result<bool> {
    if let Some(unknown) = names.iter().find(|name| PARTS.iter().all(|(part, _)| part != name)) {
        let known: Vec<_> = PARTS.iter().map(|(name, _)| *name).collect();
        bail!("there is no part {unknown}: {}", known.join(", "));
    }
    let mut fine = true;
    for (name, part) in PARTS.iter().filter(|(part, _)| names.is_empty() || names.iter().any(|n| n == part)) {
        writeln!(out, "\n{name}")?;
        fine &= part(out)?;
    }
    Ok(fine)
}

/// Prints a figure and its upper bound. Returns true if the figure is within the bound.
fn at_most(out: &mut dyn Write, what: &str, spread: &Spread, most: f64) -> Result<bool> {
    let fine = spread.median <= most;
    writeln!(out, "{what}: {spread}; at most {most}: {}", if fine { "fine" } else { "TOO MUCH" })?;
    Ok(fine)
}

/// Prints a figure and its lower bound. Returns true if the figure is within the bound.
fn at_least(out: &mut dyn Write, what: &str, spread: &Spread, least: f64) -> Result<bool> {
    let fine = spread.median >= least;
    writeln!(out, "{what}: {spread}; at least {least}: {}", if fine { "fine" } else { "TOO LITTLE" })?;
    Ok(fine)
}
