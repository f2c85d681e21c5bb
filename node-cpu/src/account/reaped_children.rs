//! CPU of exited processes: a reaper's `cutime` and `cstime`, less the time that was counted while they lived.
//!
//! A process that waits for a child gets all the child's CPU at once, including the part that was counted before. Each
//! vanished process is therefore subtracted from the delta of its parent. It is subtracted from the nearest ancestor
//! with a big enough delta if the parent exited too. The remainder is CPU that the children used unseen. A process
//! without a waiting reaper adds to none, so nothing is subtracted for it. The CPU that it used unseen is lost.
//!
//! A pass lasts a while, during which more processes exit. A reaper may have been read before its child exited. Such a
//! child is kept as late and subtracted from the next pass's delta.

use super::ledger::Id;
use crate::cpu::{Cpu, Delta};
use std::collections::BTreeMap;

/// Process that an earlier reading saw and that has exited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exited {
    pub(crate) account: Id,
    /// CPU that was counted while it lived: its own and that of the children it had waited for.
    pub(crate) counted: Cpu,
    /// Ancestors that may have waited for it, nearest first.
    pub(crate) ancestors: Vec<u32>,
    /// Its parent exited too, so another ancestor may have waited for it or for its parent.
    pub(crate) is_orphan: bool,
    /// Its reaper may have been read before it exited.
    pub(crate) is_late: bool,
}

/// Living process whose `cutime` and `cstime` have risen.
#[derive(Clone, Debug)]
pub(crate) struct Reaper {
    pub(crate) account: Id,
    pub(crate) delta: Delta,
}

/// Credits to accounts, and the late children that no reaper has covered yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) credits: Vec<(Id, Delta)>,
    pub(crate) late: Vec<Exited>,
}

/// Subtracts the exited children from their reapers' deltas. `common_owner` returns the account that gets a remainder
/// which any of several children may have used; `None` if that is the reaper's.
pub(crate) fn settle(
    mut exited: Vec<Exited>,
    mut reapers: BTreeMap<u32, Reaper>,
    common_owner: impl Fn(&[Id]) -> Option<Id>,
) -> Settled {
    // Certain children come first, then big ones, because the fewest reapers could have waited for those.
    exited.sort_by_key(|e| (e.is_orphan, std::cmp::Reverse(e.counted.total_us())));
    let mut owners: BTreeMap<u32, Vec<Id>> = BTreeMap::new();
    let mut settled = Settled::default();
    for mut child in exited {
        let counted = child.counted.since(Cpu::default());
        // Only a parent waits for its child. A child with no counted CPU would fit any reaper. It only determines the
        // owner of the remainder, so it is matched with its parent alone.
        let parent_only = !child.is_orphan || counted.total_us() == 0;
        let candidates = if parent_only { child.ancestors.get(..1) } else { None };
        let mut candidates = candidates.unwrap_or(&child.ancestors).iter();
        let reaper_pid = candidates
            .find(|pid| reapers.get(pid).is_some_and(|reaper| reaper.delta.total_us() >= counted.total_us()));
        match reaper_pid.and_then(|pid| Some((*pid, reapers.get_mut(pid)?))) {
            Some((pid, reaper)) => {
                reaper.delta = reaper.delta - counted;
                owners.entry(pid).or_default().push(child.account);
            }
            None if child.is_late => {
                child.is_late = false;
                settled.late.push(child);
            }
            None => {}
        }
    }
    for (pid, reaper) in reapers {
        let owner = owners.get(&pid).and_then(|owners| common_owner(owners)).unwrap_or(reaper.account);
        settled.credits.push((owner, reaper.delta));
    }
    settled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Ledger;
    use crate::snapshot::Class;

    const NAMES: [&str; 4] = ["a", "b", "init", "sh"];

    fn account(name: &str) -> Id {
        let mut ledger = Ledger::default();
        let ids = NAMES.map(|name| ledger.acquire(&(Class::Host, name.into())));
        ids[NAMES.iter().position(|known| *known == name).unwrap()]
    }

    fn name(id: Id) -> &'static str {
        NAMES.iter().find(|name| account(name) == id).unwrap()
    }

    fn us(user_us: u64) -> Cpu {
        Cpu { user_us, system_us: 0 }
    }

    fn exited(group: &str, counted: u64, ancestors: &[u32]) -> Exited {
        let (account, counted) = (account(group), us(counted));
        Exited { account, counted, ancestors: ancestors.to_vec(), is_orphan: false, is_late: false }
    }

    /// Settles reapers given by PID, group and delta. Returns the credit of each group, without empty ones.
    fn credits(children: Vec<Exited>, reapers: &[(u32, &str, u64)]) -> Vec<(&'static str, i64)> {
        let reaper = |delta| us(delta).since(Cpu::default());
        let reapers = reapers
            .iter()
            .map(|&(pid, group, delta)| (pid, Reaper { account: account(group), delta: reaper(delta) }));
        let settled = settled(children, reapers.collect());
        let credits = settled.credits.into_iter().map(|(group, delta)| (name(group), delta.total_us()));
        credits.filter(|(_, us)| *us != 0).collect()
    }

    fn settled(children: Vec<Exited>, reapers: BTreeMap<u32, Reaper>) -> Settled {
        settle(children, reapers, |owners| Ledger::default().common_owner(owners))
    }

    /// Description, exited children, the reapers' deltas, and the credit of each group.
    type Case = (&'static str, Vec<Exited>, Vec<(u32, &'static str, u64)>, Vec<(&'static str, i64)>);

    #[test]
    fn a_reaper_covers_what_was_counted_and_the_remainder_is_new() {
        let orphan = |child: Exited| Exited { is_orphan: true, ..child };
        let cases: [Case; 11] = [
            ("never seen", vec![], vec![(5, "sh", 30)], vec![("sh", 30)]),
            ("seen, with a tail", vec![exited("a", 100, &[5, 1])], vec![(5, "sh", 130)], vec![("a", 30)]),
            (
                "two of one group",
                vec![exited("a", 10, &[5]), exited("a", 20, &[5])],
                vec![(5, "sh", 31)],
                vec![("a", 1)],
            ),
            (
                "two groups",
                vec![exited("a", 10, &[5]), exited("b", 20, &[5])],
                vec![(5, "sh", 31)],
                vec![("sh", 1)],
            ),
            (
                "of two orphans the bigger has fewer possible reapers",
                vec![orphan(exited("a", 30, &[5, 1])), orphan(exited("a", 100, &[5, 1]))],
                vec![(5, "sh", 101), (1, "init", 35)],
                vec![("a", 5), ("a", 1)],
            ),
            (
                "its parent lives and has not waited",
                vec![exited("a", 30, &[5, 1])],
                vec![(5, "sh", 20), (1, "init", 40)],
                vec![("init", 40), ("sh", 20)],
            ),
            (
                "no reaper waited",
                vec![orphan(exited("a", 100, &[5, 1]))],
                vec![(5, "sh", 30), (1, "init", 4)],
                vec![("init", 4), ("sh", 30)],
            ),
            (
                "init waited",
                vec![orphan(exited("a", 100, &[5, 1]))],
                vec![(5, "sh", 3), (1, "init", 107)],
                vec![("a", 7), ("sh", 3)],
            ),
            (
                "its parent's child, waited for by init, does not use up what its parent needs",
                vec![orphan(exited("a", 30, &[5, 1])), exited("a", 20, &[5, 1])],
                vec![(5, "sh", 31), (1, "init", 30)],
                vec![("a", 11)],
            ),
            (
                "seen before it used anything",
                vec![exited("a", 0, &[5, 1])],
                vec![(5, "sh", 9)],
                vec![("a", 9)],
            ),
            (
                "that says nothing of others",
                vec![orphan(exited("a", 0, &[5, 1]))],
                vec![(1, "init", 9)],
                vec![("init", 9)],
            ),
        ];
        for (what, children, reapers, want) in cases {
            assert_eq!(credits(children, &reapers), want, "{what}");
        }
    }

    #[test]
    fn a_late_child_is_tried_once_more() {
        let late = Exited { is_late: true, ..exited("a", 100, &[5]) };
        let first = settled(vec![late], BTreeMap::new());
        let kept = vec![exited("a", 100, &[5])];
        assert_eq!(first, Settled { credits: vec![], late: kept });
        assert_eq!(credits(first.late.clone(), &[(5, "sh", 101)]), [("a", 1)]);
        assert_eq!(settled(first.late, BTreeMap::new()), Settled::default());
    }
}
