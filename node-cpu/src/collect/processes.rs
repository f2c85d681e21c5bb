//! Processes, one by one: what each has used, whose it is, and what the exited ones used unseen.
//!
//! Their PIDs come from two sources:
//! - `machine`: all that procfs shows, if there is no cgroup tree to count by; beside a tree only those in its root. What
//!   they use is credited to their owner.
//! - `unit`: one cgroup of the tree, read only if it has used something: for threads, counts and the groups that rules take
//!   out of it. What they use is in the cgroup's own counter already, so it is only transferred from there.
//!
//! ```text
//! machine   all processes, or the root's      unit   one cgroup's
//!   owner     whose a new one is
//!   exited    who is gone, and who waited for it
//! tracked   one process: from one reading to the next
//! ```

mod exited;
mod machine;
mod owner;
mod tracked;
mod unit;

use super::pass::Pass;
use crate::kernel::parse::Stat;
use crate::naming::{Namer, Rules};
use crate::snapshot::Detail;
use machine::Machine;
pub(super) use machine::Scope;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tracked::{Membership, Since, Source, Tracked, Used};
pub(super) use unit::CgroupRef;
use unit::Unit;

/// The processes as of the last time that each was read.
#[derive(Debug)]
pub(super) struct Processes {
    tracked: BTreeMap<u32, Tracked>,
    machine: Machine,
    unit: Unit,
    namer: Namer,
    detail: Detail,
    /// Number of passes so far.
    pass: u64,
    /// When this pass and the last one that came to its end began, in ticks since boot; `None` before there was one.
    began: u64,
    before: Option<u64>,
    /// Processes that have left their source in this pass, and when they started: the other source may list them.
    left: HashMap<u32, u64>,
    /// Numbers of processes and threads that were read in this pass.
    read: (u64, u64),
}

impl Processes {
    pub(super) fn new(scope: Scope, detail: Detail, is_relative: bool) -> Processes {
        Processes {
            tracked: BTreeMap::new(),
            machine: Machine::new(scope, is_relative),
            unit: Unit::default(),
            namer: Namer::default(),
            detail,
            pass: 0,
            began: 0,
            before: None,
            left: HashMap::new(),
            read: (0, 0),
        }
    }

    /// Replaces the rules; returns whether every process is to be read again.
    pub(super) fn set_rules(&mut self, rules: Option<Arc<Rules>>) -> bool {
        self.namer.set(rules)
    }

    /// Begins a pass, so many ticks after boot.
    pub(super) fn begin(&mut self, began: u64) {
        (self.pass, self.began, self.read) = (self.pass + 1, began, (0, 0));
        self.left.clear();
    }

    /// Ends a pass that came to its end.
    pub(super) fn end(&mut self) {
        self.before = Some(self.began);
    }

    /// Returns the numbers of processes and threads that were read in this pass.
    pub(super) fn read(&self) -> (u64, u64) {
        self.read
    }

    /// Puts a process where it is now, under the name that the rules in force give it.
    fn put(&mut self, pid: u32, stat: &Stat, at: Membership, pass: &mut Pass<'_>) {
        let known = self.tracked.get(&pid);
        let name = match known.filter(|known| self.namer.holds(&known.rule_name, stat)) {
            Some(known) if known.at == at => return,
            Some(_) => None,
            None => {
                let named = |pid| self.tracked.get(&pid).map(|known| &known.rule_name);
                Some(self.namer.name(pid, stat, named, pass.procfs, pass.reader))
            }
        };
        let tracked = self.tracked.entry(pid).or_insert_with(|| Tracked::new(*stat, at, pass.ledger));
        tracked.put(at, name, pass.ledger);
    }

    /// Takes a new reading of a process that has been put where it is; returns what counts of what it has used.
    fn update(&mut self, pid: u32, stat: &Stat, since: Since, pass: &mut Pass<'_>) -> Option<Used> {
        let threads = self.detail.threads.then_some(self.began);
        let tracked = self.tracked.get_mut(&pid)?;
        let (used, read) = tracked.update(pid, stat, since, threads, pass);
        tracked.seen = self.pass;
        self.read.1 += read;
        Some(used)
    }
}

#[cfg(test)]
mod tests;
