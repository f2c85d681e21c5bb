//! Lifetimes of accounts: opening, showing as a group, and closing.

use super::allowed::Split;
use super::threads::Threads;
use super::{Account, Id, Ledger};
use crate::cpu::{Cpu, Delta};
use crate::snapshot::{Counts, Group, OTHER};
use std::sync::Arc;

/// Maximum number of groups of a node; later ones are `(other)` of their class. A node has 60 to 120 units, some more
/// if people log in, and about 60 families of kernel threads. A cgroup without processes and without CPU is no group
/// yet: mounts, sockets and such have cgroups by the hundred.
pub(super) const MAX_GROUPS: usize = 400;

/// Standing of an account: shown as a group, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has had no process and has used nothing.
    Unseen,
    Exported,
    /// It is past the limit, and all its CPU counts for this account.
    PartOf(u32),
}

impl Ledger {
    /// Acquires the account of a group, and opens it at 0 if there is none.
    pub fn acquire(&mut self, group: &Group) -> Id {
        let known = self.ids.get(group).copied();
        let id = Id::Group(known.unwrap_or_else(|| self.open_account(group.clone())));
        self.retain(id);
        id
    }

    /// Acquires the account of a group as [`Ledger::acquire`] does, and shows the group from now on.
    pub(crate) fn acquire_exported(&mut self, group: &Group) -> Id {
        let id = self.acquire(group);
        self.mark_seen(id);
        id
    }

    /// Acquires an account once more.
    pub(crate) fn retain(&mut self, id: Id) {
        match id {
            Id::Pod(number) => self.pods.retain(number),
            Id::Group(number) => {
                if let Some(account) = self.account_mut(number) {
                    account.references += 1;
                }
            }
        }
    }

    /// Releases one reference to an account.
    pub fn release(&mut self, id: Id) {
        let id = match id {
            Id::Group(_) => id,
            Id::Pod(number) if self.pods.release(number) => self.resolve_group(id),
            Id::Pod(_) => return,
        };
        let Id::Group(number) = id else { return };
        let Some(account) = self.account_mut(number) else { return };
        account.references = account.references.saturating_sub(1);
        // An account that was never shown is closed at once, because no reader knows it.
        if account.references == 0 && account.standing != Standing::Exported {
            let standing = account.standing;
            self.close_account(number);
            if let Standing::PartOf(other) = standing {
                self.release(Id::Group(other));
            }
        }
    }

    /// Shows the group from now on, because it has a process or has used something. A group past the limit becomes part
    /// of `(other)`.
    pub(super) fn mark_seen(&mut self, id: Id) {
        let Id::Group(number) = id else { return };
        let Some(account) = self.account_mut(number).filter(|account| account.standing == Standing::Unseen)
        else {
            return;
        };
        let other = (account.group.0, Arc::from(OTHER));
        let is_other = account.group == other;
        account.standing = Standing::Exported;
        if is_other || self.exported_groups < MAX_GROUPS {
            self.exported_groups += usize::from(!is_other);
            return;
        }
        let Id::Group(other) = self.acquire_exported(&other) else { return };
        if let Some(account) = self.account_mut(number) {
            account.standing = Standing::PartOf(other);
        }
    }

    pub(super) fn open_account(&mut self, group: Group) -> u32 {
        let account = Account {
            group: group.clone(),
            standing: Standing::Unseen,
            accrued: Delta::default(),
            exported: Cpu::default(),
            split: Split::default(),
            references: 0,
            counts: Counts::default(),
            threads: Threads::default(),
            touched: false,
        };
        let id = self.free.pop().unwrap_or_else(|| {
            self.accounts.push(None);
            self.accounts.len() as u32 - 1
        });
        if let Some(slot) = self.accounts.get_mut(id as usize) {
            *slot = Some(account);
        }
        self.ids.insert(group, id);
        id
    }

    /// Closes the account of a group that has ended, and those of its threads. The account begins at 0 if the group
    /// comes back.
    pub fn forget(&mut self, group: &Group) {
        let Some(&number) = self.ids.get(group) else { return };
        if self.account_mut(number).is_some_and(|account| account.references == 0) {
            self.close_account(number);
        }
    }

    pub(super) fn close_account(&mut self, number: u32) {
        let Some(account) = self.accounts.get_mut(number as usize).and_then(Option::take) else { return };
        let was_shown = account.standing == Standing::Exported && &*account.group.1 != OTHER;
        self.exported_groups = self.exported_groups.saturating_sub(was_shown.into());
        self.series = self.series.saturating_sub(account.threads.len());
        self.touched.retain(|touched| *touched != number);
        self.ids.remove(&account.group);
        self.free.push(number);
        self.all_pods = self.all_pods.filter(|all_pods| *all_pods != number);
    }

    /// Returns the group's account that the CPU and the counts of `id` go to. For a pod it is the group of all pods, for
    /// a group past the limit it is `(other)`, and for any other group it is its own.
    pub(super) fn resolve_group(&self, id: Id) -> Id {
        let number = match id {
            Id::Pod(_) => self.all_pods.unwrap_or(u32::MAX),
            Id::Group(number) => number,
        };
        match self.accounts.get(number as usize).and_then(Option::as_ref).map(|account| account.standing) {
            Some(Standing::PartOf(other)) => Id::Group(other),
            _ => Id::Group(number),
        }
    }

    pub(super) fn account_mut(&mut self, number: u32) -> Option<&mut Account> {
        self.accounts.get_mut(number as usize)?.as_mut()
    }

    pub(super) fn group_account(&self, id: Id) -> Option<&Account> {
        let Id::Group(number) = self.resolve_group(id) else { return None };
        self.accounts.get(number as usize)?.as_ref()
    }

    pub(super) fn group_account_mut(&mut self, id: Id) -> Option<&mut Account> {
        let Id::Group(number) = self.resolve_group(id) else { return None };
        self.accounts.get_mut(number as usize)?.as_mut()
    }
}
