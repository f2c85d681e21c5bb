//! PIDs that another process has by the next pass, in the root of a tree or in its units.

use super::*;
use crate::account::Id;
use crate::cpu::Delta;
use std::path::PathBuf;

const TICK: i64 = 10_000;
/// CPU of the process that has the PID first, and of the one that has it next, in ticks.
const FIRST: u64 = 50;
const NEXT: u64 = 9;

/// One unit of the tree.
struct Unit {
    number: u32,
    account: Id,
    list: PathBuf,
    pids: Vec<u32>,
}

impl Unit {
    fn new(name: &str, number: u32, machine: &mut FakeMachine) -> Unit {
        let account = machine.ledger.acquire_owner(&Owner::Group((Class::Host, name.into())));
        let list = machine.dir.path().join(name);
        fs::write(&list, "").unwrap();
        Unit { number, account, list, pids: Vec::new() }
    }

    fn set(&self, pids: &str) {
        fs::write(&self.list, pids).unwrap();
    }

    /// Reads the processes, and credits the unit's own counter with `ticks`.
    fn visit(&mut self, ticks: i64, processes: &mut Processes, pass: &mut Pass<'_>) {
        let Unit { number, account, list, pids } = self;
        let mut cgroup = CgroupRef {
            number: *number,
            account: *account,
            class: Class::Host,
            allowed: Default::default(),
            pids,
        };
        assert!(processes.visit_cgroup(&mut cgroup, list, pass));
        let delta = Delta { user_us: ticks * TICK, system_us: 0 };
        pass.ledger.credit(*account, delta);
        processes.reap_in_cgroup(&cgroup, delta, pass.ledger);
    }
}

/// Returns a machine with PIDs 1 and 2 in the root of a tree, whose processes have the names that their command line
/// begins with.
fn machine_of_tree() -> FakeMachine {
    let (init, kthreadd) = (Fake { comm: "init", ppid: 0, ..PROC }, Fake { ppid: 0, ..KTHREAD });
    let mut machine = prepared(&[(1, init), (2, kthreadd)]);
    machine.processes.detail = Detail { threads: true };
    let mut machine = machine.count_root_only(&[1, 2]);
    let rules = "process_names: [{name: first, cmdline: [one]}, {name: next, cmdline: [two]}]";
    machine.processes.set_rules(Some(Arc::new(Rules::parse(rules).unwrap())));
    machine
}

impl FakeMachine {
    fn set_named(&self, pid: u32, command: &str, fake: Fake) {
        self.set(pid, fake);
        self.write(pid, "cmdline", command);
        let task = format!("{pid}/task/{pid}");
        fs::create_dir_all(self.dir.path().join(&task)).unwrap();
        fs::copy(self.dir.path().join(format!("{pid}/stat")), self.dir.path().join(task + "/stat")).unwrap();
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Position {
    Root,
    A,
    B,
}

#[test]
fn the_next_process_of_a_pid_has_nothing_of_the_one_before() {
    use Position::{A, B, Root};
    let (first, next) = (Fake { own: FIRST, start: 500, ..PROC }, Fake { own: NEXT, start: 1500, ..PROC });
    let mut wrong = Vec::new();
    for (from, to) in [(A, A), (A, B), (B, A), (A, Root), (B, Root), (Root, A), (Root, Root)] {
        let mut machine = machine_of_tree();
        let (mut a, mut b) = (Unit::new("a", 1, &mut machine), Unit::new("b", 2, &mut machine));
        let list = |place, want, pids: &'static str| if place == want { pids } else { "" };
        machine.set_named(6, "one\0", first);
        machine.root(if from == Root { &[1, 2, 6] } else { &[1, 2] });
        a.set(list(from, A, "6\n"));
        b.set(list(from, B, "6\n"));
        let both = |a: &mut Unit, b: &mut Unit, machine: &mut FakeMachine| {
            machine.snapshot_with(|processes, pass| {
                a.visit(0, processes, pass);
                b.visit(0, processes, pass);
            })
        };
        both(&mut a, &mut b, &mut machine);
        machine.uptime(20);
        machine.set_named(6, "two\0", next);
        machine.root(if to == Root { &[1, 2, 6] } else { &[1, 2] });
        a.set(list(to, A, "6\n"));
        b.set(list(to, B, "6\n"));
        if from == Root && to != Root {
            // The root's list would tell that the first one is gone.
            fs::write(machine.dir.path().join("root.procs"), "?").unwrap();
        }
        let snapshot = both(&mut a, &mut b, &mut machine);
        let group = |name: &str| (Class::Host, Arc::from(name));
        let found = (
            snapshot.groups.get(&group("next")).map(|cpu| cpu.total_us()),
            snapshot.threads.get(&(Class::Host, "next".into(), "x".into())).map(|cpu| cpu.total_us()),
            ["first", "next", "a", "b"]
                .map(|name| snapshot.counts.get(&group(name)).map_or(0, |counts| counts.processes)),
        );
        let us = NEXT * TICK as u64;
        if found != (Some(us), Some(us), [0, 1, 0, 0]) {
            wrong.push(((from, to), found));
        }
    }
    assert_eq!(wrong, []);
}

#[test]
fn a_kernel_thread_with_the_pid_of_a_units_process_counts_from_its_birth() {
    let mut machine = machine_of_tree();
    let mut unit = Unit::new("a", 1, &mut machine);
    machine.set_named(6, "one\0", Fake { own: FIRST, start: 500, ..PROC });
    unit.set("6\n");
    machine.snapshot_with(|processes, pass| unit.visit(0, processes, pass));
    machine.uptime(20);
    machine.set(6, Fake { comm: "kworker/1:2", own: NEXT, start: 1500, ..KTHREAD });
    machine.root(&[1, 2, 6]);
    unit.set("");
    let snapshot = machine.snapshot_with(|processes, pass| unit.visit(0, processes, pass));
    assert_eq!(snapshot.groups[&(Class::Kernel, "kworker".into())].total_us(), NEXT * TICK as u64);
}

#[test]
fn a_unit_reaps_a_process_whose_pid_is_found_outside_of_it_first() {
    for (what, in_root) in [("the root", true), ("another unit", false)] {
        let mut machine = machine_of_tree();
        let (mut a, mut b) = (Unit::new("a", 1, &mut machine), Unit::new("b", 2, &mut machine));
        let sh = Fake { comm: "sh", ..PROC };
        machine.set_named(5, "two\0", sh);
        machine.set_named(6, "one\0", Fake { ppid: 5, own: 100, start: 1000, ..PROC });
        b.set("5\n6\n");
        machine.snapshot_with(|processes, pass| b.visit(100, processes, pass));
        machine.uptime(20);
        // PID 6 has used 10 ticks more, unseen, and its parent has waited for it.
        machine.set_named(5, "two\0", Fake { waited: 110, ..sh });
        machine.set_named(6, "else\0", Fake { start: 1500, ..PROC });
        b.set("5\n");
        a.set(if in_root { "" } else { "6\n" });
        machine.root(if in_root { &[1, 2, 6] } else { &[1, 2] });
        let snapshot = machine.snapshot_with(|processes, pass| {
            a.visit(0, processes, pass);
            b.visit(10, processes, pass);
        });
        let ticks = |name: &str| {
            let cpu = snapshot.groups.get(&(Class::Host, name.into()));
            cpu.map_or(0, |cpu| cpu.total_us() / TICK as u64)
        };
        assert_eq!((ticks("first"), ticks("next"), ticks("b")), (110, 0, 0), "PID 6 is in {what}");
    }
}
