//! The cgroup v2 tree: CPU of each unit, including units that have ended.
//!
//! A cgroup's `cpu.stat` contains all CPU that was ever used in it and below. The residual is the part of a parent's
//! delta that its living children do not have. It is CPU of the parent's own processes, or of cgroups that have ended.
//! Children are read before their parent. The root has no such residual, because its `cpu.stat` is another clock
//! (sampled, per node). Only one thing is lost: the CPU of a cgroup directly below the root between its last reading
//! and its end.
//!
//! A pass compares each counter with its value before the last reading of the children. The pass reads nothing below
//! the cgroup if both are the same, because nothing has run there since. The pass lists the children again only if
//! their number has changed or one has ended.

mod born_names;
mod cgroup;
mod counter;
mod directories;
pub(super) mod find_tree;

use super::pass::Pass;
use super::processes::Processes;
use crate::account::{Id, Ledger};
use crate::naming::{self, CgroupRole};
use crate::snapshot::Snapshot;
use anyhow::{Result, bail};
use born_names::BornNames;
use cgroup::Cgroup;
use rustix::process::{Resource, getrlimit};
use std::path::{Path, PathBuf};

/// Maximum number of counters that are kept open. Each takes 4 to 5 KiB of kernel memory, charged to the process that
/// opened it, and a node has 200 to 500 cgroups. The others are opened at each reading, which is four times slower.
const MAX_KEPT_OPEN: usize = 512;

/// Returns the number of counters that this process may keep open. Most of its files are for connections and for
/// readings.
pub(crate) fn kept_open_limit() -> usize {
    let limit = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| files as usize);
    MAX_KEPT_OPEN.min(limit / 4)
}

/// Tree of the node as of the last pass.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
    /// Root of the tree; its children are listed, but it is not counted itself.
    root_cgroup: Cgroup,
    exited: ExitedAccounts,
    /// Number of further counters that may be kept open.
    open_slots: usize,
    /// Number of the newest cgroup; they are numbered from 1.
    last_number: u32,
    born_names: BornNames,
    /// Number of counters that this pass has read.
    counters_read: u64,
}

/// Accounts of CPU without an owner: outside of the pods' part of the tree, and in it.
#[derive(Clone, Copy, Debug)]
struct ExitedAccounts {
    host: Id,
    pods: Id,
}

/// One walk over the tree, in a pass.
#[derive(Debug)]
struct Walk<'a> {
    pass: Pass<'a>,
    /// Root of the tree.
    root: &'a Path,
    processes: &'a mut Processes,
    /// Reads processes even if their cgroup's counter has not changed.
    full_scan: bool,
    exited: ExitedAccounts,
    open_slots: &'a mut usize,
    last_number: &'a mut u32,
    born_names: &'a mut BornNames,
    counters_read: u64,
}

impl Tree {
    /// Returns the tree at `root`, which keeps at most `open_slots` counters open.
    pub(crate) fn new(root: PathBuf, open_slots: usize, ledger: &mut Ledger) -> Tree {
        let (host, pods) =
            (ledger.acquire_exported(&naming::exited()), ledger.acquire_owner(&naming::pods_exited()));
        let exited = ExitedAccounts { host, pods };
        let (root_cgroup, born_names) = (Cgroup::root(CgroupRole::root()), BornNames::new());
        Tree { root, root_cgroup, exited, open_slots, last_number: 0, born_names, counters_read: 0 }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the number of counted cgroups, without the root.
    pub(crate) fn cgroup_count(&self) -> usize {
        self.root_cgroup.count_descendants()
    }

    /// Returns the number of cgroup counters that the last pass read.
    pub(crate) fn counters_read(&self) -> u64 {
        self.counters_read
    }

    /// Returns the number of counters that are kept open.
    pub(crate) fn kept_open(&self) -> usize {
        self.root_cgroup.count_kept_open()
    }

    /// Adds the threads that are allowed on isolated CPUs.
    pub(super) fn write_strays(&self, ledger: &Ledger, snapshot: &mut Snapshot) {
        self.root_cgroup.write_strays(ledger, snapshot);
    }

    /// Credits the deltas of all cgroups. A `full_scan` reads processes even if no counter has changed. Fails if the
    /// root cannot be listed.
    pub(super) fn pass(&mut self, pass: Pass<'_>, processes: &mut Processes, full_scan: bool) -> Result<()> {
        let (exited, open_slots, last_number, born_names) =
            (self.exited, &mut self.open_slots, &mut self.last_number, &mut self.born_names);
        let mut walk = Walk {
            pass,
            root: &self.root,
            processes,
            full_scan,
            exited,
            open_slots,
            last_number,
            born_names,
            counters_read: 0,
        };
        let mut path = self.root.clone();
        let listed = self.root_cgroup.visit_root(&mut path, &mut walk);
        self.counters_read = walk.counters_read;
        if !listed {
            bail!("cannot list the cgroups in {}: is it still mounted, and readable?", self.root.display());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
