//! Times of the platform's samples of pods. No series is always there, so that the fullest is looked for.
use super::{ENOUGH, PODS};
use crate::prometheus::{Series, Size, excess};
use crate::query::{Cost, Querier, Span, Split, promql};
use crate::time::Timestamp;
use crate::top::metric_names;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

/// Fetches the times of the platform's samples of pods, by the series that has the most.
pub(super) async fn times(querier: &Querier<'_>, asked: Span) -> Result<Vec<Timestamp>> {
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
