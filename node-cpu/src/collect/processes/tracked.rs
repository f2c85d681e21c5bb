//! One process, from one reading to the next: where it is, whom it counts for, and what it has used in between.

use super::owner::NameTries;
use crate::account::{Id, Ledger};
use crate::collect::pass::Pass;
use crate::collect::threads::{Process, TrackedThreads};
use crate::cpu::{Cpu, Delta};
use crate::kernel::parse::Stat;
use crate::naming::{Owner, RuleName};
use crate::snapshot::Class;

/// Where a PID was listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// In procfs, or in the root of the tree.
    Machine,
    /// In the cgroup of this number.
    Cgroup(u32),
}

/// Where a process is, and the account of whose it is there; the class is that account's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) source: Source,
    pub(super) account: Id,
    pub(super) class: Class,
}

/// From when on what a process has used counts for where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// From its birth: it was born there, and since the last pass.
    Birth,
    /// From its last reading; `exact`: that was in the last pass.
    LastReading { exact: bool },
    /// From now on: it was elsewhere, or nobody knows.
    Now,
}

/// What counts of what a process has used since its last reading, and of what the children that it has waited for had.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    pub(super) own: Delta,
    pub(super) waited: Delta,
    /// The account that it counts for.
    pub(super) group: Id,
}

/// One process as of its last reading.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) stat: Stat,
    /// Its account is acquired.
    pub(super) at: Membership,
    /// The account that it counts for, acquired: that of where it is, or of a rule's group.
    pub(super) group: Id,
    pub(super) rule_name: RuleName,
    /// Whose it is by what it is, if its source is the machine; if it is a monitor, how often it is still asked for the name
    /// of its pod.
    pub(super) owner: Option<(Owner, NameTries)>,
    threads: TrackedThreads,
    /// The last pass that read it.
    pub(super) seen: u64,
}

impl Tracked {
    pub(super) fn new(stat: Stat, at: Membership, ledger: &mut Ledger) -> Tracked {
        // Once for where it is, and once for whom it counts for.
        ledger.retain(at.account);
        ledger.retain(at.account);
        ledger.count(at.account, 1, stat.threads.into());
        Tracked {
            stat,
            at,
            group: at.account,
            rule_name: RuleName::default(),
            owner: None,
            threads: TrackedThreads::default(),
            seen: 0,
        }
    }

    /// Puts it where it is now, under another name if there is one; its threads and counts go with it.
    pub(super) fn put(&mut self, at: Membership, name: Option<RuleName>, ledger: &mut Ledger) {
        self.rule_name = name.unwrap_or_else(|| std::mem::take(&mut self.rule_name));
        let group = match &self.rule_name.name {
            Some(name) => ledger.acquire_named(at.class, name, at.account),
            None => {
                ledger.retain(at.account);
                at.account
            }
        };
        if group != self.group {
            self.threads.update_group(group, ledger);
            ledger.count(self.group, -1, -i64::from(self.stat.threads));
            ledger.count(group, 1, self.stat.threads.into());
        }
        // The new ones were acquired before: an account that nobody has is closed.
        ledger.release(std::mem::replace(&mut self.group, group));
        ledger.retain(at.account);
        ledger.release(std::mem::replace(&mut self.at, at).account);
    }

    /// Takes a new reading; returns what counts of what it has used, and how many threads were read. `threads`: when this
    /// pass began, in ticks since boot, if threads are counted.
    pub(super) fn update(
        &mut self,
        pid: u32,
        stat: &Stat,
        since: Since,
        threads: Option<u64>,
        pass: &mut Pass<'_>,
    ) -> (Used, u64) {
        let is_first = self.seen == 0;
        let (own, waited, exact) = match since {
            Since::Birth => (Cpu::default(), Cpu::default(), false),
            Since::LastReading { exact } => (self.stat.own, self.stat.waited, exact),
            Since::Now => (stat.own, stat.waited, false),
        };
        let own = pass.delta(stat.own, own, exact);
        // What children used in all their lives comes at once.
        let used = Used { own, waited: pass.delta(stat.waited, waited, false), group: self.group };
        if self.at.source == Source::Machine {
            pass.ledger.credit(self.at.account, own);
        }
        if self.group != self.at.account {
            pass.ledger.transfer(self.at.account, self.group, own);
        }
        pass.ledger.count(self.group, 0, i64::from(stat.threads) - i64::from(self.stat.threads));
        let before = (!is_first).then_some(self.stat.own);
        self.stat = *stat;
        // The kernel's own threads are processes, each of one thread. In units they are followed as others are.
        let is_kernels = stat.kernel_thread && self.at.source == Source::Machine;
        let Some(began) = threads.filter(|_| !is_kernels) else { return (used, 0) };
        let (newborn, counts) = (since == Since::Birth, since != Since::Now);
        let process = Process { pid, group: self.group, stat, before, newborn, counts, began };
        (used, self.threads.follow(process, pass))
    }

    /// Ends what it counts for; its accounts are still acquired.
    pub(super) fn end(&self, ledger: &mut Ledger) {
        self.threads.end(ledger);
        ledger.count(self.group, -1, -i64::from(self.stat.threads));
    }
}
