//! The counters: what each group has used since the beginning, adding up and never falling.
//!
//! Two readings of a busy machine are never of the same instant, so a residual (parent less children) is a
//! little above or below the truth, and is put right by the next one. Each account therefore keeps the signed
//! sum, and shows its highest value so far: it never falls, and the noise of many passes does not pile up.
//!
//! It is the total that adds up. The kernel splits each cgroup's exact run time into user and system by that
//! cgroup's own sampled ticks, so the split of a parent is not the sum of its children's: the shown split
//! follows the signed one only as far as neither mode falls and the total stays what it is.
//!
//! A pass touches only the accounts of what moved. Who counts for a group holds its account; it lives while it is held.

mod accounts;
mod pods;
mod threads;

use crate::cpu::{Cpu, Delta};
use crate::snapshot::{Class, Counts, EXITED, Group, IDLE, Snapshot};
use accounts::Standing;
use pods::Pods;
use std::collections::BTreeMap;
use std::sync::Arc;
pub use threads::Series;
use threads::{Named, Threads};

/// A group's or a pod's account, held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Id {
    /// A group's, by its number.
    Group(u32),
    /// A pod's, by its number.
    Pod(u32),
}

#[derive(Debug)]
struct Account {
    key: Group,
    standing: Standing,
    accrued: Delta,
    shown: Cpu,
    /// How many cgroups and processes count for it.
    holders: u32,
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
    /// How many are shown, `(other)` not among them.
    shown: usize,
    pods: Pods,
    /// The account of the group of all pods, while there is any.
    all_pods: Option<u32>,
    /// The accounts whose sum has changed in this pass.
    touched: Vec<u32>,
    /// The signed sum of all groups since the beginning, in microseconds, of those that are closed too.
    all_us: i64,
    /// How many series of threads there are.
    series: usize,
    named: Named,
}

impl Ledger {
    /// Adds to a group, or takes from it where a residual is below zero.
    pub fn credit(&mut self, id: Id, delta: Delta) {
        if delta == Delta::default() {
            return;
        }
        self.all_us = self.all_us.saturating_add(delta.total_us());
        match id {
            Id::Pod(number) => self.pods.credit(number, delta),
            Id::Group(number) => self.accrue(number, delta),
        }
    }

    fn accrue(&mut self, number: u32, delta: Delta) {
        self.seen(Id::Group(number));
        let Id::Group(number) = self.group_of(Id::Group(number)) else { return };
        if let Some(account) = self.own_account(number) {
            account.accrued += delta;
            if !std::mem::replace(&mut account.touched, true) {
                self.touched.push(number);
            }
        }
    }

    /// Adds to how many processes and threads of a group live, or takes away.
    pub(crate) fn count(&mut self, id: Id, processes: i64, threads: i64) {
        if processes > 0 {
            self.seen(self.group_of(id));
        }
        if let Some(account) = self.account(id) {
            let counts = &mut account.counts;
            counts.processes = counts.processes.saturating_add_signed(processes);
            counts.threads = counts.threads.saturating_add_signed(threads);
        }
    }

    /// The signed sum of a group, in microseconds, as of now.
    pub(crate) fn accrued_us(&self, key: &Group) -> i64 {
        self.ids
            .get(key)
            .and_then(|number| self.get(Id::Group(*number)))
            .map_or(0, |account| account.accrued.total_us())
    }

    /// The signed sum of all groups since the beginning, in microseconds.
    pub(crate) fn all_us(&self) -> i64 {
        self.all_us
    }

    /// Ends a pass: shows what has been credited.
    pub fn settle(&mut self) {
        // The group of all pods is what is shown of them, whatever the order in which they were read.
        let of_pods = self.pods.settle();
        if let Some(all_pods) = self.all_pods.filter(|_| of_pods != Delta::default()) {
            self.accrue(all_pods, of_pods);
        }
        for number in std::mem::take(&mut self.touched) {
            let Some(account) = self.account(Id::Group(number)) else { continue };
            account.touched = false;
            let risen = account.shown.follow(account.accrued, i64::MAX);
            if account.key.0 != Class::Kernel {
                account.threads.settle(risen);
            }
        }
    }

    /// Writes all accounts down; those of threads where they are asked for.
    pub fn write(&self, snapshot: &mut Snapshot, threads: bool) {
        self.pods.write(snapshot);
        let all = || self.ids.values().filter_map(|number| self.accounts.get(*number as usize)?.as_ref());
        let accounts = || all().filter(|account| account.standing == Standing::Shown);
        snapshot.groups = accounts().map(|account| (account.key.clone(), account.shown)).collect();
        snapshot.alive = accounts().filter(|a| a.holders > 0).map(|a| a.key.clone()).collect();
        let counted = accounts().filter(|a| a.counts != Counts::default());
        snapshot.counts = counted.map(|account| (account.key.clone(), account.counts)).collect();
        if !threads {
            return;
        }
        let [exited, idle] = [EXITED, IDLE].map(Arc::from);
        for account in accounts() {
            let (class, group) = &account.key;
            let named = |name: &Arc<str>| (*class, Arc::clone(group), Arc::clone(name));
            if *class == Class::Kernel {
                // A kernel thread is a process of its own, and its family the name of both.
                snapshot.threads.insert(named(group), account.shown);
                if account.counts.threads > 0 {
                    snapshot.thread_counts.insert(named(group), account.counts.threads);
                }
                continue;
            }
            snapshot.threads.insert(named(&exited), account.threads.exited());
            let mut unnamed = account.counts.threads;
            for (name, shown, living) in account.threads.shown() {
                snapshot.threads.insert(named(name), shown);
                if living > 0 {
                    snapshot.thread_counts.insert(named(name), living);
                }
                unnamed = unnamed.saturating_sub(living);
            }
            if unnamed > 0 {
                snapshot.thread_counts.insert(named(&idle), unnamed);
            }
        }
    }
}

#[cfg(test)]
mod tests;
