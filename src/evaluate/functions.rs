//! Functions over a range of one series: rates and the statistics `..._over_time`.
use crate::time::Timestamp;
use anyhow::{Context, Result, bail};
use std::time::Duration;

/// Most that two samples may lie apart, in mean distances, for a rate to reach to the edge of its range.
const NEAR: f64 = 1.1;

/// Function of the samples of one series in a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Function {
    Rate,
    Irate,
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Last,
    Quantile(f64),
}

impl Function {
    /// Finds a function by its name. `number`: its argument before the range, if it has one.
    pub(super) fn named(name: &str, number: Option<f64>) -> Result<Function> {
        Ok(match name {
            "rate" => Function::Rate,
            "irate" => Function::Irate,
            "sum_over_time" => Function::Sum,
            "avg_over_time" => Function::Avg,
            "min_over_time" => Function::Min,
            "max_over_time" => Function::Max,
            "count_over_time" => Function::Count,
            "last_over_time" => Function::Last,
            "quantile_over_time" => Function::Quantile(number.context("a quantile needs a number")?),
            other => bail!("a file does not answer {other}()"),
        })
    }

    /// Computes it of the samples in `(at - range, at]`; `None` if there are too few.
    pub(super) fn apply(self, inside: &[(Timestamp, f64)], at: Timestamp, range: Duration) -> Option<f64> {
        let kept: Vec<(Timestamp, f64)>;
        let inside = if inside.iter().any(|(_, value)| value.is_nan()) {
            kept = inside.iter().filter(|(_, value)| !value.is_nan()).copied().collect();
            &kept[..]
        } else {
            inside
        };
        let values = || inside.iter().map(|(_, value)| *value);
        let (_, last) = *inside.last()?;
        match self {
            Function::Rate => rate(inside, at, range),
            Function::Irate => irate(inside),
            Function::Sum => Some(sum(values())),
            Function::Avg => Some(sum(values()) / inside.len() as f64),
            Function::Min => values().reduce(f64::min),
            Function::Max => values().reduce(f64::max),
            Function::Count => Some(inside.len() as f64),
            Function::Last => Some(last),
            Function::Quantile(share) => quantile(values().collect(), share),
        }
    }
}

/// Adds values up with the error of each step carried along (Neumaier), as Prometheus does.
pub(super) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, lost) = values.fold((0.0, 0.0), add);
    if f64::is_finite(sum) { sum + lost } else { sum }
}

/// Adds a value to a sum and what it has lost so far.
pub(super) fn add((sum, lost): (f64, f64), value: f64) -> (f64, f64) {
    let next: f64 = sum + value;
    let error = if sum.abs() >= value.abs() { (sum - next) + value } else { (value - next) + sum };
    (next, lost + error)
}

/// Returns the increase of a counter per second, extrapolated to the edges of its range if samples reach near to them.
fn rate(inside: &[(Timestamp, f64)], at: Timestamp, range: Duration) -> Option<f64> {
    let ((first_at, first), (last_at, last)) = (*inside.first()?, *inside.last()?);
    let sampled = last_at.since(first_at).as_secs_f64();
    if inside.len() < 2 || sampled <= 0.0 {
        return None;
    }
    let pairs = || inside.iter().zip(inside.iter().skip(1));
    let resets = pairs().filter(|((_, before), (_, after))| after < before).map(|((_, before), _)| *before);
    let increase = last - first + resets.sum::<f64>();
    let mean = sampled / (inside.len() - 1) as f64;
    let near = |gap: f64| if gap >= mean * NEAR { mean / 2.0 } else { gap };
    let mut before = near(first_at.since(at - range).as_secs_f64());
    if increase > 0.0 && first >= 0.0 {
        // A counter was never below zero.
        before = before.min(sampled * (first / increase));
    }
    let after = near(at.since(last_at).as_secs_f64());
    Some(increase * ((sampled + before + after) / sampled) / range.as_secs_f64())
}

/// Returns the increase per second between the last two samples.
fn irate(inside: &[(Timestamp, f64)]) -> Option<f64> {
    let [.., (before_at, before), (at, value)] = inside else { return None };
    let seconds = at.since(*before_at).as_secs_f64();
    let increase = if value < before { *value } else { value - before };
    (seconds > 0.0).then_some(increase / seconds)
}

fn quantile(mut values: Vec<f64>, share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = share.clamp(0.0, 1.0) * values.len().checked_sub(1)? as f64;
    let (below, above) = (values.get(rank.floor() as usize)?, values.get(rank.ceil() as usize)?);
    let weight = rank - rank.floor();
    Some(below * (1.0 - weight) + above * weight)
}

#[cfg(test)]
mod tests {
    use super::{Function, quantile, sum};
    use crate::time::Timestamp;
    use std::time::Duration;

    fn apply(function: Function, all: &[(i64, f64)]) -> Option<f64> {
        let samples: Vec<_> =
            all.iter().map(|(at, value)| (Timestamp::from_millis(at * 1000), *value)).collect();
        function.apply(&samples, Timestamp::from_millis(300_000), Duration::from_secs(300))
    }

    #[test]
    fn a_rate_is_extrapolated_as_far_as_samples_reach_and_heeds_resets() {
        // Each 30 s from 30 to 300 s: half a step before the first lies within reach.
        let all: Vec<_> = (1..=10).map(|k| (k * 30, 100.0 + 30.0 * k as f64)).collect();
        assert_eq!(apply(Function::Rate, &all), Some(270.0 / 270.0 * 300.0 / 300.0));
        // A series that began within the range is reached for by half a mean distance.
        assert_eq!(apply(Function::Rate, &all[5..]), Some(120.0 * (135.0 / 120.0) / 300.0));
        // From zero on nothing came before.
        assert_eq!(apply(Function::Rate, &[(200, 0.0), (300, 100.0)]), Some(100.0 / 300.0));
        assert_eq!(apply(Function::Rate, &[(0, 90.0), (150, 100.0), (300, 20.0)]), Some(30.0 / 300.0));
        assert_eq!(apply(Function::Rate, &[(300, 1.0)]), None);
        assert_eq!(apply(Function::Irate, &[(0, 9.0), (290, 7.0), (300, 3.0)]), Some(0.3));
        assert_eq!(apply(Function::Irate, &[(0, 9.0), (290, 2.0), (300, 3.0)]), Some(0.1));
    }

    #[test]
    fn what_is_no_number_is_no_sample() {
        let all = [(10, 1.0), (20, f64::NAN), (30, 4.0)];
        let values = [Function::Sum, Function::Avg, Function::Min, Function::Max, Function::Count];
        assert_eq!(values.map(|function| apply(function, &all).unwrap()), [5.0, 2.5, 1.0, 4.0, 2.0]);
        assert_eq!(apply(Function::Last, &[(10, 1.0), (20, f64::NAN)]), Some(1.0));
        assert_eq!(apply(Function::Last, &[(20, f64::NAN)]), None);
    }

    #[test]
    fn sums_and_quantiles_are_those_of_prometheus() {
        assert_eq!(sum([1.0, 1e100, 1.0, -1e100].into_iter()), 2.0);
        assert_eq!(sum([1.0, f64::INFINITY].into_iter()), f64::INFINITY);
        assert_eq!(quantile(vec![3.0, 1.0, 2.0, 4.0], 0.5), Some(2.5));
        assert_eq!(quantile(vec![7.0], 0.99), Some(7.0));
        assert_eq!(quantile(vec![], 0.99), None);
    }
}
