//! A model of a machine, and random lives of it: processes and threads are born, run, exec, move and end, cgroups come and
//! go, PIDs come back. The files say what the kernel would say of the model.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A tick, in microseconds: what a thread's counter is cut to. A cgroup's is exact.
pub(super) const TICK: u64 = 10_000;
/// The cgroups of the model; those that are units come and go, the others stay.
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
/// What coming, going and moving uses: so the cgroup of it moves.
pub(super) const COST: u64 = 30;

#[derive(Clone, Debug)]
pub(super) enum Step {
    Make(usize),
    Remove(usize),
    /// A process in a unit, child of one that lives; whether its PID is one that was there before.
    Fork(usize, usize, bool),
    Thread(usize),
    Run(usize, usize, u64, u64),
    Rename(usize, usize, usize),
    EndThread(usize, usize),
    /// Whether its parent waits for it.
    End(usize, bool),
    Move(usize, usize),
    Pass,
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (unit, which, name) = (0..UNITS.len(), 0usize..1000, 0..NAMES.len());
    let time = prop_oneof![0u64..300, 0u64..60_000];
    let step = prop_oneof![
        2 => unit.clone().prop_map(Step::Make),
        1 => unit.clone().prop_map(Step::Remove),
        4 => (unit.clone(), which.clone(), any::<bool>()).prop_map(|(a, b, c)| Step::Fork(a, b, c)),
        2 => which.clone().prop_map(Step::Thread),
        8 => (which.clone(), which.clone(), time.clone(), time).prop_map(|(a, b, c, d)| Step::Run(a, b, c, d)),
        2 => (which.clone(), which.clone(), name).prop_map(|(a, b, c)| Step::Rename(a, b, c)),
        1 => (which.clone(), which.clone()).prop_map(|(a, b)| Step::EndThread(a, b)),
        2 => (which.clone(), any::<bool>()).prop_map(|(a, b)| Step::End(a, b)),
        1 => (which, unit).prop_map(|(a, b)| Step::Move(a, b)),
        6 => Just(Step::Pass),
    ];
    prop::collection::vec(step, 1..80)
}

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
    /// Its ended threads, and the children it has waited for.
    reaping: Time,
    waited: Time,
}

impl Process {
    fn own(&self) -> Time {
        let mut all = self.reaping.clone();
        self.threads.values().for_each(|thread| all.add(&thread.used));
        all
    }
}

pub(super) struct World {
    dir: tempfile::TempDir,
    units: BTreeSet<usize>,
    processes: BTreeMap<u32, Process>,
    /// By cgroup.
    used: BTreeMap<&'static str, Time>,
    exited: Vec<u32>,
    next: u32,
    /// Ticks since boot.
    now: u64,
    removed: usize,
}

fn above(cgroup: &'static str) -> impl Iterator<Item = &'static str> {
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
            exited: Vec::new(),
            next: 100,
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
        world.take(&Step::Make(0));
        world.take(&Step::Make(4));
        for (unit, idle) in [(0, false), (0, true), (4, false)] {
            world.take(&Step::Fork(unit, 0, false));
            if !idle {
                world.run(world.next - 1, 0, 300_000, 200_000);
            }
        }
        world.write();
        world
    }

    fn cgroup(&self, path: &str) -> PathBuf {
        self.dir.path().join("cgroup").join(path)
    }

    fn takes_processes(&self, unit: usize) -> bool {
        self.units.contains(&unit) && unit != NO_PROCESSES
    }

    fn pick(&self, any: usize) -> Option<u32> {
        self.processes.keys().nth(any % self.processes.len().max(1)).copied()
    }

    fn spend(&mut self, unit: usize, user: u64, system: u64) {
        for (depth, cgroup) in above(UNITS[unit].0).enumerate() {
            // Each cgroup splits the same total in its own way, as the kernel does.
            let moved = if depth % 2 == 0 { 0 } else { user / 3 };
            self.used.get_mut(cgroup).unwrap().add(&Time { user: user - moved, system: system + moved });
        }
    }

    pub(super) fn run(&mut self, pid: u32, thread: usize, user: u64, system: u64) {
        let process = self.processes.get_mut(&pid).unwrap();
        let count = process.threads.len();
        process.threads.values_mut().nth(thread % count).unwrap().used.add(&Time { user, system });
        let unit = process.unit;
        self.spend(unit, user, system);
    }

    pub(super) fn take(&mut self, step: &Step) {
        self.now += 1;
        match *step {
            Step::Make(unit) => {
                let path = UNITS[unit].0;
                let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                if !self.cgroup(parent).is_dir() || !self.units.insert(unit) {
                    return;
                }
                fs::create_dir(self.cgroup(path)).unwrap();
                self.used.insert(path, Time::default());
            }
            Step::Remove(unit) => {
                let path = UNITS[unit].0;
                let inside: Vec<usize> =
                    self.units.iter().copied().filter(|other| UNITS[*other].0.starts_with(path)).collect();
                for unit in inside.iter().rev() {
                    let pids: Vec<u32> =
                        self.processes.iter().filter(|(_, p)| p.unit == *unit).map(|(pid, _)| *pid).collect();
                    pids.into_iter().for_each(|pid| self.end(pid, true));
                    self.units.remove(unit);
                    self.used.remove(UNITS[*unit].0);
                    // Aside, so that no later directory gets its inode.
                    self.removed += 1;
                    let aside = self.dir.path().join(format!("removed/{}", self.removed));
                    fs::rename(self.cgroup(UNITS[*unit].0), aside).unwrap();
                }
            }
            Step::Fork(unit, parent, again) if self.takes_processes(unit) => {
                let parent = self.pick(parent).unwrap_or(1);
                let pid = self.exited.pop().filter(|_| again).unwrap_or(self.next);
                self.fork(pid, unit, parent);
            }
            Step::Thread(any) => self.pick(any).into_iter().for_each(|pid| self.thread(pid)),
            Step::Run(any, thread, user, system) => {
                self.pick(any).into_iter().for_each(|pid| self.run(pid, thread, user, system));
            }
            Step::Rename(any, thread, name) => {
                self.pick(any).into_iter().for_each(|pid| self.rename(pid, thread, NAMES[name]));
            }
            Step::EndThread(any, thread) => {
                self.pick(any).into_iter().for_each(|pid| self.end_thread(pid, thread));
            }
            Step::End(any, waited) => self.pick(any).into_iter().for_each(|pid| self.end(pid, waited)),
            Step::Move(any, unit) if self.takes_processes(unit) => {
                self.pick(any).into_iter().for_each(|pid| self.move_to(pid, unit));
            }
            _ => {}
        }
    }

    /// A new process; its PID.
    pub(super) fn fork(&mut self, pid: u32, unit: usize, parent: u32) -> u32 {
        let pid = if pid == 0 { self.next } else { pid };
        self.next += u32::from(pid == self.next);
        let thread = Thread { comm: NAMES[0], start: self.now, used: Time::default() };
        let threads = [(pid, thread)].into();
        let (start, reaping, waited) = (self.now, Time::default(), Time::default());
        self.processes.insert(pid, Process { unit, parent, start, threads, reaping, waited });
        self.run(pid, 0, 0, COST);
        pid
    }

    /// A new thread.
    pub(super) fn thread(&mut self, pid: u32) {
        let thread = Thread { comm: NAMES[1], start: self.now, used: Time::default() };
        self.processes.get_mut(&pid).unwrap().threads.insert(self.next, thread);
        self.next += 1;
        self.run(pid, 0, 0, COST);
    }

    pub(super) fn rename(&mut self, pid: u32, thread: usize, name: &'static str) {
        let threads = &mut self.processes.get_mut(&pid).unwrap().threads;
        let count = threads.len();
        threads.values_mut().nth(thread % count).unwrap().comm = name;
        self.run(pid, 0, 2 * TICK, 0);
    }

    /// The first one stays, as a zombie if need be.
    pub(super) fn end_thread(&mut self, pid: u32, thread: usize) {
        let process = self.processes.get_mut(&pid).unwrap();
        let tid = process.threads.keys().nth(thread % process.threads.len()).copied().unwrap();
        if tid != pid {
            let exited = process.threads.remove(&tid).unwrap();
            process.reaping.add(&exited.used);
            self.run(pid, 0, 0, COST);
        }
    }

    pub(super) fn move_to(&mut self, pid: u32, unit: usize) {
        self.run(pid, 0, 0, COST);
        self.processes.get_mut(&pid).unwrap().unit = unit;
        self.run(pid, 0, 0, COST);
    }

    pub(super) fn end(&mut self, pid: u32, waited: bool) {
        self.run(pid, 0, 0, COST);
        let exited = self.processes.remove(&pid).unwrap();
        self.exited.push(pid);
        if let Some(parent) = self.processes.get_mut(&exited.parent).filter(|_| waited) {
            parent.waited.add(&exited.own());
            parent.waited.add(&exited.waited);
        }
    }

    /// Lets the files say what is.
    pub(super) fn write(&self) {
        let proc = self.dir.path().join("proc");
        fs::write(proc.join("uptime"), format!("{}.{:02} 1.00\n", self.now / 100, self.now % 100)).unwrap();
        for entry in fs::read_dir(&proc).unwrap().map(Result::unwrap) {
            if entry.file_name().to_str().unwrap().parse::<u32>().is_ok() {
                fs::remove_dir_all(entry.path()).unwrap();
            }
        }
        for (pid, process) in &self.processes {
            let line = |pid: u32, thread: &Thread, own: &Time| {
                let (threads, waited) = (process.threads.len(), process.waited.ticks());
                let Thread { comm, start, .. } = thread;
                let (own, parent) = (own.ticks(), process.parent);
                format!(
                    "{pid} ({comm}) S {parent} 1 1 0 -1 64 0 0 0 0 {own} {waited} 20 0 {threads} 0 {start} 0 0\n"
                )
            };
            let first = &process.threads[pid];
            let path = proc.join(pid.to_string());
            fs::create_dir(&path).unwrap();
            fs::write(path.join("stat"), line(*pid, first, &process.own())).unwrap();
            fs::write(path.join("cmdline"), format!("{}\0", first.comm)).unwrap();
            for (tid, thread) in &process.threads {
                let path = path.join(format!("task/{tid}"));
                fs::create_dir_all(&path).unwrap();
                fs::write(path.join("stat"), line(*tid, thread, &thread.used)).unwrap();
            }
        }
        for (cgroup, Time { user, system }) in &self.used {
            let text = format!("usage_usec {}\nuser_usec {user}\nsystem_usec {system}\n", user + system);
            fs::write(self.cgroup(cgroup).join("cpu.stat"), text).unwrap();
        }
        for unit in &self.units {
            let pids = self.processes.iter().filter(|(_, process)| process.unit == *unit);
            let text: String = pids.map(|(pid, _)| format!("{pid}\n")).collect();
            fs::write(self.cgroup(UNITS[*unit].0).join("cgroup.procs"), text).unwrap();
            let pids = self.processes.values().filter(|process| process.unit == *unit);
            let tids = pids.flat_map(|process| process.threads.keys());
            let text: String = tids.map(|tid| format!("{tid}\n")).collect();
            fs::write(self.cgroup(UNITS[*unit].0).join("cgroup.threads"), text).unwrap();
        }
    }

    /// What all have used.
    pub(super) fn top(&self) -> u64 {
        let tops = self.used.iter().filter(|(cgroup, _)| !cgroup.contains('/'));
        tops.map(|(_, time)| time.user + time.system).sum()
    }

    /// What all pods have used.
    pub(super) fn pods(&self) -> u64 {
        let Time { user, system } = self.used["kubepods.slice"];
        user + system
    }

    pub(super) fn processes(&self) -> impl Iterator<Item = (u32, u64)> {
        self.processes.iter().map(|(pid, process)| (*pid, process.start))
    }

    pub(super) fn paths(&self) -> Paths {
        Paths { procfs: self.dir.path().join("proc"), cgroupfs: None }
    }

    /// A node that names so many threads whether they have run or not.
    pub(super) fn open_naming(&self, most: usize) -> Node {
        let detail = Detail { threads: true };
        let (root, ledger) = (Found::Tree(self.cgroup("")), Ledger::naming(most));
        Node::counting(&self.paths(), detail, root, Reader::new(), ledger, 0).unwrap()
    }

    pub(super) fn open(&self, threads: bool) -> Node {
        let detail = Detail { threads };
        let root = Found::Tree(self.cgroup(""));
        Node::counting(&self.paths(), detail, root, Reader::new(), Ledger::default(), 0).unwrap()
    }

    /// Living processes and threads of each group.
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
