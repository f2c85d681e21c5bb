//! Totals that the exporter's rules record: they tell what the rules cover, and are those of a report.
use super::{ENOUGH, Totals};
use crate::prometheus::{Grid, Series};
use crate::query::{Cost, Querier, Span, add_samples, promql};
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
