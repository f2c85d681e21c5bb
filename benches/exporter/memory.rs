//! Memory of an exporter's own cgroup, including the kernel's memory for it and its program's pages.
//!
//! Each exporter has processes of its own to read. The kernel charges its memory of a file under `/proc` to the first
//! process that reads it.

use std::io::Write;

use anyhow::{Result, ensure};

use crate::at_most;
use crate::exporters::{Exporter, Kind};
use crate::load::{Loads, Who};
use crate::scrapes::{PROCESSES, THREADS, UNITS, check_scrape};
use crate::slice::Slice;
use crate::spread::Spread;

const SIZES: [usize; 4] = [PROCESSES / 8, PROCESSES / 4, PROCESSES / 2, PROCESSES];
/// Maximum memory of ours at the largest size, in MiB.
const MOST_MIB: f64 = 24.0;
const ROUNDS: usize = 3;
const WORKERS: [(&str, Option<Who>); 3] =
    [("none", None), ("one thread of each", Some(Who::One)), ("all", Some(Who::Every))];

/// Measures how ours grows with processes, as more and more of their threads have worked. Then limits ours to the bound, as
/// a pod's memory limit does. Then measures the others at the largest size.
pub(crate) fn memory(out: &mut dyn Write) -> Result<bool> {
    let mut fine = true;
    for size in SIZES {
        fine &= measure(out, Kind::Https, size, None)?;
    }
    fine &= measure(out, Kind::Https, PROCESSES, Some(MOST_MIB))?;
    fine &= measure(out, Kind::Process, PROCESSES, None)?;
    measure(out, Kind::Peer, PROCESSES, None)?;
    Ok(fine)
}

/// Measures one exporter while no process works, then the first thread of each, then all threads.
fn measure(out: &mut dyn Write, kind: Kind, size: usize, limit: Option<f64>) -> Result<bool> {
    let slice = Slice::new()?;
    let units = UNITS * size / PROCESSES;
    let mut loads = Loads::start(&slice, size, THREADS, units)?;
    let mut exporter = Exporter::start(&slice, kind, &[])?;
    let mut what = format!("{}, {size} processes of {THREADS} threads", exporter.name);
    if let Some(most) = limit {
        exporter.unit.limit_memory_mib(most)?;
        what += &format!(", limited to {most} MiB");
    }
    let (mut fine, mut worked, dropped) = (true, 0, drops()?);
    for (work, who) in WORKERS {
        let (mut mib, mut cpu) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            worked += who.map_or(Ok(0), |who| loads.work(who, 0, 1))?;
            let scrape = exporter.scrape()?;
            check_scrape(&scrape, kind, units, worked)?;
            mib.push(exporter.unit.memory_mib()?.0);
            cpu.push(scrape.cpu_ms);
        }
        writeln!(out, "{what}; worked: {work}")?;
        if who.is_some() {
            writeln!(out, "  ms of a scrape: {}", Spread::from_figures(cpu)?)?;
        }
        let mib = Spread::from_figures(mib)?;
        match kind {
            Kind::Peer => writeln!(out, "  MiB: {mib}")?,
            _ => fine &= at_most(out, "  MiB", &mib, MOST_MIB)?,
        }
    }
    let (_, peak, cache) = exporter.unit.memory_mib()?;
    writeln!(out, "  {peak:.1} MiB at most ever; at the end {cache:.1} of it page cache")?;
    // Another user has dropped the caches of all processes.
    ensure!(drops()? == dropped, "the kernel's caches were dropped meanwhile: run it again");
    Ok(fine)
}

/// Returns how often this machine has dropped its caches of files on request.
fn drops() -> Result<Option<u64>> {
    let text = std::fs::read_to_string("/proc/vmstat")?;
    let count = text.lines().find_map(|line| line.strip_prefix("drop_slab "));
    Ok(count.map(str::parse).transpose()?)
}
