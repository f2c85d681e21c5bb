//! One pass over a node: the cgroup tree, the processes and the node's busy time into one ledger.

use super::cgroups::find::{self, Found};
use super::cgroups::{self, Tree};
use super::pass::Pass;
use super::plausibility::Plausibility;
use super::processes::{Processes, Scope};
use crate::account::BusyTime;
use crate::account::Interrupts;
use crate::account::Ledger;
use crate::kernel::ProcFs;
use crate::kernel::parse::{self, Busy};
use crate::kernel::{Outcome, Reader};
use crate::naming;
use crate::naming::Rules;
use crate::snapshot::{Detail, Group, Method, Paths, Pod, Snapshot, Thread, Work};
use anyhow::{Context, Result, bail};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// A node that is being counted.
#[derive(Debug)]
pub struct Node {
    paths: Paths,
    detail: Detail,
    procfs: ProcFs,
    boot_time: Option<u64>,
    tree: Option<Tree>,
    /// Why there is no tree; empty where there is one.
    why_no_tree: String,
    /// Whether PID 1 can be read: it is there for everybody, unless procfs hides processes.
    init_seen: bool,
    /// Whether the first of the kernel's threads is where it always is: a container's procfs has another there.
    kthreadd_seen: bool,
    processes: Processes,
    /// Looks at every process in the next pass: the rules are others.
    full_scan: bool,
    reader: Reader,
    plausibility: Plausibility,
    ledger: Ledger,
    interrupts: Interrupts,
    busy: BusyTime,
}

impl Node {
    /// Finds out how to count and takes the first pass. Fails when `cgroupfs` is no cgroup v2 tree or `procfs` no
    /// procfs, naming it.
    pub fn open(paths: &Paths, detail: Detail) -> Result<Node> {
        let mut reader = Reader::new();
        let found = match &paths.cgroupfs {
            Some(path) => find::named(path)?,
            None => find::mounted(&paths.procfs, &mut reader),
        };
        Node::counting(paths, detail, found, reader, Ledger::default(), cgroups::kept_open())
    }

    /// As [`Node::open`], but counts by process also where there is a cgroup tree.
    pub fn open_by_process(paths: &Paths, detail: Detail) -> Result<Node> {
        let found = Found::None("it was not asked for".to_owned());
        Node::counting(paths, detail, found, Reader::new(), Ledger::default(), 0)
    }

    fn counting(
        paths: &Paths,
        detail: Detail,
        found: Found,
        mut reader: Reader,
        mut ledger: Ledger,
        kept_open: usize,
    ) -> Result<Node> {
        // With it the group of all pods is held: both are there before there is any pod.
        ledger.acquire_owner(&naming::pods_exited());
        let (tree, why_no_tree) = match found {
            Found::Tree(root) => (Some(Tree::new(root, kept_open, &mut ledger)), String::new()),
            Found::None(why) => (None, why),
        };
        let scope = tree.as_ref().map_or(Scope::All, |tree| Scope::Root(tree.root().join("cgroup.procs")));
        let procfs = ProcFs::open(&paths.procfs)?;
        let init_seen = matches!(procfs.process(1, &mut reader), Outcome::Got(_));
        let kthreadd_seen =
            matches!(procfs.process(2, &mut reader), Outcome::Got(second) if second.kernel_thread);
        let boot_time = match reader.read(&paths.procfs.join("stat"), |text| Some(parse::boot_time(text))) {
            Outcome::Got(seconds) => seconds,
            _ => None,
        };
        let own_view = procfs.file(1, b"/cgroup", &mut reader, |text| Some(naming::is_relative(text)));
        let processes = Processes::new(scope, detail, own_view == Outcome::Got(true));
        let mut node = Node {
            paths: paths.clone(),
            detail,
            procfs,
            boot_time,
            tree,
            why_no_tree,
            init_seen,
            kthreadd_seen,
            processes,
            full_scan: true,
            reader,
            plausibility: Plausibility::new(),
            interrupts: Interrupts::new(&mut ledger),
            ledger,
            busy: BusyTime::default(),
        };
        node.pass().context("the first reading of this machine failed")?;
        Ok(node)
    }

    /// Replaces the rules by which processes are carved out of their units; what they used so far stays where it is.
    pub fn set_rules(&mut self, rules: Option<Arc<Rules>>) {
        self.full_scan |= self.processes.set_rules(rules);
    }

    /// Reads all counters. Fails when the processes, the tree or the node's busy time cannot be read at all; what
    /// fails within them is counted in the reading.
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
        self.processes.visit_machine(&mut Pass { procfs, reader, plausibility, ledger })?;
        if self.tree.is_some() {
            // Most of the CPU is in the tree's counters, which are read from here on.
            began = Instant::now();
        }
        let busy = self.read_busy()?;
        if let Some(tree) = &mut self.tree {
            let Node { procfs, reader, plausibility, ledger, .. } = self;
            let pass = Pass { procfs, reader, plausibility, ledger };
            tree.pass(pass, &mut self.processes, self.full_scan)?;
            self.full_scan = false;
        }
        self.processes.end();
        let at = began + began.elapsed() / 2;
        self.interrupts.count(busy, &mut self.busy, &mut self.ledger);
        self.ledger.settle();
        let mut snapshot = Snapshot::empty(at);
        self.ledger.write(&mut snapshot, self.detail.threads);
        snapshot.busy = self.busy.modes();
        snapshot.stolen_us = self.busy.stolen_us();
        snapshot.withheld_us = self.interrupts.withheld_us();
        snapshot.errors = self.reader.errors().clone();
        snapshot.work = self.work();
        Ok(snapshot)
    }

    fn work(&self) -> Work {
        let (processes, threads) = self.processes.read();
        Work {
            files_read: self.reader.files(),
            files_open: self.tree.as_ref().map_or(0, |tree| tree.kept_open() as u64),
            cgroups: self.tree.as_ref().map_or(0, Tree::read),
            processes,
            threads,
        }
    }

    /// When the machine was started, in seconds since 1970, by `/proc/stat`; `None` if that does not say.
    pub fn boot_time(&self) -> Option<u64> {
        self.boot_time
    }

    /// By what this node is counted.
    pub fn method(&self) -> Method {
        if self.tree.is_some() { Method::Cgroup } else { Method::Process }
    }

    /// What cannot be seen, and what that means for the counters: a clause for each, none where all is in sight.
    pub fn limits(&self) -> Vec<String> {
        let mut limits = Vec::new();
        if self.tree.is_none() {
            limits.push(format!(
                "no cgroup v2 tree of the node is in sight ({}), so that what a short-lived process used is known \
                 only once its parent has waited for it",
                self.why_no_tree
            ));
        }
        let (kernel, _) = self.processes.of_machine();
        if kernel == 0 || !self.init_seen {
            let who = if self.tree.is_some() { "processes in no unit" } else { "processes of others" };
            let procfs = self.paths.procfs.display();
            let why = match &self.tree {
                _ if !self.init_seen => format!("{procfs} hides them from this user (hidepid)"),
                Some(tree) if self.kthreadd_seen => {
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

    /// Closes the account of a group that is no longer shown; should it come back, it begins at 0.
    pub fn forget(&mut self, group: &Group) {
        self.ledger.forget(group);
    }

    /// Closes the account of a pod, likewise.
    pub fn forget_pod(&mut self, pod: &Pod) {
        self.ledger.forget_pod(pod);
    }

    /// Closes the account of a thread's name, likewise.
    pub fn forget_thread(&mut self, thread: &Thread) {
        self.ledger.forget_thread(thread);
    }

    /// The node's CPU time now; brings `self.busy` up to date.
    fn read_busy(&mut self) -> Result<Busy> {
        let path = self.paths.procfs.join("stat");
        // Before the file is opened: what it says is of its reading, which may wait.
        let at = Instant::now();
        let Outcome::Got(now) = self.reader.read(&path, |text| parse::busy(text, self.procfs.hz())) else {
            bail!("cannot read the node's busy time from {}: is it a procfs?", path.display());
        };
        self.busy.take(at, at.elapsed(), now);
        self.plausibility.set_cpus(now.cpus);
        Ok(now)
    }
}

/// One line: by what is counted, and what of the node can be seen and what not.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kernel, others) = self.processes.of_machine();
        match &self.tree {
            Some(tree) => write!(
                f,
                "counting by cgroup: {} cgroups below {}, and in no unit {kernel} kernel threads and {others} \
                 processes",
                tree.len(),
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
