//! Ledger: CPU of each group since the beginning, in totals that add up and never fall.
//!
//! Two readings of a busy machine are never of the same instant. A residual (parent less children) is therefore a
//! little above or below the truth, and the next residual corrects it. Each account keeps the signed sum and exports
//! its highest value so far. It never falls, and the noise of many passes does not pile up.
//!
//! Totals of user and system time together add up, but not each of the two alone. The kernel splits each cgroup's exact
//! run time by the ticks that it sampled in that cgroup, so a parent's user time is not the sum of its children's. An
//! exported user or system time follows the accrued one only as far as neither falls and their sum stays right.
//!
//! A pass touches only the accounts that have used CPU. A cgroup or process acquires the account that it counts for. An
//! account is alive while it has references.

mod account_lifetimes;
mod allowed;
mod pods;
mod threads;

use crate::cpu::{Cpu, Delta};
use crate::snapshot::{Allowed, Class, Counts, EXITED, Group, IDLE, Snapshot};
use account_lifetimes::Standing;
use allowed::Split;
use pods::Pods;
use std::collections::BTreeMap;
use std::sync::Arc;
pub use threads::Series;
use threads::{NamedThreads, Threads};

/// Reference to the account of a group or pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Id {
    /// Number of a group's account.
    Group(u32),
    /// Number of a pod's account.
    Pod(u32),
}

#[derive(Debug)]
struct Account {
    group: Group,
    standing: Standing,
    accrued: Delta,
    exported: Cpu,
    split: Split,
    /// Number of cgroups and processes that have acquired the account.
    references: u32,
    counts: Counts,
    threads: Threads,
    touched: bool,
}

/// All accounts of one node.
#[derive(Debug, Default)]
pub struct Ledger {
    accounts: Vec<Option<Account>>,
    free: Vec<u32>,
    ids: BTreeMap<Group, u32>,
    /// Number of groups that are shown, without `(other)`.
    exported_groups: usize,
    pods: Pods,
    /// Account of the group of all pods; `None` if there is no pod.
    all_pods: Option<u32>,
    /// Accounts whose sum has changed in this pass.
    touched: Vec<u32>,
    /// Signed sum of all groups since the beginning, closed ones included, in microseconds.
    total_accrued_us: i64,
    /// Number of thread series on the node.
    series: usize,
    named_threads: NamedThreads,
}

impl Ledger {
    /// Adds `delta` to a group or pod; `delta` is negative if a residual is below zero.
    pub fn credit(&mut self, id: Id, delta: Delta) {
        self.credit_on(id, delta, Allowed::Any);
    }

    /// Adds `delta` as [`Ledger::credit`] does, of something that was allowed to run there.
    pub fn credit_on(&mut self, id: Id, delta: Delta, allowed: Allowed) {
        if delta == Delta::default() {
            return;
        }
        self.total_accrued_us = self.total_accrued_us.saturating_add(delta.total_us());
        match id {
            Id::Pod(number) => self.pods.credit(number, delta, allowed),
            Id::Group(number) => {
                self.accrue(number, delta, |split| split.add(allowed, delta.total_us()));
            }
        }
    }

    fn accrue(&mut self, number: u32, delta: Delta, share: impl FnOnce(&mut Split)) {
        self.mark_seen(Id::Group(number));
        let Id::Group(number) = self.resolve_group(Id::Group(number)) else { return };
        if let Some(account) = self.account_mut(number) {
            account.accrued += delta;
            share(&mut account.split);
            if !std::mem::replace(&mut account.touched, true) {
                self.touched.push(number);
            }
        }
    }

    /// Adds to the numbers of living processes and threads of a group, or subtracts from them.
    pub(crate) fn adjust_counts(&mut self, id: Id, processes: i64, threads: i64) {
        if processes > 0 {
            self.mark_seen(self.resolve_group(id));
        }
        if let Some(account) = self.group_account_mut(id) {
            let counts = &mut account.counts;
            counts.processes = counts.processes.saturating_add_signed(processes);
            counts.threads = counts.threads.saturating_add_signed(threads);
        }
    }

    /// Returns the signed sum of a group as of now, in microseconds.
    pub(crate) fn accrued_us(&self, group: &Group) -> i64 {
        self.ids
            .get(group)
            .and_then(|number| self.group_account(Id::Group(*number)))
            .map_or(0, |account| account.accrued.total_us())
    }

    /// Returns the signed sum of all groups since the beginning, in microseconds.
    pub(crate) fn total_accrued_us(&self) -> i64 {
        self.total_accrued_us
    }

    /// Ends a pass: raises the exported totals to the accrued sums.
    pub fn settle(&mut self) {
        // The group of all pods gets the sum of their exported rises, so the order in which they were read does not
        // matter.
        let (pods_delta, [reserved, isolated]) = self.pods.settle();
        if let Some(all_pods) = self.all_pods.filter(|_| pods_delta != Delta::default()) {
            self.accrue(all_pods, pods_delta, |split| {
                split.add(Allowed::Reserved, reserved);
                split.add(Allowed::Isolated, isolated);
            });
        }
        for number in std::mem::take(&mut self.touched) {
            let Some(account) = self.group_account_mut(Id::Group(number)) else { continue };
            account.touched = false;
            let delta = account.exported.follow(account.accrued, i64::MAX);
            account.split.settle(delta.total_us());
            if account.group.0 != Class::Kernel {
                account.threads.settle(delta);
            }
        }
    }

    /// Writes by where groups and pods were allowed to run to `snapshot`.
    pub fn write_by_allowed(&self, snapshot: &mut Snapshot) {
        self.pods.write_by_allowed(snapshot);
        let all = self.ids.values().filter_map(|number| self.accounts.get(*number as usize)?.as_ref());
        let shown = all.filter(|account| account.standing == Standing::Exported);
        let parts = |account: &Account| account.split.parts(account.exported.total_us());
        snapshot.groups_by_allowed = shown.map(|account| (account.group.clone(), parts(account))).collect();
    }

    /// Writes all accounts to `snapshot`; those of threads only if `threads` is set.
    pub fn write(&self, snapshot: &mut Snapshot, threads: bool) {
        self.pods.write(snapshot);
        let all = || self.ids.values().filter_map(|number| self.accounts.get(*number as usize)?.as_ref());
        let accounts = || all().filter(|account| account.standing == Standing::Exported);
        snapshot.groups = accounts().map(|account| (account.group.clone(), account.exported)).collect();
        snapshot.alive = accounts().filter(|a| a.references > 0).map(|a| a.group.clone()).collect();
        let counted = accounts().filter(|a| a.counts != Counts::default());
        snapshot.counts = counted.map(|account| (account.group.clone(), account.counts)).collect();
        if !threads {
            return;
        }
        let [exited_name, idle_name] = [EXITED, IDLE].map(Arc::from);
        for account in accounts() {
            let (class, group) = &account.group;
            let thread = |name: &Arc<str>| (*class, Arc::clone(group), Arc::clone(name));
            if *class == Class::Kernel {
                // A kernel thread is a process of its own. Its family is the name of the group and of the thread.
                snapshot.threads.insert(thread(group), account.exported);
                if account.counts.threads > 0 {
                    snapshot.thread_counts.insert(thread(group), account.counts.threads);
                }
                continue;
            }
            snapshot.threads.insert(thread(&exited_name), account.threads.exited());
            let mut unnamed = account.counts.threads;
            for (name, exported, living) in account.threads.exported_names() {
                snapshot.threads.insert(thread(name), exported);
                if living > 0 {
                    snapshot.thread_counts.insert(thread(name), living);
                }
                unnamed = unnamed.saturating_sub(living);
            }
            if unnamed > 0 {
                snapshot.thread_counts.insert(thread(&idle_name), unnamed);
            }
        }
    }
}

#[cfg(test)]
mod tests;
