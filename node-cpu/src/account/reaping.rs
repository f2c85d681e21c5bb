//! The CPU of ended processes: a reaper's `cutime` and `cstime`, less what was counted while they lived.
//!
//! Who waits for a child gets all its CPU at once, the part counted before included. So each vanished process
//! is set against the growth of its parent or, where that ended too, of its nearest ancestor that has grown by as
//! much; what then remains is what was used unseen. A process that nobody waits for adds to no reaper, and nothing
//! is taken for it; what it used unseen is lost.
//!
//! A pass takes time, in which more processes end. A reaper may have been read before its child ended: such a
//! child is kept as `late` and set against the next pass's growth.

use super::ledger::Id;
use crate::cpu::{Cpu, Delta};
use std::collections::BTreeMap;

/// A process that was there and is no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exited {
    pub(crate) key: Id,
    /// Counted while it lived: its own time and that of the children it had waited for.
    pub(crate) counted: Cpu,
    /// Those of its ancestors that may have waited for it, nearest first.
    pub(crate) ancestors: Vec<u32>,
    /// Its parent ended too, so another ancestor may have waited, for it or for its parent.
    pub(crate) orphan: bool,
    /// Its reaper may have been read before it ended.
    pub(crate) late: bool,
}

/// A living process whose `cutime` and `cstime` have grown.
#[derive(Clone, Debug)]
pub(crate) struct Reaper {
    pub(crate) key: Id,
    pub(crate) grown: Delta,
}

/// What to credit to whom, and the late ones that no reaper has paid for yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) credits: Vec<(Id, Delta)>,
    pub(crate) late: Vec<Exited>,
}

/// Sets the ended against the reapers; `common` tells whose it is what one of several may have used, if not the reaper's.
pub(crate) fn settle(
    mut exited: Vec<Exited>,
    mut reapers: BTreeMap<u32, Reaper>,
    common: impl Fn(&[Id]) -> Option<Id>,
) -> Settled {
    // Certain ones first, then big ones: they have the fewest reapers that could have paid.
    exited.sort_by_key(|e| (e.orphan, std::cmp::Reverse(e.counted.total_us())));
    let mut owners: BTreeMap<u32, Vec<Id>> = BTreeMap::new();
    let mut settled = Settled::default();
    for mut child in exited {
        let amount = child.counted.since(Cpu::default());
        // Only a parent waits for its child. And who has counted nothing tells only to whom the rest belongs, which
        // should not be asked of others.
        let parent_only = !child.orphan || amount.total_us() == 0;
        let candidates = if parent_only { child.ancestors.get(..1) } else { None };
        let mut candidates = candidates.unwrap_or(&child.ancestors).iter();
        let payer = candidates
            .find(|pid| reapers.get(pid).is_some_and(|reaper| reaper.grown.total_us() >= amount.total_us()));
        match payer.and_then(|pid| Some((*pid, reapers.get_mut(pid)?))) {
            Some((pid, reaper)) => {
                reaper.grown = reaper.grown - amount;
                owners.entry(pid).or_default().push(child.key);
            }
            None if child.late => {
                child.late = false;
                settled.late.push(child);
            }
            None => {}
        }
    }
    for (pid, reaper) in reapers {
        let owner = owners.get(&pid).and_then(|owners| common(owners)).unwrap_or(reaper.key);
        settled.credits.push((owner, reaper.grown));
    }
    settled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Ledger;
    use crate::snapshot::Class;

    const NAMES: [&str; 4] = ["a", "b", "init", "sh"];

    fn key(name: &str) -> Id {
        let mut ledger = Ledger::default();
        let ids = NAMES.map(|name| ledger.acquire(&(Class::Host, name.into())));
        ids[NAMES.iter().position(|known| *known == name).unwrap()]
    }

    fn name(id: Id) -> &'static str {
        NAMES.iter().find(|name| key(name) == id).unwrap()
    }

    fn us(user_us: u64) -> Cpu {
        Cpu { user_us, system_us: 0 }
    }

    fn exited(group: &str, counted: u64, ancestors: &[u32]) -> Exited {
        let (key, counted) = (key(group), us(counted));
        Exited { key, counted, ancestors: ancestors.to_vec(), orphan: false, late: false }
    }

    /// Reapers by PID, group and growth; what each group is credited, those with nothing left out.
    fn credits(children: Vec<Exited>, reapers: &[(u32, &str, u64)]) -> Vec<(&'static str, i64)> {
        let reaper = |grown| us(grown).since(Cpu::default());
        let reapers = reapers
            .iter()
            .map(|&(pid, group, grown)| (pid, Reaper { key: key(group), grown: reaper(grown) }));
        let settled = settled(children, reapers.collect());
        let credits = settled.credits.into_iter().map(|(group, delta)| (name(group), delta.total_us()));
        credits.filter(|(_, us)| *us != 0).collect()
    }

    fn settled(children: Vec<Exited>, reapers: BTreeMap<u32, Reaper>) -> Settled {
        settle(children, reapers, |owners| Ledger::default().common_owner(owners))
    }

    /// What it is about, who ended, the reapers' growth, and what each group is credited.
    type Case = (&'static str, Vec<Exited>, Vec<(u32, &'static str, u64)>, Vec<(&'static str, i64)>);

    #[test]
    fn a_reaper_pays_for_what_was_counted_and_the_rest_is_new() {
        let orphan = |child: Exited| Exited { orphan: true, ..child };
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
                "of two orphans the bigger finds fewer that could have paid",
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
                "nobody waited",
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
                "its parent's child, waited for by init, does not take what its parent is owed",
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
    fn a_late_one_is_tried_once_more() {
        let late = Exited { late: true, ..exited("a", 100, &[5]) };
        let first = settled(vec![late], BTreeMap::new());
        let kept = vec![exited("a", 100, &[5])];
        assert_eq!(first, Settled { credits: vec![], late: kept });
        assert_eq!(credits(first.late.clone(), &[(5, "sh", 101)]), [("a", 1)]);
        assert_eq!(settled(first.late, BTreeMap::new()), Settled::default());
    }
}
