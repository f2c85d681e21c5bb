//! CPU of the exporter and of a Prometheus over time: without an exporter, with one that is not scraped, and with scrapes.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::exporters::{Exporter, Kind};
use crate::load::{Loads, Who};
use crate::picture::{self, Picture};
use crate::prometheus::Server;
use crate::slice::{Slice, Unit};
use crate::spread::Spread;

/// Seconds between scrapes, as installed; also the length of a sample.
const STEP: u64 = 15;
/// Number of samples in each of the three phases.
const SAMPLES: usize = 16;
/// Load of the node: numbers of processes, threads and units. A tenth of the units works between two scrapes.
const NODE: (usize, usize, usize) = (400, 10, 60);
const TENTH: usize = 10;

/// Prints a table, and draws it as a picture in target/bench-exporter/over-time.svg.
pub(crate) fn over_time(out: &mut dyn Write) -> Result<bool> {
    let slice = Slice::new()?;
    let mut loads = Loads::start(&slice, NODE.0, NODE.1, NODE.2)?;
    let server = Server::start_without_targets(&slice, "prom-course", STEP)?;
    let mut curves = [Vec::new(), Vec::new()];
    let mut exporter: Option<Exporter> = None;
    let phases = ["absent", "installed, not scraped", "scraped"];
    for (number, phase) in phases.into_iter().enumerate() {
        match number {
            1 => exporter = Some(Exporter::start(&slice, Kind::Http, &[])?),
            2 => server.add_target(exporter.as_ref().map_or(0, Exporter::port))?,
            _ => {}
        }
        for sample in 0..SAMPLES {
            let units = [exporter.as_ref().map(|exporter| &exporter.unit), Some(&server.unit)];
            let used = millicores(units, || loads.work(Who::Every, sample % TENTH, TENTH).map(drop))?;
            curves.iter_mut().zip(used).for_each(|(curve, used)| curve.push(used));
        }
        for (name, curve) in ["exporter", "Prometheus"].iter().zip(&curves) {
            let figures = curve.iter().skip(number * SAMPLES).copied().collect();
            writeln!(out, "{phase}: {name}, thousandths of a core: {}", Spread::from_figures(figures)?)?;
        }
    }
    let minute = |sample: usize| (sample as u64 * STEP) as f64 / 60.0;
    let [exporter, prometheus] = curves;
    let xs: Vec<f64> = (1..=exporter.len()).map(minute).collect();
    let marks: Vec<_> =
        phases.into_iter().enumerate().map(|(number, phase)| (minute(number * SAMPLES), phase)).collect();
    let path = picture::write(
        "over-time",
        &Picture {
            x: "minutes",
            y: "thousandths of a core",
            xs: &xs,
            curves: &[("exporter", exporter), ("Prometheus", prometheus)],
            marks: &marks,
            logarithmic: false,
        },
    )?;
    writeln!(out, "drawn in {}", path.display())?;
    Ok(true)
}

/// Does `work` and waits for the end of the step. Returns the CPU of each unit in it, 0 for a unit that is `None`.
fn millicores(units: [Option<&Unit>; 2], work: impl FnOnce() -> Result<()>) -> Result<[f64; 2]> {
    let used =
        || -> Result<Vec<f64>> { units.iter().map(|unit| unit.map_or(Ok(0.0), Unit::used_ms)).collect() };
    let (begun, before) = (Instant::now(), used()?);
    work()?;
    std::thread::sleep(Duration::from_secs(STEP).saturating_sub(begun.elapsed()));
    let (after, seconds) = (used()?, begun.elapsed().as_secs_f64());
    Ok([0, 1].map(|unit| (after[unit] - before[unit]) / seconds))
}
