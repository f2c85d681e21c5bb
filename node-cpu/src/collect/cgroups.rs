//! The cgroup v2 tree: what each unit has used, the ended ones included.
//!
//! A cgroup's `cpu.stat` holds all that ever ran in it and below, so what a parent's has grown by more than
//! its living children's is what the parent's own processes used, or what exited. Children are read before
//! their parent. The root has no such residual, for its `cpu.stat` is another clock (sampled, per node): what a
//! cgroup directly below the root uses between its last reading and its end is the one thing that is lost.
//!
//! A cgroup whose counter is what it was before its children were last read holds nothing that has run since, and
//! nothing below it is read. Which children there are is read again only when their number has changed or one is gone.

mod births;
mod cgroup;
mod files;
pub(super) mod find;

use super::pass::Pass;
use super::processes::Processes;
use crate::account::{Id, Ledger};
use crate::naming::{self, CgroupRole};
use anyhow::{Result, bail};
use births::Births;
use cgroup::Cgroup;
use rustix::process::{Resource, getrlimit};
use std::path::{Path, PathBuf};

/// Counters that are kept open at most. Each takes 4 to 5 KiB of the kernel's memory, charged to who opened it, and a
/// node has 200 to 500 cgroups; the others are opened anew, which takes four times as long.
const KEPT_OPEN: usize = 512;

/// How many of them this process may keep open: most of its files are for connections and for what is read.
pub(crate) fn kept_open() -> usize {
    let most = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |most| most as usize);
    KEPT_OPEN.min(most / 4)
}

/// The node's tree as of the last pass.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
    /// Stands for the root; it is listed, but itself not counted.
    top: Cgroup,
    exited: ExitedAccounts,
    /// How many more counters may be kept open.
    room: usize,
    /// How many cgroups there have been.
    born: u32,
    births: Births,
    /// How many counters this pass has read.
    read: u64,
}

/// Whose it is what is known to be nobody's: outside of the pods' part of the tree, and in it.
#[derive(Clone, Copy, Debug)]
struct ExitedAccounts {
    host: Id,
    pods: Id,
}

/// One walk over the tree, in a pass.
#[derive(Debug)]
struct Walk<'a> {
    pass: Pass<'a>,
    processes: &'a mut Processes,
    /// Reads also what has not moved.
    full_scan: bool,
    exited: ExitedAccounts,
    room: &'a mut usize,
    born: &'a mut u32,
    births: &'a mut Births,
    read: u64,
}

impl Tree {
    /// The tree at `root`, which keeps so many counters open.
    pub(crate) fn new(root: PathBuf, kept_open: usize, ledger: &mut Ledger) -> Tree {
        let (host, pods) =
            (ledger.acquire_shown(&naming::exited()), ledger.acquire_owner(&naming::pods_exited()));
        let exited = ExitedAccounts { host, pods };
        let (top, births) = (Cgroup::top(CgroupRole::root()), Births::new());
        Tree { root, top, exited, room: kept_open, born: 0, births, read: 0 }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// How many cgroups are counted, the root not among them.
    pub(crate) fn len(&self) -> usize {
        self.top.descendants()
    }

    /// How many cgroups' counters the last pass read.
    pub(crate) fn read(&self) -> u64 {
        self.read
    }

    /// How many counters are kept open.
    pub(crate) fn kept_open(&self) -> usize {
        self.top.kept_open()
    }

    /// Credits what has grown; `full_scan` reads processes also if nothing has. Fails if the root cannot be listed.
    pub(super) fn pass(&mut self, pass: Pass<'_>, processes: &mut Processes, full_scan: bool) -> Result<()> {
        let (exited, room, born, births) = (self.exited, &mut self.room, &mut self.born, &mut self.births);
        let mut walk = Walk { pass, processes, full_scan, exited, room, born, births, read: 0 };
        let mut path = self.root.clone();
        let listed = self.top.visit_top(&mut path, &mut walk);
        self.read = walk.read;
        if !listed {
            bail!("cannot list the cgroups in {}: is it still mounted, and readable?", self.root.display());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
