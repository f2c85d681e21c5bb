//! Pods and new series of a real cgroup v2 tree, compared with each cgroup's own `cpu.stat`, which the test reads before and
//! after each scrape.

use crate::cgroups::Cgroups;
use crate::program::{Program, until};
use crate::shell::Shell;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Script that keeps a shell at work, in small pieces, until its next line.
const WORK: &str = "while read -t 0; [ $? != 0 ]; do burn 1; (burn 1); sleep 0.01; done; read";

/// Pod with a container that works, and with the monitor process that names the pod.
struct Pod {
    cgroup: String,
    shell: Shell,
    monitor: Child,
}

impl Pod {
    fn start(tree: &Cgroups, slice: &str, number: usize) -> Pod {
        let cgroup = format!("{slice}-pod{number}_{number}.slice");
        let (container, scope) = (
            format!("{cgroup}/crio-{number:064x}.scope"),
            format!("{cgroup}/crio-conmon-{number:064x}.scope"),
        );
        for path in [&container, &scope] {
            fs::create_dir_all(tree.root.join(path)).unwrap();
        }
        let script = format!("echo 0 > '{}/cgroup.procs'; read end", tree.root.join(&scope).display());
        let name = format!("k8s_main_pod-{number}_shop_{number}-{number}_0");
        let mut monitor = Command::new("sh");
        let monitor =
            monitor.args(["-c", &script, "conmon", "-n", &name]).stdin(Stdio::piped()).spawn().unwrap();
        let procs = tree.root.join(scope).join("cgroup.procs");
        until("a monitor in its scope", || !fs::read_to_string(&procs).unwrap().is_empty());
        let mut shell = Shell::child(&format!("pod{number}"), tree.links.path());
        fs::write(tree.root.join(container).join("cgroup.procs"), shell.pid.to_string()).unwrap();
        shell.begin(WORK);
        Pod { cgroup, shell, monitor }
    }

    /// Ends the pod and removes its cgroups. Returns the CPU that it used, in microseconds.
    fn end(mut self, tree: &Cgroups, number: usize) -> u64 {
        self.shell.begin("");
        self.shell.finish();
        self.shell.end();
        drop(self.monitor.stdin.take());
        self.monitor.wait().unwrap();
        let used = tree.used(&self.cgroup);
        for inner in
            fs::read_dir(tree.root.join(&self.cgroup)).unwrap().flatten().filter(|e| e.path().is_dir())
        {
            fs::remove_dir(inner.path()).unwrap();
        }
        fs::remove_dir(tree.root.join(&self.cgroup)).unwrap();
        fs::remove_file(tree.links.path().join(format!("pod{number}"))).unwrap();
        used
    }
}

/// Exported CPU of each series, in microseconds, by its metric and labels without the mode.
type Exported = BTreeMap<String, u64>;

fn parse_exported(text: &str) -> Exported {
    let mut exported = Exported::new();
    for line in text.lines().filter(|line| line.contains("_cpu_seconds_total{class")) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let series = series.split(",mode=").next().unwrap().trim_end_matches('}');
        *exported.entry(series.to_owned()).or_default() += value.replace('.', "").parse::<u64>().unwrap();
    }
    exported
}

const POD: &str = "namedprocess_pod_cpu_seconds_total{class=";
const GROUP: &str = "namedprocess_namegroup_cpu_seconds_total{class=";
const THREAD: &str = "namedprocess_namegroup_thread_cpu_seconds_total{class=";

/// Returns the rise of all series that begin with `begin`. A new series begins at 0.
fn rise(before: &Exported, now: &Exported, begin: &str) -> u64 {
    let matching = now.iter().filter(|(series, _)| series.starts_with(begin));
    matching.map(|(series, us)| us - before.get(series).copied().unwrap_or_default()).sum()
}

/// Checks that the pods add up to their group, and the threads to their groups.
fn check_sums(before: &Exported, now: &Exported) {
    let prefixes = |class: &str| (format!("{POD}{class}"), format!("{GROUP}\"pod\",groupname=\"conmon\""));
    let (pods, conmon) = prefixes("");
    assert_eq!(rise(before, now, &pods), rise(before, now, &conmon), "pods and conmon");
    assert_eq!(rise(before, now, GROUP), rise(before, now, THREAD), "groups and threads");
    for (series, us) in now {
        assert!(before.contains_key(series) || *us == 0, "{series} begins at {us} us");
    }
}

#[test]
fn each_of_fifty_pods_has_the_cpu_of_its_cgroup() {
    let Some(tree) = Cgroups::new("pods") else { return };
    let slices = ["kubepods.slice/kubepods", "kubepods.slice/kubepods-burstable.slice/kubepods-burstable"];
    let pods: Vec<Pod> = (0..50).map(|number| Pod::start(&tree, slices[number % 2], number)).collect();
    let program = Program::start(&["--cgroupfs", tree.root.to_str().unwrap()]);
    let used = || pods.iter().map(|pod| tree.used(&pod.cgroup)).collect::<Vec<u64>>();
    let scrape = || {
        let before = used();
        (before, parse_exported(&program.fresh_metrics()), used())
    };
    let first = scrape();
    let mut last = None;
    let (began, seconds) = (Instant::now(), seconds(2));
    while last.is_none() || began.elapsed() < seconds {
        let least = used().iter().map(|us| us + 50_000).collect::<Vec<_>>();
        until("all to work", || used().iter().zip(&least).all(|(now, least)| now >= least));
        let now = scrape();
        let (_, text, _) = last.as_ref().unwrap_or(&first);
        check_sums(text, &now.1);
        last = Some(now);
    }
    let now = last.unwrap();
    let mut worst = 0.0_f64;
    for (number, _) in pods.iter().enumerate() {
        let series = format!("{POD}\"workload\",namespace=\"shop\",pod=\"pod-{number}\"");
        let counted = now.1[&series] - first.1[&series];
        let (least, most) = (now.0[number] - first.2[number], now.2[number] - first.0[number]);
        assert!((least..=most).contains(&counted), "pod-{number}: {counted} us, not {least} to {most}");
        worst = worst.max(counted as f64 / ((least + most) as f64 / 2.0) - 1.0);
    }
    let _ = writeln!(
        std::io::stderr(),
        "pods: at worst {:+.3} % of what lies between the two reads",
        100.0 * worst
    );
    assert!(!now.1.keys().any(|series| series.starts_with(&format!("{POD}\"pod\""))
        && now.1[series] > 0
        && !series.contains("(exited)")));
    for (number, pod) in pods.into_iter().enumerate() {
        pod.end(&tree, number);
    }
}

/// Variable with the duration of these tests, in seconds. Runs by hand set a longer one.
const SECONDS: &str = "OC_INTERROGATE_LIVE_SECONDS";

fn seconds(usual: u64) -> Duration {
    Duration::from_secs(std::env::var(SECONDS).map_or(usual, |seconds| seconds.parse().unwrap()))
}

#[test]
fn no_new_series_exceeds_the_cpu_used_and_all_adds_up() {
    let Some(tree) = Cgroups::new("newborns") else { return };
    let seconds = seconds(8);
    tree.make("kubepods.slice");
    let program = Program::start(&["--cgroupfs", tree.root.to_str().unwrap()]);
    // CPU that each ended unit or pod has used, by the labels of its series.
    let mut ended = BTreeMap::<String, u64>::new();
    let mut living: Vec<(String, String, Result<Pod, Shell>, usize)> = Vec::new();
    let tops = || tree.used("system.slice") + tree.used("kubepods.slice");
    let mut before = (tops(), parse_exported(&program.fresh_metrics()), tops());
    let (began, mut most_before, mut worst) = (Instant::now(), BTreeMap::<String, u64>::new(), 0.0_f64);
    let mut scrapes = 0;
    for round in 0.. {
        if began.elapsed() >= seconds {
            break;
        }
        let name = format!("n{round}");
        let mut shell = tree.unit(&name);
        shell.begin(WORK);
        let series = format!("{GROUP}\"host\",groupname=\"{name}\"");
        living.push((series, format!("system.slice/{name}.service"), Err(shell), round));
        let pod = Pod::start(&tree, "kubepods.slice/kubepods", round);
        let series = format!("{POD}\"workload\",namespace=\"shop\",pod=\"pod-{round}\"");
        living.push((series, pod.cgroup.clone(), Ok(pod), round));
        if living.len() > 8 {
            for (series, _, owner, number) in living.drain(..2).collect::<Vec<_>>() {
                let used = match owner {
                    Ok(pod) => pod.end(&tree, number),
                    Err(mut shell) => {
                        shell.begin("");
                        shell.finish();
                        tree.end(&format!("n{number}"), shell)
                    }
                };
                ended.insert(series, used);
            }
        }
        let at = tops();
        until("work", || tops() >= at + 200_000);
        let least = living.iter().map(|(series, cgroup, ..)| (series.clone(), tree.used(cgroup)));
        let least: BTreeMap<String, u64> = least.chain(ended.clone()).collect();
        let first = tops();
        let now = (first, parse_exported(&program.fresh_metrics()), tops());
        let most = living.iter().map(|(series, cgroup, ..)| (series.clone(), tree.used(cgroup)));
        let most: BTreeMap<String, u64> = most.chain(ended.clone()).collect();
        check_sums(&before.1, &now.1);
        for (series, most) in &most {
            let value = |exported: &Exported| exported.get(series).copied().unwrap_or_default();
            // A series ends five minutes after its unit or pod.
            let rise_us = value(&now.1).saturating_sub(value(&before.1));
            // CPU used since the last scrape, or since the beginning of a new unit or pod.
            let most_rise_us = most - most_before.get(series).copied().unwrap_or_default();
            assert!(rise_us <= most_rise_us, "{series}: {rise_us} us of {most_rise_us} at most");
            worst = worst.max(rise_us as f64 / most_rise_us.max(1) as f64);
        }
        let host = rise(&before.1, &now.1, &format!("{GROUP}\"host\""));
        let all = host + rise(&before.1, &now.1, &format!("{GROUP}\"pod\""));
        let (fewest, most_of_all) = (now.0 - before.2, now.2 - before.0);
        // Two reads of a busy tree differ by some microseconds, and the next read corrects that.
        let noise = 2000 + most_of_all / 100;
        assert!(
            all + noise >= fewest && all <= most_of_all + noise,
            "{all} us, not {fewest} to {most_of_all}"
        );
        (before, most_before) = (now, least);
        scrapes += 1;
    }
    let _ = writeln!(
        std::io::stderr(),
        "newborns: {scrapes} scrapes in {:?}; no series with more than {worst:.3} of what it can have used",
        began.elapsed()
    );
    for (_, _, owner, number) in living {
        match owner {
            Ok(pod) => drop(pod.end(&tree, number)),
            Err(mut shell) => {
                shell.begin("");
                shell.finish();
                tree.end(&format!("n{number}"), shell);
            }
        }
    }
}
