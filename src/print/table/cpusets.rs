//! Below the totals: how busy each set of CPUs was, and what of the platform may run on isolated CPUs.
use super::{NOTHING, cores, write_lines};
use crate::print::{PageOptions, printable};
use crate::report::{CpusetBusy, Report, Stray};
use std::io::{self, Write};

/// Writes the sets and the strays, each after a blank line; nothing if rows are not by set.
pub(super) fn write(report: &Report, options: PageOptions, out: &mut impl Write) -> io::Result<()> {
    if let Some(sets) = report.cpusets.as_ref().filter(|sets| !sets.is_empty()) {
        write_sets(sets, options, out)?;
    }
    let Some(strays) = &report.strays else { return Ok(()) };
    writeln!(out)?;
    if strays.is_empty() {
        return writeln!(
            out,
            "no strays: none of what is shown may run on isolated CPUs and belongs elsewhere"
        );
    }
    write_strays(strays, options, out)
}

fn write_sets(sets: &[CpusetBusy], options: PageOptions, out: &mut impl Write) -> io::Result<()> {
    let has_nodes = sets.iter().any(|set| set.node.is_some());
    let mut headers = vec!["BUSY OF", "CPUS"];
    headers.extend(has_nodes.then_some("NODE"));
    let texts = headers.len();
    headers.extend(["AVG", "MIN", "MAX"]);
    let row = |set: &CpusetBusy| {
        let mut row = vec![set.cpuset.as_str().to_owned(), set.cpus.clone().unwrap_or_default()];
        row.extend(has_nodes.then(|| set.node.clone().unwrap_or_default()));
        match &set.stats {
            Some(stats) => row.extend([stats.avg, stats.min, stats.max].map(cores)),
            None => row.extend([const { String::new() }; 3]),
        }
        row.into_iter().map(|cell| printable(&cell)).collect()
    };
    writeln!(out)?;
    let headers = headers.into_iter().map(str::to_owned).collect();
    write_lines(headers, sets.iter().map(row).collect(), texts, options, out)
}

fn write_strays(strays: &[Stray], options: PageOptions, out: &mut impl Write) -> io::Result<()> {
    let is_visible = |stray: &&Stray| !options.fold || stray.avg.is_none_or(|avg| avg >= NOTHING);
    let shown: Vec<&Stray> = strays.iter().filter(is_visible).collect();
    let (namespaces, nodes) =
        (shown.iter().any(|stray| stray.namespace.is_some()), shown.iter().any(|stray| stray.node.is_some()));
    let mut headers = vec!["STRAY"];
    headers.extend(namespaces.then_some("NAMESPACE"));
    headers.push("NAME");
    headers.push(if nodes { "NODE" } else { "NODES" });
    headers.extend(["THREADS", "ALLOWED CPUS", "AVG"]);
    let row = |stray: &&Stray| {
        let mut row = vec![stray.class.as_str().to_owned()];
        row.extend(namespaces.then(|| stray.namespace.clone().unwrap_or_default()));
        row.push(stray.name.clone());
        row.push(stray.node.clone().unwrap_or_else(|| stray.nodes.to_string()));
        row.extend([
            stray.threads.to_string(),
            stray.cpus.join(" "),
            stray.avg.map(cores).unwrap_or_default(),
        ]);
        row.into_iter().map(|cell| printable(&cell)).collect()
    };
    let headers: Vec<String> = headers.into_iter().map(str::to_owned).collect();
    let texts = headers.len() - 1;
    if !shown.is_empty() {
        write_lines(headers, shown.iter().map(row).collect(), texts, options, out)?;
    }
    match strays.len() - shown.len() {
        0 => {}
        1 => writeln!(out, "1 more stray below 0.001")?,
        more => writeln!(out, "{more} more strays below 0.001")?,
    }
    let mut classes: Vec<_> = shown.iter().map(|stray| (stray.class, stray.why)).collect();
    classes.sort_unstable();
    classes.dedup();
    for (class, why) in classes {
        writeln!(out, "{}: {why}", class.as_str())?;
    }
    Ok(())
}
