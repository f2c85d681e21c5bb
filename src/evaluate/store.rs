//! Store: series by metric, those of them that matchers select, and their samples at times.
use crate::openmetrics::{Labels, Series};
use crate::time::Timestamp;
use promql_parser::label::Matcher;
use promql_parser::parser::VectorSelector;
use std::collections::BTreeMap;
use std::time::Duration;

/// Label that holds a series' metric.
const METRIC: &str = "__name__";

/// Series by metric. A value that is no number is the end of its series, as a dump writes it.
#[derive(Debug, Default)]
pub struct Store(BTreeMap<String, Vec<Series>>);

impl Store {
    /// Takes series, whose samples are in order.
    pub fn new(all: Vec<Series>) -> Store {
        let mut store = Store::default();
        store.add(all);
        store
    }

    /// Returns the series of a metric.
    pub fn series_of<'a>(&'a self, metric: &str) -> impl Iterator<Item = &'a Series> {
        self.0.get(metric).into_iter().flatten()
    }

    /// Adds series, whose samples are in order.
    pub fn add(&mut self, all: Vec<Series>) {
        for series in all {
            self.0.entry(series.metric.clone()).or_default().push(series);
        }
    }

    /// Adds samples that are no number to series that are there.
    pub fn add_ends(&mut self, ends: Vec<Series>) {
        let mut of_metrics: BTreeMap<String, BTreeMap<Labels, Vec<(Timestamp, f64)>>> = BTreeMap::new();
        for end in ends {
            of_metrics.entry(end.metric).or_default().insert(end.labels, end.samples);
        }
        for (metric, ends) in of_metrics {
            for series in self.0.get_mut(&metric).into_iter().flatten() {
                if let Some(samples) = ends.get(&series.labels) {
                    series.samples.extend(samples);
                    series.samples.sort_by_key(|(at, _)| *at);
                }
            }
        }
    }

    /// Returns its own text of a metric's name.
    pub(super) fn name(&self, metric: &str) -> Option<&str> {
        self.0.get_key_value(metric).map(|(name, _)| name.as_str())
    }

    /// Returns the series that a selector selects.
    pub(super) fn select<'a>(&'a self, selector: &VectorSelector) -> impl Iterator<Item = &'a Series> {
        let (names, others): (Vec<&Matcher>, Vec<&Matcher>) =
            selector.matchers.matchers.iter().partition(|matcher| matcher.name == METRIC);
        let is_named = |metric: &str| {
            selector.name.as_ref().is_none_or(|name| name == metric)
                && names.iter().all(|matcher| matcher.is_match(metric))
        };
        // Queries name few metrics, and series are many: all of one metric are judged at once.
        let metrics: Vec<&Vec<Series>> =
            self.0.iter().filter(|(metric, _)| is_named(metric)).map(|(_, series)| series).collect();
        let others: Vec<Matcher> = others.into_iter().cloned().collect();
        metrics.into_iter().flatten().filter(move |series| has_all(&series.labels, &others))
    }
}

pub(super) fn has_all(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|matcher| matcher.is_match(labels.get(&matcher.name).map_or("", String::as_str)))
}

/// Calls `f` with the samples in `(at - range, at]` for each time, in order of time, and the index of the time.
pub(super) fn windows(
    samples: &[(Timestamp, f64)],
    times: &[Timestamp],
    range: Duration,
    mut f: impl FnMut(usize, &[(Timestamp, f64)]),
) {
    let (mut start, mut end) = (0, 0);
    for (index, at) in times.iter().enumerate() {
        let after = |from: usize, limit: Timestamp| {
            from + samples.get(from..).unwrap_or_default().iter().take_while(|(at, _)| *at <= limit).count()
        };
        // A file holds far more than one window, and its beginning is found at once.
        if index == 0 {
            start = samples.partition_point(|(time, _)| *time <= *at - range);
            end = start;
        }
        start = after(start, *at - range);
        end = after(end.max(start), *at);
        f(index, samples.get(start..end).unwrap_or_default());
    }
}

/// Returns the newest sample within `lookback` of each time; `None` if the series has none there or has ended.
pub(super) fn newest(
    samples: &[(Timestamp, f64)],
    times: &[Timestamp],
    lookback: Duration,
) -> Vec<Option<(Timestamp, f64)>> {
    let mut values = vec![None; times.len()];
    windows(samples, times, lookback, |index, inside| {
        if let Some(value) = values.get_mut(index) {
            *value = inside.last().copied().filter(|(_, value)| !value.is_nan());
        }
    });
    values
}

#[cfg(test)]
mod tests {
    use super::{newest, windows};
    use crate::time::Timestamp;
    use std::time::Duration;

    fn samples(all: &[(i64, f64)]) -> Vec<(Timestamp, f64)> {
        all.iter().map(|(at, value)| (Timestamp::from_millis(*at), *value)).collect()
    }

    #[test]
    fn a_range_excludes_its_start_and_an_end_ends_a_series() {
        let all = samples(&[(10, 1.0), (20, 2.0), (30, f64::NAN), (50, 5.0)]);
        let times = [10, 20, 29, 30, 40, 50].map(Timestamp::from_millis);
        let ten = Duration::from_millis(10);
        let mut counts = Vec::new();
        windows(&all, &times, ten, |_, inside| counts.push(inside.len()));
        assert_eq!(counts, [1, 1, 1, 1, 0, 1]);
        let last: Vec<_> = newest(&all, &times, ten).iter().map(|one| one.map(|(_, value)| value)).collect();
        assert_eq!(last, [Some(1.0), Some(2.0), Some(2.0), None, None, Some(5.0)]);
    }
}
