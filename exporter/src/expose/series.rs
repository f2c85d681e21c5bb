//! How long a series is shown: from 0 on, and for a while after what it counts is gone.
//!
//! Prometheus takes no rate from the first sample of a series. One that began with its CPU would lose it, so a new
//! series is shown at 0, in at least two expositions and until every scraper has got one of them, and only then with
//! what it counts. It does not leave before every scraper has got its last value, however short its life was.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Expositions of a new series at 0, whoever reads them: two for the platform's two Prometheus.
const HELD: u64 = 2;
/// How long what is gone is still shown: as long as Prometheus looks back for a sample.
const KEPT: Duration = Duration::from_secs(300);

/// The exposition that is being made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exposition {
    /// 1 is the first since the exporter started.
    pub(super) number: u64,
    /// When its values were read.
    pub(super) at: Instant,
    /// Every live scraper has got this exposition or a later one.
    pub(super) reached: u64,
}

/// How a series appears in an exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// With 0, whatever it counts.
    Zero,
    /// As it is.
    Value,
    /// Not any more: its life is over.
    Gone,
}

/// What is remembered of one series while it is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// The exposition that it first appeared in.
    born: u64,
    /// Whether it is shown as it is.
    told: bool,
    /// The first exposition with its last value, as far as one knows.
    settled: u64,
    last_alive: Instant,
}

impl Life {
    /// A series that appears. What is there at the first exposition began at 0 when the exporter did, and is shown
    /// as it is.
    pub(super) fn new(now: &Exposition) -> Life {
        Life { born: now.number, told: now.number <= 1, settled: now.number, last_alive: now.at }
    }

    /// How it is shown now; `alive`: what it counts is there. To be asked once in every exposition.
    pub(super) fn show(&mut self, now: &Exposition, alive: bool) -> Show {
        if alive {
            self.last_alive = now.at;
            self.settled = now.number + 1;
        }
        if !self.told {
            if now.number < self.born + HELD || now.reached < self.born {
                return Show::Zero;
            }
            self.told = true;
            self.settled = self.settled.max(now.number);
        }
        let gone_for = now.at.saturating_duration_since(self.last_alive);
        let over = gone_for >= KEPT && self.settled < now.number && self.settled <= now.reached;
        if over { Show::Gone } else { Show::Value }
    }
}

/// The series of one kind that are shown, by their key.
#[derive(Debug)]
pub(super) struct Series<K>(BTreeMap<K, Life>);

impl<K: Ord + Clone> Series<K> {
    pub(super) fn new() -> Series<K> {
        Series(BTreeMap::new())
    }

    /// How the series of this key is shown now; one that is gone is forgotten, and would begin anew.
    pub(super) fn show(&mut self, key: &K, alive: bool, now: &Exposition) -> Show {
        let show = match self.0.get_mut(key) {
            Some(life) => life.show(now, alive),
            None => self.0.entry(key.clone()).or_insert_with(|| Life::new(now)).show(now, alive),
        };
        if show == Show::Gone {
            self.0.remove(key);
        }
        show
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Show::{Gone, Value, Zero};

    const ALIVE: bool = true;
    const DEAD: bool = false;
    /// There is no scraper.
    const ALL: u64 = u64::MAX;

    /// What is shown of a series that appears in the second exposition, two being seconds, what all scrapers have
    /// got, and whether it lives.
    fn check(what: &str, steps: &[(u64, u64, bool, Show)]) {
        let (mut series, start) = (Series::new(), Instant::now());
        let mut now = Exposition { number: 1, at: start, reached: 0 };
        assert_eq!(series.show(&"old", ALIVE, &now), Value, "what was there at the start is shown as it is");
        for (seconds, reached, alive, want) in steps {
            now = Exposition {
                number: now.number + 1,
                at: start + Duration::from_secs(*seconds),
                reached: *reached,
            };
            assert_eq!(series.show(&"new", *alive, &now), *want, "{what}, exposition {}", now.number);
            assert_eq!(series.show(&"old", ALIVE, &now), Value, "{what}, exposition {}", now.number);
        }
    }

    #[test]
    fn a_new_series_begins_at_0() {
        check("nobody waits", &[(1, ALL, ALIVE, Zero), (2, ALL, ALIVE, Zero), (3, ALL, ALIVE, Value)]);
        check("one scraper", &[(15, 1, ALIVE, Zero), (30, 2, ALIVE, Zero), (45, 3, ALIVE, Value)]);
        check("two in turn", &[(15, 0, ALIVE, Zero), (20, 1, ALIVE, Zero), (30, 2, ALIVE, Value)]);
        check(
            "one of them is slow",
            &[
                (15, 1, ALIVE, Zero),
                (30, 1, ALIVE, Zero),
                (45, 1, DEAD, Zero),
                (60, 1, DEAD, Zero),
                (75, 2, DEAD, Value),
                (90, 1, DEAD, Value),
            ],
        );
        check(
            "curl in a loop shows it to nobody",
            &[
                (1, 1, ALIVE, Zero),
                (1, 1, ALIVE, Zero),
                (1, 1, ALIVE, Zero),
                (15, 1, ALIVE, Zero),
                (30, 5, ALIVE, Value),
            ],
        );
    }

    #[test]
    fn it_leaves_a_while_after_its_end() {
        check(
            "it comes back, and begins anew",
            &[
                (15, ALL, ALIVE, Zero),
                (30, ALL, DEAD, Zero),
                (45, ALL, DEAD, Value),
                (314, ALL, DEAD, Value),
                (315, ALL, DEAD, Gone),
                (330, ALL, ALIVE, Zero),
            ],
        );
        check(
            "back in time, it goes on",
            &[
                (15, ALL, ALIVE, Zero),
                (30, ALL, ALIVE, Zero),
                (45, ALL, ALIVE, Value),
                (340, ALL, DEAD, Value),
                (344, ALL, ALIVE, Value),
                (643, ALL, DEAD, Value),
                (644, ALL, DEAD, Gone),
            ],
        );
    }

    #[test]
    fn it_does_not_leave_before_its_last_value_has_been_got() {
        check(
            "by anybody",
            &[
                (600, ALL, ALIVE, Zero),
                (1200, ALL, DEAD, Zero),
                (1800, ALL, DEAD, Value),
                (2400, ALL, DEAD, Gone),
            ],
        );
        check(
            "by every scraper",
            &[
                (15, 1, ALIVE, Zero),
                (30, 2, ALIVE, Zero),
                (45, 3, ALIVE, Value),
                (400, 4, DEAD, Value),
                (415, 4, DEAD, Value),
                (430, 5, DEAD, Gone),
            ],
        );
        check(
            "at all, when it died unseen",
            &[
                (15, 1, DEAD, Zero),
                (400, 2, DEAD, Zero),
                (415, 3, DEAD, Value),
                (430, 3, DEAD, Value),
                (445, 4, DEAD, Gone),
            ],
        );
    }
}
