//! Processes, read one by one: their CPU, their owners, and the CPU that exited ones used unseen.
//!
//! Their PIDs come from two sources:
//! - `outside_units`: all that procfs shows, if there is no cgroup tree to count by. It is only those in the root if
//!   there is a tree. Their CPU is credited to their owner.
//! - `in_cgroup`: one cgroup of the tree, read only if it has used something. It serves threads, counts and the groups
//!   of rules. The cgroup's own counter has their CPU already, so the CPU is only transferred from there.
//!
//! ```text
//! outside_units   all processes, or the root's      in_cgroup   one cgroup's, of a unit or pod
//!   owner           owner of a new one
//!   exited          exited processes, and the reapers that waited for them
//! tracked         one process: from one reading to the next
//! ```

mod exited;
mod in_cgroup;
mod outside_units;
mod owner;
mod tracked;

use super::pass::Pass;
use crate::kernel::parse::Stat;
use crate::naming::{Namer, Rules};
use crate::options::Detail;
pub(super) use in_cgroup::CgroupRef;
use in_cgroup::Findings;
use outside_units::OutsideUnits;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use tracked::{Membership, Since, Source, Tracked, Used};

/// Scope of the processes outside of units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::collect) enum Scope {
    /// All that procfs shows.
    All,
    /// Processes in this `cgroup.procs`, the root's.
    Root(PathBuf),
}

/// Processes as of the last reading of each.
#[derive(Debug)]
pub(super) struct Processes {
    tracked: BTreeMap<u32, Tracked>,
    outside_units: OutsideUnits,
    findings: Findings,
    namer: Namer,
    detail: Detail,
    /// Number of passes so far.
    pass_number: u64,
    /// Beginning of this pass and of the last complete one, in ticks since boot; `None` before there was one.
    began: u64,
    previous_began: Option<u64>,
    /// Processes that have left their source in this pass, with their start time: the other source may list them.
    departed: HashMap<u32, u64>,
    /// Numbers of processes and threads that were read in this pass.
    read_counts: (u64, u64),
}

impl Processes {
    pub(super) fn new(scope: Scope, detail: Detail, is_relative: bool) -> Processes {
        Processes {
            tracked: BTreeMap::new(),
            outside_units: OutsideUnits::new(scope, is_relative),
            findings: Findings::default(),
            namer: Namer::default(),
            detail,
            pass_number: 0,
            began: 0,
            previous_began: None,
            departed: HashMap::new(),
            read_counts: (0, 0),
        }
    }

    /// Replaces the rules. Returns true if every process must be read again.
    pub(super) fn set_rules(&mut self, rules: Option<Arc<Rules>>) -> bool {
        self.namer.set(rules)
    }

    /// Begins a pass at `began`, in ticks since boot.
    pub(super) fn begin(&mut self, began: u64) {
        (self.pass_number, self.began, self.read_counts) = (self.pass_number + 1, began, (0, 0));
        self.departed.clear();
    }

    /// Ends a complete pass.
    pub(super) fn end(&mut self) {
        self.previous_began = Some(self.began);
    }

    /// Returns the numbers of processes and threads that were read in this pass.
    pub(super) fn read_counts(&self) -> (u64, u64) {
        self.read_counts
    }

    /// Updates the membership of a process, and the name that the rules in force give it.
    fn update_membership(&mut self, pid: u32, stat: &Stat, membership: Membership, pass: &mut Pass<'_>) {
        let known = self.tracked.get(&pid);
        let name = match known.filter(|known| self.namer.holds(&known.rule_name, stat)) {
            Some(known) if known.membership == membership => return,
            Some(_) => None,
            None => {
                let rule_name = |pid| self.tracked.get(&pid).map(|known| &known.rule_name);
                Some(self.namer.name(pid, stat, rule_name, pass.procfs, pass.reader))
            }
        };
        let tracked = self.tracked.entry(pid).or_insert_with(|| Tracked::new(*stat, membership, pass.ledger));
        tracked.set_membership(membership, name, pass.ledger);
    }

    /// Updates a process with a new reading, after its membership. Returns the CPU that counts.
    fn update(&mut self, pid: u32, stat: &Stat, since: Since, pass: &mut Pass<'_>) -> Option<Used> {
        let threads = self.detail.threads.then_some(self.began);
        let tracked = self.tracked.get_mut(&pid)?;
        let (used, read) = tracked.update(pid, stat, since, threads, pass);
        tracked.read_in_pass = self.pass_number;
        self.read_counts.1 += read;
        Some(used)
    }
}

#[cfg(test)]
mod tests;
