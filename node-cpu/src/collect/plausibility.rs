//! What a counter can have grown by: nothing impossible is believed, whatever a file says.

use crate::cpu::{Cpu, Delta};
use std::time::Instant;

/// Two ticks, to which the counters of processes are rounded, in microseconds.
const ROUNDING_US: i64 = 20_000;

/// The passes' times and the node's CPUs.
#[derive(Debug)]
pub(crate) struct Plausibility {
    /// When this pass and the one before it began; None before there was one.
    began: Instant,
    before: Option<Instant>,
    /// Number of the node's CPUs; 0 if that is not known.
    cpus: u64,
}

impl Plausibility {
    pub(crate) fn new() -> Plausibility {
        Plausibility { began: Instant::now(), before: None, cpus: 0 }
    }

    /// Begins a pass.
    pub(crate) fn begin(&mut self) {
        self.before = Some(std::mem::replace(&mut self.began, Instant::now()));
    }

    pub(crate) fn set_cpus(&mut self, cpus: u64) {
        self.cpus = cpus;
    }

    /// By how much a counter has grown since `then`; None if that cannot be: below zero, or more than twice what all CPUs
    /// could do since the pass before this one began. `exact`: `then` is of that pass; if not, it may be any amount.
    pub(crate) fn delta(&self, now: Cpu, then: Cpu, exact: bool) -> Option<Delta> {
        let delta = now.since(then);
        let total = delta.total_us();
        (total >= 0 && (!exact || total <= self.most_us())).then_some(delta)
    }

    /// Microseconds of CPU that nothing can have used since the pass before this one.
    fn most_us(&self) -> i64 {
        let Some(before) = self.before.filter(|_| self.cpus > 0) else { return i64::MAX };
        let elapsed = i64::try_from(before.elapsed().as_micros()).unwrap_or(i64::MAX);
        let cpus = i64::try_from(self.cpus).unwrap_or(i64::MAX);
        elapsed.max(ROUNDING_US).saturating_mul(2).saturating_mul(cpus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn nothing_falls_or_grows_beyond_what_all_cpus_can_do() {
        let before = Some(Instant::now() - Duration::from_secs(10));
        let four = Plausibility { before, cpus: 4, ..Plausibility::new() };
        let us = |user_us: u64| Cpu { user_us, system_us: 0 };
        let delta = |plausibility: &Plausibility, now, then, exact| {
            plausibility.delta(us(now), us(then), exact).map(Delta::total_us)
        };
        assert_eq!(delta(&four, 79_000_000, 0, true), Some(79_000_000));
        assert_eq!(delta(&four, 99_000_000, 0, true), None);
        assert_eq!(delta(&four, 99_000_000, 0, false), Some(99_000_000), "of several passes");
        assert_eq!(delta(&four, 6, 7, false), None);
        assert_eq!(delta(&four, 7, 7, true), Some(0));
        // Before there are two passes, or it is known how many CPUs there are.
        for unknown in [Plausibility::new(), Plausibility { before, ..Plausibility::new() }] {
            assert_eq!(delta(&unknown, u64::MAX / 4, 0, true), Some((u64::MAX / 4).cast_signed()));
        }
        // The split may fall where the total does not.
        let odd = four.delta(Cpu { user_us: 5, system_us: 10 }, us(10), true).unwrap();
        assert_eq!((odd.user_us, odd.system_us), (-5, 10));
    }
}
