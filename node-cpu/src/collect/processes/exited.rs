//! Who has ended since the last pass, and who may have waited for it.

use super::{Proc, Procs, Scope, owner};
use crate::account::reaping::{self, Exited, Reaper};
use crate::account::{Id, Ledger};
use crate::kernel::ProcFs;
use crate::kernel::parse::Stat;
use crate::kernel::{Outcome, Reader};
use std::collections::BTreeMap;

/// Who vanished, by PID.
pub(super) type Gone = BTreeMap<u32, Vanished>;

/// What is still to be known of one that vanished.
#[derive(Debug)]
pub(super) struct Vanished {
    stat: Stat,
    home: Id,
    group: Id,
    /// Its reaper may have been read before it ended.
    late: bool,
}

impl Proc {
    /// Ends what it counts for; its account is let go of when it is buried.
    pub(super) fn exited(&self, late: bool, ledger: &mut Ledger) -> Vanished {
        self.threads.end(ledger);
        ledger.count(self.group, -1, -i64::from(self.stat.threads));
        Vanished { stat: self.stat, home: self.home, group: self.group, late }
    }
}

impl Vanished {
    fn release(&self, ledger: &mut Ledger) {
        ledger.release(self.group);
        ledger.release(self.home);
    }
}

impl Procs {
    /// Finds who has ended: of those known before, and of those read in this pass, which are then known no more.
    pub(super) fn take_gone(
        &mut self,
        listed: &[u32],
        after: &[u32],
        gone: &mut Gone,
        procfs: &ProcFs,
        reader: &mut Reader,
        ledger: &mut Ledger,
    ) {
        let mut exited = Vec::new();
        for (pid, proc) in &self.known {
            if proc.seen != self.pass {
                // It ended, or left the root, before it was read.
                exited.push((*pid, listed.binary_search(pid).is_ok()));
            } else if self.scope == Scope::All && after.binary_search(pid).is_err() {
                let still = match procfs.process(*pid, reader) {
                    Outcome::Got(stat) => stat.start == proc.stat.start,
                    Outcome::Gone => false,
                    Outcome::Failed => true,
                };
                if !still {
                    exited.push((*pid, true));
                }
            }
        }
        for (pid, late) in exited {
            if let Some(proc) = self.known.remove(&pid) {
                gone.entry(pid).or_insert(proc.exited(late, ledger));
            }
        }
    }

    /// Credits what the ended used unseen, as far as their reapers tell.
    pub(super) fn reap(&mut self, gone: &Gone, reapers: BTreeMap<u32, Reaper>, ledger: &mut Ledger) {
        if self.scope != Scope::All {
            return gone.values().for_each(|one| one.release(ledger));
        }
        let mut exited = std::mem::take(&mut self.late);
        let late: Vec<Id> = exited.iter().map(|one| one.key).collect();
        for child in &mut exited {
            child.orphan |= !child.ancestors.first().is_some_and(|parent| self.known.contains_key(parent));
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
        // Who is tried once more still needs its account.
        settled.late.iter().for_each(|one| ledger.retain(one.key));
        late.into_iter().for_each(|group| ledger.release(group));
        gone.values().for_each(|one| one.release(ledger));
        self.late = settled.late;
    }

    /// The ancestors from `ppid` on that may have waited, nearest first: those that live, and those that ended
    /// in this pass after they were read in it.
    fn ancestors(&self, ppid: u32, gone: &Gone, reapers: &BTreeMap<u32, Reaper>) -> Vec<u32> {
        let mut found = Vec::new();
        let mut at = ppid;
        for _ in 0..owner::DEEPEST {
            // A PID may have been given anew since: the one it was the child of is the one that ended.
            let exited = gone.get(&at).map(|one| &one.stat);
            let Some(stat) = exited.or_else(|| self.known.get(&at).map(|proc| &proc.stat)) else { break };
            if exited.is_none() || reapers.contains_key(&at) {
                found.push(at);
            }
            at = stat.ppid;
        }
        found
    }
}
