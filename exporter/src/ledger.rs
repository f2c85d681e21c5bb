//! The counters: what each group has used since the beginning, adding up and never falling.
//!
//! Two readings of a busy machine are never of the same instant, so a residual (parent less children) is a
//! little above or below the truth, and is put right by the next one. Each account therefore keeps the signed
//! sum, and shows its highest value so far: it never falls, and the noise of many passes does not pile up.
//!
//! It is the total that adds up. The kernel splits each cgroup's exact run time into user and system by that
//! cgroup's own sampled ticks, so the split of a parent is not the sum of its children's: the shown split
//! follows the signed one only as far as neither mode falls and the total stays what it is.

use crate::cpu::{Cpu, Growth};
use crate::place::Key;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
struct Account {
    owed: Growth,
    shown: Cpu,
}

/// All accounts of one node.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    accounts: BTreeMap<Key, Account>,
    alive: BTreeSet<Key>,
}

impl Ledger {
    /// Says that this group lives in this pass; opens its account at 0.
    pub(crate) fn keep(&mut self, key: &Key) {
        self.account(key);
        self.alive.insert(key.clone());
    }

    /// Adds to a group, or takes from it where a residual is below zero.
    pub(crate) fn credit(&mut self, key: &Key, growth: Growth) {
        if growth != Growth::default() {
            self.account(key).owed += growth;
        }
    }

    /// The signed sum of a group, in microseconds, as of now.
    pub(crate) fn owed_us(&self, key: &Key) -> i64 {
        self.accounts.get(key).map_or(0, |account| account.owed.total_us())
    }

    /// Ends a pass: the totals to show, and the groups that live.
    pub(crate) fn settle(&mut self) -> (BTreeMap<Key, Cpu>, BTreeSet<Key>) {
        for Account { owed, shown } in self.accounts.values_mut() {
            let rise = owed.total_us().saturating_sub_unsigned(shown.total_us());
            if rise > 0 {
                let user = owed.user_us.saturating_sub_unsigned(shown.user_us).clamp(0, rise);
                shown.user_us = shown.user_us.saturating_add_signed(user);
                shown.system_us = shown.system_us.saturating_add_signed(rise - user);
            }
        }
        let totals = self.accounts.iter().map(|(key, account)| (key.clone(), account.shown)).collect();
        (totals, std::mem::take(&mut self.alive))
    }

    /// Closes the account of a group that is gone; should it come back, it begins at 0.
    pub(crate) fn forget(&mut self, key: &Key) {
        self.accounts.remove(key);
    }

    fn account(&mut self, key: &Key) -> &mut Account {
        self.accounts.entry(key.clone()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Class;
    use proptest::prelude::*;

    fn key(name: &str) -> Key {
        (Class::Host, name.to_owned())
    }

    fn growth(user_us: i64, system_us: i64) -> Growth {
        Growth { user_us, system_us }
    }

    #[test]
    fn noise_is_held_back_and_does_not_pile_up() {
        let (mut ledger, a) = (Ledger::default(), key("a"));
        for (noise, want) in [(7, 7), (-9, 7), (9, 7), (-9, 7), (12, 10)] {
            ledger.credit(&a, growth(0, noise));
            let (totals, _) = ledger.settle();
            assert_eq!(totals[&a].total_us(), want);
        }
    }

    #[test]
    fn a_split_that_moves_the_other_way_costs_no_total() {
        let (mut ledger, a) = (Ledger::default(), key("a"));
        ledger.credit(&a, growth(100, 0));
        ledger.settle();
        ledger.credit(&a, growth(-60, 100));
        let (totals, _) = ledger.settle();
        assert_eq!(totals[&a], Cpu { user_us: 100, system_us: 40 });
    }

    #[test]
    fn a_group_lives_in_the_passes_that_say_so() {
        let (mut ledger, a) = (Ledger::default(), key("a"));
        ledger.keep(&a);
        assert_eq!(ledger.settle(), ([(a.clone(), Cpu::default())].into(), [a.clone()].into()));
        assert_eq!(ledger.settle(), ([(a.clone(), Cpu::default())].into(), [].into()));
        ledger.forget(&a);
        assert_eq!(ledger.settle(), ([].into(), [].into()));
    }

    proptest! {
        #[test]
        fn shown_is_the_highest_sum_so_far(steps in prop::collection::vec((-1000i64..2000, -1000i64..2000), 1..60)) {
            let (mut ledger, a) = (Ledger::default(), key("a"));
            let (mut sum, mut highest, mut before) = (0, 0, Cpu::default());
            for (user, system) in steps {
                sum += user + system;
                highest = highest.max(sum);
                ledger.credit(&a, growth(user, system));
                let now = ledger.settle().0.remove(&a).unwrap_or_default();
                prop_assert_eq!(now.total_us() as i64, highest);
                prop_assert!(now.user_us >= before.user_us && now.system_us >= before.system_us);
                before = now;
            }
        }
    }
}
