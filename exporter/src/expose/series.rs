//! How long a group's series are shown: from 0 on, and for a while after the group is gone.
//!
//! Prometheus takes no rate from the first sample of a series. One that began with its CPU would lose it, so a new
//! group is shown at 0 until every scraper has seen it (two expositions, for the platform's two replicas), and only
//! then with what it has used. It does not leave before, however short its life was.

use crate::cpu::Cpu;
use crate::place::Key;
use crate::reading::Reading;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Expositions of a new group at 0.
const HELD: u8 = 2;
/// How long a group that is gone is still shown: as long as Prometheus looks back for a sample.
const KEPT: Duration = Duration::from_secs(300);

/// The groups that are shown.
#[derive(Debug, Default)]
pub(super) struct Series {
    shown: BTreeMap<Key, Life>,
    /// What is there at the first exposition began at 0 when the exporter did, and is shown as it is.
    begun: bool,
}

#[derive(Debug)]
struct Life {
    /// Expositions at 0 that are to come.
    held: u8,
    /// Whether its CPU has been shown.
    told: bool,
    last_alive: Instant,
}

impl Series {
    /// The values of one exposition, and the groups that leave with it.
    pub(super) fn show<'a>(&mut self, reading: &'a Reading) -> (Vec<(&'a Key, Cpu)>, Vec<Key>) {
        let (mut values, mut left) = (Vec::new(), Vec::new());
        let held = if self.begun { HELD } else { 0 };
        for (key, cpu) in &reading.groups {
            let new = Life { held, told: false, last_alive: reading.at };
            let life = self.shown.entry(key.clone()).or_insert(new);
            if reading.alive.contains(key) {
                life.last_alive = reading.at;
            }
            let gone_for = reading.at.saturating_duration_since(life.last_alive);
            if life.held > 0 {
                life.held -= 1;
                values.push((key, Cpu::default()));
            } else if life.told && gone_for >= KEPT {
                left.push(key.clone());
            } else {
                life.told = true;
                values.push((key, *cpu));
            }
        }
        for key in &left {
            self.shown.remove(key);
        }
        self.begun = true;
        (values, left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Class;

    fn key(name: &str) -> Key {
        (Class::Host, name.to_owned())
    }

    /// The readings of a group `new`, beside one that was there before, and what is shown of it.
    struct Scraped {
        series: Series,
        start: Instant,
    }

    impl Scraped {
        fn new() -> Scraped {
            let mut scraped = Scraped { series: Series::default(), start: Instant::now() };
            assert_eq!(scraped.at(0, None), None);
            scraped
        }

        /// `new`: its total and whether it lives; None: no account. The value shown; None: no series.
        fn at(&mut self, seconds: u64, new: Option<(u64, bool)>) -> Option<u64> {
            let old = Cpu { user_us: 500, system_us: 0 };
            let mut reading = Reading {
                at: self.start + Duration::from_secs(seconds),
                groups: [(key("old"), old)].into(),
                alive: [key("old")].into(),
                busy: BTreeMap::new(),
                errors: BTreeMap::new(),
            };
            if let Some((user_us, alive)) = new {
                reading.groups.insert(key("new"), Cpu { user_us, system_us: 0 });
                reading.alive.extend(alive.then(|| key("new")));
            }
            let (values, left) = self.series.show(&reading);
            assert!(values.contains(&(&key("old"), old)), "what was there at the start is shown as it is");
            let value = values.iter().find(|(shown, _)| **shown == key("new")).map(|(_, cpu)| cpu.user_us);
            assert_eq!(left, if new.is_some() && value.is_none() { vec![key("new")] } else { vec![] });
            value
        }
    }

    #[test]
    fn a_new_group_begins_at_0_and_leaves_a_while_after_its_end() {
        let mut scraped = Scraped::new();
        let steps = [
            (15, Some((70, true)), Some(0)),
            (30, Some((90, false)), Some(0)),
            (45, Some((90, false)), Some(90)),
            (314, Some((90, false)), Some(90)),
            (315, Some((90, false)), None),
        ];
        for (seconds, new, want) in steps {
            assert_eq!(scraped.at(seconds, new), want, "after {seconds} s");
        }
        assert_eq!(scraped.at(330, Some((3, true))), Some(0), "back again, it begins anew");
    }

    #[test]
    fn a_group_does_not_leave_before_its_cpu_was_shown() {
        let mut scraped = Scraped::new();
        for (seconds, want) in [(600, Some(0)), (1200, Some(0)), (1800, Some(70)), (2400, None)] {
            assert_eq!(scraped.at(seconds, Some((70, seconds == 600))), want, "after {seconds} s");
        }
    }

    #[test]
    fn a_group_that_comes_back_in_time_goes_on() {
        let mut scraped = Scraped::new();
        for (seconds, new, want) in [
            (15, (70, true), Some(0)),
            (30, (70, true), Some(0)),
            (45, (80, true), Some(80)),
            (340, (80, false), Some(80)),
            (344, (95, true), Some(95)),
            (640, (95, false), Some(95)),
        ] {
            assert_eq!(scraped.at(seconds, Some(new)), want, "after {seconds} s");
        }
    }
}
