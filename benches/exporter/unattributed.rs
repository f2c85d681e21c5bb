//! Unattributed busy time, which no group has, for loads that are hard to count because the kernel has two clocks.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::exporters::{Exporter, Kind, Scrape};
use crate::load::orphan;
use crate::slice::Slice;
use crate::spread::Spread;

/// Length of a window in seconds.
const SECONDS: u64 = 8;
/// Number of windows of each load.
const ROUNDS: usize = 5;
/// Maximum unattributed share of the busy time, in percent, if the machine runs only the flood.
const MOST_OF_FLOOD: f64 = 1.5;
/// Description of each load, its argument, and its number of processes.
const LOADS: [(&str, &str, usize); 7] = [
    ("half a core, steady", "steady", 1),
    ("1 of 4 ms, between ticks", "between", 1),
    ("1 of 4 ms, across ticks", "across", 1),
    ("wakes every 50 us", "wakes", 1),
    ("a byte to and fro between two CPUs", "pipes", 1),
    ("a flood of UDP over loopback, all CPUs", "udp", 2),
    ("all CPUs saturated", "burn", 2),
];

/// Measures one load after the other, and scrapes at the ends of its windows.
pub(crate) fn unattributed(out: &mut dyn Write) -> Result<bool> {
    let slice = Slice::new()?;
    let mut exporter = Exporter::start(&slice, Kind::Http, &["--threads=false"])?;
    let mut fine = true;
    for (what, kind, count) in LOADS {
        let unit = slice.unit(&format!("load-{kind}"))?;
        let start = |_| orphan(&["spend", kind].map(str::to_owned), &unit.path);
        let loads = (0..count).map(start).collect::<Result<Vec<_>>>()?;
        std::thread::sleep(Duration::from_secs(SECONDS));
        let (mut before, mut left, mut busy_cores) = (totals(&exporter.scrape()?)?, Vec::new(), Vec::new());
        let withheld = before.withheld;
        for _ in 0..ROUNDS {
            std::thread::sleep(Duration::from_secs(SECONDS));
            let now = totals(&exporter.scrape()?)?;
            let busy = now.busy - before.busy;
            left.push(100.0 * (busy - (now.groups - before.groups)) / busy);
            busy_cores.push(busy / SECONDS as f64);
            before = now;
        }
        drop(loads);
        let (left, busy) = (Spread::from_figures(left)?, Spread::from_figures(busy_cores)?);
        let withheld = (before.withheld - withheld) / (ROUNDS as f64 * SECONDS as f64);
        writeln!(out, "{what}: {left} % of {busy} cores; withheld {withheld:.3} cores")?;
        if kind == "udp" {
            fine &= left.median.abs() <= MOST_OF_FLOOD;
            writeln!(out, "  at most {MOST_OF_FLOOD}: {}", if fine { "fine" } else { "TOO MUCH" })?;
        }
    }
    Ok(fine)
}

/// Counters of an exposition, in seconds since the exporter started.
struct Totals {
    busy: f64,
    groups: f64,
    withheld: f64,
}

fn totals(scrape: &Scrape) -> Result<Totals> {
    const BUSY: &str = "namedprocess_node_cpu_seconds_total";
    let busy = scrape.sum(BUSY, "mode") - scrape.sum(BUSY, "steal");
    let withheld =
        scrape.text.lines().find_map(|l| l.strip_prefix("namedprocess_exporter_withheld_seconds_total "));
    let withheld = withheld.context("nothing is said to be withheld")?.parse()?;
    Ok(Totals { busy, groups: scrape.sum("namedprocess_namegroup_cpu_seconds_total", "mode"), withheld })
}
