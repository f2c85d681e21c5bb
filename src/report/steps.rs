//! Values of one thing at equal steps of time, and their statistics. A thing that is absent at a step has no value there:
//! that counts as zero in the average, so that averages add up, and not at all in the extremes.
use schemars::JsonSchema;
use serde::Serialize;

/// Average, minimum and maximum, in cores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Stats {
    /// Sum of the samples times their distance, over the window.
    pub avg: f64,
    /// Smallest sample.
    pub min: f64,
    /// Biggest sample.
    pub max: f64,
}

impl Stats {
    /// Statistics of a thing that used nothing.
    pub const ZERO: Stats = Stats { avg: 0.0, min: 0.0, max: 0.0 };
}

/// Samples of one thing, summed up to what a row needs of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Sum of the samples, cores times steps.
    pub sum: f64,
    /// Smallest sample, cores.
    pub min: f64,
    /// Biggest sample, cores.
    pub max: f64,
    /// Number of samples. `None` if they were not counted.
    pub samples: Option<f64>,
    /// Quantiles, cores, in the order asked for.
    pub quantiles: Vec<f64>,
    /// Means of equal parts of the window, cores; NaN if it was absent. Empty unless they were asked for.
    pub trend: Vec<f64>,
}

impl Figures {
    /// Returns the statistics over a window of so many steps.
    pub fn stats(&self, steps_in_window: f64) -> Stats {
        Stats { avg: self.sum / steps_in_window, min: self.min, max: self.max }
    }
}

/// Returns a quantile (0 to 1) of sorted samples, interpolated between neighbours as by `quantile_over_time`.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = share * sorted.len().saturating_sub(1) as f64;
    let below = rank.floor() as usize;
    let at = |index: usize| sorted.get(index).or(sorted.last()).copied().unwrap_or(f64::NAN);
    at(below) + (at(below + 1) - at(below)) * (rank - rank.floor())
}

/// One value a step, in cores; `None` if the thing was absent.
#[derive(Debug, Clone, PartialEq)]
pub struct Steps(Vec<Option<f64>>);

impl Steps {
    /// Returns a thing that is absent at each of so many steps.
    pub fn absent(count: usize) -> Steps {
        Steps(vec![None; count])
    }

    /// Adds a value at a step. A value outside of the grid, or that is no finite number, is no sample.
    pub fn add(&mut self, step: usize, value: f64) {
        if let Some(slot) = self.0.get_mut(step)
            && value.is_finite()
        {
            *slot = Some(slot.unwrap_or(0.0) + value);
        }
    }

    /// Adds another thing, step by step: the sum is present if either is.
    pub fn add_all(&mut self, other: &Steps) {
        for (step, value) in other.0.iter().enumerate() {
            if let Some(value) = value {
                self.add(step, *value);
            }
        }
    }

    /// Subtracts another thing at the steps at which both are present.
    pub fn minus(&self, other: &Steps) -> Steps {
        Steps(self.0.iter().zip(&other.0).map(|(a, b)| Some((*a)? - (*b)?)).collect())
    }

    /// Subtracts a part of it at the steps at which this is present. A part that is absent is nothing.
    pub fn less(&self, part: &Steps) -> Steps {
        let part = |step: usize| part.at(step).unwrap_or(0.0);
        Steps(self.0.iter().enumerate().map(|(step, value)| Some((*value)? - part(step))).collect())
    }

    /// Adds a part of it at the steps at which this is present. A part that is absent is nothing.
    pub fn with(&self, part: &Steps) -> Steps {
        let part = |step: usize| part.at(step).unwrap_or(0.0);
        Steps(self.0.iter().enumerate().map(|(step, value)| Some((*value)? + part(step))).collect())
    }

    /// Adds another thing at the steps at which both are present.
    pub fn plus(&self, other: &Steps) -> Steps {
        Steps(self.0.iter().zip(&other.0).map(|(a, b)| Some((*a)? + (*b)?)).collect())
    }

    /// Returns, for each step, the mean of the values at it and at the steps before it, so many in all.
    pub fn trailing_mean(&self, steps: usize) -> Steps {
        let mean = |end: usize| {
            let values = self.0.get((end + 1).saturating_sub(steps)..=end)?.iter().flatten();
            let count = values.clone().count();
            (count > 0).then(|| values.sum::<f64>() / count as f64)
        };
        Steps((0..self.0.len()).map(mean).collect())
    }

    /// Returns it without the first steps.
    pub fn skip(&self, steps: usize) -> Steps {
        Steps(self.0.get(steps..).unwrap_or_default().to_vec())
    }

    /// Returns the number of steps at which it is above a limit.
    pub fn above(&self, limit: f64) -> usize {
        self.0.iter().flatten().filter(|value| **value > limit).count()
    }

    /// Returns the sum of several things.
    pub fn total<'a>(count: usize, parts: impl IntoIterator<Item = &'a Steps>) -> Steps {
        let mut total = Steps::absent(count);
        for part in parts {
            total.add_all(part);
        }
        total
    }

    /// Returns the number of steps.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the value at a step.
    pub fn at(&self, step: usize) -> Option<f64> {
        self.0.get(step).copied().flatten()
    }

    /// Returns the number of steps at which it is present.
    pub fn samples(&self) -> usize {
        self.0.iter().flatten().count()
    }

    /// Returns the means of parts of equally many steps, at most so many, the last of which ends with the last step. A step at
    /// which it was absent counts zero; NaN if it was all the time.
    pub fn trend(&self, most: usize) -> Vec<f64> {
        let Some((parts, length)) = parts(self.0.len(), most) else { return Vec::new() };
        let mean = |part: &[Option<f64>]| {
            let values = part.iter().flatten();
            if values.clone().count() == 0 { f64::NAN } else { values.sum::<f64>() / length as f64 }
        };
        self.0.get(self.0.len() - parts * length..).unwrap_or_default().chunks(length).map(mean).collect()
    }

    /// Returns the step with the biggest value, the first of several, and that value.
    pub fn highest(&self) -> Option<(usize, f64)> {
        let values = self.0.iter().enumerate().filter_map(|(step, value)| Some((step, (*value)?)));
        values.reduce(|highest, next| if next.1 > highest.1 { next } else { highest })
    }

    /// Returns the sum of the values, cores times steps.
    pub fn sum(&self) -> f64 {
        self.0.iter().flatten().sum()
    }

    /// Returns the statistics over a window of so many steps, a fraction if it is no multiple of the step. `None` if it
    /// never was present.
    pub fn stats(&self, steps_in_window: f64) -> Option<Stats> {
        self.figures(&[], 0).map(|figures| figures.stats(steps_in_window))
    }

    /// Returns a quantile (0 to 1) of the samples, cores. `None` if it never was present.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        self.figures(&[share], 0)?.quantiles.first().copied()
    }

    /// Sums up the samples, with quantiles (0 to 1) of them and their trend in so many parts. `None` if it never was
    /// present.
    pub fn figures(&self, quantiles: &[f64], trend: usize) -> Option<Figures> {
        let min = self.0.iter().flatten().copied().reduce(f64::min)?;
        let max = self.0.iter().flatten().copied().reduce(f64::max)?;
        let mut figures = Figures {
            sum: self.sum(),
            min,
            max,
            samples: Some(self.samples() as f64),
            quantiles: Vec::new(),
            trend: self.trend(trend),
        };
        if !quantiles.is_empty() {
            let mut sorted: Vec<f64> = self.0.iter().flatten().copied().collect();
            sorted.sort_by(f64::total_cmp);
            figures.quantiles = quantiles.iter().map(|share| quantile(&sorted, *share)).collect();
        }
        Some(figures)
    }
}

/// Returns the number of parts, at most so many, and the number of steps of each, that a trend of so many steps has. `None` if
/// there is none of either.
pub fn parts(steps: usize, most: usize) -> Option<(usize, usize)> {
    let length = steps.div_ceil(most.max(1)).max(1);
    (most > 0 && steps > 0).then_some((steps / length, length))
}

#[cfg(test)]
mod tests {
    use super::{Stats, Steps, quantile};

    fn steps(values: &[Option<f64>]) -> Steps {
        Steps(values.to_vec())
    }

    #[test]
    fn absence_lowers_the_average_and_not_the_minimum() {
        let flapping = steps(&[Some(2.0), None, Some(4.0), None]);
        assert_eq!(flapping.stats(4.0), Some(Stats { avg: 1.5, min: 2.0, max: 4.0 }));
        assert_eq!(flapping.samples(), 2);
        assert_eq!(steps(&[None, None]).stats(2.0), None);
    }

    #[test]
    fn a_trend_has_a_mean_for_each_part() {
        let values = steps(&[Some(1.0), Some(3.0), None, None, Some(4.0), None]);
        let trend = values.trend(3);
        assert!(trend[0] == 2.0 && trend[1].is_nan() && trend[2] == 2.0, "{trend:?}");
        assert!(values.trend(99).len() == 6 && values.trend(0).is_empty());
    }

    #[test]
    fn the_maximum_of_a_sum_is_not_the_sum_of_maxima() {
        let a = steps(&[Some(3.0), Some(0.0), None]);
        let b = steps(&[Some(0.0), Some(2.0), Some(1.0)]);
        let sum = Steps::total(3, [&a, &b]);
        assert_eq!(sum.stats(3.0), Some(Stats { avg: 2.0, min: 1.0, max: 3.0 }));
    }

    #[test]
    fn a_difference_is_known_if_both_are() {
        let difference =
            steps(&[Some(3.0), None, Some(1.0)]).minus(&steps(&[Some(1.0), Some(1.0), Some(2.0)]));
        assert_eq!(difference, steps(&[Some(2.0), None, Some(-1.0)]));
    }

    #[test]
    fn the_highest_step_is_the_first_of_several() {
        assert_eq!(steps(&[None, Some(-1.0), Some(2.0), Some(2.0), None]).highest(), Some((2, 2.0)));
        assert_eq!(steps(&[None]).highest(), None);
    }

    #[test]
    fn only_finite_numbers_are_samples() {
        let mut values = Steps::absent(2);
        values.add(0, f64::NAN);
        values.add(1, f64::INFINITY);
        values.add(7, 1.0);
        assert_eq!(values.samples(), 0);
    }

    #[test]
    fn quantiles_lie_between_samples() {
        let sorted = [1.0, 2.0, 4.0];
        for (share, expected) in [(0.0, 1.0), (0.25, 1.5), (0.5, 2.0), (0.75, 3.0), (1.0, 4.0)] {
            assert!((quantile(&sorted, share) - expected).abs() < 1e-12, "{share}");
        }
        let figures = steps(&[Some(4.0), None, Some(1.0), Some(2.0)]).figures(&[0.5, 0.75], 0).unwrap();
        assert_eq!((figures.samples, figures.quantiles), (Some(3.0), vec![2.0, 3.0]));
    }
}
