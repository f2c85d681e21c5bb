//! Coverage: the part of a window that the samples of a source cover.
use super::sampling::Sampling;
use crate::prometheus::Grid;
use crate::query::Span;
use crate::report::SourceKind;
use crate::time::{Timestamp, show_duration};
#[cfg(test)]
use std::time::Duration;

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

impl Coverage {
    /// Cuts a window to what samples at these times cover; `None` if there is none in it. A sample stands for the step
    /// before it. The window keeps its ends if the next sample would be outside.
    pub(super) fn from_times(
        sampling: Sampling,
        asked: Span,
        times: &[Timestamp],
        kind: SourceKind,
    ) -> Option<Coverage> {
        let (interval, since) = (sampling.interval, sampling.since(times)?);
        let inside = |at: &Timestamp| *at >= since && asked.holds(*at);
        let mut within = times.iter().copied().filter(inside);
        let first = within.next()?;
        let (mut last, mut samples) = (first, 1);
        for at in within {
            (last, samples) = (at, samples + 1);
        }
        let end = if asked.end.since(last) >= interval { last } else { asked.end };
        let window = Span { start: asked.start.max(first - interval), end };
        let grid = sampling.grid(window)?;
        let holes = Grid { start: first, end: last, step: interval }.points().saturating_sub(samples);
        let mut notes = Vec::new();
        if window != asked {
            notes.push(format!(
                "the window was cut to what the {}'s series cover, {} of {}: {} to {}",
                kind.as_str(),
                show_duration(window.length()),
                show_duration(asked.length()),
                window.start,
                window.end,
            ));
        }
        if times.iter().any(|at| *at > asked.start && *at < since) {
            let interval = show_duration(interval);
            notes.push(format!(
                "the interval between samples changed: older ones than those of {interval} are left out"
            ));
        }
        if grid.start == grid.end {
            let interval = show_duration(interval);
            notes.push(format!(
                "a single sample in this window: they are {interval} apart, and it may be of a time before"
            ));
        }
        Some(Coverage { window, grid, samples, holes, notes })
    }
}

#[cfg(test)]
mod tests {
    use super::{Coverage, Duration, Sampling, SourceKind, Span, Timestamp};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1000 * seconds)
    }

    fn span((start, end): (i64, i64)) -> Span {
        Span { start: at(start), end: at(end) }
    }

    fn covered(times: &[i64], asked: (i64, i64)) -> Option<(Span, usize, usize)> {
        let times: Vec<Timestamp> = times.iter().map(|seconds| at(*seconds)).collect();
        let sampling = Sampling::from_times(&times, Duration::from_secs(15))?;
        let coverage = Coverage::from_times(sampling, span(asked), &times, SourceKind::Exporter)?;
        Some((coverage.window, coverage.samples, coverage.holes))
    }

    #[test]
    fn only_the_newest_interval_covers() {
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
