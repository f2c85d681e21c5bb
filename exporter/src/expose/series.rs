//! How long a series is shown: from 0 on, and for a while after what it counts is gone.
//!
//! Prometheus takes no rate from the first sample of a series. One that began with its CPU would lose it, so a new
//! series is shown at 0, in at least two expositions and until every scraper has got one of them, and only then with
//! what it counts from there on: what it used until then is told for `(starting)`, a series that is always there. So no
//! rate is above the truth, and nothing is lost. It does not leave before every scraper has got its last value, however
//! short its life was.

use node_cpu::{Cpu, Delta};
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
    /// With what it counted since it was shown at 0 for the last time.
    Value(Cpu),
    /// Not any more: its life is over.
    Gone,
}

/// What is remembered of one series while it is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// The exposition that it first appeared in.
    born: u64,
    /// Whether what it counts is shown.
    told: bool,
    /// What it had counted when it was shown at 0 for the last time: `(starting)`.
    base: Cpu,
    /// What it had counted at the last exposition.
    used: Cpu,
    /// The first exposition with its last value, as far as one knows.
    settled: u64,
    last_alive: Instant,
}

impl Life {
    /// A series that appears. What is there at the first exposition began at 0 when the exporter did, and is shown
    /// as it is.
    pub(super) fn new(now: &Exposition) -> Life {
        let told = now.number <= 1;
        let (base, used) = (Cpu::default(), Cpu::default());
        Life { born: now.number, told, base, used, settled: now.number, last_alive: now.at }
    }

    /// How it is shown now that it has counted so much, and how much more of that is `(starting)`; `alive`: what it counts is
    /// there. To be asked once in every exposition.
    pub(super) fn show(&mut self, now: &Exposition, used: Cpu, alive: bool) -> (Show, Delta) {
        // What came and went since the last exposition has used something.
        let before = std::mem::replace(&mut self.used, used);
        if alive || used != before {
            self.last_alive = now.at;
            self.settled = now.number + 1;
        }
        if !self.told {
            if now.number < self.born + HELD || now.reached < self.born {
                let before = std::mem::replace(&mut self.base, used);
                return (Show::Zero, used.since(before));
            }
            self.told = true;
            self.settled = self.settled.max(now.number);
        }
        let gone_for = now.at.saturating_duration_since(self.last_alive);
        let over = gone_for >= KEPT && self.settled < now.number && self.settled <= now.reached;
        let shown = Cpu {
            user_us: used.user_us.saturating_sub(self.base.user_us),
            system_us: used.system_us.saturating_sub(self.base.system_us),
        };
        (if over { Show::Gone } else { Show::Value(shown) }, Delta::default())
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
    pub(super) fn show(&mut self, key: &K, used: Cpu, alive: bool, now: &Exposition) -> (Show, Delta) {
        let show = match self.0.get_mut(key) {
            Some(life) => life.show(now, used, alive),
            None => self.0.entry(key.clone()).or_insert_with(|| Life::new(now)).show(now, used, alive),
        };
        if show.0 == Show::Gone {
            self.0.remove(key);
        }
        show
    }

    /// Forgets the series that do not stay: they would begin anew.
    pub(super) fn retain(&mut self, stays: impl Fn(&K) -> bool) {
        self.0.retain(|key, _| stays(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Show::{Gone, Zero};

    /// It has counted nothing.
    const VALUE: Show = Show::Value(Cpu { user_us: 0, system_us: 0 });

    const ALIVE: bool = true;
    const DEAD: bool = false;
    /// There is no scraper.
    const ALL: u64 = u64::MAX;

    fn show(series: &mut Series<&'static str>, key: &'static str, alive: bool, now: &Exposition) -> Show {
        series.show(&key, Cpu::default(), alive, now).0
    }

    /// What is shown of a series that appears in the second exposition, two being seconds, what all scrapers have
    /// got, and whether it lives.
    fn check(what: &str, steps: &[(u64, u64, bool, Show)]) {
        let (mut series, start) = (Series::new(), Instant::now());
        let mut now = Exposition { number: 1, at: start, reached: 0 };
        assert_eq!(
            show(&mut series, "old", ALIVE, &now),
            VALUE,
            "what was there at the start is shown as it is"
        );
        for (seconds, reached, alive, want) in steps {
            now = Exposition {
                number: now.number + 1,
                at: start + Duration::from_secs(*seconds),
                reached: *reached,
            };
            assert_eq!(show(&mut series, "new", *alive, &now), *want, "{what}, exposition {}", now.number);
            assert_eq!(show(&mut series, "old", ALIVE, &now), VALUE, "{what}, exposition {}", now.number);
        }
    }

    #[test]
    fn a_new_series_begins_at_0() {
        check("nobody waits", &[(1, ALL, ALIVE, Zero), (2, ALL, ALIVE, Zero), (3, ALL, ALIVE, VALUE)]);
        check("one scraper", &[(15, 1, ALIVE, Zero), (30, 2, ALIVE, Zero), (45, 3, ALIVE, VALUE)]);
        check("two in turn", &[(15, 0, ALIVE, Zero), (20, 1, ALIVE, Zero), (30, 2, ALIVE, VALUE)]);
        check(
            "one of them is slow",
            &[
                (15, 1, ALIVE, Zero),
                (30, 1, ALIVE, Zero),
                (45, 1, DEAD, Zero),
                (60, 1, DEAD, Zero),
                (75, 2, DEAD, VALUE),
                (90, 1, DEAD, VALUE),
            ],
        );
        check(
            "curl in a loop shows it to nobody",
            &[
                (1, 1, ALIVE, Zero),
                (1, 1, ALIVE, Zero),
                (1, 1, ALIVE, Zero),
                (15, 1, ALIVE, Zero),
                (30, 5, ALIVE, VALUE),
            ],
        );
    }

    #[test]
    fn what_it_used_before_it_was_seen_is_starting() {
        let (mut life, at) = (None, Instant::now());
        let (mut starting, mut told) = (0, Vec::new());
        // Half a core all the time; a scraper that is slow at first.
        for (number, reached) in [(2, 1), (3, 1), (4, 2), (5, 4), (6, 5)] {
            let now = Exposition { number, at, reached };
            let used = Cpu { user_us: 500 * (number - 1), system_us: 7 };
            let (show, more) = life.get_or_insert_with(|| Life::new(&now)).show(&now, used, ALIVE);
            starting += more.total_us();
            let Show::Value(shown) = show else {
                assert_eq!((show, starting), (Zero, used.total_us() as i64));
                continue;
            };
            assert_eq!(shown.total_us() as i64 + starting, used.total_us() as i64, "it adds up");
            told.push(shown.total_us());
        }
        assert_eq!(told, [500, 1000, 1500], "the first rate is the true one");
    }

    #[test]
    fn it_leaves_a_while_after_its_end() {
        check(
            "it comes back, and begins anew",
            &[
                (15, ALL, ALIVE, Zero),
                (30, ALL, DEAD, Zero),
                (45, ALL, DEAD, VALUE),
                (314, ALL, DEAD, VALUE),
                (315, ALL, DEAD, Gone),
                (330, ALL, ALIVE, Zero),
            ],
        );
        check(
            "back in time, it goes on",
            &[
                (15, ALL, ALIVE, Zero),
                (30, ALL, ALIVE, Zero),
                (45, ALL, ALIVE, VALUE),
                (340, ALL, DEAD, VALUE),
                (344, ALL, ALIVE, VALUE),
                (643, ALL, DEAD, VALUE),
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
                (1800, ALL, DEAD, VALUE),
                (2400, ALL, DEAD, Gone),
            ],
        );
        check(
            "by every scraper",
            &[
                (15, 1, ALIVE, Zero),
                (30, 2, ALIVE, Zero),
                (45, 3, ALIVE, VALUE),
                (400, 4, DEAD, VALUE),
                (415, 4, DEAD, VALUE),
                (430, 5, DEAD, Gone),
            ],
        );
        check(
            "at all, when it died unseen",
            &[
                (15, 1, DEAD, Zero),
                (400, 2, DEAD, Zero),
                (415, 3, DEAD, VALUE),
                (430, 3, DEAD, VALUE),
                (445, 4, DEAD, Gone),
            ],
        );
    }
}
