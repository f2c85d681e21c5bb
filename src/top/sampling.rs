//! Sampling: times at which the series of a source have samples.
use crate::prometheus::Grid;
use crate::query::Span;
use crate::time::{Timestamp, is_multiple, show_duration};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

/// Number of the newest samples that tell the interval.
const NEWEST: usize = 6;
/// Number of equal gaps in a row that are no gaps, but a longer interval.
const REPEATED: usize = 3;

/// Samples at `offset + k * interval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sampling {
    /// Time between two samples.
    pub interval: Duration,
    /// Time of any of them.
    pub offset: Timestamp,
}

impl Sampling {
    /// Finds the sampling of the newest samples; `times` ascend. A single sample tells no interval: then it is `default`.
    pub(super) fn from_times(times: &[Timestamp], default: Duration) -> Option<Sampling> {
        let offset = *times.last()?;
        let newest = times.get(times.len().saturating_sub(NEWEST)..).unwrap_or_default();
        let mut distances: BTreeMap<Duration, usize> = BTreeMap::new();
        for pair in newest.windows(2) {
            if let [earlier, later] = pair {
                *distances.entry(later.since(*earlier)).or_default() += 1;
            }
        }
        distances.remove(&Duration::ZERO);
        // Takes the shortest of equally frequent distances: the longer ones are gaps.
        let usual = distances.iter().max_by_key(|(distance, number)| (**number, Reverse(**distance)));
        let Some((&usual, _)) = usual else { return Some(Sampling { interval: default, offset }) };
        // A change of the interval counts from its first sample on, unless that is a gap.
        let last = newest.iter().rev().nth(1).map_or(usual, |before| offset.since(*before));
        let is_gap = is_multiple(last, usual);
        Some(Sampling { interval: if is_gap { usual } else { last }, offset })
    }

    /// Returns the times within a window; `None` if it holds none.
    pub(super) fn grid(self, span: Span) -> Option<Grid> {
        let last = span.end.floor(self.offset, self.interval);
        let first = span.start.floor(self.offset, self.interval) + self.interval;
        (first <= last).then_some(Grid { start: first, end: last, step: self.interval })
    }

    /// Returns the first of the newest samples that were all taken at this interval, none less than that after another.
    pub(super) fn since(self, times: &[Timestamp]) -> Option<Timestamp> {
        let (mut since, mut gap, mut repeated) = (*times.last()?, Duration::ZERO, 0);
        let (mut before_gaps, mut since_next) = (since, since);
        for pair in times.windows(2).rev() {
            let [earlier, later] = pair else { continue };
            let distance = later.since(*earlier);
            if !is_multiple(distance, self.interval) {
                // A sample of the shorter interval before is within the step of this one.
                return Some(if distance < self.interval { since_next } else { *later });
            }
            if distance == self.interval {
                (gap, repeated) = (Duration::ZERO, 0);
            } else if distance == gap {
                repeated += 1;
            } else {
                (gap, repeated, before_gaps) = (distance, 1, *later);
            }
            if repeated >= REPEATED {
                return Some(before_gaps);
            }
            (since_next, since) = (*later, *earlier);
        }
        Some(since)
    }

    /// Explains why a window holds no sample.
    pub(super) fn none_in(self) -> String {
        let interval = show_duration(self.interval);
        format!("no sample in this window: they are {interval} apart, give a longer --interval")
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Grid, Sampling, Span, Timestamp};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1000 * seconds)
    }

    fn span((start, end): (i64, i64)) -> Span {
        Span { start: at(start), end: at(end) }
    }

    const TEN: Duration = Duration::from_secs(10);
    const FIFTEEN: Duration = Duration::from_secs(15);

    fn sampling(times: &[i64]) -> Option<Sampling> {
        Sampling::from_times(&times.iter().map(|seconds| at(*seconds)).collect::<Vec<_>>(), FIFTEEN)
    }

    #[test]
    fn the_newest_interval_counts() {
        assert_eq!(sampling(&[]), None);
        assert_eq!(sampling(&[7]), Some(Sampling { interval: FIFTEEN, offset: at(7) }));
        // A gap is none of the interval's.
        let of = Sampling { interval: TEN, offset: at(65) };
        assert_eq!(sampling(&[5, 15, 25, 55, 65]), Some(of));
        assert_eq!(of.grid(span((5, 34))), Some(Grid { start: at(15), end: at(25), step: TEN }));
        assert_eq!(of.grid(span((26, 34))), None);
    }
}
