//! Sampling: times at which the series of a source have samples, and the part of a window that these cover.
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

/// Part of a window that samples cover.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Coverage {
    /// Window cut to that part.
    pub window: Span,
    /// Times of the samples in it.
    pub grid: Grid,
    /// Number of steps that have a sample.
    pub samples: usize,
    /// Number of steps between the first and the last sample that have none.
    pub holes: usize,
    /// Notes for the reader.
    pub notes: Vec<String>,
}

impl Sampling {
    /// Finds the sampling of the newest samples; `times` ascend. A single sample tells no interval: then it is `default`.
    pub(super) fn of(times: &[Timestamp], default: Duration) -> Option<Sampling> {
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
    fn since(self, times: &[Timestamp]) -> Option<Timestamp> {
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

    /// Cuts a window to what samples at these times cover; `None` if there is none in it. A sample stands for the step
    /// before it. The window keeps its ends if the next sample would be outside.
    pub(super) fn cover(self, asked: Span, times: &[Timestamp], whose: &str) -> Option<Coverage> {
        let since = self.since(times)?;
        let inside = |at: &Timestamp| *at >= since && asked.holds(*at);
        let mut within = times.iter().copied().filter(inside);
        let first = within.next()?;
        let (mut last, mut samples) = (first, 1);
        for at in within {
            (last, samples) = (at, samples + 1);
        }
        let end = if asked.end.since(last) >= self.interval { last } else { asked.end };
        let window = Span { start: asked.start.max(first - self.interval), end };
        let grid = self.grid(window)?;
        let holes = Grid { start: first, end: last, step: self.interval }.points().saturating_sub(samples);
        let mut notes = Vec::new();
        if window != asked {
            notes.push(format!(
                "the window was cut to what the {whose} series cover, {} of {}: {} to {}",
                show_duration(window.length()),
                show_duration(asked.length()),
                window.start,
                window.end,
            ));
        }
        if times.iter().any(|at| *at > asked.start && *at < since) {
            let interval = show_duration(self.interval);
            notes.push(format!(
                "the interval between samples changed: older ones than those of {interval} are left out"
            ));
        }
        if grid.start == grid.end {
            let interval = show_duration(self.interval);
            notes.push(format!(
                "a single sample in this window: they are {interval} apart, and it may be of a time before"
            ));
        }
        Some(Coverage { window, grid, samples, holes, notes })
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
        Sampling::of(&times.iter().map(|seconds| at(*seconds)).collect::<Vec<_>>(), FIFTEEN)
    }

    fn covered(times: &[i64], asked: (i64, i64)) -> Option<(Span, usize, usize)> {
        let of = sampling(times)?;
        let times: Vec<Timestamp> = times.iter().map(|seconds| at(*seconds)).collect();
        let coverage = of.cover(span(asked), &times, "exporter's")?;
        Some((coverage.window, coverage.samples, coverage.holes))
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
        let faster: Vec<i64> = (0..10).map(|n| 30 * n).chain((1..10).map(|n| 270 + 15 * n)).collect();
        assert_eq!(covered(&faster, (0, 405)), Some((span((255, 405)), 10, 0)));
        let slower: Vec<i64> = (0..10).map(|n| 15 * n).chain((1..40).map(|n| 135 + 30 * n)).collect();
        assert_eq!(covered(&slower, (0, 1305)), Some((span((135, 1305)), 39, 0)));
    }

    #[test]
    fn a_window_is_cut_to_its_samples() {
        let times = [10, 20, 30, 60, 70];
        assert_eq!(covered(&times, (0, 70)), Some((span((0, 70)), 5, 2)));
        assert_eq!(covered(&times, (-50, 79)), Some((span((0, 79)), 5, 2)));
        assert_eq!(covered(&times, (-50, 80)), Some((span((0, 70)), 5, 2)));
        assert_eq!(covered(&times, (15, 65)), Some((span((15, 65)), 3, 2)));
        assert_eq!(covered(&times, (31, 59)), None);
    }
}
