//! Sampling: when the series of a source have samples, and which part of a window these cover.
use crate::prometheus::Grid;
use crate::query::Span;
use crate::query::time::{show_duration, show_time};
use std::collections::BTreeMap;

/// Number of the newest samples that tell the interval.
const NEWEST: usize = 6;
/// Number of equal gaps in a row that are no gaps, but a longer interval.
const REPEATED: usize = 3;

/// Samples at `offset + k * interval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sampling {
    /// Milliseconds between two samples.
    pub interval: i64,
    /// Unix milliseconds of any of them.
    pub offset: i64,
}

/// The part of a window that samples cover.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Coverage {
    /// The window cut to that.
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
    pub(super) fn of(times: &[i64], default: i64) -> Option<Sampling> {
        let offset = *times.last()?;
        let newest = times.get(times.len().saturating_sub(NEWEST)..).unwrap_or_default();
        let mut distances: BTreeMap<i64, usize> = BTreeMap::new();
        for pair in newest.windows(2) {
            if let [earlier, later] = pair {
                *distances.entry(later - earlier).or_default() += 1;
            }
        }
        distances.remove(&0);
        // Of equally frequent distances the shorter: the longer ones are its gaps.
        let usual = distances.iter().max_by_key(|(distance, number)| (**number, -**distance));
        let Some((&usual, _)) = usual else { return Some(Sampling { interval: default, offset }) };
        // The last one counts at once, unless it is a gap.
        let last = newest.iter().rev().nth(1).map_or(usual, |before| offset - before);
        let is_gap = last == 0 || last % usual == 0;
        Some(Sampling { interval: if is_gap { usual } else { last }, offset })
    }

    /// Returns the times within a window; `None` if it holds none.
    pub(super) fn grid(self, span: Span) -> Option<Grid> {
        let last = self.offset + (span.end - self.offset).div_euclid(self.interval) * self.interval;
        let first = self.offset + ((span.start - self.offset).div_euclid(self.interval) + 1) * self.interval;
        (first <= last).then_some(Grid { start: first, end: last, step: self.interval })
    }

    /// Returns the first of the newest samples that were all taken at this interval, none less than that after another.
    fn since(self, times: &[i64]) -> Option<i64> {
        let (mut since, mut gap, mut repeated) = (*times.last()?, 0, 0);
        let (mut before_gaps, mut since_next) = (since, since);
        for pair in times.windows(2).rev() {
            let [earlier, later] = pair else { continue };
            let distance = later - earlier;
            if distance % self.interval != 0 {
                // A sample of the shorter interval before is within the step of this one.
                return Some(if distance < self.interval { since_next } else { *later });
            }
            if distance == self.interval {
                (gap, repeated) = (0, 0);
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
    pub(super) fn cover(self, asked: Span, times: &[i64], whose: &str) -> Option<Coverage> {
        let since = self.since(times)?;
        let inside = |at: &i64| *at >= since && *at > asked.start && *at <= asked.end;
        let mut within = times.iter().copied().filter(inside);
        let first = within.next()?;
        let (mut last, mut samples) = (first, 1);
        for at in within {
            (last, samples) = (at, samples + 1);
        }
        let end = if asked.end - last >= self.interval { last } else { asked.end };
        let window = Span { start: asked.start.max(first - self.interval), end };
        let grid = self.grid(window)?;
        let holes = (((last - first) / self.interval) as usize + 1).saturating_sub(samples);
        let mut notes = Vec::new();
        if window != asked {
            notes.push(format!(
                "the window was cut to what the {whose} series cover, {} of {}: {} to {}",
                show_duration(window.length()),
                show_duration(asked.length()),
                show_time(window.start),
                show_time(window.end),
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
    use super::{Grid, Sampling, Span};

    fn covered(times: &[i64], span: (i64, i64)) -> Option<(i64, i64, usize, usize)> {
        let span = Span { start: span.0, end: span.1 };
        let coverage = Sampling::of(times, 15)?.cover(span, times, "exporter's")?;
        Some((coverage.window.start, coverage.window.end, coverage.samples, coverage.holes))
    }

    #[test]
    fn the_newest_interval_counts() {
        assert_eq!(Sampling::of(&[], 15), None);
        assert_eq!(Sampling::of(&[7], 15), Some(Sampling { interval: 15, offset: 7 }));
        // A gap is none of the interval's.
        assert_eq!(Sampling::of(&[5, 15, 25, 55, 65], 1), Some(Sampling { interval: 10, offset: 65 }));
        let sampling = Sampling { interval: 10, offset: 65 };
        assert_eq!(sampling.grid(Span { start: 5, end: 34 }), Some(Grid { start: 15, end: 25, step: 10 }));
        assert_eq!(sampling.grid(Span { start: 26, end: 34 }), None);
        let faster: Vec<i64> = (0..10).map(|n| 30 * n).chain((1..10).map(|n| 270 + 15 * n)).collect();
        assert_eq!(covered(&faster, (0, 405)), Some((255, 405, 10, 0)));
        let slower: Vec<i64> = (0..10).map(|n| 15 * n).chain((1..40).map(|n| 135 + 30 * n)).collect();
        assert_eq!(covered(&slower, (0, 1305)), Some((135, 1305, 39, 0)));
    }

    #[test]
    fn a_window_is_cut_to_its_samples() {
        let times = [10, 20, 30, 60, 70];
        assert_eq!(covered(&times, (0, 70)), Some((0, 70, 5, 2)));
        assert_eq!(covered(&times, (-50, 79)), Some((0, 79, 5, 2)));
        assert_eq!(covered(&times, (-50, 80)), Some((0, 70, 5, 2)));
        assert_eq!(covered(&times, (15, 65)), Some((15, 65, 3, 2)));
        assert_eq!(covered(&times, (31, 59)), None);
    }
}
