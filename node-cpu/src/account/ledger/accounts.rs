//! Who has an account, from when on it is a group's that is shown, and when it is closed.

use super::threads::Threads;
use super::{Account, Id, Ledger};
use crate::cpu::{Cpu, Delta};
use crate::snapshot::{Counts, Group, OTHER};
use std::sync::Arc;

/// Groups of a node at most; what comes later is `(other)` of its class. A node has 60 to 120 units, some more where
/// people log in, and about 60 families of kernel threads. What has neither processes nor used any CPU is no group yet:
/// mounts, sockets and such have cgroups by the hundred.
pub(super) const MOST_GROUPS: usize = 400;

/// Whether an account is a group's that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has had no process and has used nothing.
    Unseen,
    Shown,
    /// It is past the limit, and all of it is this one's.
    PartOf(u32),
}

impl Ledger {
    /// Opens the account of a group at 0, or finds it, and holds it.
    pub fn acquire(&mut self, key: &Group) -> Id {
        let known = self.ids.get(key).copied();
        let id = Id::Group(known.unwrap_or_else(|| self.open(key.clone())));
        self.retain(id);
        id
    }

    /// As [`Ledger::acquire`], of a group that is shown from the beginning.
    pub(crate) fn acquire_shown(&mut self, key: &Group) -> Id {
        let id = self.acquire(key);
        self.seen(id);
        id
    }

    /// Holds an account that is held already.
    pub(crate) fn retain(&mut self, id: Id) {
        match id {
            Id::Pod(number) => self.pods.retain(number),
            Id::Group(number) => {
                if let Some(account) = self.own_account(number) {
                    account.holders += 1;
                }
            }
        }
    }

    /// Lets go of an account: one holder less.
    pub fn release(&mut self, id: Id) {
        let id = match id {
            Id::Group(_) => id,
            Id::Pod(number) if self.pods.release(number) => self.group_of(id),
            Id::Pod(_) => return,
        };
        let Id::Group(number) = id else { return };
        let Some(account) = self.own_account(number) else { return };
        account.holders = account.holders.saturating_sub(1);
        // What was never shown leaves with nobody's notice.
        if account.holders == 0 && account.standing != Standing::Shown {
            let standing = account.standing;
            self.close(number);
            if let Standing::PartOf(other) = standing {
                self.release(Id::Group(other));
            }
        }
    }

    /// It has a process, or has used something: from now on it is a group that is shown, or past the limit.
    pub(super) fn seen(&mut self, id: Id) {
        let Id::Group(number) = id else { return };
        let Some(account) = self.own_account(number).filter(|account| account.standing == Standing::Unseen)
        else {
            return;
        };
        let other = (account.key.0, Arc::from(OTHER));
        let is_other = account.key == other;
        account.standing = Standing::Shown;
        if is_other || self.shown < MOST_GROUPS {
            self.shown += usize::from(!is_other);
            return;
        }
        let Id::Group(other) = self.acquire_shown(&other) else { return };
        if let Some(account) = self.own_account(number) {
            account.standing = Standing::PartOf(other);
        }
    }

    pub(super) fn open(&mut self, key: Group) -> u32 {
        let account = Account {
            key: key.clone(),
            standing: Standing::Unseen,
            accrued: Delta::default(),
            shown: Cpu::default(),
            holders: 0,
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
        self.ids.insert(key, id);
        id
    }

    /// Closes the account of a group that is gone, its threads' with it; should it come back, it begins at 0.
    pub fn forget(&mut self, key: &Group) {
        let Some(&number) = self.ids.get(key) else { return };
        if self.own_account(number).is_some_and(|account| account.holders == 0) {
            self.close(number);
        }
    }

    pub(super) fn close(&mut self, number: u32) {
        let Some(account) = self.accounts.get_mut(number as usize).and_then(Option::take) else { return };
        let counted = account.standing == Standing::Shown && &*account.key.1 != OTHER;
        self.shown = self.shown.saturating_sub(counted.into());
        self.series = self.series.saturating_sub(account.threads.len());
        self.touched.retain(|touched| *touched != number);
        self.ids.remove(&account.key);
        self.free.push(number);
        self.all_pods = self.all_pods.filter(|all_pods| *all_pods != number);
    }

    /// The group's account that counts: of a pod that of all pods, of what is past the limit the other's.
    pub(super) fn group_of(&self, id: Id) -> Id {
        let number = match id {
            Id::Pod(_) => self.all_pods.unwrap_or(u32::MAX),
            Id::Group(number) => number,
        };
        match self.accounts.get(number as usize).and_then(Option::as_ref).map(|account| account.standing) {
            Some(Standing::PartOf(other)) => Id::Group(other),
            _ => Id::Group(number),
        }
    }

    pub(super) fn own_account(&mut self, number: u32) -> Option<&mut Account> {
        self.accounts.get_mut(number as usize)?.as_mut()
    }

    pub(super) fn get(&self, id: Id) -> Option<&Account> {
        let Id::Group(number) = self.group_of(id) else { return None };
        self.accounts.get(number as usize)?.as_ref()
    }

    pub(super) fn account(&mut self, id: Id) -> Option<&mut Account> {
        let Id::Group(number) = self.group_of(id) else { return None };
        self.accounts.get_mut(number as usize)?.as_mut()
    }
}
