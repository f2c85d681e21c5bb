//! A report of `top`, held against what the kernel says of the loads.
use crate::loads::Loads;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::io::Write;
use test_cluster::Outcome;

/// A report, by name.
pub(crate) struct Report {
    chain: &'static str,
    report: Value,
    /// The window's ends, Unix seconds.
    pub(crate) start: f64,
    end: f64,
}

impl Report {
    pub(crate) fn parse(chain: &'static str, outcome: &Outcome) -> Result<Report> {
        ensure!(outcome.code == 0, "{}: {}", outcome.code, outcome.stderr);
        let report: Value = serde_json::from_str(&outcome.stdout)?;
        let time = |name: &str| -> Result<f64> {
            let text = report["window"][name].as_str().with_context(|| format!("no {name}"))?;
            Ok(text.parse::<jiff::Timestamp>()?.as_millisecond() as f64 / 1000.0)
        };
        let (start, end) = (time("start")?, time("end")?);
        Ok(Report { chain, report, start, end })
    }

    pub(crate) fn notes(&self) -> String {
        self.report["notes"].to_string()
    }

    /// A row's CPU seconds against the kernel's, within a share of it and so many seconds. Says both.
    pub(crate) fn within(&self, name: &str, loads: &Loads, share: f64, seconds: f64) -> Result<()> {
        self.together(&[name], &[name], loads, share, seconds)
    }

    /// Loads that began in this window: their rows say no more than they used, and with the row `(starting)` all of it.
    pub(crate) fn began(&self, names: &[&str], loads: &Loads, share: f64, seconds: f64) -> Result<()> {
        for name in names {
            let (said, used) = (self.said(name)?, loads.used(name, self.start, self.end));
            ensure!(said <= used * (1.0 + share) + seconds, "{name}: {said:.3} of {used:.3} CPU s");
        }
        let rows: Vec<&str> = names.iter().copied().chain(["(starting)"]).collect();
        self.together(&rows, names, loads, share, seconds)
    }

    /// CPU seconds of a row of the host's.
    fn said(&self, name: &str) -> Result<f64> {
        let rows = self.report["rows"].as_array().context("no rows")?;
        let row = rows.iter().find(|row| row["name"] == name && row["class"] == "host");
        let row = row.with_context(|| format!("{}: no row {name} in {}", self.chain, self.report))?;
        Ok(row["avg"].as_f64().context("no avg")?
            * self.report["window"]["interval_seconds"].as_f64().context("no window")?)
    }

    fn together(&self, rows: &[&str], names: &[&str], loads: &Loads, share: f64, seconds: f64) -> Result<()> {
        let said = rows.iter().map(|row| self.said(row)).sum::<Result<f64>>()?;
        let used: f64 = names.iter().map(|name| loads.used(name, self.start, self.end)).sum();
        let (error, bound) = (said - used, share * used + seconds);
        let name = rows.join("+");
        // Not by println: the figures belong into the log of every run.
        writeln!(
            std::io::stderr(),
            "accuracy {:10} {name:13} {:5.1} s: kernel {used:7.3}, top {said:7.3} CPU s, error {error:+.3} ({:+.2} %), bound {bound:.3}",
            self.chain,
            self.end - self.start,
            100.0 * error / used,
        )?;
        ensure!(
            error.abs() <= bound,
            "{} {name}: top says {said:.3} CPU s, the kernel {used:.3}",
            self.chain
        );
        Ok(())
    }

    /// Classes and what is unattributed are the busy time, and the rows are their classes.
    pub(crate) fn adds_up(&self) -> Result<()> {
        let avg = |value: &Value| value["avg"].as_f64().unwrap_or(0.0);
        let total = |list: &str| self.report[list].as_array().map_or(0.0, |all| all.iter().map(avg).sum());
        let (busy, unattributed) = (avg(&self.report["busy"]), avg(&self.report["unattributed"]));
        ensure!(
            (total("classes") + unattributed - busy).abs() < 1e-9,
            "classes do not add up: {}",
            self.report
        );
        ensure!((total("rows") - total("classes")).abs() < 1e-9, "rows do not add up: {}", self.report);
        writeln!(
            std::io::stderr(),
            "accuracy {:10} busy {busy:.3} cores, unattributed {unattributed:+.4} ({:+.2} %)",
            self.chain,
            100.0 * unattributed / busy,
        )?;
        Ok(())
    }
}
