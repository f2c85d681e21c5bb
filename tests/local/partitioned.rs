//! `top --local --by cpuset` on this machine, shown the command line of a partitioned node in a mount namespace of its own.

use super::{PLUGIN, assert_adds_up, may_mount, mortal, report, rows};
use serde_json::Value;
use std::fs;
use std::io::Write;

#[test]
fn parts_sets_and_strays_of_a_partitioned_machine() {
    if !may_mount("a partitioned machine") {
        return;
    }
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        let _ = writeln!(std::io::stderr(), "SKIPPED: a partitioned machine has two CPUs or more");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let line = folder.path().join("cmdline");
    fs::write(&line, "quiet rcu_nocbs=1 isolcpus=managed_irq,1\n").unwrap();
    let measured = |arguments: &str| {
        let load = "taskset -c 1 setpriv --pdeathsig KILL sh -c 'while :; do :; done' &";
        let script = format!(
            "mount --bind {} /proc/cmdline && {{ {load} }} && {PLUGIN} top --local --by cpuset {arguments}; code=$?; kill $!; exit $code",
            line.display()
        );
        mortal("unshare").args(["--mount", "sh", "-c", &script]).output().unwrap()
    };
    let (report, _) = report(&measured("-i 2s -o json"));
    assert_adds_up(&report);
    let of = |list: &'static str, set: &'static str| {
        let all = report[list].as_array().unwrap().iter();
        all.filter(move |of| of["cpuset"] == set)
    };
    let avg = |of: &Value| of["avg"].as_f64().unwrap();
    // A loop that may run on CPU 1 alone used a part of it, and that is busy.
    let looped: f64 = of("rows", "isolated").filter(|row| row["class"] == "host").map(avg).sum();
    let isolated = of("cpusets", "isolated").next().unwrap();
    assert!(looped > 0.1 && avg(isolated) > looped - 0.1, "{report:#}");
    assert_eq!(isolated["cpus"], "1");
    assert!(of("cpusets", "reserved").next().is_some() && !rows(&report).is_empty());
    // The loop is a process of the host, so it strays, and what it used is a part of what strayed.
    let strays = report["strays"].as_array().unwrap();
    let strayed: f64 = strays.iter().filter(|stray| stray["class"] == "host").map(avg).sum();
    assert!(strayed > looped - 1e-9, "{report:#}");

    let page = String::from_utf8(measured("-i 1s").stdout).unwrap();
    for line in
        ["CPUSET", "BUSY OF", "isolated  1", "ALLOWED CPUS", "host: the kernel's systemd.cpu_affinity"]
    {
        assert!(page.contains(line), "{line}: {page}");
    }
}

/// Elsewhere rows are those of groups, and a note says why.
#[test]
fn a_machine_of_one_set_has_rows_of_groups() {
    let isolates = |option: &str| fs::read_to_string("/proc/cmdline").unwrap_or_default().contains(option);
    if ["rcu_nocbs", "isolcpus", "nohz_full", "tuned.non_isolcpus"].into_iter().any(isolates) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: this machine is partitioned");
        return;
    }
    let (report, _) = report(&super::local(&["--by", "cpuset", "-i", "1s", "-o", "json"]).output().unwrap());
    assert_adds_up(&report);
    assert!(report["strays"].is_null() && rows(&report).iter().all(|row| row["cpuset"].is_null()));
    assert!(super::notes(&report).contains("isolates no CPUs by its kernel's command line"), "{report:#}");
}
