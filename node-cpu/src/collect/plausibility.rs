//! Limits of a counter's delta: an impossible one is rejected, whatever a file says.

use crate::cpu::{Cpu, Delta};
use std::time::Instant;

/// Two ticks, to which the counters of processes are rounded, in microseconds.
const ROUNDING_US: i64 = 20_000;

/// Times of the passes, and number of the node's CPUs.
#[derive(Debug)]
pub(crate) struct Plausibility {
    /// Beginning of this pass and of the one before it; `None` before there was one.
    began: Instant,
    previous_began: Option<Instant>,
    /// Number of the node's CPUs; 0 if it is unknown.
    cpus: u64,
}

impl Plausibility {
    pub(crate) fn new() -> Plausibility {
        Plausibility { began: Instant::now(), previous_began: None, cpus: 0 }
    }

    /// Begins a pass.
    pub(crate) fn begin(&mut self) {
        self.previous_began = Some(std::mem::replace(&mut self.began, Instant::now()));
    }

    pub(crate) fn set_cpus(&mut self, cpus: u64) {
        self.cpus = cpus;
    }

    /// Returns the delta of a counter since `then`. `None` if it is below zero, or more than twice the capacity of all
    /// CPUs since the last pass began. The upper limit applies only if `then` is a reading `of_last_pass`.
    pub(crate) fn delta(&self, now: Cpu, then: Cpu, of_last_pass: bool) -> Option<Delta> {
        let delta = now.since(then);
        let total = delta.total_us();
        (total >= 0 && (!of_last_pass || total <= self.max_us())).then_some(delta)
    }

    /// Returns the upper limit for CPU since the last pass began, in microseconds.
    fn max_us(&self) -> i64 {
        let Some(previous_began) = self.previous_began.filter(|_| self.cpus > 0) else { return i64::MAX };
        let elapsed = i64::try_from(previous_began.elapsed().as_micros()).unwrap_or(i64::MAX);
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
        let previous_began = Some(Instant::now() - Duration::from_secs(10));
        let four = Plausibility { previous_began, cpus: 4, ..Plausibility::new() };
        let us = |user_us: u64| Cpu { user_us, system_us: 0 };
        let delta = |plausibility: &Plausibility, now, then, of_last_pass| {
            plausibility.delta(us(now), us(then), of_last_pass).map(Delta::total_us)
        };
        assert_eq!(delta(&four, 79_000_000, 0, true), Some(79_000_000));
        assert_eq!(delta(&four, 99_000_000, 0, true), None);
        assert_eq!(delta(&four, 99_000_000, 0, false), Some(99_000_000), "of several passes");
        assert_eq!(delta(&four, 6, 7, false), None);
        assert_eq!(delta(&four, 7, 7, true), Some(0));
        // There is no limit before there are two passes, or if the number of CPUs is unknown.
        for unknown in [Plausibility::new(), Plausibility { previous_began, ..Plausibility::new() }] {
            assert_eq!(delta(&unknown, u64::MAX / 4, 0, true), Some((u64::MAX / 4).cast_signed()));
        }
        // The split may fall although the total does not.
        let odd = four.delta(Cpu { user_us: 5, system_us: 10 }, us(10), true).unwrap();
        assert_eq!((odd.user_us, odd.system_us), (-5, 10));
    }
}
