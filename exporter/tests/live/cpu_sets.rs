//! Sets of CPUs on this machine: the program is shown the command line of a partitioned node, in a mount namespace of its own.

use crate::cgroups::Cgroups;
use crate::program::Program;
use crate::shell::{Shell, skip};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

/// Starts the program on a node whose CPU 1 is isolated. `None`, with a message, if this machine cannot be shown as one.
fn partitioned(test: &str, tree: &Cgroups) -> Option<Program> {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        skip(test, "this machine has one CPU");
        return None;
    }
    let line = tree.links.path().join("cmdline");
    fs::write(&line, "quiet rcu_nocbs=1 isolcpus=managed_irq,1\n").unwrap();
    let script = "mount --bind \"$0\" /proc/cmdline && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(line).arg(env!("CARGO_BIN_EXE_process-exporter"));
    Some(Program::run(command.args(["--cgroupfs", tree.root.to_str().unwrap()])))
}

/// Binds all threads of a shell to CPUs.
fn bind(shell: &Shell, cpus: &str) {
    let bound = Command::new("taskset").args(["-acp", cpus, &shell.pid.to_string()]).output().unwrap();
    assert!(bound.status.success(), "{}", String::from_utf8_lossy(&bound.stderr));
}

/// CPU in microseconds by metric and labels without the mode and the set; and by the set, of the metrics that have it.
fn parse(text: &str) -> (BTreeMap<String, u64>, BTreeMap<String, [u64; 3]>) {
    let (mut whole, mut parts) = (BTreeMap::new(), BTreeMap::<String, [u64; 3]>::new());
    for line in text.lines().filter(|line| line.contains("_cpu_seconds_total{class")) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let us: u64 = value.replace('.', "").parse().unwrap();
        match series.split_once(",cpuset=\"") {
            Some((series, set)) => {
                let index =
                    ["reserved", "isolated", "any"].iter().position(|name| set.starts_with(name)).unwrap();
                parts.entry(series.replace("_cpuset_", "_")).or_default()[index] += us;
            }
            None if series.contains("_thread_") => {}
            None => {
                let series = series.split(",mode=").next().unwrap().trim_end_matches('}');
                *whole.entry(series.to_owned()).or_default() += us;
            }
        }
    }
    (whole, parts)
}

fn group(name: &str) -> String {
    format!("namedprocess_namegroup_cpu_seconds_total{{class=\"host\",groupname=\"{name}\"")
}

#[test]
fn a_stray_is_seen_where_it_may_run() {
    let Some(tree) = Cgroups::new("stray") else { return };
    let mut shell = tree.unit("stray");
    bind(&shell, "1");
    let Some(program) = partitioned("stray", &tree) else { return };
    let text = program.metrics();
    assert!(text.contains(r#"namedprocess_node_cpuset_info{cpuset="isolated",cpus="1"} 1"#), "{text}");
    let unit = "system.slice/stray.service";
    let parts = || parse(&program.fresh_metrics()).1[&group("stray")];
    let mut before = (tree.used(unit), parts());
    // On the isolated CPU, then on any, then on a reserved one: each is known at the next scrape.
    for (cpus, index) in [("1", 1), ("0-1", 2), ("0", 0)] {
        bind(&shell, cpus);
        shell.run("burn 300");
        let now = (tree.used(unit), parts());
        let used = now.0 - before.0;
        let rises: Vec<u64> = now.1.iter().zip(before.1).map(|(now, before)| now - before).collect();
        let others: u64 = rises.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, us)| us).sum();
        let error = rises[index].abs_diff(used) + others;
        assert!(error * 100 <= used, "{cpus}: {rises:?} of {used} us");
        // A shell has a thread. On the reserved CPU it strays no more.
        let text = program.fresh_metrics();
        let strays: Vec<&str> = text
            .lines()
            .filter(|line| line.contains("stray_threads{") && line.contains("\"stray\""))
            .collect();
        let stray = format!(
            "namedprocess_namegroup_stray_threads{{class=\"host\",groupname=\"stray\",cpus=\"{cpus}\"}} 1"
        );
        let expected: &[&str] = if cpus == "0" { &[] } else { &[&stray] };
        assert_eq!(strays, expected);
        before = now;
    }
    // The CPU of its cgroup and of the sets' counters is the same.
    let busy = |text: &str, set: &str| {
        let lines =
            text.lines().filter(|line| line.starts_with("namedprocess_node_cpuset_cpu_seconds_total"));
        let of = lines.filter(|line| line.contains(&format!("\"{set}\"")));
        of.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum::<f64>()
    };
    let first = program.fresh_metrics();
    bind(&shell, "1");
    let at = tree.used(unit);
    shell.run("burn 1000");
    let used = (tree.used(unit) - at) as f64 / 1e6;
    let isolated = busy(&program.fresh_metrics(), "isolated") - busy(&first, "isolated");
    assert!(isolated > 0.9 * used, "{isolated} s busy, {used} s used there");
    tree.end("stray", shell);
}

#[test]
fn parts_add_up_at_every_scrape_of_a_churn() {
    let Some(tree) = Cgroups::new("sets-churn") else { return };
    let Some(program) = partitioned("sets-churn", &tree) else { return };
    let mut living: Vec<(String, Shell)> = Vec::new();
    for round in 0..24 {
        let name = format!("churn{round}");
        let mut shell = tree.unit(&name);
        bind(&shell, ["0", "1", "0-1"][round % 3]);
        shell.run("burn 20");
        living.push((name, shell));
        if living.len() > 3 {
            let (name, shell) = living.remove(0);
            tree.end(&name, shell);
        }
        for (_, shell) in &mut living {
            shell.run("burn 5");
        }
        let (whole, parts) = parse(&program.fresh_metrics());
        assert_eq!(whole.len(), parts.len(), "{round}");
        for (series, us) in &whole {
            assert_eq!(parts[series].iter().sum::<u64>(), *us, "{round}: {series}");
        }
    }
    let (_, parts) = parse(&program.fresh_metrics());
    let all: [u64; 3] = parts.values().fold([0; 3], |sum, of| std::array::from_fn(|set| sum[set] + of[set]));
    assert!(all.iter().all(|us| *us > 0), "no set is empty: {all:?}");
    for (name, shell) in living {
        tree.end(&name, shell);
    }
}
