//! Threads of a group by name: at each reading they add up to the group, together with `(exited)`.
//!
//! A group's delta is exact. Its threads' deltas come in ticks and were read at another moment. The group's delta
//! therefore bounds the rise of its threads. CPU beyond that bound is carried by name to later passes. CPU that the
//! threads leave is `(exited)`: threads that ended before they were read, and CPU that is in no tick yet.
//!
//! Carried CPU is CPU that `(exited)` got because a tick was not there yet. It is therefore at most one tick of each
//! mode for each thread. More than that is CPU that a thread used in another group before it came to this one, and is
//! dropped.

use super::{Id, Ledger};
use crate::cpu::{Cpu, Delta};
use crate::snapshot::{Class, Group, OTHER, Thread};
use std::sync::Arc;

/// Maximum number of thread names in one group; later ones are `(other)`. Programs with names that differ by more than
/// a number have 10 to 40 (a JVM, qemu, ovs-vswitchd). All pods together have more, but few names have most of the CPU.
const MAX_NAMES_OF_GROUP: usize = 64;
/// Maximum CPU that is carried for a thread, in microseconds: one tick of each mode, at the 100 ticks per second of all
/// kernels.
const MAX_CARRIED_US: i64 = 20_000;
/// Maximum number of thread series on a node, without one `(other)` for each group.
const MAX_SERIES: usize = 4000;
/// Maximum number of living host threads that are named before they run; units have some hundred to two thousand. The
/// kernel keeps 1.7 KiB for each, charged to the process that reads its name. Pods' threads are named only when they
/// run. All pods are one group, in which few names would say anything.
const MAX_NAMED_EARLY: usize = 2000;

/// Reference to one thread name of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series(Id, u32);

#[derive(Debug)]
struct NameAccount {
    accrued: Delta,
    exported: Cpu,
    living: u64,
}

#[derive(Debug, Default)]
pub(super) struct Threads {
    /// Indexes into `accounts`, ordered by name.
    names: Vec<(Arc<str>, u32)>,
    accounts: Vec<Option<NameAccount>>,
    exited: Cpu,
}

impl Threads {
    /// Returns the number of series, without `(exited)`.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Shares the group's delta between its threads and `(exited)`.
    pub(super) fn settle(&mut self, group_delta: Delta) {
        let group_us = group_delta.total_us();
        let names = || self.accounts.iter().flatten();
        let pending = |named: &NameAccount| {
            named.accrued.total_us().saturating_sub_unsigned(named.exported.total_us()).max(0)
        };
        let pending_us = names().map(pending).fold(0, i64::saturating_add);
        let mut remaining = group_delta;
        // Sums over the threads so far. Each rise is a difference of rounded sums, so no microsecond is lost between
        // threads.
        let (mut pending_so_far, mut exported_so_far) = (0, 0);
        if group_us <= 0 {
            return;
        }
        for named in self.accounts.iter_mut().flatten() {
            pending_so_far += pending(named);
            let all = if pending_us <= group_us {
                pending_so_far
            } else {
                scale(pending_so_far, group_us, pending_us)
            };
            remaining = remaining - named.exported.follow(named.accrued, all - exported_so_far);
            exported_so_far = all;
            named.drop_excess();
        }
        // `(exited)` gets the group's own split as far as the threads leave it.
        let remaining_us = group_us - exported_so_far;
        let user = remaining.user_us.clamp(0, remaining_us);
        self.exited.user_us = self.exited.user_us.saturating_add_signed(user);
        self.exited.system_us = self.exited.system_us.saturating_add_signed(remaining_us - user);
    }

    /// Returns each name with its CPU and number of living threads.
    pub(super) fn exported_names(&self) -> impl Iterator<Item = (&Arc<str>, Cpu, u64)> {
        self.names.iter().filter_map(|(name, slot)| {
            let named = self.accounts.get(*slot as usize)?.as_ref()?;
            Some((name, named.exported, named.living))
        })
    }

    pub(super) fn exited(&self) -> Cpu {
        self.exited
    }

    fn position_of(&self, name: &str) -> Result<usize, usize> {
        self.names.binary_search_by(|(known, _)| (**known).cmp(name))
    }

    fn open_account(&mut self, at: usize, name: &str) -> u32 {
        let free = self.accounts.iter().position(Option::is_none);
        let slot = free.unwrap_or_else(|| {
            self.accounts.push(None);
            self.accounts.len() - 1
        });
        if let Some(account) = self.accounts.get_mut(slot) {
            *account = Some(NameAccount { accrued: Delta::default(), exported: Cpu::default(), living: 0 });
        }
        self.names.insert(at, (Arc::from(name), slot as u32));
        slot as u32
    }

    fn account_mut(&mut self, slot: u32) -> Option<&mut NameAccount> {
        self.accounts.get_mut(slot as usize)?.as_mut()
    }
}

impl NameAccount {
    /// Drops carried CPU that is more than a lag of ticks.
    fn drop_excess(&mut self) {
        let carried = self.accrued.total_us().saturating_sub_unsigned(self.exported.total_us());
        let most = MAX_CARRIED_US.saturating_mul(self.living.max(1) as i64);
        if carried > most {
            let excess = carried - most;
            let user = self.accrued.user_us.saturating_sub_unsigned(self.exported.user_us).clamp(0, excess);
            self.accrued = self.accrued - Delta { user_us: user, system_us: excess - user };
        }
    }
}

/// Number of living host threads that have a name, and the limit up to which threads are named before they run.
#[derive(Debug)]
pub(super) struct NamedThreads {
    living: usize,
    limit: usize,
}

impl Default for NamedThreads {
    fn default() -> NamedThreads {
        NamedThreads { living: 0, limit: MAX_NAMED_EARLY }
    }
}

/// Returns `part` of `total`, scaled so that all of `total` gives `available`.
fn scale(part: i64, available: i64, total: i64) -> i64 {
    (i128::from(part) * i128::from(available) / i128::from(total.max(1))) as i64
}

impl Ledger {
    /// Returns an empty ledger that names up to `limit` threads before they run.
    #[cfg(test)]
    pub(crate) fn with_naming_limit(limit: usize) -> Ledger {
        Ledger { named_threads: NamedThreads { living: 0, limit }, ..Ledger::default() }
    }

    /// Returns true if `more` living threads of a group may be named before they run.
    pub(crate) fn can_name_early(&self, group: Id, more: usize) -> bool {
        self.named_threads.living + more <= self.named_threads.limit && self.is_host_group(group)
    }

    fn is_host_group(&self, group: Id) -> bool {
        self.group_account(group).is_some_and(|account| account.group.0 == Class::Host)
    }

    /// Adds one living thread of this name, and returns its series.
    pub fn begin_thread(&mut self, group: Id, name: &str) -> Series {
        self.mark_seen(group);
        self.named_threads.living += usize::from(self.is_host_group(group));
        let has_room = self.series < MAX_SERIES;
        let Some(account) = self.group_account_mut(group) else { return Series(group, u32::MAX) };
        let threads = &mut account.threads;
        let mut position = threads.position_of(name);
        let full = !has_room
            || threads.names.len() >= MAX_NAMES_OF_GROUP + usize::from(threads.position_of(OTHER).is_ok());
        if position.is_err() && full {
            position = threads.position_of(OTHER);
        }
        let (slot, new) = match position {
            Ok(at) => (threads.names.get(at).map_or(u32::MAX, |(_, slot)| *slot), false),
            Err(at) => (threads.open_account(at, if full { OTHER } else { name }), true),
        };
        if let Some(named) = threads.account_mut(slot) {
            named.living += 1;
        }
        self.series += usize::from(new);
        Series(group, slot)
    }

    /// Removes one living thread; its CPU stays.
    pub fn end_thread(&mut self, Series(group, slot): Series) {
        self.named_threads.living =
            self.named_threads.living.saturating_sub(self.is_host_group(group).into());
        if let Some(named) =
            self.group_account_mut(group).and_then(|account| account.threads.account_mut(slot))
        {
            named.living = named.living.saturating_sub(1);
        }
    }

    /// Credits a thread name; the rise of its group bounds what is exported.
    pub fn credit_thread(&mut self, Series(group, slot): Series, delta: Delta) {
        if let Some(named) =
            self.group_account_mut(group).and_then(|account| account.threads.account_mut(slot))
        {
            named.accrued += delta;
        }
    }

    /// Closes the account of a name without living threads. The account begins at 0 if the name comes back.
    pub fn forget_thread(&mut self, (class, group, name): &Thread) {
        let group_key: Group = (*class, Arc::clone(group));
        let Some(account) =
            self.ids.get(&group_key).copied().and_then(|number| self.group_account_mut(Id::Group(number)))
        else {
            return;
        };
        let threads = &mut account.threads;
        let Ok(at) = threads.position_of(name) else { return };
        let Some((_, slot)) = threads.names.get(at).cloned() else { return };
        let Some(account) = threads.accounts.get_mut(slot as usize) else { return };
        if account.take_if(|named| named.living == 0).is_some() {
            threads.names.remove(at);
            self.series = self.series.saturating_sub(1);
        }
    }
}
