//! Node: one pass counts the cgroup tree, the processes and the node's busy time into one ledger.

use super::cgroups::find_tree::{self, Discovered};
use super::cgroups::{self, Tree};
use super::pass::Pass;
use super::plausibility::Plausibility;
use super::processes::{Processes, Scope};
use crate::account::BusyTime;
use crate::account::CpuSets;
use crate::account::Interrupts;
use crate::account::Ledger;
use crate::boot_options;
use crate::kernel::ProcFs;
use crate::kernel::parse::{self, Busy};
use crate::kernel::{Outcome, Reader};
use crate::naming;
use crate::naming::Rules;
use crate::options::{Detail, Paths};
use crate::snapshot::{Group, Method, Pod, Snapshot, Thread, Work};
use anyhow::{Context, Result, bail};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// A node whose CPU is counted.
#[derive(Debug)]
pub struct Node {
    paths: Paths,
    detail: Detail,
    procfs: ProcFs,
    boot_time: Option<u64>,
    tree: Option<Tree>,
    /// Reason why there is no tree; empty if there is one.
    why_no_tree: String,
    /// PID 1 can be read. Every procfs has it, unless the procfs hides processes.
    has_init: bool,
    /// PID 2 is kthreadd, as always; a container's procfs has another process there.
    has_kthreadd: bool,
    processes: Processes,
    /// Reads every process in the next pass, because the rules have changed.
    full_scan: bool,
    reader: Reader,
    plausibility: Plausibility,
    ledger: Ledger,
    interrupts: Interrupts,
    busy: BusyTime,
    /// `None` if the node has one set of CPUs.
    cpu_sets: Option<CpuSets>,
}

impl Node {
    /// Opens a node and takes the first pass. Fails if `cgroupfs` is no cgroup v2 tree or `procfs` is no procfs, and
    /// names it.
    pub fn open(paths: &Paths, detail: Detail) -> Result<Node> {
        let mut reader = Reader::new();
        let discovered = match &paths.cgroupfs {
            Some(path) => find_tree::check_tree(path)?,
            None => find_tree::find_mounted(&paths.procfs, &mut reader),
        };
        Node::open_discovered(
            paths,
            detail,
            discovered,
            reader,
            Ledger::default(),
            cgroups::kept_open_limit(),
        )
    }

    /// Opens a node as [`Node::open`] does, but counts by process even if there is a cgroup tree.
    pub fn open_by_process(paths: &Paths, detail: Detail) -> Result<Node> {
        let discovered = Discovered::None("it was not asked for".to_owned());
        Node::open_discovered(paths, detail, discovered, Reader::new(), Ledger::default(), 0)
    }

    fn open_discovered(
        paths: &Paths,
        detail: Detail,
        discovered: Discovered,
        mut reader: Reader,
        mut ledger: Ledger,
        open_slots: usize,
    ) -> Result<Node> {
        // This acquires the group of all pods too. Both exist before there is any pod.
        ledger.acquire_owner(&naming::pods_exited());
        let (tree, why_no_tree) = match discovered {
            Discovered::Tree(root) => (Some(Tree::new(root, open_slots, &mut ledger)), String::new()),
            Discovered::None(why) => (None, why),
        };
        let scope = tree.as_ref().map_or(Scope::All, |tree| Scope::Root(tree.root().join("cgroup.procs")));
        let procfs = ProcFs::open(&paths.procfs)?;
        let has_init = matches!(procfs.process(1, &mut reader), Outcome::Got(_));
        let has_kthreadd =
            matches!(procfs.process(2, &mut reader), Outcome::Got(second) if second.kernel_thread);
        let boot_time = match reader.read(&paths.procfs.join("stat"), |text| Some(parse::boot_time(text))) {
            Outcome::Got(seconds) => seconds,
            _ => None,
        };
        let is_relative = procfs.file(1, b"/cgroup", &mut reader, |text| Some(naming::is_relative(text)));
        let processes = Processes::new(scope, detail, is_relative == Outcome::Got(true));
        let mut node = Node {
            paths: paths.clone(),
            detail,
            procfs,
            boot_time,
            tree,
            why_no_tree,
            has_init,
            has_kthreadd,
            processes,
            full_scan: true,
            reader,
            plausibility: Plausibility::new(),
            interrupts: Interrupts::new(&mut ledger),
            ledger,
            busy: BusyTime::default(),
            cpu_sets: None,
        };
        node.cpu_sets = node.find_cpu_sets();
        node.pass().context("the first reading of this machine failed")?;
        Ok(node)
    }

    /// Replaces the rules that assign processes to groups of their own. CPU from before stays in its group.
    pub fn set_rules(&mut self, rules: Option<Arc<Rules>>) {
        self.full_scan |= self.processes.set_rules(rules);
    }

    /// Reads all counters and returns the totals. Fails if the processes, the tree or the busy time cannot be read at
    /// all. The snapshot counts failures within them.
    pub fn pass(&mut self) -> Result<Snapshot> {
        self.reader.begin();
        self.plausibility.begin();
        let mut began = Instant::now();
        let Outcome::Got(uptime) = self.procfs.uptime(&mut self.reader) else {
            let procfs = self.paths.procfs.display();
            bail!("cannot read {procfs}/uptime: is {procfs} a procfs?");
        };
        self.processes.begin(uptime);
        let Node { procfs, reader, plausibility, ledger, .. } = self;
        let cpu_sets = self.cpu_sets.as_ref();
        self.processes.visit_outside_units(&mut Pass { procfs, reader, plausibility, ledger, cpu_sets })?;
        if self.tree.is_some() {
            // Most of the CPU is in the tree's counters, which are read from here on.
            began = Instant::now();
        }
        let busy = self.read_busy()?;
        if let Some(tree) = &mut self.tree {
            let Node { procfs, reader, plausibility, ledger, .. } = self;
            let cpu_sets = self.cpu_sets.as_ref();
            let pass = Pass { procfs, reader, plausibility, ledger, cpu_sets };
            tree.pass(pass, &mut self.processes, self.full_scan)?;
            self.full_scan = false;
        }
        self.processes.end();
        let at = began + began.elapsed() / 2;
        self.interrupts.settle_pass(busy, &mut self.busy, &mut self.ledger);
        self.ledger.settle();
        let mut snapshot = Snapshot::empty(at);
        self.ledger.write(&mut snapshot, self.detail.threads);
        snapshot.busy = self.busy.modes();
        if let Some(sets) = &self.cpu_sets {
            snapshot.cpu_sets = sets.write();
            self.ledger.write_by_allowed(&mut snapshot);
            self.processes.write_strays(&self.ledger, &mut snapshot);
            if let Some(tree) = &self.tree {
                tree.write_strays(&self.ledger, &mut snapshot);
            }
        }
        snapshot.stolen_us = self.busy.stolen_us();
        snapshot.withheld_us = self.interrupts.withheld_us();
        snapshot.errors = self.reader.errors().clone();
        snapshot.work = self.work();
        Ok(snapshot)
    }

    fn work(&self) -> Work {
        let (processes, threads) = self.processes.read_counts();
        Work {
            files_read: self.reader.files(),
            files_open: self.tree.as_ref().map_or(0, |tree| tree.kept_open() as u64),
            cgroups: self.tree.as_ref().map_or(0, Tree::counters_read),
            processes,
            threads,
        }
    }

    /// Returns the boot time in seconds since 1970, from `/proc/stat`; `None` if it is not there.
    pub fn boot_time(&self) -> Option<u64> {
        self.boot_time
    }

    /// Returns the method by which this node is counted.
    pub fn method(&self) -> Method {
        if self.tree.is_some() { Method::Cgroup } else { Method::Process }
    }

    /// Returns a clause for each thing that cannot be seen, with its effect on the counters; empty if everything can.
    pub fn limits(&self) -> Vec<String> {
        let mut limits = Vec::new();
        if self.tree.is_none() {
            limits.push(format!(
                "no cgroup v2 tree of the node is in sight ({}), so that what a short-lived process used is known \
                 only once its parent has waited for it",
                self.why_no_tree
            ));
        }
        let (kernel, _) = self.processes.outside_units_counts();
        if kernel == 0 || !self.has_init {
            let who = if self.tree.is_some() { "processes in no unit" } else { "processes of others" };
            let procfs = self.paths.procfs.display();
            let why = match &self.tree {
                _ if !self.has_init => format!("{procfs} hides them from this user (hidepid)"),
                Some(tree) if self.has_kthreadd => {
                    format!("{} is not the root of the node's tree", tree.root().display())
                }
                _ => format!("{procfs} is a container's own (hostPID shows the node's)"),
            };
            limits.push(format!(
                "{who} and the kernel's threads are not in sight, for {why}: what they use is unattributed"
            ));
        }
        limits
    }

    /// Closes the account of a group that is no longer exported. The account begins at 0 if the group comes back.
    pub fn forget(&mut self, group: &Group) {
        self.ledger.forget(group);
    }

    /// Closes the account of a pod in the same way.
    pub fn forget_pod(&mut self, pod: &Pod) {
        self.ledger.forget_pod(pod);
    }

    /// Closes the account of a thread's name in the same way.
    pub fn forget_thread(&mut self, thread: &Thread) {
        self.ledger.forget_thread(thread);
    }

    /// Finds the sets of CPUs in the kernel's command line, which stays as it is.
    fn find_cpu_sets(&mut self) -> Option<CpuSets> {
        let file = |name: &str| self.paths.procfs.join(name);
        let Outcome::Got(present) = self.reader.read(&file("stat"), parse::cpus) else { return None };
        let found = self.reader.read(&file("cmdline"), |text| Some(boot_options::isolated(text, &present)));
        match found {
            Outcome::Got(Some(isolated)) => Some(CpuSets::new(isolated, &present)),
            _ => None,
        }
    }

    /// Reads the node's CPU time, and adds it to `self.busy`.
    fn read_busy(&mut self) -> Result<Busy> {
        let path = self.paths.procfs.join("stat");
        // The clock is read before the file is opened. The file's numbers are of the moment of its reading, which may
        // wait.
        let at = Instant::now();
        let (hz, isolated) = (self.procfs.hz(), self.cpu_sets.as_ref().map(CpuSets::isolated));
        let parse = |text: &[u8]| {
            let of_sets = isolated.and_then(|isolated| parse::busy_of(text, hz, isolated));
            Some((parse::busy(text, hz)?, of_sets))
        };
        let Outcome::Got((now, of_sets)) = self.reader.read(&path, parse) else {
            bail!("cannot read the node's busy time from {}: is it a procfs?", path.display());
        };
        self.busy.add_reading(at, at.elapsed(), now);
        if let Some((sets, of_sets)) = self.cpu_sets.as_mut().zip(of_sets) {
            sets.add_reading(at, at.elapsed(), of_sets);
        }
        self.plausibility.set_cpus(now.cpus);
        Ok(now)
    }
}

/// Prints one line: the method of counting, the parts of the node that can be seen, and those that cannot.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kernel, others) = self.processes.outside_units_counts();
        match &self.tree {
            Some(tree) => write!(
                f,
                "counting by cgroup: {} cgroups below {}, and in no unit {kernel} kernel threads and {others} \
                 processes",
                tree.cgroup_count(),
                tree.root().display()
            )?,
            None => write!(
                f,
                "counting by process: {kernel} kernel threads and {others} processes in {}",
                self.paths.procfs.display()
            )?,
        }
        self.limits().iter().try_for_each(|limit| write!(f, "; {limit}"))
    }
}

#[cfg(test)]
mod tests;
