//! Cost of two sets of CPUs on an idle node: the parts of each group and pod in each exposition.

use std::io::Write;

use anyhow::{Result, ensure};

use crate::exporters::{Exporter, Kind};
use crate::pods::Pods;
use crate::slice::Slice;
use crate::spread::Spread;

const PODS: usize = 160;
const CONTAINERS: usize = 4;
const ROUNDS: usize = 41;
/// Maximum time that the sets may add to a scrape in which nothing has moved: so many milliseconds, or this share of it.
const MOST_MS: f64 = 0.5;
const MOST_SHARE: f64 = 0.1;

/// Compares an exporter of a partitioned node and one of the same node that is not, in turns.
pub(crate) fn sets(out: &mut dyn Write) -> Result<bool> {
    let slice = Slice::new()?;
    let tree = slice.unit("pods")?;
    let _pods = Pods::start(tree.path.join("kubepods.slice"), PODS, CONTAINERS)?;
    let mut with = Exporter::start_on_tree(&slice, "ours-with-sets", Kind::Partitioned, &tree.path, &[])?;
    let mut without = Exporter::start_on_tree(&slice, "ours-without-sets", Kind::Https, &tree.path, &[])?;
    let (mut all, mut more, mut series) = (Vec::new(), Vec::new(), 0);
    for round in 0..ROUNDS {
        let (with, without) = match round % 2 {
            0 => (with.scrape()?, without.scrape()?),
            _ => {
                let without = without.scrape()?;
                (with.scrape()?, without)
            }
        };
        series = with.text.lines().filter(|line| line.contains("cpuset=")).count();
        ensure!(series >= 3 * PODS, "{series} series of sets");
        all.push(without.cpu_ms);
        more.push(with.cpu_ms - without.cpu_ms);
    }
    let (all, more) = (Spread::from_figures(all)?, Spread::from_figures(more)?);
    writeln!(
        out,
        "an idle scrape with {PODS} pods, without sets, ms: {all}; {series} series more with sets"
    )?;
    crate::at_most(out, "more with two sets of CPUs, ms", &more, MOST_MS.max(MOST_SHARE * all.median))
}
