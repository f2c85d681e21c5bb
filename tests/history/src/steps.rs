//! Sums in time, and their statistics.

use std::collections::BTreeMap;

/// Unix time in milliseconds to the sum of the samples of that time. There is a step where any member has a sample.
pub(crate) type Steps = BTreeMap<i64, f64>;

/// Statistics in cores.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stat {
    /// Mean over the whole window, where absent is zero.
    pub avg: f64,
    /// Smallest step.
    pub min: f64,
    /// Biggest step.
    pub max: f64,
}

/// The part of time that is reported, (start, end].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
}

impl Window {
    pub(crate) fn holds(self, at_ms: i64) -> bool {
        self.start_ms < at_ms && at_ms <= self.end_ms
    }

    /// Clips the window to what samples at these times cover: its start to one interval before the first, its end to
    /// the last if that is a whole interval or more before. Without any sample it stays as it is.
    pub(crate) fn cut(self, times_ms: impl Iterator<Item = i64>, interval_s: u32) -> Window {
        let interval_ms = i64::from(interval_s) * 1000;
        let covered = times_ms.filter(|at| self.holds(*at)).fold(None, |covered: Option<(i64, i64)>, at| {
            let (first, last) = covered.unwrap_or((at, at));
            Some((first.min(at), last.max(at)))
        });
        let Some((first, last)) = covered else { return self };
        let end_ms = if self.end_ms - last >= interval_ms { last } else { self.end_ms };
        Window { start_ms: self.start_ms.max(first - interval_ms), end_ms }
    }

    /// Steps that there is room for.
    fn room(self, interval_s: u32) -> f64 {
        (self.end_ms - self.start_ms) as f64 / 1000.0 / f64::from(interval_s)
    }

    /// Returns the share of the expected steps that there are. At most 1: a window that is no multiple of the interval
    /// may hold one more.
    pub(crate) fn present(self, steps: &Steps, interval_s: u32) -> f64 {
        (steps.len() as f64 / self.room(interval_s)).min(1.0)
    }

    /// Returns the statistics of the steps; `None` if there is no step.
    pub(crate) fn stat(self, steps: &Steps, interval_s: u32) -> Option<Stat> {
        let min = steps.values().copied().reduce(f64::min)?;
        let max = steps.values().copied().reduce(f64::max)?;
        Some(Stat { avg: steps.values().sum::<f64>() / self.room(interval_s), min, max })
    }
}

/// Adds up.
pub(crate) fn sum(samples: impl Iterator<Item = (i64, f64)>) -> Steps {
    let mut steps = Steps::new();
    for (at, value) in samples {
        *steps.entry(at).or_default() += value;
    }
    steps
}

/// A percentile of the steps there are, interpolated between the two nearest.
pub(crate) fn percentile(steps: &Steps, percent: f64) -> Option<f64> {
    let mut values: Vec<f64> = steps.values().copied().collect();
    values.sort_by(f64::total_cmp);
    let rank = percent / 100.0 * values.len().checked_sub(1)? as f64;
    let (below, above) = (values.get(rank.floor() as usize)?, values.get(rank.ceil() as usize)?);
    Some(below + (above - below) * rank.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_interpolated() {
        let steps = |values: &[f64]| (0..).zip(values.iter().copied()).collect::<Steps>();
        for (values, percent, expected) in [
            (&[4.0, 1.0, 2.0][..], 50.0, Some(2.0)),
            // Ranks 0.75 and 2.7 of 0 to 3: 1 + 0.75 x 1, 4 + 0.7 x 4
            (&[8.0, 1.0, 4.0, 2.0], 25.0, Some(1.75)),
            (&[8.0, 1.0, 4.0, 2.0], 90.0, Some(6.8)),
            (&[8.0, 1.0, 4.0, 2.0], 0.0, Some(1.0)),
            (&[8.0, 1.0, 4.0, 2.0], 100.0, Some(8.0)),
            (&[3.0], 99.0, Some(3.0)),
            (&[], 50.0, None),
        ] {
            let found = percentile(&steps(values), percent);
            let close = |found: f64, expected: f64| (found - expected).abs() < 1e-12;
            assert!(
                found.zip(expected).map_or(found == expected, |(a, b)| close(a, b)),
                "p{percent} of {values:?}: {found:?}"
            );
        }
    }
}
