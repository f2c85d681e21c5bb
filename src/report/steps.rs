//! The values of one thing at equal steps of time, and the statistics of them. What was absent at a step has no value
//! there: it counts as zero in the average (so that averages add up) and not at all in the extremes.
use serde::Serialize;

/// Average, minimum and maximum, in cores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stats {
    /// Sum of the samples times their distance, over the window.
    pub avg: f64,
    /// Smallest sample.
    pub min: f64,
    /// Biggest sample.
    pub max: f64,
}

impl Stats {
    /// Of a thing that is known to be nothing.
    pub const ZERO: Stats = Stats { avg: 0.0, min: 0.0, max: 0.0 };
}

/// The samples of one thing, summed up: what a row needs, however many samples there were.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Cores times steps.
    pub sum: f64,
    /// Smallest sample, cores.
    pub min: f64,
    /// Biggest sample, cores.
    pub max: f64,
    /// How many samples; none where that was not asked.
    pub samples: Option<f64>,
    /// The quantiles asked for, cores, in the order asked.
    pub quantiles: Vec<f64>,
    /// The mean of each of some equal parts of the window, cores, where it was asked for; NaN where it was absent.
    pub course: Vec<f64>,
}

impl Figures {
    /// Statistics over a window of so many steps.
    pub fn stats(&self, steps_in_window: f64) -> Stats {
        Stats { avg: self.sum / steps_in_window, min: self.min, max: self.max }
    }
}

/// A quantile (0 to 1) of sorted samples, interpolated between neighbours as Prometheus's `quantile_over_time` does.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = share * sorted.len().saturating_sub(1) as f64;
    let below = rank.floor() as usize;
    let at = |index: usize| sorted.get(index).or(sorted.last()).copied().unwrap_or(f64::NAN);
    at(below) + (at(below + 1) - at(below)) * (rank - rank.floor())
}

/// One value a step, in cores; none where the thing was absent.
#[derive(Debug, Clone, PartialEq)]
pub struct Steps(Vec<Option<f64>>);

impl Steps {
    /// Absent at each of so many steps.
    pub fn absent(count: usize) -> Steps {
        Steps(vec![None; count])
    }

    /// Adds a value at a step. One outside of the grid, or that is no number, is not a sample.
    pub fn add(&mut self, step: usize, value: f64) {
        if let Some(slot) = self.0.get_mut(step)
            && value.is_finite()
        {
            *slot = Some(slot.unwrap_or(0.0) + value);
        }
    }

    /// Adds another thing, step by step: present where either is.
    pub fn add_all(&mut self, other: &Steps) {
        for (step, value) in other.0.iter().enumerate() {
            if let Some(value) = value {
                self.add(step, *value);
            }
        }
    }

    /// This less the other, at the steps where both are.
    pub fn minus(&self, other: &Steps) -> Steps {
        Steps(self.0.iter().zip(&other.0).map(|(a, b)| Some((*a)? - (*b)?)).collect())
    }

    /// This less a part of it, at the steps where this is; a part that is absent is nothing.
    pub fn less(&self, part: &Steps) -> Steps {
        let part = |step: usize| part.at(step).unwrap_or(0.0);
        Steps(self.0.iter().enumerate().map(|(step, value)| Some((*value)? - part(step))).collect())
    }

    /// The sum of several things.
    pub fn total<'a>(count: usize, parts: impl IntoIterator<Item = &'a Steps>) -> Steps {
        let mut total = Steps::absent(count);
        for part in parts {
            total.add_all(part);
        }
        total
    }

    /// How many steps there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The value at a step.
    pub fn at(&self, step: usize) -> Option<f64> {
        self.0.get(step).copied().flatten()
    }

    /// At how many steps it was there.
    pub fn samples(&self) -> usize {
        self.0.iter().flatten().count()
    }

    /// The mean of the values in each of so many equal parts, or of each step where these are fewer; NaN where absent.
    fn course(&self, parts: usize) -> Vec<f64> {
        let parts = parts.min(self.0.len());
        let bound = |part: usize| part * self.0.len() / parts;
        let mean = |part: usize| {
            let values = self.0.get(bound(part)..bound(part + 1)).unwrap_or_default().iter().flatten();
            values.clone().sum::<f64>() / values.count() as f64
        };
        (0..parts).map(mean).collect()
    }

    /// Sum of the values, cores times steps.
    pub fn sum(&self) -> f64 {
        self.0.iter().flatten().sum()
    }

    /// Statistics over a window of so many steps (a fraction where the window is no multiple of the step); none
    /// where it never was there.
    pub fn stats(&self, steps_in_window: f64) -> Option<Stats> {
        self.figures(&[], 0).map(|figures| figures.stats(steps_in_window))
    }

    /// The samples summed up, with quantiles (0 to 1) of them and their course in so many parts; none where it never was
    /// there.
    pub fn figures(&self, quantiles: &[f64], course: usize) -> Option<Figures> {
        let min = self.0.iter().flatten().copied().reduce(f64::min)?;
        let max = self.0.iter().flatten().copied().reduce(f64::max)?;
        let mut figures = Figures {
            sum: self.sum(),
            min,
            max,
            samples: Some(self.samples() as f64),
            quantiles: Vec::new(),
            course: self.course(course),
        };
        if !quantiles.is_empty() {
            let mut sorted: Vec<f64> = self.0.iter().flatten().copied().collect();
            sorted.sort_by(f64::total_cmp);
            figures.quantiles = quantiles.iter().map(|share| quantile(&sorted, *share)).collect();
        }
        Some(figures)
    }
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
    fn a_course_has_a_mean_for_each_part() {
        let values = steps(&[Some(1.0), Some(3.0), None, None, Some(4.0), None]);
        let course = values.course(3);
        assert!(course[0] == 2.0 && course[1].is_nan() && course[2] == 4.0, "{course:?}");
        assert!(values.course(99).len() == 6 && values.course(0).is_empty());
    }

    #[test]
    fn the_maximum_of_a_sum_is_not_the_sum_of_maxima() {
        let a = steps(&[Some(3.0), Some(0.0), None]);
        let b = steps(&[Some(0.0), Some(2.0), Some(1.0)]);
        let sum = Steps::total(3, [&a, &b]);
        assert_eq!(sum.stats(3.0), Some(Stats { avg: 2.0, min: 1.0, max: 3.0 }));
    }

    #[test]
    fn a_difference_is_known_where_both_are() {
        let difference =
            steps(&[Some(3.0), None, Some(1.0)]).minus(&steps(&[Some(1.0), Some(1.0), Some(2.0)]));
        assert_eq!(difference, steps(&[Some(2.0), None, Some(-1.0)]));
    }

    #[test]
    fn what_is_no_number_is_no_sample() {
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
