//! What an exporter's own cgroup is charged with, the kernel's memory for it and its program's pages included.
//!
//! Each exporter has processes of its own: the kernel charges what it keeps of a file under `/proc` to whoever reads that
//! first.

use std::io::Write;

use anyhow::{Result, ensure};

use crate::at_most;
use crate::exporters::{Exporter, Kind};
use crate::load::{Loads, Who};
use crate::scrapes::{PROCESSES, THREADS, UNITS, seen};
use crate::slice::Slice;
use crate::spread::Spread;

const SIZES: [usize; 4] = [PROCESSES / 8, PROCESSES / 4, PROCESSES / 2, PROCESSES];
/// Most that ours may take at the largest size, in MiB.
const MOST_MIB: f64 = 24.0;
const ROUNDS: usize = 3;
const WORKERS: [(&str, Option<Who>); 3] =
    [("none", None), ("one thread of each", Some(Who::One)), ("all", Some(Who::Every))];

/// How ours grows with processes, as more and more of their threads have worked; how it fares where it may have no more than
/// the bound, as by a pod's memory limit; and the others at the largest size.
pub(crate) fn memory(out: &mut dyn Write) -> Result<bool> {
    let mut fine = true;
    for size in SIZES {
        fine &= measured(out, Kind::Https, size, None)?;
    }
    fine &= measured(out, Kind::Https, PROCESSES, Some(MOST_MIB))?;
    fine &= measured(out, Kind::Process, PROCESSES, None)?;
    measured(out, Kind::Peer, PROCESSES, None)?;
    Ok(fine)
}

/// One exporter over processes of which first none works, then the first thread of each, then all threads.
fn measured(out: &mut dyn Write, kind: Kind, size: usize, limit: Option<f64>) -> Result<bool> {
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
            seen(&scrape, kind, units, worked)?;
            mib.push(exporter.unit.memory_mib()?.0);
            cpu.push(scrape.cpu_ms);
        }
        writeln!(out, "{what}; worked: {work}")?;
        if who.is_some() {
            writeln!(out, "  ms of a scrape: {}", Spread::of(cpu)?)?;
        }
        let mib = Spread::of(mib)?;
        match kind {
            Kind::Peer => writeln!(out, "  MiB: {mib}")?,
            _ => fine &= at_most(out, "  MiB", &mib, MOST_MIB)?,
        }
    }
    let (_, peak, cache) = exporter.unit.memory_mib()?;
    writeln!(out, "  {peak:.1} MiB at most ever; at the end {cache:.1} of it page cache")?;
    // Somebody else's doing, and for everybody.
    ensure!(drops()? == dropped, "the kernel's caches were dropped meanwhile: run it again");
    Ok(fine)
}

/// How often this machine was told to drop its caches of files.
fn drops() -> Result<Option<u64>> {
    let text = std::fs::read_to_string("/proc/vmstat")?;
    let count = text.lines().find_map(|line| line.strip_prefix("drop_slab "));
    Ok(count.map(str::parse).transpose()?)
}
