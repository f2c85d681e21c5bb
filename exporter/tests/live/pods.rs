//! Pods and newborns on a real cgroup v2 tree, as they are exposed: against each cgroup's own `cpu.stat`, read before and after
//! each scrape.

use crate::cgroups::Cgroups;
use crate::program::{Program, until};
use crate::shell::Shell;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What keeps a shell at work, in small pieces, until its next line.
const WORK: &str = "while read -t 0; [ $? != 0 ]; do burn 1; (burn 1); sleep 0.01; done; read";

/// A pod with a container that works, and what names it.
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

    /// Ends it and removes its cgroups; what it used.
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

/// The CPU of each series of an exposition, in microseconds, by its metric and labels without the mode.
type Shown = BTreeMap<String, u64>;

fn shown(text: &str) -> Shown {
    let mut shown = Shown::new();
    for line in text.lines().filter(|line| line.contains("_cpu_seconds_total{class")) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let series = series.split(",mode=").next().unwrap().trim_end_matches('}');
        *shown.entry(series.to_owned()).or_default() += value.replace('.', "").parse::<u64>().unwrap();
    }
    shown
}

const POD: &str = "namedprocess_pod_cpu_seconds_total{class=";
const GROUP: &str = "namedprocess_namegroup_cpu_seconds_total{class=";
const THREAD: &str = "namedprocess_namegroup_thread_cpu_seconds_total{class=";

/// By how much the series that begin so have grown; a new one begins at 0.
fn grown(before: &Shown, now: &Shown, begin: &str) -> u64 {
    let of = now.iter().filter(|(series, _)| series.starts_with(begin));
    of.map(|(series, us)| us - before.get(series).copied().unwrap_or_default()).sum()
}

/// Pods are their group, threads are their groups.
fn adds_up(before: &Shown, now: &Shown) {
    let of_class = |class: &str| (format!("{POD}{class}"), format!("{GROUP}\"pod\",groupname=\"conmon\""));
    let (pods, conmon) = of_class("");
    assert_eq!(grown(before, now, &pods), grown(before, now, &conmon), "pods and conmon");
    assert_eq!(grown(before, now, GROUP), grown(before, now, THREAD), "groups and threads");
    for (series, us) in now {
        assert!(before.contains_key(series) || *us == 0, "{series} begins at {us} us");
    }
}

#[test]
fn each_of_fifty_pods_is_what_its_cgroup_says() {
    let Some(tree) = Cgroups::new("pods") else { return };
    let slices = ["kubepods.slice/kubepods", "kubepods.slice/kubepods-burstable.slice/kubepods-burstable"];
    let pods: Vec<Pod> = (0..50).map(|number| Pod::start(&tree, slices[number % 2], number)).collect();
    let program = Program::start(&["--cgroupfs", tree.root.to_str().unwrap()]);
    let used = || pods.iter().map(|pod| tree.used(&pod.cgroup)).collect::<Vec<u64>>();
    let scrape = || {
        let before = used();
        (before, shown(&program.fresh()), used())
    };
    let first = scrape();
    let mut last = None;
    let (began, seconds) = (Instant::now(), seconds(2));
    while last.is_none() || began.elapsed() < seconds {
        let least = used().iter().map(|us| us + 50_000).collect::<Vec<_>>();
        until("all to work", || used().iter().zip(&least).all(|(now, least)| now >= least));
        let now = scrape();
        let (_, text, _) = last.as_ref().unwrap_or(&first);
        adds_up(text, &now.1);
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
        "pods: at worst {:+.3} % of what lies between the readings",
        100.0 * worst
    );
    assert!(!now.1.keys().any(|series| series.starts_with(&format!("{POD}\"pod\""))
        && now.1[series] > 0
        && !series.contains("(exited)")));
    for (number, pod) in pods.into_iter().enumerate() {
        pod.end(&tree, number);
    }
}

/// How long these tests go on, in seconds: longer by hand.
const SECONDS: &str = "OC_INTERROGATE_LIVE_SECONDS";

fn seconds(usual: u64) -> Duration {
    Duration::from_secs(std::env::var(SECONDS).map_or(usual, |seconds| seconds.parse().unwrap()))
}

#[test]
fn no_newborn_is_shown_with_more_than_it_used_and_all_adds_up() {
    let Some(tree) = Cgroups::new("newborns") else { return };
    let seconds = seconds(8);
    tree.make("kubepods.slice");
    let program = Program::start(&["--cgroupfs", tree.root.to_str().unwrap()]);
    // What each has used at most by now, by the series' labels; of those that have ended, all that they used.
    let mut ended = BTreeMap::<String, u64>::new();
    let mut living: Vec<(String, String, Result<Pod, Shell>, usize)> = Vec::new();
    let tops = || tree.used("system.slice") + tree.used("kubepods.slice");
    let mut before = (tops(), shown(&program.fresh()), tops());
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
            for (series, _, who, number) in living.drain(..2).collect::<Vec<_>>() {
                let used = match who {
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
        let now = (first, shown(&program.fresh()), tops());
        let most = living.iter().map(|(series, cgroup, ..)| (series.clone(), tree.used(cgroup)));
        let most: BTreeMap<String, u64> = most.chain(ended.clone()).collect();
        adds_up(&before.1, &now.1);
        for (series, most) in &most {
            let value = |shown: &Shown| shown.get(series).copied().unwrap_or_default();
            // Five minutes after its end it is shown no more.
            let grown = value(&now.1).saturating_sub(value(&before.1));
            // Since the last scrape; what began since, since it began.
            let could = most - most_before.get(series).copied().unwrap_or_default();
            assert!(grown <= could, "{series}: {grown} us of {could} at most");
            worst = worst.max(grown as f64 / could.max(1) as f64);
        }
        let host = grown(&before.1, &now.1, &format!("{GROUP}\"host\""));
        let all = host + grown(&before.1, &now.1, &format!("{GROUP}\"pod\""));
        let (fewest, most_of_all) = (now.0 - before.2, now.2 - before.0);
        // Two readings of a tree that moves are some microseconds apart, and put right by the next.
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
    for (_, _, who, number) in living {
        match who {
            Ok(pod) => drop(pod.end(&tree, number)),
            Err(mut shell) => {
                shell.begin("");
                shell.finish();
                tree.end(&format!("n{number}"), shell);
            }
        }
    }
}
