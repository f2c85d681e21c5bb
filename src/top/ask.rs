//! Questions in pieces that a server does not refuse, and answers put on the grid of their steps.
use super::queries;
use super::rhythm::Span;
use crate::prometheus::{Client, Grid, Series};
use crate::report::{Figures, Steps};
use anyhow::Result;
use std::collections::BTreeMap;

/// Points of a series that one query asks for; Prometheus refuses more than 11,000.
const POINTS: i64 = 10_000;
/// Samples that one answer holds at most, about; bounds the memory for it.
const SAMPLES: i64 = 250_000;

/// How many steps a grid has.
pub(super) fn points(grid: Grid) -> usize {
    ((grid.end - grid.start) / grid.step) as usize + 1
}

/// A range query of so many series, about: its answers' series by a key, on the grid. Series of one key are added.
pub(super) async fn range<K: Ord>(
    client: &Client,
    query: &str,
    grid: Grid,
    series: usize,
    key: impl Fn(&Series) -> K,
) -> Result<BTreeMap<K, Steps>> {
    let mut whole = BTreeMap::new();
    each(client, query, grid, series, |series| {
        let steps = whole.entry(key(series)).or_insert_with(|| Steps::absent(points(grid)));
        put(steps, grid, &series.samples);
    })
    .await?;
    Ok(whole)
}

/// A range query of so many series, about: every series, in as many parts as there were pieces.
pub(super) async fn each(
    client: &Client,
    query: &str,
    grid: Grid,
    series: usize,
    mut take: impl FnMut(&Series),
) -> Result<()> {
    let points = POINTS.min(SAMPLES / i64::try_from(series.max(1)).unwrap_or(SAMPLES)).max(1);
    let mut start = grid.start;
    while start <= grid.end {
        let end = grid.end.min(start + (points - 1) * grid.step);
        client.range(query, Grid { start, end, step: grid.step }).await?.iter().for_each(&mut take);
        start = end + grid.step;
    }
    Ok(())
}

/// Adds samples at their steps.
pub(super) fn put(steps: &mut Steps, grid: Grid, samples: &[(i64, f64)]) {
    for (at, value) in samples {
        if let Ok(step) = usize::try_from((at - grid.start) / grid.step) {
            steps.add(step, *value);
        }
    }
}

/// A range query whose answer is one series; absent throughout where there is none.
pub(super) async fn one(client: &Client, query: &str, grid: Grid) -> Result<Steps> {
    let whole = range(client, query, grid, 1, |_| ()).await?;
    Ok(whole.into_values().next().unwrap_or_else(|| Steps::absent(points(grid))))
}

/// Each series' statistics over a window, computed by the server, by a key that tells the series apart.
pub(super) async fn summed<K: Ord + Clone>(
    client: &Client,
    selector: &str,
    labels: &str,
    (span, grid): (Span, Grid),
    quantiles: &[f64],
    key: impl Fn(&Series) -> K,
) -> Result<BTreeMap<K, Figures>> {
    let (window, end) = (span.length(), span.end);
    let statistics =
        ["sum", "min", "max", "count"].map(|name| queries::statistic(name, labels, selector, window));
    // Two at a time: a server has few cores to spare, and each answer is held until it is folded.
    let [sum, min, max, count] = &statistics;
    let (sum, min) = tokio::try_join!(client.instant(sum, end), client.instant(min, end))?;
    let mut whole: BTreeMap<K, Figures> = BTreeMap::new();
    let nothing =
        Figures { sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY, samples: 0.0, quantiles: Vec::new() };
    let mut fold = |answer: Vec<Series>, set: &dyn Fn(&mut Figures, f64)| {
        for series in answer {
            if let Some((_, value)) = series.samples.first() {
                set(whole.entry(key(&series)).or_insert_with(|| nothing.clone()), *value);
            }
        }
    };
    fold(sum, &|figures, value| figures.sum = value);
    fold(min, &|figures, value| figures.min = value);
    let (max, count) = tokio::try_join!(client.instant(max, end), client.instant(count, end))?;
    fold(max, &|figures, value| figures.max = value);
    fold(count, &|figures, value| figures.samples = value);
    for share in quantiles {
        let query = queries::quantile(*share, labels, selector, window);
        fold(client.instant(&query, end).await?, &|figures, value| figures.quantiles.push(value));
    }
    // A sample that is no finite number spoils these; such a series' others are taken one by one.
    let spoilt = |figures: &Figures| !figures.sum.is_finite() || figures.min > figures.max;
    if whole.values().any(spoilt) {
        let query = queries::sum_by(labels, &queries::at_step(selector, grid.step));
        let mut mended: BTreeMap<K, Steps> = BTreeMap::new();
        each(client, &query, grid, whole.len(), |series| {
            let key = key(series);
            if whole.get(&key).is_some_and(spoilt) {
                put(mended.entry(key).or_insert_with(|| Steps::absent(points(grid))), grid, &series.samples);
            }
        })
        .await?;
        whole.retain(|_, figures| !spoilt(figures));
        whole.extend(mended.into_iter().filter_map(|(key, steps)| Some((key, steps.figures(quantiles)?))));
    }
    Ok(whole)
}
