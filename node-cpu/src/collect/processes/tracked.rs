//! One process, from one reading to the next: its membership, its group, and its CPU in between.

use crate::account::{Id, Ledger};
use crate::collect::pass::Pass;
use crate::collect::threads::{Process, TrackedThreads};
use crate::cpu::{Cpu, Delta};
use crate::cpu_list::CpuList;
use crate::kernel::Tries;
use crate::kernel::parse::Stat;
use crate::naming::{Owner, RuleName};
use crate::snapshot::{Allowed, Class};
use std::sync::Arc;

/// Source that listed a PID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Procfs, or the root of the tree.
    OutsideUnits,
    /// The cgroup of this number.
    Cgroup(u32),
}

/// Membership of a process: its source, the account of its owner there, and the class of that account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) source: Source,
    pub(super) account: Id,
    pub(super) class: Class,
    /// CPUs on which it may run.
    pub(super) allowed: Allowed,
}

/// Time from which on the CPU of a process counts for its membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// Since its birth: it was born there, and since the last pass.
    Birth,
    /// Since its last reading; `of_last_pass` is set if the last pass took that.
    LastReading { of_last_pass: bool },
    /// Since this reading: it was a member of something else, or its past is unknown.
    Now,
}

/// CPU of a process since its last reading that counts, and CPU of the children that it has waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    pub(super) own: Delta,
    pub(super) waited: Delta,
    /// Account that it counts for.
    pub(super) group: Id,
}

/// One process as of its last reading.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) stat: Stat,
    /// Membership; its account is acquired.
    pub(super) membership: Membership,
    /// Account that it counts for, acquired: that of its membership, or of a rule's group.
    pub(super) group: Id,
    pub(super) rule_name: RuleName,
    /// Owner, if it counts outside of units, and the remaining tries to find the name of its pod, if it is a monitor.
    pub(super) owner: Option<(Owner, Tries)>,
    threads: TrackedThreads,
    /// CPUs that it is allowed on, if some of them are isolated, and it is not bound to one by the kernel.
    pub(super) stray: Option<Arc<CpuList>>,
    /// Number of the last pass that read it.
    pub(super) read_in_pass: u64,
}

impl Tracked {
    pub(super) fn new(stat: Stat, membership: Membership, ledger: &mut Ledger) -> Tracked {
        // One reference is for its membership, and one for the group that it counts for.
        ledger.retain(membership.account);
        ledger.retain(membership.account);
        ledger.adjust_counts(membership.account, 1, stat.threads.into());
        Tracked {
            stat,
            membership,
            group: membership.account,
            rule_name: RuleName::default(),
            owner: None,
            threads: TrackedThreads::default(),
            stray: None,
            read_in_pass: 0,
        }
    }

    /// Updates its membership, and the name that rules give it if `name` is new. Its threads and counts move too.
    pub(super) fn set_membership(
        &mut self,
        membership: Membership,
        name: Option<RuleName>,
        ledger: &mut Ledger,
    ) {
        self.rule_name = name.unwrap_or_else(|| std::mem::take(&mut self.rule_name));
        let group = match &self.rule_name.name {
            Some(name) => ledger.acquire_rule_group(membership.class, name, membership.account),
            None => {
                ledger.retain(membership.account);
                membership.account
            }
        };
        if group != self.group {
            self.threads.update_group(group, ledger);
            ledger.adjust_counts(self.group, -1, -i64::from(self.stat.threads));
            ledger.adjust_counts(group, 1, self.stat.threads.into());
        }
        // The new accounts were acquired before, because an account without references is closed.
        ledger.release(std::mem::replace(&mut self.group, group));
        ledger.retain(membership.account);
        ledger.release(std::mem::replace(&mut self.membership, membership).account);
    }

    /// Updates the process with a new reading. Returns the CPU that counts, and the number of threads that were read.
    /// `threads_began` is the beginning of this pass in ticks since boot, if threads are counted.
    pub(super) fn update(
        &mut self,
        pid: u32,
        stat: &Stat,
        since: Since,
        threads_began: Option<u64>,
        pass: &mut Pass<'_>,
    ) -> (Used, u64) {
        let is_first = self.read_in_pass == 0;
        let (own, waited, of_last_pass) = match since {
            Since::Birth => (Cpu::default(), Cpu::default(), false),
            Since::LastReading { of_last_pass } => (self.stat.own, self.stat.waited, of_last_pass),
            Since::Now => (stat.own, stat.waited, false),
        };
        let own = pass.delta(stat.own, own, of_last_pass);
        // CPU of a child's whole life comes at once.
        let used = Used { own, waited: pass.delta(stat.waited, waited, false), group: self.group };
        if self.membership.source == Source::OutsideUnits {
            pass.ledger.credit_on(self.membership.account, own, self.membership.allowed);
        }
        if self.group != self.membership.account {
            pass.ledger.transfer(self.membership.account, self.group, own, self.membership.allowed);
        }
        pass.ledger.adjust_counts(self.group, 0, i64::from(stat.threads) - i64::from(self.stat.threads));
        let before = (!is_first).then_some(self.stat.own);
        self.stat = *stat;
        // The kernel's own threads are processes, each of one thread. Those in units are updated as others are.
        let is_kernels = stat.kernel_thread && self.membership.source == Source::OutsideUnits;
        let Some(began) = threads_began.filter(|_| !is_kernels) else { return (used, 0) };
        let (is_newborn, is_counted) = (since == Since::Birth, since != Since::Now);
        let process = Process { pid, group: self.group, stat, before, is_newborn, is_counted, began };
        (used, self.threads.update(process, pass))
    }

    /// Ends its counts; its accounts are still acquired.
    pub(super) fn end(&self, ledger: &mut Ledger) {
        self.threads.end(ledger);
        ledger.adjust_counts(self.group, -1, -i64::from(self.stat.threads));
    }
}
