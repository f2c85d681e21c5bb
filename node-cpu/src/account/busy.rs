//! The node's busy time: what its CPUs spent neither idle, nor waiting for I/O, nor stolen by a hypervisor; and what was stolen.
//!
//! The kernel's own busy fields are counted at ticks: who happens to run when the tick comes gets all of it. What a
//! tickless CPU was idle is measured. So the busy time is the CPUs' wall time less that, and only its split into modes
//! follows the ticks. Against the exact run time of all tasks (`/proc/schedstat`) of an emulated node over 62 s, this
//! was 0.4 % too much where the ticks were 29 % too little; where no ticks are lost the two are the same. Where CPUs
//! come or go, or the idle time makes no sense, the ticks are taken for that interval.
//!
//! A halted virtual CPU that is woken late counts the delay twice, as idle and as stolen. So how much of the stolen time was
//! taken from busy CPUs is not known, but for two bounds: it is busy for all that the tasks ran, up to the wall time less the
//! idle time alone. What is left of that was stolen: idle, busy and stolen time are the wall time.

use crate::kernel::parse::Busy;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const MODES: [&str; 5] = ["user", "nice", "system", "irq", "softirq"];
/// Where the time goes that no tick was counted for.
const SYSTEM: usize = 2;
/// How much a CPU's idle time may be ahead of the clock: it is rounded to ticks.
const ROUNDING_US: u64 = 20_000;

/// The busy time since the first reading, by mode; never falls.
#[derive(Debug, Default)]
pub(crate) struct BusyTime {
    last: Option<(Instant, Busy)>,
    /// What it is at least and at most: without what was stolen, and with it. Signed, as each reading is rounded.
    least_us: i64,
    most_us: i64,
    /// What is to be shown: between these.
    accrued_us: i64,
    /// Ticks by mode that nothing has been shown for yet, in microseconds.
    ticked: [u64; 5],
    shown: [u64; 5],
    stolen: u64,
}

impl BusyTime {
    /// Takes in a reading, with the time before it and how long it took: what it says may be of any moment of that, and the
    /// next reading puts it right. `bound` tells what it comes to.
    pub(crate) fn take(&mut self, at: Instant, took: Duration, now: Busy) {
        let Some((before, last)) = self.last.replace((at, now)) else { return };
        let ticked: [u64; 5] = std::array::from_fn(|mode| {
            // A CPU that is taken offline may take its ticks along.
            now.modes.get(mode).zip(last.modes.get(mode)).map_or(0, |(now, last)| now.saturating_sub(*last))
        });
        let elapsed = u64::try_from(at.saturating_duration_since(before).as_micros()).unwrap_or(u64::MAX);
        let wall = now.cpus.saturating_mul(elapsed);
        let grown = |now: (u64, u64), last: (u64, u64)| {
            Some((now.0.checked_sub(last.0)?, now.1.checked_sub(last.1)?))
        };
        let unused = now.unused.zip(last.unused).and_then(|(now, last)| grown(now, last));
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let ahead = now.cpus.saturating_mul(took.saturating_add(ROUNDING_US));
        let unused = unused.filter(|(idle, _)| *idle <= wall.saturating_add(ahead));
        let (most, stolen) = match unused {
            Some((idle, stolen)) if now.cpus > 0 && now.cpus == last.cpus => {
                let most = wall.cast_signed() - idle.cast_signed();
                (most, stolen.cast_signed().min(most).max(0))
            }
            _ => (ticked.iter().sum::<u64>().cast_signed(), 0),
        };
        self.most_us = self.most_us.saturating_add(most);
        self.least_us = self.least_us.saturating_add(most - stolen);
        self.ticked.iter_mut().zip(ticked).for_each(|(all, ticked)| *all = all.saturating_add(ticked));
    }

    /// Settles it, after the tasks are counted: `counted_us` is all that they ran, which is exact, with what is known of
    /// interrupts beside.
    pub(crate) fn bound(&mut self, counted_us: i64) {
        self.accrued_us = counted_us.min(self.most_us).max(self.least_us);
        self.stolen = self.stolen.max(u64::try_from(self.most_us - self.accrued_us).unwrap_or(0));
        self.show();
    }

    /// Lets what is shown follow, split as the ticks since it last did.
    fn show(&mut self) {
        let shown: u64 = self.shown.iter().sum();
        let Ok(rise) = u64::try_from(self.accrued_us.saturating_sub_unsigned(shown)) else { return };
        let ticks: u64 = self.ticked.iter().sum();
        if rise == 0 {
            return;
        }
        let mut left = rise;
        for (shown, ticked) in self.shown.iter_mut().zip(&self.ticked) {
            let share = u128::from(rise) * u128::from(*ticked) / u128::from(ticks.max(1));
            let share = u64::try_from(share).unwrap_or(u64::MAX).min(left);
            *shown += share;
            left -= share;
        }
        if let Some(system) = self.shown.get_mut(SYSTEM) {
            *system += left;
        }
        self.ticked = [0; 5];
    }

    /// All of it as last settled, in microseconds since the first reading; signed, as each reading is rounded.
    pub(crate) fn total_us(&self) -> i64 {
        self.accrued_us
    }

    /// What was stolen since the first reading, in microseconds; never falls.
    pub(crate) fn stolen_us(&self) -> u64 {
        self.stolen
    }

    /// By mode, in microseconds.
    pub(crate) fn modes(&self) -> BTreeMap<&'static str, u64> {
        MODES.into_iter().zip(self.shown).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readings one second apart: CPUs, idle time and ticks in milliseconds; and what is shown in all and of user.
    fn shown(readings: &[(u64, u64, [u64; 5])]) -> Vec<(u64, u64)> {
        let (start, mut busy, mut shown) = (Instant::now(), BusyTime::default(), Vec::new());
        for (second, (cpus, idle, ticks)) in readings.iter().enumerate() {
            let modes = ticks.map(|ms| ms * 1000);
            let at = start + Duration::from_secs(second as u64);
            busy.take(at, Duration::ZERO, Busy { modes, unused: Some((idle * 1000, 0)), cpus: *cpus });
            busy.bound(0);
            let modes = busy.modes();
            shown.push((modes.values().sum::<u64>() / 1000, modes["user"] / 1000));
        }
        shown
    }

    #[test]
    fn it_is_what_was_not_idle_split_as_the_ticks() {
        let readings = [(2, 100, [0; 5]), (2, 500, [600, 0, 200, 0, 0]), (2, 2500, [600, 0, 200, 0, 0])];
        assert_eq!(shown(&readings), [(0, 0), (1600, 1200), (1600, 1200)]);
        // No tick at all: whose it was is not known.
        assert_eq!(shown(&[(1, 0, [0; 5]), (1, 900, [0; 5])]), [(0, 0), (100, 0)]);
    }

    #[test]
    fn rounding_is_put_right_and_nothing_falls() {
        // Idle 10 ms ahead of the clock, then behind it again.
        let readings = [(1, 0, [0; 5]), (1, 1010, [0; 5]), (1, 1900, [90, 0, 0, 0, 0])];
        assert_eq!(shown(&readings), [(0, 0), (0, 0), (100, 100)]);
    }

    #[test]
    fn stolen_time_was_busy_as_far_as_tasks_ran() {
        for (case, idle, stolen, counted, expected) in [
            ("tasks ran for less than what is left", 600, 300, 50, 100),
            ("some of it was idle too", 600, 300, 250, 250),
            ("tasks ran for more than there was", 600, 300, 900, 400),
            ("more is stolen than there was, and all of it was idle too", 900, 500, 100, 100),
            ("nothing is stolen", 600, 0, 900, 400),
        ] {
            let (start, mut busy) = (Instant::now(), BusyTime::default());
            let snapshot = |idle: u64, stolen: u64| Busy {
                modes: [0; 5],
                unused: Some((idle * 1000, stolen * 1000)),
                cpus: 1,
            };
            busy.take(start, Duration::ZERO, snapshot(5, 7));
            busy.take(start + Duration::from_secs(1), Duration::ZERO, snapshot(5 + idle, 7 + stolen));
            busy.bound(counted * 1000);
            assert_eq!(busy.total_us(), expected * 1000, "{case}");
            assert_eq!(busy.total_us() as u64 + busy.stolen_us(), (1000 - idle) * 1000, "{case}");
        }
    }

    /// Who was held up between the clock and the reading has idle time of after the clock.
    #[test]
    fn a_late_reading_is_put_right_by_the_next() {
        let (start, mut busy) = (Instant::now(), BusyTime::default());
        let snapshot = |idle: u64| Busy { modes: [0; 5], unused: Some((idle * 1000, 0)), cpus: 2 };
        for (second, idle, held_up) in [(0, 0, 0), (1, 2400, 200), (2, 4000, 0)] {
            busy.take(start + Duration::from_secs(second), Duration::from_millis(held_up), snapshot(idle));
            busy.bound(0);
            assert_eq!(busy.modes().values().sum::<u64>(), 0, "nobody ran, {second}");
        }
    }

    #[test]
    fn ticks_stand_in_for_an_idle_time_that_is_no_time() {
        let (start, mut busy) = (Instant::now(), BusyTime::default());
        for second in 0..3 {
            let modes = [second * 10_000, 0, 0, 0, 0];
            busy.take(
                start + Duration::from_secs(second),
                Duration::ZERO,
                Busy { modes, unused: None, cpus: 2 },
            );
            busy.bound(0);
        }
        assert_eq!(busy.modes().values().sum::<u64>(), 20_000, "and not the two seconds of two CPUs");
    }

    #[test]
    fn ticks_stand_in_where_the_idle_time_tells_nothing() {
        let cases = [
            ("no CPU is listed", (0, 0), (0, 0)),
            ("a CPU has gone, its idle time with it", (2, 5000), (1, 3000)),
            ("a CPU has come", (1, 5000), (2, 5100)),
            ("idle for longer than there was time", (2, 0), (2, 2100)),
        ];
        for (case, (cpus, idle), (cpus_after, idle_after)) in cases {
            let readings = [(cpus, idle, [0; 5]), (cpus_after, idle_after, [300, 0, 0, 0, 0])];
            assert_eq!(shown(&readings)[1], (300, 300), "{case}");
        }
    }
}
