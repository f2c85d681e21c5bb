//! Times at which a source has samples: the exporter's by the totals that its rules record, which are those of a report too,
//! and the platform's by its fullest series of a pod, since none of them is always there.
use super::{ENOUGH, PODS, Totals};
use crate::prometheus::{Grid, Series, Size, excess};
use crate::query::{Cost, Querier, Span, Split, add_samples, promql};
use crate::report::{Class, Steps};
use crate::time::Timestamp;
use crate::top::metric_names;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

/// Samples of the totals that the exporter's rules record, by metric and class.
#[derive(Debug, Default)]
pub(super) struct RecordedTotals(BTreeMap<(String, String), Vec<(Timestamp, f64)>>);

impl RecordedTotals {
    /// Fetches them for a window, and for more before it if it is too short to tell their interval.
    pub(super) async fn fetch(querier: &Querier<'_>, asked: Span) -> Result<RecordedTotals> {
        let span = Span::ending(asked.end, asked.length().max(ENOUGH));
        let selector = promql::any_metric(&metric_names::TOTALS, None);
        let mut recorded = RecordedTotals::default();
        let take = |response: &[Series<'_>]| {
            for series in response {
                let key = (series.label("__name__").to_owned(), series.label("class").to_owned());
                let finite = series.samples.iter().filter(|(_, value)| value.is_finite());
                recorded.0.entry(key).or_default().extend(finite);
            }
        };
        let number = metric_names::TOTALS.len() + metric_names::CLASS_COUNT;
        querier.samples(&selector, span, Cost::new(number, number), take).await?;
        for samples in recorded.0.values_mut() {
            samples.sort_unstable_by_key(|(at, _)| *at);
            samples.dedup_by_key(|(at, _)| *at);
        }
        Ok(recorded)
    }

    /// Returns the times at which each of the totals has a sample.
    pub(super) fn times(&self) -> Vec<Timestamp> {
        let times = |metric: &str| -> BTreeSet<Timestamp> {
            let of = self.0.iter().filter(|((name, _), _)| name == metric);
            of.flat_map(|(_, samples)| samples).map(|(at, _)| *at).collect()
        };
        let all = metric_names::TOTALS.map(times);
        let common = all.iter().cloned().reduce(|a, b| a.intersection(&b).copied().collect());
        common.unwrap_or_default().into_iter().collect()
    }

    /// Returns the values of a metric of one series in a window.
    pub(super) fn values(&self, metric: &str, window: Span) -> Vec<f64> {
        let samples = self.0.get(&(metric.to_owned(), String::new())).map_or(&[][..], Vec::as_slice);
        let inside = samples.iter().filter(|(at, _)| window.holds(*at));
        inside.map(|(_, value)| *value).collect()
    }

    /// Puts them on a grid.
    pub(super) fn totals(&self, grid: Grid) -> Totals {
        let steps = |samples: &Vec<(Timestamp, f64)>| {
            let mut steps = Steps::absent(grid.points());
            add_samples(&mut steps, grid, samples);
            steps
        };
        let one = |metric: &str| self.0.get(&(metric.to_owned(), String::new())).map(steps);
        let classes = self.0.iter().filter(|((name, _), _)| name == metric_names::CLASSES);
        let classes = classes.map(|((_, class), samples)| (Class::of_label(class), steps(samples)));
        Totals {
            classes: classes.filter(|(_, steps)| steps.samples() > 0).collect(),
            busy: one(metric_names::CLUSTER_BUSY),
            unattributed: one(metric_names::UNATTRIBUTED),
        }
    }
}

/// Fetches the times of the platform's samples of pods, by the series that has the most.
pub(super) async fn platform_times(querier: &Querier<'_>, asked: Span) -> Result<Vec<Timestamp>> {
    let span = Span::ending(asked.end, asked.length().max(ENOUGH));
    // The series of the last round will do as long as it has the newest sample.
    if let Some(selector) = querier.cache().and_then(|cache| cache.choice(metric_names::PLATFORM_PODS)) {
        let newest = format!("max(timestamp({}))", metric_names::PLATFORM_PODS);
        let newest = querier.client().one(&newest, asked.end).await?;
        let times = times_of(querier, &selector, span).await?;
        if newest.map(Timestamp::from_seconds).is_some_and(|newest| times.last() == Some(&newest)) {
            return Ok(times);
        }
    }
    let fullest = promql::fullest(metric_names::PLATFORM_PODS, &querier.ranges().text(span.length()));
    let named = |response: &[Series<'_>]| {
        let count = |series: &Series<'_>| (exactly(series), series.value().unwrap_or(0.0));
        response.iter().map(count).collect::<Vec<_>>()
    };
    let counted = match querier.client().instant(&fullest, span.end, Size::Few, named).await {
        Err(error) if excess(&error).is_some() => {
            let mut counted: BTreeMap<String, f64> = BTreeMap::new();
            let query = |selector: &str, range: &str| promql::statistic("count", selector, range);
            let take = |response: &[Series<'_>]| {
                for (selector, number) in named(response) {
                    *counted.entry(selector).or_default() += number;
                }
            };
            let cost = Cost::new(PODS, PODS).by(metric_names::PLATFORM_PODS, "namespace");
            querier.over(query, metric_names::PLATFORM_PODS, span, (Split::Time, cost), take).await?;
            counted.into_iter().collect()
        }
        other => other?,
    };
    let Some((selector, _)) = counted.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)) else {
        return Ok(Vec::new());
    };
    if let Some(cache) = querier.cache() {
        cache.choose(metric_names::PLATFORM_PODS, selector.clone());
    }
    times_of(querier, &selector, span).await
}

/// Fetches the times of one series' samples.
async fn times_of(querier: &Querier<'_>, selector: &str, span: Span) -> Result<Vec<Timestamp>> {
    let mut times = BTreeSet::new();
    let take = |response: &[Series<'_>]| {
        times.extend(response.iter().flat_map(|series| &series.samples).map(|(at, _)| *at));
    };
    querier.samples(selector, span, Cost::new(1, 1), take).await?;
    Ok(times.into_iter().collect())
}

/// Selects one series of the platform's pods by its labels.
fn exactly(series: &Series<'_>) -> String {
    let labels = series.labels.iter().filter(|(name, _)| name != "__name__");
    let labels = labels.map(|(name, value)| (name.to_string(), value.to_string())).collect();
    promql::exactly(metric_names::PLATFORM_PODS, &labels)
}
