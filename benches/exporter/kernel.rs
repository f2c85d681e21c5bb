//! Cost of the kernel's threads. They have no cgroup of their own, so each scrape reads each of them.

use std::fs::read_to_string;
use std::io::Write;

use anyhow::{Context, Result, ensure};

use crate::exporters::{Exporter, Kind};
use crate::slice::Slice;
use crate::spread::Spread;

const ROUNDS: usize = 41;
/// Big node: number of CPUs, kernel threads per CPU, and seconds between scrapes.
const NODE: (f64, f64, f64) = (128.0, 20.0, 15.0);

/// Compares an exporter on the machine's root with one on a tree whose root has no process, in turns.
pub(crate) fn kernel(out: &mut dyn Write) -> Result<bool> {
    let slice = Slice::new()?;
    let empty = slice.unit("empty")?;
    let root = read_to_string(slice.root.join("cgroup.procs"))?;
    let threads = root.lines().filter(|pid| is_kernel_thread(pid)).count();
    ensure!(threads > 0, "the kernel's threads are not in sight: is this a container?");
    let mut with = Exporter::start(&slice, Kind::Http, &[])?;
    let mut without = Exporter::start_on_tree(&slice, "ours-without", Kind::Http, &empty.path, &[])?;
    let (mut all, mut each) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (with, without) = (with.scrape()?.cpu_ms, without.scrape()?.cpu_ms);
        all.push(with);
        each.push((with - without) * 1000.0 / root.lines().count() as f64);
    }
    writeln!(out, "a scrape with {threads} kernel threads, ms: {}", Spread::from_figures(all)?)?;
    let each = Spread::from_figures(each)?;
    writeln!(out, "for each process of the root, us: {each}")?;
    let (cpus, per_cpu, seconds) = NODE;
    let ms = each.median * cpus * per_cpu / 1000.0;
    let share = ms / 1000.0 / seconds;
    writeln!(
        out,
        "a node of {cpus} CPUs with {per_cpu} each: {ms:.1} ms a scrape, {share:.5} of a core every {seconds} s"
    )?;
    Ok(true)
}

fn is_kernel_thread(pid: &str) -> bool {
    let flags = |text: String| {
        let rest = text.rsplit_once(')').context("no stat")?.1;
        anyhow::Ok(rest.split(' ').nth(7).context("no flags")?.parse::<u64>()?)
    };
    let stat = read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|text| flags(text).is_ok_and(|flags| flags & 0x0020_0000 != 0))
}
