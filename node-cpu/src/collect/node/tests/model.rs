//! Model of a machine, and random lives of it.
//!
//! Processes and threads are born, run, exec, move and end; cgroups come and go; PIDs come back. The files say about
//! the model what the kernel would say.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
pub(super) use steps::{Step, steps};

mod files;
mod steps;

/// Length of a tick, in microseconds: a thread's counter is rounded down to it. A cgroup's counter is exact.
pub(super) const TICK: u64 = 10_000;
/// Cgroups of the model and their groups. Units come and go, the others stay.
const UNITS: [(&str, &str); 9] = [
    ("a.slice/x.service", "x"),
    ("a.slice/y.service", "y"),
    ("a.slice/b.slice/z-1.scope", "z"),
    ("a.slice/x.service/in", "x"),
    ("kubepods.slice/kubepods-pod1.slice/crio-1.scope", "conmon"),
    ("kubepods.slice/kubepods-pod1.slice/crio-2.scope", "conmon"),
    ("kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod2.slice", "conmon"),
    ("kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod2.slice/crio-3.scope", "conmon"),
    ("kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod3.slice/crio-4.scope", "conmon"),
];
const SLICES: [&str; 6] = [
    "a.slice",
    "a.slice/b.slice",
    "kubepods.slice",
    "kubepods.slice/kubepods-pod1.slice",
    "kubepods.slice/kubepods-besteffort.slice",
    "kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod3.slice",
];
/// A pod's own cgroup has no processes.
const NO_PROCESSES: usize = 6;
const NAMES: [&str; 6] = ["sh", "worker-1", "worker-2", "nginx: w", "sleep", ") R 1"];
/// CPU that a birth, an end or a move uses, so that the cgroup's counter changes.
pub(super) const COST: u64 = 30;

#[derive(Clone, Debug, Default)]
struct Time {
    user: u64,
    system: u64,
}

impl Time {
    fn add(&mut self, other: &Time) {
        self.user += other.user;
        self.system += other.system;
    }

    fn ticks(&self) -> String {
        format!("{} {}", self.user / TICK, self.system / TICK)
    }
}

#[derive(Clone, Debug)]
struct Thread {
    comm: &'static str,
    start: u64,
    used: Time,
}

#[derive(Clone, Debug)]
struct Process {
    unit: usize,
    parent: u32,
    start: u64,
    threads: BTreeMap<u32, Thread>,
    /// CPU of its ended threads, and of the children it has waited for.
    ended_threads: Time,
    waited: Time,
}

impl Process {
    fn own(&self) -> Time {
        let mut all = self.ended_threads.clone();
        self.threads.values().for_each(|thread| all.add(&thread.used));
        all
    }
}

pub(super) struct World {
    dir: tempfile::TempDir,
    units: BTreeSet<usize>,
    processes: BTreeMap<u32, Process>,
    /// CPU by cgroup.
    used: BTreeMap<&'static str, Time>,
    free_pids: Vec<u32>,
    next_pid: u32,
    /// Ticks since boot.
    now: u64,
    removed: usize,
}

fn path_of(cgroup: &'static str) -> impl Iterator<Item = &'static str> {
    cgroup.match_indices('/').map(move |(end, _)| &cgroup[..end]).chain([cgroup])
}

impl World {
    pub(super) fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World {
            dir,
            units: BTreeSet::new(),
            processes: BTreeMap::new(),
            used: BTreeMap::new(),
            free_pids: Vec::new(),
            next_pid: 100,
            now: 1000,
            removed: 0,
        };
        for path in ["proc", "cgroup", "removed"] {
            fs::create_dir(world.dir.path().join(path)).unwrap();
        }
        fs::write(world.cgroup("cgroup.procs"), "").unwrap();
        fs::write(world.dir.path().join("proc/stat"), "cpu 0 0 0 0 0 0 0 0 0 0\nbtime 5\n").unwrap();
        for slice in SLICES {
            fs::create_dir(world.cgroup(slice)).unwrap();
            fs::write(world.cgroup(slice).join("cgroup.procs"), "").unwrap();
            world.used.insert(slice, Time { user: 12_345, system: 6789 });
        }
        world.apply(&Step::Make(0));
        world.apply(&Step::Make(4));
        for (unit, idle) in [(0, false), (0, true), (4, false)] {
            world.apply(&Step::Fork(unit, 0, false));
            if !idle {
                world.run(world.next_pid - 1, 0, 300_000, 200_000);
            }
        }
        world.write();
        world
    }

    fn cgroup(&self, path: &str) -> PathBuf {
        self.dir.path().join("cgroup").join(path)
    }

    fn may_hold_processes(&self, unit: usize) -> bool {
        self.units.contains(&unit) && unit != NO_PROCESSES
    }

    fn nth_process(&self, any: usize) -> Option<u32> {
        self.processes.keys().nth(any % self.processes.len().max(1)).copied()
    }

    fn add_cpu(&mut self, unit: usize, user: u64, system: u64) {
        for (depth, cgroup) in path_of(UNITS[unit].0).enumerate() {
            // Each cgroup splits the same total in its own way, as the kernel does.
            let shifted = if depth % 2 == 0 { 0 } else { user / 3 };
            self.used.get_mut(cgroup).unwrap().add(&Time { user: user - shifted, system: system + shifted });
        }
    }

    pub(super) fn run(&mut self, pid: u32, thread: usize, user: u64, system: u64) {
        let process = self.processes.get_mut(&pid).unwrap();
        let count = process.threads.len();
        process.threads.values_mut().nth(thread % count).unwrap().used.add(&Time { user, system });
        let unit = process.unit;
        self.add_cpu(unit, user, system);
    }

    /// Starts a process, with a new PID if `pid` is 0. Returns its PID.
    pub(super) fn fork(&mut self, pid: u32, unit: usize, parent: u32) -> u32 {
        let pid = if pid == 0 { self.next_pid } else { pid };
        self.next_pid += u32::from(pid == self.next_pid);
        let thread = Thread { comm: NAMES[0], start: self.now, used: Time::default() };
        let threads = [(pid, thread)].into();
        let (start, ended_threads, waited) = (self.now, Time::default(), Time::default());
        self.processes.insert(pid, Process { unit, parent, start, threads, ended_threads, waited });
        self.run(pid, 0, 0, COST);
        pid
    }

    /// Starts a thread.
    pub(super) fn start_thread(&mut self, pid: u32) {
        let thread = Thread { comm: NAMES[1], start: self.now, used: Time::default() };
        self.processes.get_mut(&pid).unwrap().threads.insert(self.next_pid, thread);
        self.next_pid += 1;
        self.run(pid, 0, 0, COST);
    }

    pub(super) fn rename(&mut self, pid: u32, thread: usize, name: &'static str) {
        let threads = &mut self.processes.get_mut(&pid).unwrap().threads;
        let count = threads.len();
        threads.values_mut().nth(thread % count).unwrap().comm = name;
        self.run(pid, 0, 2 * TICK, 0);
    }

    /// Ends a thread. The first one stays, as a zombie if need be.
    pub(super) fn end_thread(&mut self, pid: u32, thread: usize) {
        let process = self.processes.get_mut(&pid).unwrap();
        let tid = process.threads.keys().nth(thread % process.threads.len()).copied().unwrap();
        if tid != pid {
            let exited = process.threads.remove(&tid).unwrap();
            process.ended_threads.add(&exited.used);
            self.run(pid, 0, 0, COST);
        }
    }

    pub(super) fn move_to(&mut self, pid: u32, unit: usize) {
        self.run(pid, 0, 0, COST);
        self.processes.get_mut(&pid).unwrap().unit = unit;
        self.run(pid, 0, 0, COST);
    }

    pub(super) fn end(&mut self, pid: u32, is_waited_for: bool) {
        self.run(pid, 0, 0, COST);
        let exited = self.processes.remove(&pid).unwrap();
        self.free_pids.push(pid);
        if let Some(parent) = self.processes.get_mut(&exited.parent).filter(|_| is_waited_for) {
            parent.waited.add(&exited.own());
            parent.waited.add(&exited.waited);
        }
    }

    /// Returns the CPU of all top-level cgroups, in microseconds.
    pub(super) fn total_us(&self) -> u64 {
        let tops = self.used.iter().filter(|(cgroup, _)| !cgroup.contains('/'));
        tops.map(|(_, time)| time.user + time.system).sum()
    }

    /// Returns the CPU of all pods, in microseconds.
    pub(super) fn pods_us(&self) -> u64 {
        let Time { user, system } = self.used["kubepods.slice"];
        user + system
    }

    pub(super) fn processes(&self) -> impl Iterator<Item = (u32, u64)> {
        self.processes.iter().map(|(pid, process)| (*pid, process.start))
    }

    pub(super) fn paths(&self) -> Paths {
        Paths { procfs: self.dir.path().join("proc"), cgroupfs: None }
    }

    /// Opens a node that names up to `limit` threads before they run.
    pub(super) fn open_with_naming_limit(&self, limit: usize) -> Node {
        let detail = Detail { threads: true };
        let (root, ledger) = (Discovered::Tree(self.cgroup("")), Ledger::with_naming_limit(limit));
        Node::open_discovered(&self.paths(), detail, root, Reader::new(), ledger, 0).unwrap()
    }

    pub(super) fn open(&self, threads: bool) -> Node {
        let detail = Detail { threads };
        let root = Discovered::Tree(self.cgroup(""));
        Node::open_discovered(&self.paths(), detail, root, Reader::new(), Ledger::default(), 0).unwrap()
    }

    /// Returns the numbers of living processes and threads of each group.
    pub(super) fn counts(&self) -> BTreeMap<String, (u64, u64)> {
        let mut counts = BTreeMap::new();
        for process in self.processes.values() {
            let count: &mut (u64, u64) = counts.entry(UNITS[process.unit].1.to_owned()).or_default();
            count.0 += 1;
            count.1 += process.threads.len() as u64;
        }
        counts
    }
}
