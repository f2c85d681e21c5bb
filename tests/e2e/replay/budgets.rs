//! `budget --from`: verdicts, figures and the worst moment are those of the server.

use super::{Dump, agree, dump};
use crate::budget::sites::{all, sites};
use crate::cpusets::constant;
use crate::serve::{an_hour, serve};
use anyhow::{Result, ensure};
use test_history::{History, Spec};

#[test]
fn verdicts_of_a_file_are_the_servers() -> Result<()> {
    let sites: Vec<_> = sites().into_iter().take(8).collect();
    let history = all(&sites);
    let prometheus = serve("replay-budgets", &history, &[])?;
    let file = dump("replay-budgets", &history, &Dump::default())?;
    for site in &sites {
        let nodes = site.nodes.join(",");
        for profile in ["ran-du", "ran-du-standard", "reserved-cpus", "system-reserved"] {
            let list = site.reserved_list.map_or_else(String::new, |list| format!("--reserved {list}"));
            let command = format!("budget {profile} -i 1h --per-node --node {nodes} {list}");
            let count = agree(&prometheus.url, &file, &command)?;
            ensure!(count > 10, "{command}: {count} figures");
        }
    }
    agree(&prometheus.url, &file, "budget ran-du -i 30m")?;
    Ok(())
}

/// A 99.9th percentile needs a thousand samples.
#[test]
fn a_suggestion_of_a_file_is_the_servers() -> Result<()> {
    let spec = Spec { nodes: 2, groups: 6, threads: 0, pods_per_node: 3, duration_s: 5 * 3600, ..an_hour() };
    let mut history = History::generate(&Spec { gaps: false, ..spec });
    for (cpu, core) in [("0", "0"), ("1", "0"), ("2", "1"), ("3", "1")] {
        let labels = [("instance", "node-000"), ("cpu", cpu), ("package", "0"), ("core", core)];
        history.series.push(constant("node_cpu_info", &labels, 1.0));
    }
    let prometheus = serve("replay-suggest", &history, &[])?;
    let file = dump("replay-suggest", &history, &Dump::default())?;
    let count = agree(&prometheus.url, &file, "budget --suggest -i 5h")?;
    ensure!(count > 10, "{count} figures");
    Ok(())
}
