//! Expositions that scrapers have acknowledged: they have received them for certain.
//!
//! A scraper is a connection that is kept and has made a request at least twice, as Prometheus does. Its next request
//! acknowledges its last response. It is waited for while it is live: seen within twice its own period, and within five
//! minutes. That holds if its connection has broken too, for then it will be back on another. Nobody waits for a client
//! that sends one request and leaves, as curl does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Longest time that a scraper is waited for: as long as Prometheus looks back for a sample. One that is not seen for
/// longer has lost the series anyway.
const LONGEST: Duration = Duration::from_secs(300);
/// Tolerance: scrapes are not to the millisecond. After a missed one the next comes after exactly two periods.
const LATE: Duration = Duration::from_secs(1);

/// The scrapers, by the number of their connection.
#[derive(Debug, Default)]
pub(in crate::serve) struct Acknowledged(BTreeMap<u64, Scraper>);

#[derive(Debug)]
struct Scraper {
    /// Time of its last request.
    seen: Instant,
    /// Time between its last two requests. `None` before the second.
    period: Option<Duration>,
    /// Number of the newest exposition that was sent to it; 0 before the first.
    sent: u64,
    /// Number of the newest one that it has acknowledged; 0 before the first.
    acknowledged: u64,
    open: bool,
}

impl Acknowledged {
    /// Notes a request of a connection, which so has acknowledged the last exposition that was sent to it.
    pub(in crate::serve) fn requested(&mut self, connection: u64, at: Instant) {
        let new = Scraper { seen: at, period: None, sent: 0, acknowledged: 0, open: true };
        let scraper = self.0.entry(connection).and_modify(|known| {
            known.period = Some(at.saturating_duration_since(known.seen));
            known.seen = at;
            known.acknowledged = known.sent;
        });
        scraper.or_insert(new);
    }

    /// Notes the exposition that is sent to a connection.
    pub(in crate::serve) fn sent(&mut self, connection: u64, exposition: u64) {
        if let Some(scraper) = self.0.get_mut(&connection) {
            scraper.sent = exposition;
        }
    }

    /// Notes that a connection has ended.
    pub(in crate::serve) fn left(&mut self, connection: u64) {
        if let Some(scraper) = self.0.get_mut(&connection) {
            scraper.open = false;
        }
    }

    /// Returns the number of the newest exposition that every live scraper has acknowledged, or a later one. `u64::MAX` if
    /// there is no scraper.
    pub(in crate::serve) fn reached(&mut self, at: Instant) -> u64 {
        self.0.retain(|_, scraper| scraper.open || scraper.is_live(at));
        let live = self.0.values().filter(|scraper| scraper.is_live(at));
        live.map(|scraper| scraper.acknowledged).min().unwrap_or(u64::MAX)
    }
}

impl Scraper {
    fn is_live(&self, at: Instant) -> bool {
        let for_long = |period: Duration| (period.saturating_mul(2) + LATE).min(LONGEST);
        self.period.is_some_and(|period| at.saturating_duration_since(self.seen) <= for_long(period))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Event {
        Requests(u64),
        Sent(u64, u64),
        Leaves(u64),
        Reached(u64),
    }
    use Event::{Leaves, Reached, Requests, Sent};

    /// Checks what has been reached, after events at seconds.
    fn check(what: &str, events: &[(u64, Event)]) {
        let (mut scrapers, start) = (Acknowledged::default(), Instant::now());
        for (seconds, event) in events {
            let at = start + Duration::from_secs(*seconds);
            match *event {
                Requests(who) => scrapers.requested(who, at),
                Sent(who, exposition) => scrapers.sent(who, exposition),
                Leaves(who) => scrapers.left(who),
                Reached(want) => assert_eq!(scrapers.reached(at), want, "{what}, after {seconds} s"),
            }
        }
    }

    #[test]
    fn live_scrapers_are_waited_for() {
        const ALL: u64 = u64::MAX;
        check("nobody", &[(0, Reached(ALL))]);
        check("once is no scraper", &[(0, Requests(1)), (0, Sent(1, 1)), (1, Reached(ALL))]);
        check(
            "the next request acknowledges, and not the sending",
            &[
                (0, Requests(1)),
                (0, Sent(1, 4)),
                (15, Requests(1)),
                (15, Reached(4)),
                (15, Sent(1, 5)),
                (16, Reached(4)),
                (30, Requests(1)),
                (30, Reached(5)),
            ],
        );
        check(
            "the slowest counts",
            &[
                (0, Requests(1)),
                (0, Sent(1, 6)),
                (5, Requests(2)),
                (5, Sent(2, 7)),
                (15, Requests(1)),
                (15, Sent(1, 8)),
                (20, Requests(2)),
                (20, Reached(6)),
                (30, Requests(1)),
                (30, Reached(7)),
            ],
        );
        check(
            "a request without a response acknowledges nothing",
            &[(0, Requests(1)), (15, Requests(1)), (16, Reached(0))],
        );
        check(
            "a request that got an error takes nothing back",
            &[(0, Requests(1)), (0, Sent(1, 9)), (1, Requests(1)), (2, Requests(1)), (2, Reached(9))],
        );
    }

    #[test]
    fn a_scraper_is_waited_for_two_periods() {
        const ALL: u64 = u64::MAX;
        check("two periods", &[(0, Requests(1)), (15, Requests(1)), (46, Reached(0)), (47, Reached(ALL))]);
        check(
            "five minutes at most",
            &[(0, Requests(1)), (200, Requests(1)), (500, Reached(0)), (501, Reached(ALL))],
        );
        check(
            "beyond its connection, whose last response nothing acknowledges",
            &[
                (0, Requests(1)),
                (0, Sent(1, 1)),
                (15, Requests(1)),
                (15, Sent(1, 2)),
                (15, Leaves(1)),
                (46, Reached(1)),
                (47, Reached(ALL)),
            ],
        );
        check(
            "back after a pause, it has still acknowledged what it has",
            &[
                (0, Requests(1)),
                (0, Sent(1, 3)),
                (15, Requests(1)),
                (100, Reached(ALL)),
                (101, Requests(1)),
                (101, Reached(3)),
            ],
        );
    }

    #[test]
    fn a_connection_that_has_left_is_forgotten() {
        let (mut scrapers, start) = (Acknowledged::default(), Instant::now());
        for connection in 0..1000 {
            scrapers.requested(connection, start);
            scrapers.left(connection);
        }
        scrapers.reached(start);
        assert!(scrapers.0.is_empty());
    }
}
