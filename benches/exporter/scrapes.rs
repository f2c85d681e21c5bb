//! CPU of a scrape at 2000 processes of 10 threads in 300 units, idle and at work.

use std::io::Write;

use anyhow::{Result, ensure};

use crate::exporters::{Exporter, Kind, Scrape};
use crate::floor::Floor;
use crate::load::{Loads, Who};
use crate::slice::Slice;
use crate::spread::Spread;
use crate::{at_least, at_most};

pub(crate) const PROCESSES: usize = 2000;
pub(crate) const THREADS: usize = 10;
pub(crate) const UNITS: usize = 300;
/// Maximum cost of ours, as a multiple of the floor, if all processes work.
const MAX_FLOORS: f64 = 1.5;

/// Work between two scrapes, and the bound for the cost of ours.
pub(crate) struct Activity {
    /// Step between the units that work. `None` if no unit works.
    every: Option<usize>,
    who: Who,
    /// Minimum cost of the peer, as a multiple of ours over HTTPS.
    ratio: f64,
    rounds: usize,
}

pub(crate) const IDLE: Activity = Activity { every: None, who: Who::One, ratio: 700.0, rounds: 15 };
pub(crate) const TENTH: Activity = Activity { every: Some(10), who: Who::One, ratio: 300.0, rounds: 9 };
pub(crate) const ACTIVE: Activity = Activity { every: Some(1), who: Who::One, ratio: 50.0, rounds: 5 };
pub(crate) const THREADED: Activity = Activity { every: Some(1), who: Who::Every, ratio: 12.0, rounds: 5 };
/// Minimum cost of the peer, as a multiple of ours without cgroups.
const PROCESS_RATIO: f64 = 60.0;

/// Compares scrapes by cgroup over HTTPS and HTTP with the peer, and with the floor if all processes work.
pub(crate) fn scrapes(out: &mut dyn Write, activity: &Activity) -> Result<bool> {
    let slice = Slice::new()?;
    let mut loads = Loads::start(&slice, PROCESSES, THREADS, UNITS)?;
    let kinds = [Kind::Https, Kind::Http, Kind::Peer];
    let mut exporters =
        kinds.into_iter().map(|kind| Exporter::start(&slice, kind, &[])).collect::<Result<Vec<_>>>()?;
    let mut floor = Floor::new(&slice.root)?;
    let mut figures: Vec<Vec<f64>> = vec![Vec::new(); exporters.len() + 1];
    let mut worked = 0;
    for round in 0..activity.rounds {
        if let Some(every) = activity.every {
            worked += loads.work(activity.who, round % every, every)?;
        }
        for turn in 0..exporters.len() {
            // The first exporter after the work finds the kernel's caches cold. The order therefore rotates.
            let which = (round + turn) % exporters.len();
            let scrape = exporters[which].scrape()?;
            figures[which].push(scrape.cpu_ms);
            check_scrape(&scrape, kinds[which], UNITS, worked)?;
        }
        figures[kinds.len()].push(floor.read());
    }
    for (exporter, figures) in exporters.iter().zip(&figures) {
        writeln!(out, "{}, ms: {}", exporter.name, Spread::from_figures(figures.clone())?)?;
    }
    let mut fine = check_ratio(out, "peer / ours over HTTPS", &figures[2], &figures[0], activity.ratio)?;
    if activity.every == Some(1) {
        let floors = Spread::from_figures(figures[kinds.len()].clone())?;
        writeln!(out, "a loop that reads the same {} files, ms: {floors}", floor.file_count())?;
        let ratios = figures[0].iter().zip(&figures[kinds.len()]).map(|(ours, floor)| ours / floor).collect();
        fine &= at_most(out, "ours over HTTPS / the loop", &Spread::from_figures(ratios)?, MAX_FLOORS)?;
    }
    Ok(fine)
}

/// Compares scrapes by process with the peer, while all processes are idle.
pub(crate) fn process(out: &mut dyn Write) -> Result<bool> {
    let slice = Slice::new()?;
    let _loads = Loads::start(&slice, PROCESSES, THREADS, UNITS)?;
    let mut ours = Exporter::start(&slice, Kind::Process, &[])?;
    let mut peer = Exporter::start(&slice, Kind::Peer, &[])?;
    let mut figures = [Vec::new(), Vec::new()];
    for _ in 0..IDLE.rounds {
        let scrape = ours.scrape()?;
        check_scrape(&scrape, Kind::Process, UNITS, 0)?;
        figures[0].push(scrape.cpu_ms);
        figures[1].push(peer.scrape()?.cpu_ms);
    }
    writeln!(out, "{}, ms: {}", ours.name, Spread::from_figures(figures[0].clone())?)?;
    writeln!(out, "{}, ms: {}", peer.name, Spread::from_figures(figures[1].clone())?)?;
    check_ratio(out, "peer / ours by process over HTTPS", &figures[1], &figures[0], PROCESS_RATIO)
}

/// Checks the ratio of the peer's figures to ours, each of the same round.
fn check_ratio(out: &mut dyn Write, what: &str, peer: &[f64], ours: &[f64], least: f64) -> Result<bool> {
    let ratios = peer.iter().zip(ours).map(|(peer, ours)| peer / ours).collect();
    at_least(out, what, &Spread::from_figures(ratios)?, least)
}

/// Checks that a scrape has the measured work: all units and their threads, and the CPU that `worked` processes have used
/// since the exporter started.
pub(crate) fn check_scrape(scrape: &Scrape, kind: Kind, units: usize, worked: usize) -> Result<()> {
    let (groups, threads) =
        ("namedprocess_namegroup_cpu_seconds_total", "namedprocess_namegroup_thread_cpu_seconds_total");
    let found = scrape.count(groups, "groupname=\"u");
    ensure!(found >= units * 2, "only {found} series of the units' CPU");
    let found = scrape.count(threads, "groupname=\"u");
    // Each unit has two modes of `(exited)`, and two of its threads' name once it has worked.
    let least = units * 2 + worked.min(units) * 2;
    ensure!(found >= least, "only {found} series of the units' threads, not {least}");
    // Each process used at least one tick. It may be split between the modes, and each part is then cut.
    let tick = match kind {
        Kind::Https | Kind::Http | Kind::Partitioned => 0.01,
        Kind::Process => 0.005,
        Kind::Peer => 0.0,
    };
    let (used, least) = (scrape.sum(groups, "groupname=\"u"), worked as f64 * tick);
    ensure!(used >= least, "only {used} s of at least {least} s of work");
    Ok(())
}
