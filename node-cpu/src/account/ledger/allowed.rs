//! CPU of an account by where it was allowed to run. The parts add up to what the account exports, and none ever falls.

use super::{Id, Ledger};
use crate::cpu_list::CpuList;
use crate::snapshot::{Allowed, ByAllowed, Class, Snapshot};
use std::sync::Arc;

/// Signed sums of an account by where they were allowed to run, and what of them is exported. The rest of the account is
/// [`Allowed::Any`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Split {
    /// Of [`Allowed::Reserved`] and [`Allowed::Isolated`], in microseconds.
    accrued: [i64; 2],
    exported: [u64; 2],
}

impl Split {
    /// Adds a signed time that was allowed to run there.
    pub(super) fn add(&mut self, allowed: Allowed, us: i64) {
        let [reserved, isolated] = &mut self.accrued;
        match allowed {
            Allowed::Reserved => *reserved = reserved.saturating_add(us),
            Allowed::Isolated => *isolated = isolated.saturating_add(us),
            Allowed::Any => {}
        }
    }

    /// Shares the rise of what the account exports, in microseconds. Returns the parts that are not for any CPU. A sum that
    /// is ahead of the account's waits for its next rise.
    pub(super) fn settle(&mut self, rise_us: i64) -> [i64; 2] {
        let mut left = rise_us.max(0);
        let mut taken = [0; 2];
        let parts = self.accrued.iter().zip(&mut self.exported).zip(&mut taken);
        for ((accrued, exported), taken) in parts {
            *taken = accrued.saturating_sub_unsigned(*exported).clamp(0, left);
            *exported = exported.saturating_add_signed(*taken);
            left -= *taken;
        }
        taken
    }

    /// Returns the parts of all that the account exports, in microseconds.
    pub(super) fn parts(&self, total_us: u64) -> ByAllowed {
        let [reserved_us, isolated_us] = self.exported;
        let any_us = total_us.saturating_sub(reserved_us).saturating_sub(isolated_us);
        ByAllowed { reserved_us, isolated_us, any_us }
    }
}

impl Ledger {
    /// Adds threads of an account that are allowed on these CPUs, some of which are isolated, to `snapshot`. Pods of
    /// workload belong there, and of a pod without a name nobody can tell.
    pub(crate) fn write_stray(&self, id: Id, cpus: &Arc<CpuList>, threads: u64, snapshot: &mut Snapshot) {
        let number = match id {
            Id::Pod(number) => {
                let Some(pod) = self.pods.name_of(number).filter(|pod| pod.class == Class::Infra) else {
                    return;
                };
                snapshot.pod_strays.entry((pod.clone(), Arc::clone(cpus))).or_default()
            }
            Id::Group(_) => {
                let group = self.group_account(id).map(|account| &account.group);
                let Some(group) = group.filter(|(class, _)| *class != Class::Pod) else { return };
                snapshot.group_strays.entry((group.clone(), Arc::clone(cpus))).or_default()
            }
        };
        *number += threads;
    }
}

#[cfg(test)]
mod tests {
    use super::{Allowed, ByAllowed, Split};

    #[test]
    fn parts_add_up_and_none_falls() {
        let mut split = Split::default();
        split.add(Allowed::Reserved, 70);
        split.add(Allowed::Isolated, 50);
        split.add(Allowed::Any, 1000);
        assert_eq!(split.settle(100), [70, 30], "the account lags behind its parts");
        assert_eq!(split.parts(100), ByAllowed { reserved_us: 70, isolated_us: 30, any_us: 0 });
        split.add(Allowed::Reserved, -10);
        assert_eq!(split.settle(40), [0, 20], "a part that fell waits");
        assert_eq!(split.parts(140), ByAllowed { reserved_us: 70, isolated_us: 50, any_us: 20 });
        split.add(Allowed::Reserved, 15);
        assert_eq!(split.settle(-5), [0, 0]);
        assert_eq!(split.settle(5), [5, 0]);
    }
}
