//! Who reads the expositions, and how far each reader has come.
//!
//! A scraper is a connection that is kept and has asked at least twice, as Prometheus does. It is waited for while it
//! is live: seen within twice its own period, and within five minutes; also when its connection has broken, for then
//! it will be back on another. Who asks once and leaves, as curl does, is waited for by nobody.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// As long as Prometheus looks back for a sample: who is not seen for longer has lost the series anyway.
const LONGEST: Duration = Duration::from_secs(300);
/// Scrapes are not to the millisecond, and one that is missed is followed by the next after exactly two periods.
const LATE: Duration = Duration::from_secs(1);

/// The readers, by the number of their connection.
#[derive(Debug, Default)]
pub(crate) struct Audience(BTreeMap<u64, Reader>);

#[derive(Debug)]
struct Reader {
    /// When it asked last.
    seen: Instant,
    /// Between the last two times; none before the second.
    period: Option<Duration>,
    /// The newest exposition that it has got whole; 0: none.
    got: u64,
    open: bool,
}

impl Audience {
    /// The connection asks for an exposition.
    pub(crate) fn asked(&mut self, connection: u64, at: Instant) {
        let new = Reader { seen: at, period: None, got: 0, open: true };
        let reader = self.0.entry(connection).and_modify(|known| {
            known.period = Some(at.saturating_duration_since(known.seen));
            known.seen = at;
        });
        reader.or_insert(new);
    }

    /// The connection has got all of an exposition.
    pub(crate) fn got(&mut self, connection: u64, exposition: u64) {
        if let Some(reader) = self.0.get_mut(&connection) {
            reader.got = reader.got.max(exposition);
        }
    }

    /// The connection has ended.
    pub(crate) fn left(&mut self, connection: u64) {
        if let Some(reader) = self.0.get_mut(&connection) {
            reader.open = false;
        }
    }

    /// The exposition that every live scraper has got, it or a later one; without any, the last there could be.
    pub(crate) fn reached(&mut self, at: Instant) -> u64 {
        self.0.retain(|_, reader| reader.open || reader.is_live(at));
        let live = self.0.values().filter(|reader| reader.is_live(at));
        live.map(|reader| reader.got).min().unwrap_or(u64::MAX)
    }
}

impl Reader {
    fn is_live(&self, at: Instant) -> bool {
        let for_long = |period: Duration| (period.saturating_mul(2) + LATE).min(LONGEST);
        self.period.is_some_and(|period| at.saturating_duration_since(self.seen) <= for_long(period))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Event {
        Asks(u64),
        Gets(u64, u64),
        Leaves(u64),
        Reached(u64),
    }
    use Event::{Asks, Gets, Leaves, Reached};

    /// Events at seconds, and what has been reached then.
    fn check(what: &str, events: &[(u64, Event)]) {
        let (mut audience, start) = (Audience::default(), Instant::now());
        for (seconds, event) in events {
            let at = start + Duration::from_secs(*seconds);
            match *event {
                Asks(who) => audience.asked(who, at),
                Gets(who, exposition) => audience.got(who, exposition),
                Leaves(who) => audience.left(who),
                Reached(want) => assert_eq!(audience.reached(at), want, "{what}, after {seconds} s"),
            }
        }
    }

    #[test]
    fn who_is_waited_for() {
        const ALL: u64 = u64::MAX;
        check("nobody", &[(0, Reached(ALL))]);
        check("once is no scraper", &[(0, Asks(1)), (0, Gets(1, 1)), (1, Reached(ALL))]);
        check(
            "the second time it is, before it has got that",
            &[
                (0, Asks(1)),
                (0, Gets(1, 4)),
                (15, Asks(1)),
                (15, Reached(4)),
                (15, Gets(1, 5)),
                (16, Reached(5)),
            ],
        );
        check(
            "the slowest counts",
            &[
                (0, Asks(1)),
                (5, Asks(2)),
                (5, Gets(2, 7)),
                (15, Asks(1)),
                (15, Gets(1, 8)),
                (20, Asks(2)),
                (20, Reached(7)),
            ],
        );
        check("what did not arrive is not there", &[(0, Asks(1)), (15, Asks(1)), (16, Reached(0))]);
        check(
            "a late answer takes nothing back",
            &[(0, Asks(1)), (1, Asks(1)), (1, Gets(1, 9)), (1, Gets(1, 8)), (1, Reached(9))],
        );
    }

    #[test]
    fn how_long_it_is_waited_for() {
        const ALL: u64 = u64::MAX;
        check("two periods", &[(0, Asks(1)), (15, Asks(1)), (46, Reached(0)), (47, Reached(ALL))]);
        check(
            "five minutes at most",
            &[(0, Asks(1)), (200, Asks(1)), (500, Reached(0)), (501, Reached(ALL))],
        );
        check(
            "beyond its connection",
            &[(0, Asks(1)), (15, Asks(1)), (15, Leaves(1)), (46, Reached(0)), (47, Reached(ALL))],
        );
        check(
            "back after a pause, it has still got what it has",
            &[
                (0, Asks(1)),
                (0, Gets(1, 3)),
                (15, Asks(1)),
                (100, Reached(ALL)),
                (101, Asks(1)),
                (101, Reached(3)),
            ],
        );
    }

    #[test]
    fn who_has_left_is_forgotten() {
        let (mut audience, start) = (Audience::default(), Instant::now());
        for connection in 0..1000 {
            audience.asked(connection, start);
            audience.left(connection);
        }
        audience.reached(start);
        assert!(audience.0.is_empty());
    }
}
