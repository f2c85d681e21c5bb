//! A group's threads by name. With what exited they are the group, at each reading.
//!
//! A group's growth is exact and its threads' comes in ticks, read at another moment. So the group's growth bounds what
//! its threads may be shown to grow by: what exceeds it is held back, and carried by name to later passes. What they
//! leave of it is `(exited)`: threads that ended before they were read, and what their ticks do not tell yet.
//!
//! What is carried is what `(exited)` was given for want of a tick, so it is no more than a tick of each mode for each
//! thread. More would be what a thread used in another group, before it came to this one, and is dropped.

use super::{Id, Ledger};
use crate::cpu::{Cpu, Delta};
use crate::snapshot::{Class, Group, OTHER, Thread};
use std::sync::Arc;

/// Names of threads in one group at most; what comes later is `(other)`. Programs whose names differ beyond a number
/// have 10 to 40 (a JVM, qemu, ovs-vswitchd); the pods, all together, have more, and most of them in few.
const MOST_OF_GROUP: usize = 64;
/// What is carried for a thread at most, in microseconds: a tick of each mode, at the 100 a second that all kernels show.
const CARRIED_US: i64 = 20_000;
/// On a node at most, besides an `(other)` for each group.
const MOST: usize = 4000;
/// Living threads of a node's host that are named whether they have run or not: units have some hundred to two thousand.
/// The kernel keeps 1.7 KiB for each, charged to who reads its name. The pods' are named once they run: all pods are one
/// group, in which few names would tell anything.
const MOST_NAMED: usize = 2000;

/// One name in one group, held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series(Id, u32);

#[derive(Debug)]
struct Name {
    accrued: Delta,
    shown: Cpu,
    living: u64,
}

#[derive(Debug, Default)]
pub(super) struct Threads {
    /// By name: where its account is.
    names: Vec<(Arc<str>, u32)>,
    accounts: Vec<Option<Name>>,
    exited: Cpu,
}

impl Threads {
    /// How many series there are, `(exited)` not among them.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Shares what the group has grown by.
    pub(super) fn settle(&mut self, group: Delta) {
        let grown = group.total_us();
        let named = || self.accounts.iter().flatten();
        let accrued =
            |named: &Name| named.accrued.total_us().saturating_sub_unsigned(named.shown.total_us()).max(0);
        let wanted = named().map(accrued).fold(0, i64::saturating_add);
        let mut rest = group;
        // What all up to here want and get: cut in the sum, so that no microsecond is lost between them.
        let (mut want, mut got) = (0, 0);
        if grown <= 0 {
            return;
        }
        for named in self.accounts.iter_mut().flatten() {
            want += accrued(named);
            let all = if wanted <= grown { want } else { share(want, grown, wanted) };
            rest = rest - named.shown.follow(named.accrued, all - got);
            got = all;
            named.drop_excess();
        }
        // The group's own split as far as the threads leave it.
        let rest_us = grown - got;
        let user = rest.user_us.clamp(0, rest_us);
        self.exited.user_us = self.exited.user_us.saturating_add_signed(user);
        self.exited.system_us = self.exited.system_us.saturating_add_signed(rest_us - user);
    }

    /// Each name, its CPU and how many live.
    pub(super) fn shown(&self) -> impl Iterator<Item = (&Arc<str>, Cpu, u64)> {
        self.names.iter().filter_map(|(name, at)| {
            let named = self.accounts.get(*at as usize)?.as_ref()?;
            Some((name, named.shown, named.living))
        })
    }

    pub(super) fn exited(&self) -> Cpu {
        self.exited
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.names.binary_search_by(|(known, _)| (**known).cmp(name))
    }

    fn insert(&mut self, at: usize, name: &str) -> u32 {
        let free = self.accounts.iter().position(Option::is_none);
        let slot = free.unwrap_or_else(|| {
            self.accounts.push(None);
            self.accounts.len() - 1
        });
        if let Some(account) = self.accounts.get_mut(slot) {
            *account = Some(Name { accrued: Delta::default(), shown: Cpu::default(), living: 0 });
        }
        self.names.insert(at, (Arc::from(name), slot as u32));
        slot as u32
    }

    fn get_mut(&mut self, slot: u32) -> Option<&mut Name> {
        self.accounts.get_mut(slot as usize)?.as_mut()
    }
}

impl Name {
    /// Drops what is no lag of ticks.
    fn drop_excess(&mut self) {
        let carried = self.accrued.total_us().saturating_sub_unsigned(self.shown.total_us());
        let most = CARRIED_US.saturating_mul(self.living.max(1) as i64);
        if carried > most {
            let excess = carried - most;
            let user = self.accrued.user_us.saturating_sub_unsigned(self.shown.user_us).clamp(0, excess);
            self.accrued = self.accrued - Delta { user_us: user, system_us: excess - user };
        }
    }
}

/// How many living threads of the host have a name, and how many are given one though they have not run.
#[derive(Debug)]
pub(super) struct Named {
    living: usize,
    most: usize,
}

impl Default for Named {
    fn default() -> Named {
        Named { living: 0, most: MOST_NAMED }
    }
}

/// `part` of `whole` of what was wanted, in proportion.
fn share(part: i64, whole: i64, wanted: i64) -> i64 {
    (i128::from(part) * i128::from(whole) / i128::from(wanted.max(1))) as i64
}

impl Ledger {
    /// A ledger that has so many threads named whether they have run or not.
    #[cfg(test)]
    pub(crate) fn naming(most: usize) -> Ledger {
        Ledger { named: Named { living: 0, most }, ..Ledger::default() }
    }

    /// Whether so many more living threads of a group may be named though they have not run.
    pub(crate) fn has_room_to_name(&self, group: Id, more: usize) -> bool {
        self.named.living + more <= self.named.most && self.is_of_host(group)
    }

    fn is_of_host(&self, group: Id) -> bool {
        self.get(group).is_some_and(|account| account.key.0 == Class::Host)
    }

    /// One more living thread of this name.
    pub fn begin_thread(&mut self, group: Id, name: &str) -> Series {
        self.seen(group);
        self.named.living += usize::from(self.is_of_host(group));
        let room = self.series < MOST;
        let Some(account) = self.account(group) else { return Series(group, u32::MAX) };
        let threads = &mut account.threads;
        let mut found = threads.find(name);
        let full = !room || threads.names.len() >= MOST_OF_GROUP + usize::from(threads.find(OTHER).is_ok());
        if found.is_err() && full {
            found = threads.find(OTHER);
        }
        let (slot, new) = match found {
            Ok(at) => (threads.names.get(at).map_or(u32::MAX, |(_, slot)| *slot), false),
            Err(at) => (threads.insert(at, if full { OTHER } else { name }), true),
        };
        if let Some(named) = threads.get_mut(slot) {
            named.living += 1;
        }
        self.series += usize::from(new);
        Series(group, slot)
    }

    /// One living thread less; its CPU stays.
    pub fn end_thread(&mut self, Series(group, slot): Series) {
        self.named.living = self.named.living.saturating_sub(self.is_of_host(group).into());
        if let Some(named) = self.account(group).and_then(|account| account.threads.get_mut(slot)) {
            named.living = named.living.saturating_sub(1);
        }
    }

    /// Adds to a name, within what its group grows by.
    pub fn credit_thread(&mut self, Series(group, slot): Series, delta: Delta) {
        if let Some(named) = self.account(group).and_then(|account| account.threads.get_mut(slot)) {
            named.accrued += delta;
        }
    }

    /// Closes the account of a name of which none lives; should it come back, it begins at 0.
    pub fn forget_thread(&mut self, (class, group, name): &Thread) {
        let key: Group = (*class, Arc::clone(group));
        let Some(account) = self.ids.get(&key).copied().and_then(|number| self.account(Id::Group(number)))
        else {
            return;
        };
        let threads = &mut account.threads;
        let Ok(at) = threads.find(name) else { return };
        let Some((_, slot)) = threads.names.get(at).cloned() else { return };
        let Some(account) = threads.accounts.get_mut(slot as usize) else { return };
        if account.take_if(|named| named.living == 0).is_some() {
            threads.names.remove(at);
            self.series = self.series.saturating_sub(1);
        }
    }
}
