//! One pass over a node: the cgroup tree, the processes and the node's busy time into one ledger.

use crate::cpu::{Cpu, Growth};
use crate::ledger::Ledger;
use crate::parse::{self, Busy};
use crate::place;
use crate::procs::{Procs, Scope};
use crate::read::{Outcome, Reader};
use crate::reading::{Class, Method, Paths, Reading};
use crate::tree::Tree;
use crate::tree::find::{self, Found};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

/// A node that is being counted.
#[derive(Debug)]
pub struct Node {
    paths: Paths,
    hz: u64,
    tree: Option<Tree>,
    /// Why there is no tree; empty where there is one.
    why_no_tree: String,
    /// Whether PID 1 can be read: it is there for everybody, unless procfs hides processes.
    init_seen: bool,
    procs: Procs,
    reader: Reader,
    ledger: Ledger,
    first: Option<Busy>,
    last: Busy,
    busy: BTreeMap<&'static str, u64>,
}

impl Node {
    /// Finds out how to count and takes the first pass. Fails when `cgroupfs` is no cgroup v2 tree or `procfs` no
    /// procfs, naming it.
    pub fn open(paths: &Paths) -> Result<Node> {
        let mut reader = Reader::new();
        let found = match &paths.cgroupfs {
            Some(path) => find::named(path)?,
            None => find::mounted(&paths.procfs, &mut reader),
        };
        Node::counting(paths, found, reader)
    }

    /// As [`Node::open`], but counts by process also where there is a cgroup tree.
    pub fn open_by_process(paths: &Paths) -> Result<Node> {
        Node::counting(paths, Found::None("it was not asked for".to_owned()), Reader::new())
    }

    fn counting(paths: &Paths, found: Found, mut reader: Reader) -> Result<Node> {
        let (tree, why_no_tree) = match found {
            Found::Tree(root) => (Some(Tree::new(root)), String::new()),
            Found::None(why) => (None, why),
        };
        let scope = tree.as_ref().map_or(Scope::All, |tree| Scope::Root(tree.root().join("cgroup.procs")));
        let init_seen = reader.read(&paths.procfs.join("1/stat"), |_| Some(())) == Outcome::Got(());
        let procs = Procs::new(&paths.procfs, scope, &mut reader);
        let mut node = Node {
            paths: paths.clone(),
            hz: rustix::param::clock_ticks_per_second(),
            tree,
            why_no_tree,
            init_seen,
            procs,
            reader,
            ledger: Ledger::default(),
            first: None,
            last: Busy::default(),
            busy: BTreeMap::new(),
        };
        node.pass().context("the first reading of this machine failed")?;
        Ok(node)
    }

    /// Reads all counters. Fails when the processes, the tree or the node's busy time cannot be read at all; what
    /// fails within them is counted in the reading.
    pub fn pass(&mut self) -> Result<Reading> {
        let softirq_threads = self.ledger.owed_us(&place::ksoftirqd());
        let mut begun = Instant::now();
        self.procs.pass(&mut self.reader, &mut self.ledger)?;
        if let Some(tree) = &mut self.tree {
            tree.list(&mut self.reader)?;
            // Most of the CPU is in the tree's counters, which are read from here on.
            begun = Instant::now();
        }
        let busy = self.read_busy()?;
        if let Some(tree) = &mut self.tree {
            tree.read(&mut self.reader, &mut self.ledger);
        }
        let at = begun + begun.elapsed() / 2;
        self.count_interrupts(busy, self.ledger.owed_us(&place::ksoftirqd()) - softirq_threads);
        let (groups, alive) = self.ledger.settle();
        let errors = self.reader.errors().clone();
        Ok(Reading { at, groups, alive, busy: self.busy.clone(), errors })
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
        let (kernel, _) = self.procs.len();
        if kernel == 0 || !self.init_seen {
            let who = if self.tree.is_some() { "processes in no unit" } else { "processes of others" };
            let why = if self.init_seen {
                "is a container's own (hostPID shows the node's)"
            } else {
                "hides them from this user (hidepid)"
            };
            let procfs = self.paths.procfs.display();
            limits.push(format!(
                "{who} and the kernel's threads are not in sight, for {procfs} {why}: what they use is unattributed"
            ));
        }
        limits
    }

    /// Closes the account of a group that is no longer shown; should it come back, it begins at 0.
    pub(crate) fn forget(&mut self, class: Class, group: &str) {
        self.ledger.forget(&(class, group.to_owned()));
    }

    /// The node's busy time now, in microseconds since boot; brings `self.busy` up to date.
    fn read_busy(&mut self) -> Result<Busy> {
        let path = self.paths.procfs.join("stat");
        let Outcome::Got(now) = self.reader.read(&path, |text| parse::busy(text, self.hz)) else {
            bail!("cannot read the node's busy time from {}: is it a procfs?", path.display());
        };
        let first = *self.first.get_or_insert(now);
        let modes = [
            ("user", now.user, first.user),
            ("nice", now.nice, first.nice),
            ("system", now.system, first.system),
            ("irq", now.irq, first.irq),
            ("softirq", now.softirq, first.softirq),
        ];
        for (mode, now, first) in modes {
            // A CPU that is taken offline may take its ticks along.
            let shown = self.busy.entry(mode).or_default();
            *shown = now.saturating_sub(first).max(*shown);
        }
        Ok(now)
    }

    /// Interrupts are a group of their own, less those that ksoftirqd served: that time is in both.
    fn count_interrupts(&mut self, now: Busy, served_by_threads: i64) {
        let interrupts = |busy: Busy| Cpu { user_us: 0, system_us: busy.irq + busy.softirq };
        let grown = if self.last == Busy::default() {
            Growth::default()
        } else {
            interrupts(now).since(interrupts(self.last)) - Growth { user_us: 0, system_us: served_by_threads }
        };
        self.last = now;
        self.ledger.keep(&place::interrupts());
        self.ledger.credit(&place::interrupts(), grown);
    }
}

/// One line: by what is counted, and what of the node can be seen and what not.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kernel, others) = self.procs.len();
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
