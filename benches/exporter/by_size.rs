//! Growth of a scrape's CPU and of the exporter's memory with idle processes of one thread.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::exporters::{Exporter, Kind};
use crate::picture::{self, Picture};
use crate::pids::Pids;
use crate::slice::Slice;
use crate::spread::Spread;

const SIZES: [usize; 8] = [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000];
/// Number of processes in a unit: about as many as 2000 in 300 units.
const UNIT: usize = 7;
const ROUNDS: usize = 5;
/// Script of a shell that forks blocked copies of itself, the cheapest processes. It writes a line when all exist.
const SHELL: &str =
    "exec 3<&0; i=1; while [ $i -lt \"$0\" ]; do (read _) <&3 & i=$((i+1)); done; echo; read _";

/// Prints a table, and draws it as a picture in target/bench-exporter/by-size.svg.
pub(crate) fn by_size(out: &mut dyn Write) -> Result<bool> {
    let _pids = Pids::raise_limit(SIZES.iter().max().copied().unwrap_or_default())?;
    let slice = Slice::new()?;
    let mut shells = Shells::default();
    let mut exporters = [Kind::Https, Kind::Process, Kind::Peer]
        .into_iter()
        .map(|kind| Exporter::start(&slice, kind, &[]))
        .collect::<Result<Vec<_>>>()?;
    let names: Vec<_> = exporters.iter().map(|exporter| exporter.name).collect();
    writeln!(out, "processes: ms of a scrape and MiB of memory, of {}", names.join(", "))?;
    let mut curves: Vec<Vec<f64>> = vec![Vec::new(); exporters.len()];
    for size in SIZES {
        shells.grow(&slice, size)?;
        let mut figures: Vec<Vec<f64>> = vec![Vec::new(); exporters.len()];
        for round in 0..=ROUNDS {
            for (exporter, figures) in exporters.iter_mut().zip(&mut figures) {
                // The first scrape finds the new processes, so it is not measured.
                figures.extend(Some(exporter.scrape()?.cpu_ms).filter(|_| round > 0));
            }
        }
        write!(out, "{size:>6}")?;
        for ((exporter, figures), curve) in exporters.iter().zip(figures).zip(&mut curves) {
            let spread = Spread::from_figures(figures)?;
            write!(out, " | {spread} | {:.1}", exporter.unit.memory_mib()?.0)?;
            curve.push(spread.median);
        }
        writeln!(out)?;
    }
    let sizes: Vec<f64> = SIZES.iter().map(|size| *size as f64).collect();
    let curves: Vec<_> = names.into_iter().zip(curves).collect();
    let path = picture::write(
        "by-size",
        &Picture {
            x: "idle processes",
            y: "ms of CPU a scrape",
            xs: &sizes,
            curves: &curves,
            marks: &[],
            logarithmic: true,
        },
    )?;
    writeln!(out, "drawn in {}", path.display())?;
    Ok(true)
}

/// Shells with their copies, which end when dropped.
#[derive(Default)]
struct Shells {
    shells: Vec<Child>,
    processes: usize,
}

impl Shells {
    fn grow(&mut self, slice: &Slice, size: usize) -> Result<()> {
        while self.processes < size {
            let count = UNIT.min(size - self.processes);
            let unit = slice.unit(&format!("idle{}", self.shells.len()))?;
            let script = format!("echo 0 > '{}/cgroup.procs' && {SHELL}", unit.path.display());
            let mut command = Command::new("sh");
            command.args(["-c", &script, &count.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut shell = command.spawn()?;
            let stdout = shell.stdout.take().context("no stdout")?;
            self.shells.push(shell);
            let bytes = BufReader::new(stdout).read_line(&mut String::new())?;
            ensure!(bytes == 1, "a shell could not fork {count} copies");
            self.processes += count;
        }
        Ok(())
    }
}

impl Drop for Shells {
    fn drop(&mut self) {
        self.shells.iter_mut().for_each(|shell| drop(shell.stdin.take()));
        for shell in &mut self.shells {
            let _ = shell.wait();
        }
    }
}
