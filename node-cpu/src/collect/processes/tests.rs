//! Tests of processes on a procfs of files, written by hand.

use super::*;
use crate::account::Ledger;
use crate::collect::plausibility::Plausibility;
use crate::kernel::{Outcome, ProcFs, Reader};
use crate::naming::{self, Owner};
use crate::snapshot::{Class, Snapshot};
use std::fs;
use std::time::Instant;

mod owners;
mod reused_pids;
mod root;

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

struct FakeMachine {
    dir: tempfile::TempDir,
    procfs: ProcFs,
    processes: Processes,
    plausibility: Plausibility,
    reader: Reader,
    ledger: Ledger,
}

/// Returns a machine that has been up for 10 s (1000 ticks) and counts all its processes.
fn machine(processes: &[(u32, Fake)]) -> FakeMachine {
    let machine = prepared(processes);
    machine.take_first_pass()
}

fn prepared(fakes: &[(u32, Fake)]) -> FakeMachine {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::default();
    ledger.acquire_owner(&naming::pods_exited());
    let procfs = ProcFs::open(dir.path()).unwrap();
    let (reader, plausibility) = (Reader::new(), Plausibility::new());
    let processes = Processes::new(Scope::All, Detail::default(), false);
    let machine = FakeMachine { dir, procfs, processes, plausibility, reader, ledger };
    machine.uptime(10);
    fakes.iter().for_each(|(pid, fake)| machine.set(*pid, *fake));
    machine
}

impl FakeMachine {
    /// Takes the first pass.
    fn take_first_pass(mut self) -> FakeMachine {
        let text = fs::read(self.dir.path().join("1/cgroup")).unwrap_or_default();
        let Processes { outside_units, detail, .. } = self.processes;
        self.processes = Processes::new(outside_units.scope, detail, naming::is_relative(&text));
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

    /// Takes one pass. Returns each group's total in ticks, without those at 0.
    fn pass(&mut self) -> BTreeMap<String, u64> {
        let snapshot = self.snapshot();
        let ticks = |us: u64| us * self.procfs.hz() / 1_000_000;
        let totals =
            snapshot.groups.into_iter().map(|((_, group), cpu)| (group.to_string(), ticks(cpu.total_us())));
        totals.filter(|(_, ticks)| *ticks > 0).collect()
    }

    fn snapshot(&mut self) -> Snapshot {
        self.snapshot_with(|_, _| ())
    }

    /// Takes one pass, which continues with `visit` after the processes outside of units.
    fn snapshot_with(&mut self, visit: impl FnOnce(&mut Processes, &mut Pass<'_>)) -> Snapshot {
        let Outcome::Got(began) = self.procfs.uptime(&mut self.reader) else { panic!("no uptime") };
        self.plausibility.begin();
        self.processes.begin(began);
        let FakeMachine { procfs, reader, plausibility, ledger, .. } = self;
        let mut pass = Pass { procfs, reader, plausibility, ledger, cpu_sets: None };
        self.processes.visit_outside_units(&mut pass).unwrap();
        visit(&mut self.processes, &mut pass);
        self.processes.end();
        self.ledger.settle();
        let mut snapshot = Snapshot::empty(Instant::now());
        self.ledger.write(&mut snapshot, true);
        snapshot
    }

    /// Returns the class and group of a living process.
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
fn old_processes_count_their_delta_and_new_ones_count_in_full() {
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
fn a_reused_pid_is_another_process() {
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
    // No process waits for this child.
    machine.set(7, Fake { own: 40, ..child });
    machine.pass();
    machine.end(7);
    assert_eq!(machine.pass(), groups([("sh", 190)]));
    assert_eq!(machine.pass(), groups([("sh", 190)]));
    // This child has waited for children of its own, whose CPU its parent gets too.
    machine.set(8, Fake { own: 30, waited: 5, ..child });
    assert_eq!(machine.pass(), groups([("sh", 225)]));
    machine.end(8);
    machine.set(5, Fake { waited: 150 + 35 + 1, ..sh });
    assert_eq!(machine.pass(), groups([("sh", 226)]));
}

#[test]
fn a_child_that_ends_after_its_parents_reading_is_reaped_in_the_next_pass() {
    let sh = Fake { comm: "sh", ..PROC };
    let mut machine = machine(&[(1, PROC), (5, sh), (6, Fake { ppid: 5, own: 100, ..PROC })]);
    // It is listed, but ends before it is read.
    fs::remove_file(machine.dir.path().join("6/stat")).unwrap();
    assert_eq!(machine.pass(), groups([]));
    machine.end(6);
    machine.set(5, Fake { waited: 105, ..sh });
    assert_eq!(machine.pass(), groups([("sh", 5)]));
}

#[test]
fn a_process_that_is_unreadable_for_a_while_loses_and_gains_nothing() {
    let old = Fake { own: 500, ..PROC };
    let mut machine = machine(&[(1, PROC), (5, old)]);
    machine.write(5, "stat", "5 (half");
    assert_eq!(machine.pass(), groups([]));
    machine.set(5, Fake { own: 502, ..old });
    assert_eq!(machine.pass(), groups([("x", 2)]));
    assert_eq!(machine.reader.errors().get("malformed"), Some(&1));
}
