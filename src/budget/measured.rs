//! A measurement: what the subject of a line comes to on one node.
use super::report::Item;
use super::subject::Statistic;
use crate::prometheus::Grid;
use crate::report::Steps;
use crate::time::Timestamp;
use std::time::Duration;

/// Returns the number of whole steps that a window of so long holds, at least one.
pub(super) fn steps_in(asked: Duration, step: Duration) -> f64 {
    // A window may be a hair shorter than its steps by rounding.
    (asked.div_duration_f64(step) + 1e-6).floor().max(1.0)
}

/// What a subject comes to on a node.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub node: String,
    /// Pod or group, if each is measured.
    pub item: Item,
    pub samples: Samples,
    /// Share of the window that was asked for in which the node answered, 0 to 1.
    pub coverage: f64,
}

/// What is known.
#[derive(Clone, Debug)]
pub(super) enum Samples {
    /// Samples on a grid. The average is their sum by the number of steps at which the node answered.
    Each { steps: Steps, grid: Grid, divisor: f64 },
    /// The statistic alone.
    Statistic(f64),
    /// The average of 5-minute rates.
    Rates(f64),
    /// Nothing, and why.
    Unknown(String),
}

impl Measured {
    /// Makes a measurement by samples on a grid. `asked`: number of steps of the window that was asked for; `covered`: of
    /// those at which the node answered.
    pub(super) fn of_steps(node: &str, steps: Steps, grid: Grid, asked: f64, covered: usize) -> Measured {
        let coverage = (covered as f64 / asked).min(1.0);
        let samples = Samples::Each { steps, grid, divisor: covered as f64 };
        Measured { node: node.to_owned(), item: Item::default(), samples, coverage }
    }

    /// Makes a measurement of which nothing is known.
    pub(super) fn unknown(node: &str, why: impl Into<String>) -> Measured {
        let samples = Samples::Unknown(why.into());
        Measured { node: node.to_owned(), item: Item::default(), samples, coverage: 0.0 }
    }

    /// Returns a statistic. The error says why it is not known, and what would tell.
    pub(super) fn figure(&self, statistic: &Statistic) -> Result<f64, String> {
        match (&self.samples, statistic) {
            (Samples::Unknown(why), _) => Err(why.clone()),
            (Samples::Statistic(value), _) | (Samples::Rates(value), Statistic::Avg) => Ok(*value),
            (Samples::Rates(_), _) => Err(format!(
                "5-minute rates tell no {}: `oc interrogate install` brings what does",
                statistic.name()
            )),
            (Samples::Each { divisor, .. }, _) if *divisor <= 0.0 => {
                Err("the node has no sample in this window".to_owned())
            }
            (Samples::Each { steps, divisor, .. }, Statistic::Avg) => Ok(steps.sum() / divisor),
            // A class that used nothing has no samples.
            (Samples::Each { steps, .. }, Statistic::Max) => {
                Ok(steps.highest().map_or(0.0, |(_, value)| value))
            }
            (Samples::Each { steps, .. }, Statistic::Percentile(percentile)) => {
                Ok(steps.quantile(percentile.share).unwrap_or(0.0))
            }
        }
    }

    /// Returns the time of the highest sample, and its value; `None` if there are no samples.
    pub(super) fn highest(&self) -> Option<(Timestamp, f64)> {
        let Samples::Each { steps, grid, .. } = &self.samples else { return None };
        let (step, value) = steps.highest()?;
        Some((grid.start + grid.step * step as u32, value))
    }

    /// Returns how long it was above a limit; `None` if there are no samples.
    pub(super) fn above(&self, limit: f64) -> Option<Duration> {
        let Samples::Each { steps, grid, .. } = &self.samples else { return None };
        Some(grid.step * steps.above(limit) as u32)
    }
}
