//! Processes in the root of a tree: only those are counted, and none twice.

use super::*;

impl FakeMachine {
    /// Counts only the processes that the file `root.procs` lists.
    pub(super) fn count_root_only(mut self, pids: &[u32]) -> FakeMachine {
        self.processes.outside_units.scope = Scope::Root(self.dir.path().join("root.procs"));
        self.root(pids);
        self.take_first_pass()
    }

    pub(super) fn root(&self, pids: &[u32]) {
        let text: String = pids.iter().map(|pid| format!("{pid}\n")).collect();
        fs::write(self.dir.path().join("root.procs"), text).unwrap();
    }
}

#[test]
fn only_processes_in_the_root_are_counted() {
    let (init, sh) = (Fake { comm: "init", ppid: 0, ..PROC }, Fake { comm: "sh", ..PROC });
    let child = Fake { ppid: 5, start: 1000, ..PROC };
    let kthreadd = Fake { comm: "kthreadd", ppid: 0, ..KTHREAD };
    let processes = [(1, init), (2, kthreadd), (5, sh), (6, child), (7, Fake { ppid: 6, ..child })];
    let mut machine = prepared(&processes).count_root_only(&[0, 1, 2, 5, 7]);
    assert_eq!(machine.reader.errors().get("invisible_process"), Some(&2));
    // A process gets its name from its ancestors, even if one of them is in a unit. A unit's process is not counted.
    machine.set(7, Fake { ppid: 6, own: 10, ..child });
    machine.set(6, Fake { own: 1000, ..child });
    assert_eq!(machine.pass(), groups([("sh", 10)]));
    // One moves in from a unit, which has counted it so far. Another was born in the unit since, and moves in too.
    // Others are born here.
    machine.uptime(20);
    machine.pass();
    machine.root(&[1, 2, 3, 5, 7, 8, 9, 10]);
    machine.set(8, Fake { own: 300, start: 1999, ..child });
    machine.set(9, Fake { own: 4, start: 2000, ..child });
    machine.set(10, Fake { own: 50, ppid: 6, start: 2000, ..child });
    machine.set(3, Fake { comm: "kworker/1:2", own: 6, start: 2000, ..KTHREAD });
    assert_eq!(machine.pass(), groups([("sh", 14), ("kworker", 6)]));
    machine.set(8, Fake { own: 301, start: 1999, ..child });
    machine.set(10, Fake { own: 52, ppid: 6, start: 2000, ..child });
    assert_eq!(machine.pass(), groups([("sh", 17), ("kworker", 6)]));
}

#[test]
fn cpu_of_ended_children_does_not_count_in_the_root() {
    let sh = Fake { comm: "sh", ..PROC };
    let child = Fake { ppid: 5, start: 1000, ..PROC };
    let (in_root, in_unit) = (6, 7);
    let mut machine = prepared(&[(1, PROC), (5, sh)]).count_root_only(&[1, 5]);
    machine.set(in_root, Fake { own: 3, ..child });
    machine.set(in_unit, Fake { own: 1000, ..child });
    machine.root(&[1, 5, in_root]);
    assert_eq!(machine.pass(), groups([("sh", 3)]));
    // Both end, and a process in the root waits for them.
    machine.root(&[1, 5]);
    machine.end(in_root);
    machine.end(in_unit);
    machine.set(5, Fake { waited: 1000 + 5, ..sh });
    assert_eq!(machine.pass(), groups([("sh", 3)]));
}

#[test]
fn a_process_that_has_left_the_root_is_the_units() {
    let sh = Fake { comm: "sh", ..PROC };
    let child = Fake { ppid: 5, start: 1000, own: 3, ..PROC };
    let mut machine = prepared(&[(1, PROC), (5, sh)]).count_root_only(&[1, 5]);
    machine.set(6, child);
    machine.root(&[1, 5, 6]);
    assert_eq!(machine.pass(), groups([("sh", 3)]));
    machine.root(&[1, 5]);
    machine.set(6, Fake { own: 90, ..child });
    machine.uptime(20);
    assert_eq!(machine.pass(), groups([("sh", 3)]));
    // It may have ended there, and be a zombie.
    machine.set(6, Fake { own: 95, state: 'Z', ..child });
    assert_eq!(machine.pass(), groups([("sh", 3)]));
    // It comes back. CPU that it used meanwhile was the unit's.
    machine.set(6, Fake { own: 100, ..child });
    machine.root(&[1, 5, 6]);
    machine.pass();
    machine.set(6, Fake { own: 101, ..child });
    assert_eq!(machine.pass(), groups([("sh", 4)]));
}

#[test]
fn a_missing_list_of_the_root_costs_nothing_but_an_error() {
    let sh = Fake { comm: "sh", own: 100, ..PROC };
    let mut machine = prepared(&[(1, PROC), (5, sh)]).count_root_only(&[1, 5]);
    machine.root(&[]);
    fs::write(machine.dir.path().join("root.procs"), "?").unwrap();
    machine.set(5, Fake { own: 101, ..sh });
    assert_eq!(machine.pass(), groups([]));
    machine.root(&[1, 5]);
    assert_eq!(machine.pass(), groups([("sh", 1)]));
}
