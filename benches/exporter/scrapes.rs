//! CPU and memory of a scrape at 2000 processes of 10 threads in 300 units, idle and at work.

use std::io::Write;

use anyhow::{Result, ensure};

use crate::exporters::{Exporter, Kind, Scrape};
use crate::floor::Floor;
use crate::load::Loads;
use crate::slice::Slice;
use crate::spread::Spread;
use crate::{at_least, at_most};

const PROCESSES: usize = 2000;
const THREADS: usize = 10;
const UNITS: usize = 300;
/// Most of one's own cgroup's memory, in MiB.
const MEMORY_MIB: f64 = 24.0;
/// Times the floor that ours may take where all is active.
const FLOORS: f64 = 1.5;

/// How much moves between two scrapes, and what follows for ours.
pub(crate) struct Activity {
    /// Every so many units; None: none does.
    every: Option<usize>,
    /// How many times as much as ours over HTTPS the peer takes at least.
    ratio: f64,
    rounds: usize,
}

pub(crate) const IDLE: Activity = Activity { every: None, ratio: 300.0, rounds: 15 };
pub(crate) const TENTH: Activity = Activity { every: Some(10), ratio: 60.0, rounds: 9 };
pub(crate) const ACTIVE: Activity = Activity { every: Some(1), ratio: 12.0, rounds: 5 };
/// Where there are no cgroups to see.
const PROCESS_RATIO: f64 = 40.0;

/// By cgroup, over HTTPS and HTTP, beside the peer and, where all is active, the floor.
pub(crate) fn scrapes(out: &mut dyn Write, activity: &Activity) -> Result<bool> {
    let slice = Slice::new()?;
    let mut loads = Loads::start(&slice, PROCESSES, THREADS, UNITS)?;
    let kinds = [Kind::Https, Kind::Http, Kind::Peer];
    let mut exporters =
        kinds.into_iter().map(|kind| Exporter::start(&slice, kind, &[])).collect::<Result<Vec<_>>>()?;
    let mut floor = Floor::new(&slice.root)?;
    let mut figures: Vec<Vec<f64>> = vec![Vec::new(); exporters.len() + 1];
    for round in 0..activity.rounds {
        let mut worked = 0;
        if let Some(every) = activity.every {
            worked = loads.work(round % every, every)?;
        }
        for turn in 0..exporters.len() {
            // Whoever is first after the work finds the kernel's caches cold.
            let which = (round + turn) % exporters.len();
            let scrape = exporters[which].scrape()?;
            figures[which].push(scrape.cpu_ms);
            seen(&scrape, which < 2, worked, round == 0)?;
        }
        figures[kinds.len()].push(floor.read());
    }
    for (exporter, figures) in exporters.iter().zip(&figures) {
        writeln!(out, "{}, ms: {}", exporter.name, Spread::of(figures.clone())?)?;
    }
    let mut fine = ratio(out, "peer / ours over HTTPS", &figures[2], &figures[0], activity.ratio)?;
    if activity.every == Some(1) {
        let floors = Spread::of(figures[kinds.len()].clone())?;
        writeln!(out, "a loop that reads the same {} files, ms: {floors}", floor.files())?;
        let ratios = figures[0].iter().zip(&figures[kinds.len()]).map(|(ours, floor)| ours / floor).collect();
        fine &= at_most(out, "ours over HTTPS / the loop", &Spread::of(ratios)?, FLOORS)?;
    }
    Ok(fine)
}

/// By process, all idle.
pub(crate) fn process(out: &mut dyn Write) -> Result<bool> {
    let slice = Slice::new()?;
    let _loads = Loads::start(&slice, PROCESSES, THREADS, UNITS)?;
    let mut ours = Exporter::start(&slice, Kind::Process, &[])?;
    let mut peer = Exporter::start(&slice, Kind::Peer, &[])?;
    let mut figures = [Vec::new(), Vec::new()];
    for round in 0..IDLE.rounds {
        let scrape = ours.scrape()?;
        seen(&scrape, true, 0, round == 0)?;
        figures[0].push(scrape.cpu_ms);
        figures[1].push(peer.scrape()?.cpu_ms);
    }
    writeln!(out, "{}, ms: {}", ours.name, Spread::of(figures[0].clone())?)?;
    writeln!(out, "{}, ms: {}", peer.name, Spread::of(figures[1].clone())?)?;
    ratio(out, "peer / ours by process over HTTPS", &figures[1], &figures[0], PROCESS_RATIO)
}

/// What its own cgroup is charged with, after everything has been active; and how it fares where that is limited to the
/// bound, as a pod's memory limit does. Each has processes of its own: the kernel charges what it keeps of a file under
/// `/proc` to whoever reads that first.
pub(crate) fn memory(out: &mut dyn Write) -> Result<bool> {
    let mut fine = true;
    for (kind, limited) in
        [(Kind::Https, false), (Kind::Https, true), (Kind::Process, false), (Kind::Peer, false)]
    {
        let slice = Slice::new()?;
        let mut loads = Loads::start(&slice, PROCESSES, THREADS, UNITS)?;
        let mut exporter = Exporter::start(&slice, kind, &[])?;
        if limited {
            exporter.unit.limit_memory_mib(MEMORY_MIB)?;
        }
        let (mut figures, mut cpu) = (Vec::new(), Vec::new());
        for round in 0..3 {
            loads.work(0, 1)?;
            let scrape = exporter.scrape()?;
            if kind != Kind::Peer {
                seen(&scrape, true, PROCESSES, round == 0)?;
            }
            cpu.push(scrape.cpu_ms);
            figures.push(exporter.unit.memory_mib()?.0);
        }
        let (_, peak, cache) = exporter.unit.memory_mib()?;
        let limit = if limited { ", limited to the bound" } else { "" };
        let name = format!("{}{limit}", exporter.name);
        writeln!(out, "{name}, ms of a scrape: {}", Spread::of(cpu)?)?;
        let what = format!("{name}, MiB ({peak:.1} at most ever, {cache:.1} of it page cache)");
        let spread = Spread::of(figures)?;
        match kind {
            Kind::Peer => writeln!(out, "{what}: {spread}")?,
            _ => fine &= at_most(out, &what, &spread, MEMORY_MIB)?,
        }
    }
    Ok(fine)
}

/// The peer's figures by ours, of the same round.
fn ratio(out: &mut dyn Write, what: &str, peer: &[f64], ours: &[f64], least: f64) -> Result<bool> {
    let ratios = peer.iter().zip(ours).map(|(peer, ours)| peer / ours).collect();
    at_least(out, what, &Spread::of(ratios)?, least)
}

/// That the answer is the work's that is measured: all groups and threads, and the CPU that was used.
fn seen(scrape: &Scrape, ours: bool, worked: usize, first: bool) -> Result<()> {
    let (groups, threads) =
        ("namedprocess_namegroup_cpu_seconds_total", "namedprocess_namegroup_thread_cpu_seconds_total");
    let found = scrape.count(groups, "groupname=\"u");
    ensure!(found >= UNITS * 2, "only {found} series of the units' CPU");
    let found = scrape.count(threads, "groupname=\"u");
    // Two modes of what exited in each, and of the threads' name in those that have worked.
    let least = UNITS * 2 + worked * UNITS / PROCESSES * 2;
    ensure!(found >= least, "only {found} series of the units' threads, not {least}");
    // Each of them used at least a tick; more is there from earlier rounds.
    let (used, least) = (scrape.sum(groups, "groupname=\"u"), worked as f64 * 0.01);
    ensure!(!(ours && first) || used >= least, "only {used} s of at least {least} s of work");
    Ok(())
}
