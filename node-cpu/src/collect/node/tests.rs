//! Tests of a whole node of files: a tree beside its root's processes, interrupts and busy time.

use super::*;
use crate::snapshot::Class;
use std::fs;
use std::path::Path;

mod cpu_sets;
mod interrupts;
mod limits;
mod model;
mod moves;
mod newborn_process;
mod out_of_time;
mod properties;
mod rule_groups;
mod rules;

mod thread_reads;
mod threads;

struct Fake(tempfile::TempDir);

impl Fake {
    fn new() -> Fake {
        let fake = Fake(tempfile::tempdir().unwrap());
        fake.write("proc/uptime", "10.00 0.00\n");
        fake.write("proc/3/stat", "3 (ksoftirqd/0) S 2 0 0 0 -1 2097152 0 0 0 0 0 100 0 0 20 0 1 0 5 0 0\n");
        fake.write("cgroup/cgroup.procs", "3\n");
        fake.write("cgroup/cpu.stat", "usage_usec 0\nuser_usec 0\nsystem_usec 0\n");
        fake.service(1000);
        fake.busy(1000, 500);
        fake
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn service(&self, user_us: u64) {
        self.write("cgroup/system.slice/a.service/cgroup.procs", "7\n");
        for name in ["system.slice", "system.slice/a.service"] {
            self.write(
                &format!("cgroup/{name}/cpu.stat"),
                &format!("usage_usec {user_us}\nuser_usec {user_us}\nsystem_usec 0\n"),
            );
        }
    }

    fn busy(&self, user: u64, softirq: u64) {
        self.write("proc/stat", &format!("cpu  {user} 0 0 7 7 10 {softirq} 9 9 9\n"));
    }

    fn ksoftirqd(&self, ticks: u64) {
        let stat = format!("3 (ksoftirqd/0) S 2 0 0 0 -1 2097152 0 0 0 0 0 {ticks} 0 0 20 0 1 0 5 0 0\n");
        self.write("proc/3/stat", &stat);
    }

    fn paths(&self) -> Paths {
        let below = |name| Path::new(self.0.path()).join(name);
        Paths { procfs: below("proc"), cgroupfs: Some(below("cgroup")) }
    }
}

fn total(snapshot: &Snapshot, class: Class, group: &str) -> Option<u64> {
    snapshot.groups.get(&(class, group.into())).map(|cpu| cpu.total_us())
}

/// An impossible delta is an error, and the counter continues from there. The other counters are right in the same
/// pass.
#[test]
fn an_impossible_delta_is_an_error_and_not_credited() {
    let fake = Fake::new();
    let process = |ticks: u64| {
        let stat = format!("5 (loose) S 1 5 5 0 -1 4194560 0 0 0 0 {ticks} 0 0 0 20 0 1 0 5 0 0\n");
        fake.write("proc/5/stat", &stat);
    };
    let (unit, top) = (
        |name: &str, us: u64| {
            fake.write(
                &format!("cgroup/{name}/cpu.stat"),
                &format!("usage_usec {us}\nuser_usec {us}\nsystem_usec 0\n"),
            );
        },
        "system.slice",
    );
    fake.write("proc/stat", "cpu  1000 0 0 7 7 10 500 9 9 9\ncpu0 0\ncpu1 0\n");
    fake.write("cgroup/cgroup.procs", "3\n5\n");
    process(100);
    unit("system.slice/b.service", 0);
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    let hz = node.procfs.hz();
    let host = |snapshot: &Snapshot, group| total(snapshot, Class::Host, group).unwrap();
    let impossible = |snapshot: &Snapshot| snapshot.errors["impossible"];

    let absurd = 18_446_744_073_709_551;
    unit("system.slice/a.service", absurd);
    unit("system.slice/b.service", 50);
    unit(top, 1050);
    process(100 + 1_000_000);
    let first = node.pass().unwrap();
    assert_eq!((host(&first, "a"), host(&first, "b"), host(&first, "loose")), (0, 50, 0));
    assert_eq!(impossible(&first), 2);

    // The counters are sane again, which is far below, and continue from there.
    unit("system.slice/a.service", 1100);
    unit(top, 1150);
    process(103);
    let second = node.pass().unwrap();
    assert_eq!((host(&second, "a"), host(&second, "loose"), impossible(&second)), (0, 0, 4));
    unit("system.slice/a.service", 1107);
    unit(top, 1157);
    process(105);
    let third = node.pass().unwrap();
    assert_eq!((host(&third, "a"), host(&third, "loose")), (7, 2 * 1_000_000 / hz));
    assert_eq!(impossible(&third), 4);
}

#[test]
fn setting_the_clock_changes_nothing() {
    let fake = Fake::new();
    let stat =
        |booted: u64| fake.write("proc/stat", &format!("cpu  1000 0 0 7 7 10 500 9 9 9\nbtime {booted}\n"));
    stat(1_700_000_000);
    let mut node = Node::open_by_process(&fake.paths(), Detail { threads: true }).unwrap();
    fake.ksoftirqd(112);
    let before = node.pass().unwrap();
    for booted in [0, 1_500_000_000, 1_900_000_000] {
        stat(booted);
        let now = node.pass().unwrap();
        assert_eq!((&now.groups, &now.busy), (&before.groups, &before.busy), "{booted}");
        assert_eq!(now.errors, before.errors, "{booted}");
    }
    assert_eq!(node.boot_time(), Some(1_700_000_000), "as it was at the beginning");
}
