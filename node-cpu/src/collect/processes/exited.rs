//! Exited processes outside of units since the last pass, and the reapers that may have waited for them.

use super::owner::DEEPEST;
use super::{Processes, Scope, Source, Tracked};
use crate::account::reaped_children::{self, Exited, Reaper};
use crate::account::{Id, Ledger};
use crate::collect::pass::Pass;
use crate::kernel::Outcome;
use crate::kernel::parse::Stat;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Data of a vanished process that reaping still needs.
#[derive(Debug)]
pub(super) struct Vanished {
    stat: Stat,
    account: Id,
    group: Id,
    /// Its reaper may have been read before it exited.
    is_late: bool,
}

impl Tracked {
    /// Ends its counts. Its accounts are released once its reaper is known.
    pub(super) fn vanish(&self, is_late: bool, ledger: &mut Ledger) -> Vanished {
        self.end(ledger);
        Vanished { stat: self.stat, account: self.membership.account, group: self.group, is_late }
    }
}

impl Vanished {
    /// Releases its accounts.
    pub(super) fn release(&self, ledger: &mut Ledger) {
        ledger.release(self.group);
        ledger.release(self.account);
    }
}

impl Processes {
    /// Ends the process that had this PID, if it was another one. Returns it if it was outside of units; its
    /// unit gets it otherwise.
    pub(super) fn end_replaced(&mut self, pid: u32, stat: &Stat, ledger: &mut Ledger) -> Option<Vanished> {
        let known = self.tracked.get(&pid).filter(|known| known.stat.start != stat.start)?;
        if let Source::Cgroup(number) = known.membership.source {
            self.leave_cgroup(pid, number, ledger);
            return None;
        }
        Some(self.tracked.remove(&pid)?.vanish(true, ledger))
    }

    /// Ends processes that have exited, out of the members of the last pass and the readings of this one. `before` and
    /// `after` are the PIDs that were listed before and after the readings.
    pub(super) fn end_exited(
        &mut self,
        readings: &[(u32, Stat)],
        (before, after): (&[u32], &[u32]),
        vanished_processes: &mut BTreeMap<u32, Vanished>,
        pass: &mut Pass<'_>,
    ) {
        let mut members = std::mem::take(&mut self.outside_units.members);
        members.extend(readings.iter().map(|(pid, _)| *pid));
        members.sort_unstable();
        members.dedup();
        members.retain(|pid| {
            let Some(known) = self.member(*pid) else { return false };
            let is_late = if known.read_in_pass != self.pass_number {
                // It exited, or left the root, before it was read.
                before.binary_search(pid).is_ok()
            } else if self.outside_units.scope == Scope::All && after.binary_search(pid).is_err() {
                let lives_on = match pass.procfs.process(*pid, pass.reader) {
                    Outcome::Got(stat) => stat.start == known.stat.start,
                    Outcome::Failed => true,
                    Outcome::Gone => false,
                };
                if lives_on {
                    return true;
                }
                // It exited after it was read, as its reaper may have been.
                true
            } else {
                return true;
            };
            if let Some(known) = self.tracked.remove(pid) {
                self.departed.insert(*pid, known.stat.start);
                let vanished = known.vanish(is_late, pass.ledger);
                match vanished_processes.entry(*pid) {
                    Entry::Vacant(entry) => drop(entry.insert(vanished)),
                    // It had reused the PID of another vanished process. The two cannot be distinguished.
                    Entry::Occupied(_) => vanished.release(pass.ledger),
                }
            }
            false
        });
        self.outside_units.members = members;
    }

    /// Credits the CPU that exited processes used unseen, as far as it is in their reapers' deltas.
    pub(super) fn reap(
        &mut self,
        vanished_processes: &BTreeMap<u32, Vanished>,
        reapers: BTreeMap<u32, Reaper>,
        ledger: &mut Ledger,
    ) {
        if self.outside_units.scope != Scope::All {
            return vanished_processes.values().for_each(|process| process.release(ledger));
        }
        let mut exited = std::mem::take(&mut self.outside_units.late);
        let retried: Vec<Id> = exited.iter().map(|process| process.account).collect();
        for child in &mut exited {
            child.is_orphan |=
                !child.ancestors.first().is_some_and(|parent| self.tracked.contains_key(parent));
        }
        for Vanished { stat, group, is_late, .. } in vanished_processes.values() {
            if stat.kernel_thread {
                continue;
            }
            exited.push(Exited {
                account: *group,
                counted: stat.own + stat.waited,
                ancestors: self.find_ancestors(stat.ppid, vanished_processes, &reapers),
                is_orphan: vanished_processes.contains_key(&stat.ppid),
                is_late: *is_late,
            });
        }
        let settled = reaped_children::settle(exited, reapers, |owners| ledger.common_owner(owners));
        for (group, delta) in settled.credits {
            ledger.credit_exited(group, delta);
        }
        // Processes that are tried once more still need their accounts.
        settled.late.iter().for_each(|process| ledger.retain(process.account));
        retried.into_iter().for_each(|group| ledger.release(group));
        vanished_processes.values().for_each(|process| process.release(ledger));
        self.outside_units.late = settled.late;
    }

    /// Returns the ancestors from `ppid` on that may have waited, nearest first. They live, or exited in this pass
    /// after their reading.
    fn find_ancestors(
        &self,
        ppid: u32,
        vanished_processes: &BTreeMap<u32, Vanished>,
        reapers: &BTreeMap<u32, Reaper>,
    ) -> Vec<u32> {
        let mut ancestors = Vec::new();
        let mut pid = ppid;
        for _ in 0..DEEPEST {
            // A PID may have been reused since. The parent is the process that exited.
            let exited = vanished_processes.get(&pid).map(|process| &process.stat);
            let Some(stat) = exited.or_else(|| self.tracked.get(&pid).map(|known| &known.stat)) else {
                break;
            };
            if exited.is_none() || reapers.contains_key(&pid) {
                ancestors.push(pid);
            }
            pid = stat.ppid;
        }
        ancestors
    }
}
