//! Life of a series: it begins at 0, and stays for a while after its group, pod or thread has ended.
//!
//! Prometheus computes no rate from the first sample of a series. A series that began with its CPU would lose it. A new
//! series is therefore exported at 0, in at least two expositions and until every scraper has received one of them. Only
//! then does it export what it has counted since. Its earlier CPU goes to `(starting)`, a series that always exists. So no
//! rate is above the truth, and nothing is lost.
//!
//! A series does not end before every scraper has received its last value, however short its life was.

use super::in_order::InOrder;
use node_cpu::{Cpu, Delta};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Minimum number of expositions of a new series at 0, for any scrapers: one for each of the platform's two Prometheus.
const ZERO_EXPOSITIONS: u64 = 2;
/// Time that a series stays after its end: as long as Prometheus looks back for a sample.
const KEPT: Duration = Duration::from_secs(300);

/// Exposition that is being made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exposition {
    /// Number of the exposition; the first since the exporter started is 1.
    pub(super) number: u64,
    /// Time of the snapshot.
    pub(super) at: Instant,
    /// Number of the exposition that every live scraper has received, it or a later one.
    pub(super) reached: u64,
}

/// Appearance of a series in an exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Appearance {
    /// Exported at 0, even if the series has counted CPU.
    Zero,
    /// Exported with the CPU that the series has counted since its last 0.
    Value(Cpu),
    /// Not exported any more: the series has ended.
    Gone,
}

/// State of one series while it is exported.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// Number of the first exposition with the series.
    born: u64,
    /// True once the series exports its CPU.
    has_value: bool,
    /// CPU counted up to the last exposition at 0, which goes to `(starting)`.
    base: Cpu,
    /// CPU counted up to the last exposition.
    used: Cpu,
    /// Number of the first exposition with the last value so far.
    settled: u64,
    last_alive: Instant,
}

impl Life {
    /// Returns a series that appears now. A series of the first exposition began at 0 with the exporter. It therefore
    /// exports its CPU at once.
    pub(super) fn new(now: &Exposition) -> Life {
        let has_value = now.number <= 1;
        let (base, used) = (Cpu::default(), Cpu::default());
        Life { born: now.number, has_value, base, used, settled: now.number, last_alive: now.at }
    }

    /// Returns the appearance of a series that has counted `used` in all, and the CPU that `(starting)` gets. `alive`: the
    /// group, pod or thread exists. Must be called exactly once in each exposition.
    pub(super) fn expose(&mut self, now: &Exposition, used: Cpu, alive: bool) -> (Appearance, Delta) {
        // A group, pod or thread that came and went since the last exposition has used something.
        let before = std::mem::replace(&mut self.used, used);
        if alive || used != before {
            self.last_alive = now.at;
            self.settled = now.number + 1;
        }
        if !self.has_value {
            if now.number < self.born + ZERO_EXPOSITIONS || now.reached < self.born {
                let before = std::mem::replace(&mut self.base, used);
                return (Appearance::Zero, used.since(before));
            }
            self.has_value = true;
            self.settled = self.settled.max(now.number);
        }
        let gone_for = now.at.saturating_duration_since(self.last_alive);
        let over = gone_for >= KEPT && self.settled < now.number && self.settled <= now.reached;
        let exported = Cpu {
            user_us: used.user_us.saturating_sub(self.base.user_us),
            system_us: used.system_us.saturating_sub(self.base.system_us),
        };
        (if over { Appearance::Gone } else { Appearance::Value(exported) }, Delta::default())
    }
}

/// Exported series of one kind, by their key.
#[derive(Debug)]
pub(super) struct Series<K>(BTreeMap<K, Life>);

impl<K: Ord + Clone> Series<K> {
    pub(super) fn new() -> Series<K> {
        Series(BTreeMap::new())
    }

    /// Calls `each` with the appearance of the series of each key in `all`, and the CPU that `(starting)` gets. Forgets the
    /// series that have ended; they would begin at 0 again.
    pub(super) fn expose<'a>(
        &mut self,
        all: &'a BTreeMap<K, Cpu>,
        now: &Exposition,
        mut alive: impl FnMut(&K) -> bool,
        mut each: impl FnMut(&'a K, Appearance, Delta),
    ) {
        let (mut new, mut gone) = (Vec::new(), Vec::new());
        let mut known = InOrder::new(&mut self.0);
        for (key, used) in all {
            let alive = alive(key);
            let (appearance, more) = match known.get(key) {
                Some(life) => life.expose(now, *used, alive),
                None => {
                    let mut life = Life::new(now);
                    let exposed = life.expose(now, *used, alive);
                    new.push((key.clone(), life));
                    exposed
                }
            };
            if appearance == Appearance::Gone {
                gone.push(key);
            }
            each(key, appearance, more);
        }
        for (key, life) in new {
            self.0.insert(key, life);
        }
        for key in gone {
            self.0.remove(key);
        }
    }

    /// Forgets the series whose key does not stay. They would begin at 0 again.
    pub(super) fn retain(&mut self, stays: impl Fn(&K) -> bool) {
        self.0.retain(|key, _| stays(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Appearance::{Gone, Zero};

    /// Appearance of a series that has counted nothing.
    const VALUE: Appearance = Appearance::Value(Cpu { user_us: 0, system_us: 0 });

    const ALIVE: bool = true;
    const ENDED: bool = false;
    /// Reached exposition if there is no scraper.
    const ALL: u64 = u64::MAX;

    fn expose(
        series: &mut Series<&'static str>,
        key: &'static str,
        alive: bool,
        now: &Exposition,
    ) -> Appearance {
        let (all, mut appearances) = ([(key, Cpu::default())].into(), Vec::new());
        series.expose(&all, now, |_| alive, |_, appearance, _| appearances.push(appearance));
        appearances[0]
    }

    /// Checks the appearance of a series that begins in the second exposition. Each step is: seconds, the exposition that
    /// all scrapers have received, `alive`, and the expected appearance.
    fn check(what: &str, steps: &[(u64, u64, bool, Appearance)]) {
        let (mut series, start) = (Series::new(), Instant::now());
        let mut now = Exposition { number: 1, at: start, reached: 0 };
        assert_eq!(
            expose(&mut series, "old", ALIVE, &now),
            VALUE,
            "a series of the start exports its CPU at once"
        );
        for (seconds, reached, alive, want) in steps {
            now = Exposition {
                number: now.number + 1,
                at: start + Duration::from_secs(*seconds),
                reached: *reached,
            };
            assert_eq!(expose(&mut series, "new", *alive, &now), *want, "{what}, exposition {}", now.number);
            assert_eq!(expose(&mut series, "old", ALIVE, &now), VALUE, "{what}, exposition {}", now.number);
        }
    }

    #[test]
    fn a_new_series_begins_at_0() {
        check("no scraper", &[(1, ALL, ALIVE, Zero), (2, ALL, ALIVE, Zero), (3, ALL, ALIVE, VALUE)]);
        check("one scraper", &[(15, 1, ALIVE, Zero), (30, 2, ALIVE, Zero), (45, 3, ALIVE, VALUE)]);
        check("two in turn", &[(15, 0, ALIVE, Zero), (20, 1, ALIVE, Zero), (30, 2, ALIVE, VALUE)]);
        check(
            "one of them is slow",
            &[
                (15, 1, ALIVE, Zero),
                (30, 1, ALIVE, Zero),
                (45, 1, ENDED, Zero),
                (60, 1, ENDED, Zero),
                (75, 2, ENDED, VALUE),
                (90, 1, ENDED, VALUE),
            ],
        );
        check(
            "curl in a loop is no scraper",
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
    fn cpu_before_the_last_zero_is_starting() {
        let (mut life, at) = (None, Instant::now());
        let (mut starting, mut exported) = (0, Vec::new());
        // The series uses half a core all the time, and one scraper is slow at first.
        for (number, reached) in [(2, 1), (3, 1), (4, 2), (5, 4), (6, 5)] {
            let now = Exposition { number, at, reached };
            let used = Cpu { user_us: 500 * (number - 1), system_us: 7 };
            let (appearance, more) = life.get_or_insert_with(|| Life::new(&now)).expose(&now, used, ALIVE);
            starting += more.total_us();
            let Appearance::Value(value) = appearance else {
                assert_eq!((appearance, starting), (Zero, used.total_us() as i64));
                continue;
            };
            assert_eq!(value.total_us() as i64 + starting, used.total_us() as i64, "it adds up");
            exported.push(value.total_us());
        }
        assert_eq!(exported, [500, 1000, 1500], "the first rate is the true one");
    }

    #[test]
    fn a_series_ends_five_minutes_after_its_last_cpu() {
        check(
            "it comes back, and begins at 0 again",
            &[
                (15, ALL, ALIVE, Zero),
                (30, ALL, ENDED, Zero),
                (45, ALL, ENDED, VALUE),
                (314, ALL, ENDED, VALUE),
                (315, ALL, ENDED, Gone),
                (330, ALL, ALIVE, Zero),
            ],
        );
        check(
            "it comes back in time, and goes on",
            &[
                (15, ALL, ALIVE, Zero),
                (30, ALL, ALIVE, Zero),
                (45, ALL, ALIVE, VALUE),
                (340, ALL, ENDED, VALUE),
                (344, ALL, ALIVE, VALUE),
                (643, ALL, ENDED, VALUE),
                (644, ALL, ENDED, Gone),
            ],
        );
    }

    #[test]
    fn a_series_does_not_end_before_its_last_value_is_received() {
        check(
            "without a scraper",
            &[
                (600, ALL, ALIVE, Zero),
                (1200, ALL, ENDED, Zero),
                (1800, ALL, ENDED, VALUE),
                (2400, ALL, ENDED, Gone),
            ],
        );
        check(
            "by every scraper",
            &[
                (15, 1, ALIVE, Zero),
                (30, 2, ALIVE, Zero),
                (45, 3, ALIVE, VALUE),
                (400, 4, ENDED, VALUE),
                (415, 4, ENDED, VALUE),
                (430, 5, ENDED, Gone),
            ],
        );
        check(
            "by any, if it ended before the first exposition",
            &[
                (15, 1, ENDED, Zero),
                (400, 2, ENDED, Zero),
                (415, 3, ENDED, VALUE),
                (430, 3, ENDED, VALUE),
                (445, 4, ENDED, Gone),
            ],
        );
    }
}
