//! Captured CPU of short-lived children: the share that the right group gets if they live for a part of the scrape interval.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::at_least;
use crate::exporters::{Exporter, Kind};
use crate::load::orphan;
use crate::slice::Slice;
use crate::spread::Spread;

const INTERVAL: Duration = Duration::from_secs(3);
/// Time in which children follow each other, in intervals.
const INTERVALS: u64 = 10;
/// Names, and a child's life in thousandths of an interval.
const LIVES: [(&str, u64); 3] = [("kids-tenth", 100), ("kids-half", 500), ("kids-whole", 1000)];
const CPU: &str = "namedprocess_namegroup_cpu_seconds_total";

/// Runs each parent's children one after the other. They work for a third of their lives, and the parent waits for each.
pub(crate) fn children(out: &mut dyn Write) -> Result<bool> {
    let slice = Slice::new()?;
    let kinds = [(Kind::Https, 99.5), (Kind::Process, 98.0), (Kind::Peer, 0.0)];
    let mut exporters =
        kinds.iter().map(|(kind, _)| Exporter::start(&slice, *kind, &[])).collect::<Result<Vec<_>>>()?;
    let mut parents = Vec::new();
    for (name, life) in LIVES {
        let unit = slice.unit(name)?;
        let life_ms = INTERVAL.as_millis() as u64 * life / 1000;
        let runs = INTERVALS * 1000 / life;
        let arguments = ["parent", name, &life_ms.to_string(), &runs.to_string()].map(str::to_owned);
        let (mut stdin, mut stdout) = orphan(&arguments, &unit.path)?;
        stdin.write_all(b".")?;
        let done = std::thread::spawn(move || stdout.read_exact(&mut [0]));
        parents.push((unit, stdin, done));
    }
    let begun = Instant::now();
    let mut scrapes = 0;
    let texts = loop {
        let ended = parents.iter().all(|(_, _, done)| done.is_finished());
        let texts = exporters.iter_mut().map(Exporter::scrape).collect::<Result<Vec<_>>>()?;
        // Four scrapes after the end, all captured CPU is exported, even that of a new series.
        scrapes = if ended { scrapes + 1 } else { 0 };
        if scrapes == 4 {
            break texts;
        }
        let next = INTERVAL.as_millis() - begun.elapsed().as_millis() % INTERVAL.as_millis();
        std::thread::sleep(Duration::from_millis(next as u64));
    };
    let mut fine = true;
    for ((name, life), (unit, _, _)) in LIVES.iter().zip(&parents) {
        let truth = unit.used_ms()? / 1000.0;
        writeln!(out, "children that live {} of the interval, {truth:.3} s used", *life as f64 / 1000.0)?;
        for ((exporter, (_, least)), text) in exporters.iter().zip(&kinds).zip(&texts) {
            let counted = text.sum(CPU, &format!("groupname=\"{name}\""));
            let share = Spread::from_figures(vec![counted / truth * 100.0])?;
            fine &= at_least(out, &format!("  {}, % captured", exporter.name), &share, *least)?;
        }
    }
    Ok(fine)
}
