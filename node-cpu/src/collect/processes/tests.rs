//! A procfs of files, written by hand.

use super::*;
use crate::account::Ledger;
use crate::collect::plausibility::Plausibility;
use crate::kernel::{Outcome, ProcFs, Reader};
use crate::naming::{self, Owner};
use crate::snapshot::{Class, Snapshot};
use std::fs;
use std::time::Instant;

mod of_root;

/// One process of the fake procfs; times in ticks of 10 ms.
#[derive(Clone, Copy)]
struct Fake {
    comm: &'static str,
    state: char,
    ppid: u32,
    flags: u32,
    own: u64,
    waited: u64,
    start: u64,
}

const PROC: Fake = Fake { comm: "x", state: 'S', ppid: 1, flags: 0x40_0000, own: 0, waited: 0, start: 10 };
const KTHREAD: Fake = Fake { ppid: 2, flags: 0x20_0000, ..PROC };

struct Watched {
    dir: tempfile::TempDir,
    procfs: ProcFs,
    processes: Processes,
    plausibility: Plausibility,
    reader: Reader,
    ledger: Ledger,
}

/// A machine that is up for 10 s (1000 ticks) and counts all its processes.
fn machine(processes: &[(u32, Fake)]) -> Watched {
    let machine = prepared(processes);
    machine.watched()
}

fn prepared(fakes: &[(u32, Fake)]) -> Watched {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::default();
    ledger.acquire_owner(&naming::pods_exited());
    let procfs = ProcFs::open(dir.path()).unwrap();
    let (reader, plausibility) = (Reader::new(), Plausibility::new());
    let processes = Processes::new(Scope::All, Detail::default(), false);
    let machine = Watched { dir, procfs, processes, plausibility, reader, ledger };
    machine.uptime(10);
    fakes.iter().for_each(|(pid, fake)| machine.set(*pid, *fake));
    machine
}

impl Watched {
    /// Takes the first pass.
    fn watched(mut self) -> Watched {
        let text = fs::read(self.dir.path().join("1/cgroup")).unwrap_or_default();
        let Processes { machine, detail, .. } = self.processes;
        self.processes = Processes::new(machine.scope, detail, naming::is_relative(&text));
        self.pass();
        self
    }

    fn uptime(&self, seconds: u64) {
        fs::write(self.dir.path().join("uptime"), format!("{seconds}.00 1.00\n")).unwrap();
    }

    fn set(&self, pid: u32, fake: Fake) {
        let Fake { comm, state, ppid, flags, own, waited, start } = fake;
        let text = format!(
            "{pid} ({comm}) {state} {ppid} 1 1 0 -1 {flags} 0 0 0 0 {own} 0 {waited} 0 20 0 1 0 {start} 0 0\n"
        );
        self.write(pid, "stat", &text);
    }

    fn write(&self, pid: u32, file: &str, text: &str) {
        let path = self.dir.path().join(pid.to_string());
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join(file), text).unwrap();
    }

    fn end(&self, pid: u32) {
        fs::remove_dir_all(self.dir.path().join(pid.to_string())).unwrap();
    }

    /// One pass: each group's total in ticks, those at 0 left out.
    fn pass(&mut self) -> BTreeMap<String, u64> {
        let snapshot = self.snapshot();
        let ticks = |us: u64| us * self.procfs.hz() / 1_000_000;
        let totals =
            snapshot.groups.into_iter().map(|((_, group), cpu)| (group.to_string(), ticks(cpu.total_us())));
        totals.filter(|(_, ticks)| *ticks > 0).collect()
    }

    fn snapshot(&mut self) -> Snapshot {
        let Outcome::Got(began) = self.procfs.uptime(&mut self.reader) else { panic!("no uptime") };
        self.plausibility.begin();
        self.processes.begin(began);
        let Watched { procfs, reader, plausibility, ledger, .. } = self;
        self.processes.visit_machine(&mut Pass { procfs, reader, plausibility, ledger }).unwrap();
        self.processes.end();
        self.ledger.settle();
        let mut snapshot = Snapshot::empty(Instant::now());
        self.ledger.write(&mut snapshot, true);
        snapshot
    }

    /// The class and group of a process that lives.
    fn naming(&self, pid: u32) -> (Class, &str) {
        match &self.processes.tracked[&pid].owner.as_ref().unwrap().0 {
            Owner::Group((class, group)) => (*class, group),
            Owner::Pod(uid) => (Class::Pod, uid),
        }
    }
}

fn groups<const N: usize>(want: [(&str, u64); N]) -> BTreeMap<String, u64> {
    want.map(|(group, ticks)| (group.to_owned(), ticks)).into()
}

#[test]
fn whose_a_process_is() {
    let mut machine = prepared(&[
        (1, Fake { comm: "systemd", ppid: 0, ..PROC }),
        (2, Fake { comm: "kthreadd", ppid: 0, ..KTHREAD }),
        (3, Fake { comm: "kworker/0:1", ..KTHREAD }),
        (4, Fake { comm: "modprobe", ppid: 3, ..PROC }),
        (10, Fake { comm: "crio", ..PROC }),
        (11, Fake { comm: "conmon", ppid: 10, ..PROC }),
        (12, Fake { comm: "probe", ppid: 11, ..PROC }),
        (13, Fake { comm: "systemd-journal", ..PROC }),
        (14, Fake { comm: "child", ppid: 13, ..PROC }),
        (20, Fake { comm: "entered", ppid: 0, ..PROC }),
        (21, Fake { comm: "below", ppid: 20, ..PROC }),
        (30, Fake { comm: "own", ..PROC }),
        (40, Fake { comm: "a", ppid: 41, ..PROC }),
        (41, Fake { comm: "b", ppid: 40, ..PROC }),
    ]);
    machine.write(1, "cgroup", "0::/../../init.scope\n");
    machine.write(12, "cgroup", "0::/../../../kubepods-podx.slice/c.scope\n");
    machine.write(13, "cmdline", "/lib/systemd/systemd-journald\0");
    machine.write(30, "cgroup", "0::/\n");
    machine = machine.watched();
    let cases = [
        (1, Class::Host, "systemd"),
        (2, Class::Kernel, "kthreadd"),
        (3, Class::Kernel, "kworker"),
        (4, Class::Host, "modprobe"),
        (11, Class::Host, "crio"),
        (12, Class::Pod, "x"),
        (14, Class::Host, "systemd-journald"),
        (21, Class::Host, "entered"),
        (30, Class::Pod, "(other)"),
    ];
    for (pid, class, group) in cases {
        assert_eq!(machine.naming(pid), (class, group), "PID {pid}");
    }
    // A circle, as it may be read from a changing system, ends somewhere.
    assert_eq!(machine.naming(40).0, Class::Host);
    assert_eq!(machine.processes.of_machine(), (2, 12));
}

#[test]
fn a_group_lasts_until_another_program_is_executed() {
    let mut machine = machine(&[(1, PROC), (5, Fake { comm: "sh", ..PROC }), (6, Fake { ppid: 5, ..PROC })]);
    machine.end(5);
    machine.set(6, Fake { comm: "x", ppid: 1, ..PROC });
    machine.set(7, Fake { comm: "y", ppid: 6, ..PROC });
    machine.pass();
    assert_eq!((machine.naming(6).1, machine.naming(7).1), ("sh", "sh"));
    machine.set(6, Fake { comm: "z", ppid: 1, ..PROC });
    machine.pass();
    assert_eq!(machine.naming(6).1, "z");
}

#[test]
fn the_old_count_their_growth_and_the_new_in_full() {
    let old = Fake { comm: "old", own: 500, waited: 50, ..PROC };
    let mut machine = machine(&[(1, PROC), (5, old)]);
    machine.set(5, Fake { own: 503, waited: 51, ..old });
    machine.set(6, Fake { comm: "new", own: 7, waited: 2, start: 1000, ..PROC });
    // It was there before, but could not be seen in the first pass.
    machine.set(7, Fake { comm: "late", own: 70, waited: 20, start: 999, ..PROC });
    assert_eq!(machine.pass(), groups([("old", 4), ("new", 9)]));
    machine.set(7, Fake { comm: "late", own: 71, waited: 21, start: 999, ..PROC });
    assert_eq!(machine.pass(), groups([("old", 4), ("new", 9), ("late", 2)]));
}

#[test]
fn another_process_with_the_same_pid_is_another() {
    let first = Fake { own: 500, start: 10, ..PROC };
    let mut machine = machine(&[(1, PROC), (5, first)]);
    machine.set(5, Fake { comm: "y", own: 3, start: 1001, ..PROC });
    assert_eq!(machine.pass(), groups([("y", 3)]));
}

#[test]
fn a_child_that_ends_is_counted_once() {
    let sh = Fake { comm: "sh", ..PROC };
    let mut machine = machine(&[(1, Fake { comm: "init", ..PROC }), (5, sh)]);
    let child = Fake { ppid: 5, start: 1000, ..PROC };
    machine.set(6, Fake { own: 100, ..child });
    assert_eq!(machine.pass(), groups([("sh", 100)]));
    // A zombie is still counted as itself.
    machine.set(6, Fake { own: 130, state: 'Z', ..child });
    assert_eq!(machine.pass(), groups([("sh", 130)]));
    machine.end(6);
    machine.set(5, Fake { waited: 130 + 20, ..sh });
    assert_eq!(machine.pass(), groups([("sh", 150)]));
    // Nobody waits for this one.
    machine.set(7, Fake { own: 40, ..child });
    machine.pass();
    machine.end(7);
    assert_eq!(machine.pass(), groups([("sh", 190)]));
    assert_eq!(machine.pass(), groups([("sh", 190)]));
    // This one has waited for children of its own, which its parent is given too.
    machine.set(8, Fake { own: 30, waited: 5, ..child });
    assert_eq!(machine.pass(), groups([("sh", 225)]));
    machine.end(8);
    machine.set(5, Fake { waited: 150 + 35 + 1, ..sh });
    assert_eq!(machine.pass(), groups([("sh", 226)]));
}

#[test]
fn a_child_that_ends_after_its_parent_was_read_is_paid_for_in_the_next_pass() {
    let sh = Fake { comm: "sh", ..PROC };
    let mut machine = machine(&[(1, PROC), (5, sh), (6, Fake { ppid: 5, own: 100, ..PROC })]);
    // Listed, but it ends before it is read.
    fs::remove_file(machine.dir.path().join("6/stat")).unwrap();
    assert_eq!(machine.pass(), groups([]));
    machine.end(6);
    machine.set(5, Fake { waited: 105, ..sh });
    assert_eq!(machine.pass(), groups([("sh", 5)]));
}

#[test]
fn who_cannot_be_read_for_a_while_loses_and_gains_nothing() {
    let old = Fake { own: 500, ..PROC };
    let mut machine = machine(&[(1, PROC), (5, old)]);
    machine.write(5, "stat", "5 (half");
    assert_eq!(machine.pass(), groups([]));
    machine.set(5, Fake { own: 502, ..old });
    assert_eq!(machine.pass(), groups([("x", 2)]));
    assert_eq!(machine.reader.errors().get("malformed"), Some(&1));
}

#[test]
fn pods_are_told_by_the_text_of_their_processes_and_named_by_their_monitors() {
    let (id, commands) = ("a".repeat(64), "conmon\0-n\0k8s_c_web_shop_u1_0\0");
    let mut machine = prepared(&[(1, PROC), (10, PROC), (11, PROC), (12, PROC), (13, PROC)]);
    let slice = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod";
    machine.write(10, "cgroup", &format!("4:cpu:{slice}u1.slice/crio-{id}.scope/container\n0::/\n"));
    machine.write(
        11,
        "cgroup",
        &format!("4:cpuacct:/\n1:name=systemd:{slice}u1.slice/crio-conmon-{id}.scope\n"),
    );
    machine.write(11, "cmdline", "");
    machine.write(12, "cgroup", &format!("4:cpu:{slice}u2.slice/crio-{id}.scope\n"));
    machine.write(13, "cgroup", &format!("4:cpu:/system.slice/crio-{id}.scope\n"));
    machine = machine.watched();
    let pods = |machine: &mut Watched| {
        let snapshot = machine.snapshot();
        let all: u64 = snapshot.pods.values().map(|cpu| cpu.total_us()).sum();
        assert_eq!(all, snapshot.groups[&naming::pods()].total_us());
        let named =
            snapshot.pods.into_iter().map(|(pod, cpu)| (pod.name.to_string(), cpu.total_us() / 10_000));
        named.filter(|(_, ticks)| *ticks > 0).collect::<BTreeMap<_, _>>()
    };
    machine.set(10, Fake { own: 3, ..PROC });
    machine.set(12, Fake { own: 5, ..PROC });
    machine.set(13, Fake { own: 7, ..PROC });
    assert_eq!(pods(&mut machine), groups([("u1", 3), ("u2", 5), ("(other)", 7)]));
    machine.write(11, "cmdline", commands);
    machine.set(10, Fake { own: 13, ..PROC });
    machine.set(11, Fake { own: 1, ..PROC });
    pods(&mut machine);
    machine.set(10, Fake { own: 23, ..PROC });
    let want = [("u1", 13), ("web", 11), ("u2", 5), ("(other)", 7)];
    assert_eq!(pods(&mut machine), groups(want), "from its name on all of its processes count under it");
    // Both end, and systemd has waited for them: nobody knows whose the rest is.
    [10, 11, 12].iter().for_each(|pid| machine.end(*pid));
    machine.set(1, Fake { waited: 40, ..PROC });
    let want = [("u1", 13), ("web", 11), ("u2", 5), ("(other)", 7), ("(exited)", 11)];
    let found = pods(&mut machine);
    assert_eq!(found, groups(want));
}

/// Who calls a group of theirs as that of all pods is called takes nothing from the pods.
#[test]
fn a_rule_that_is_called_as_all_pods_carves_nothing() {
    let slice = format!("0::/kubepods.slice/kubepods-podu1.slice/crio-conmon-{}.scope\n", "a".repeat(64));
    let mut machine = prepared(&[(1, PROC), (11, Fake { comm: "conmon", ..PROC })]);
    machine.write(11, "cgroup", &slice);
    machine.write(11, "cmdline", "conmon\0-n\0k8s_c_web_shop_u1_0\0");
    machine = machine.watched();
    let rules = Rules::parse("process_names: [{name: '{{.Comm}}', comm: [conmon]}]").unwrap();
    machine.processes.set_rules(Some(Arc::new(rules)));
    machine.snapshot();
    // A container that no pass saw.
    machine.set(11, Fake { comm: "conmon", own: 2, waited: 40, ..PROC });
    let snapshot = machine.snapshot();
    let pods: u64 = snapshot.pods.values().map(|cpu| cpu.total_us()).sum();
    assert_eq!((pods, snapshot.groups[&naming::pods()].total_us()), (420_000, 420_000));
}
