//! Which of the machine's own processes have exited since the last pass, and who may have waited for them.

use super::machine::Scope;
use super::owner::DEEPEST;
use super::{Processes, Tracked};
use crate::account::reaping::{self, Exited, Reaper};
use crate::account::{Id, Ledger};
use crate::collect::pass::Pass;
use crate::kernel::Outcome;
use crate::kernel::parse::Stat;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// What is still to be known of a process that vanished.
#[derive(Debug)]
pub(super) struct Vanished {
    stat: Stat,
    account: Id,
    group: Id,
    /// Its reaper may have been read before it exited.
    late: bool,
}

impl Tracked {
    /// Ends what it counts for; its accounts are released when its reaper is known.
    pub(super) fn vanish(&self, late: bool, ledger: &mut Ledger) -> Vanished {
        self.end(ledger);
        Vanished { stat: self.stat, account: self.at.account, group: self.group, late }
    }
}

impl Vanished {
    fn release(&self, ledger: &mut Ledger) {
        ledger.release(self.group);
        ledger.release(self.account);
    }
}

impl Processes {
    /// Ends those that are gone, of the members up to now and of those that were read in this pass; `before` and `after` are
    /// the PIDs that were listed before and after that.
    pub(super) fn end_gone(
        &mut self,
        readings: &[(u32, Stat)],
        (before, after): (&[u32], &[u32]),
        gone: &mut BTreeMap<u32, Vanished>,
        pass: &mut Pass<'_>,
    ) {
        let mut members = std::mem::take(&mut self.machine.members);
        members.extend(readings.iter().map(|(pid, _)| *pid));
        members.sort_unstable();
        members.dedup();
        members.retain(|pid| {
            let Some(known) = self.member(*pid) else { return false };
            let late = if known.seen != self.pass {
                // It exited, or left the root, before it was read.
                before.binary_search(pid).is_ok()
            } else if self.machine.scope == Scope::All && after.binary_search(pid).is_err() {
                match pass.procfs.process(*pid, pass.reader) {
                    Outcome::Got(stat) if stat.start == known.stat.start => return true,
                    Outcome::Failed => return true,
                    Outcome::Got(_) | Outcome::Gone => true,
                }
            } else {
                return true;
            };
            if let Some(known) = self.tracked.remove(pid) {
                self.left.insert(*pid, known.stat.start);
                let vanished = known.vanish(late, pass.ledger);
                match gone.entry(*pid) {
                    Entry::Vacant(entry) => drop(entry.insert(vanished)),
                    // It took the PID of another that is gone too; nobody tells the two apart.
                    Entry::Occupied(_) => vanished.release(pass.ledger),
                }
            }
            false
        });
        self.machine.members = members;
    }

    /// Credits what the exited used unseen, as far as their reapers tell.
    pub(super) fn reap(
        &mut self,
        gone: &BTreeMap<u32, Vanished>,
        reapers: BTreeMap<u32, Reaper>,
        ledger: &mut Ledger,
    ) {
        if self.machine.scope != Scope::All {
            return gone.values().for_each(|one| one.release(ledger));
        }
        let mut exited = std::mem::take(&mut self.machine.late);
        let late: Vec<Id> = exited.iter().map(|one| one.key).collect();
        for child in &mut exited {
            child.orphan |= !child.ancestors.first().is_some_and(|parent| self.tracked.contains_key(parent));
        }
        for Vanished { stat, group, late, .. } in gone.values() {
            if stat.kernel_thread {
                continue;
            }
            exited.push(Exited {
                key: *group,
                counted: stat.own + stat.waited,
                ancestors: self.ancestors(stat.ppid, gone, &reapers),
                orphan: gone.contains_key(&stat.ppid),
                late: *late,
            });
        }
        let settled = reaping::settle(exited, reapers, |owners| ledger.common_owner(owners));
        for (group, delta) in settled.credits {
            ledger.credit_exited(group, delta);
        }
        // Those that are tried once more still need their accounts.
        settled.late.iter().for_each(|one| ledger.retain(one.key));
        late.into_iter().for_each(|group| ledger.release(group));
        gone.values().for_each(|one| one.release(ledger));
        self.machine.late = settled.late;
    }

    /// Returns the ancestors from `ppid` on that may have waited, nearest first: those that live, and those that exited in
    /// this pass after they were read in it.
    fn ancestors(
        &self,
        ppid: u32,
        gone: &BTreeMap<u32, Vanished>,
        reapers: &BTreeMap<u32, Reaper>,
    ) -> Vec<u32> {
        let mut found = Vec::new();
        let mut at = ppid;
        for _ in 0..DEEPEST {
            // A PID may have been given anew since: the one it was the child of is the one that exited.
            let exited = gone.get(&at).map(|one| &one.stat);
            let Some(stat) = exited.or_else(|| self.tracked.get(&at).map(|known| &known.stat)) else { break };
            if exited.is_none() || reapers.contains_key(&at) {
                found.push(at);
            }
            at = stat.ppid;
        }
        found
    }
}
