//! Questions in pieces that a server does not refuse, and answers put on the grid of their steps.
use super::queries::{self, At};
use super::rhythm::Span;
use crate::prometheus::{Client, Grid, Series};
use crate::report::{Figures, Steps};
use anyhow::Result;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Points of a series that one query asks for; Prometheus refuses more than 11,000.
const POINTS: i64 = 10_000;
/// Samples that one answer holds at most, about; bounds the memory for it.
const SAMPLES: i64 = 250_000;

/// How many steps a grid has.
pub(super) fn points(grid: Grid) -> usize {
    ((grid.end - grid.start) / grid.step) as usize + 1
}

/// A query of samples at the steps of a grid: its text, by how these are asked for.
pub(super) type Query<'a> = dyn Fn(At) -> String + 'a;

/// A Prometheus, and what it can.
#[derive(Debug)]
pub(super) struct Server<'a> {
    pub client: &'a Client,
    /// Whether it heeds a query's own lookback.
    lookback: bool,
}

impl<'a> Server<'a> {
    /// Asks what it can.
    pub(super) async fn meet(client: &'a Client) -> Result<Server<'a>> {
        Ok(Server { client, lookback: client.heeds_lookback().await? })
    }

    /// A range query of so many series, about: its answers' series by a key, on the grid. Series of one key are added.
    pub(super) async fn range<K: Ord>(
        &self,
        query: &Query<'_>,
        grid: Grid,
        series: usize,
        key: impl Fn(&Series<'_>) -> K,
    ) -> Result<BTreeMap<K, Steps>> {
        let mut whole = BTreeMap::new();
        self.each(query, grid, series, |series| {
            let steps = whole.entry(key(series)).or_insert_with(|| Steps::absent(points(grid)));
            put(steps, grid, &series.samples);
        })
        .await?;
        Ok(whole)
    }

    /// A range query of so many series, about: every series, in as many parts as there were pieces.
    pub(super) async fn each(
        &self,
        query: &Query<'_>,
        grid: Grid,
        series: usize,
        mut take: impl FnMut(&Series<'_>),
    ) -> Result<()> {
        let points = POINTS.min(SAMPLES / i64::try_from(series.max(1)).unwrap_or(SAMPLES)).max(1);
        let mut start = grid.start;
        while start <= grid.end {
            let end = grid.end.min(start + (points - 1) * grid.step);
            self.piece(query, Grid { start, end, ..grid }, &mut take).await?;
            start = end + grid.step;
        }
        Ok(())
    }

    async fn piece(&self, query: &Query<'_>, grid: Grid, take: &mut impl FnMut(&Series<'_>)) -> Result<()> {
        let Grid { step, .. } = grid;
        let (at, lookback) =
            if self.lookback { (At::Plain, Some(step - 1)) } else { (At::Range { step }, None) };
        let finite = |series: &Series<'_>| series.samples.iter().all(|(_, value)| value.is_finite());
        let read = |answer: &[Series<'_>]| {
            let all = answer.iter().all(finite);
            if all {
                answer.iter().for_each(&mut *take);
            }
            all
        };
        if !self.client.range(&query(at), grid, lookback, read).await? {
            let query = query(At::Finite { step });
            self.client.range(&query, grid, None, |answer| answer.iter().for_each(take)).await?;
        }
        Ok(())
    }

    /// A range query whose answer is one series; absent throughout where there is none.
    pub(super) async fn one(&self, query: &Query<'_>, grid: Grid) -> Result<Steps> {
        let whole = self.range(query, grid, 1, |_| ()).await?;
        Ok(whole.into_values().next().unwrap_or_else(|| Steps::absent(points(grid))))
    }

    /// Each series' statistics over a window, computed by the server, by a key that tells the series
    /// apart: with quantiles, and with the number of samples if `count`ed.
    pub(super) async fn summed<K: Ord + Clone>(
        &self,
        selector: &str,
        labels: &str,
        (span, grid): (Span, Grid),
        quantiles: &[f64],
        count: bool,
        key: impl Fn(&Series<'_>) -> K,
    ) -> Result<BTreeMap<K, Figures>> {
        let nothing = Figures {
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            samples: None,
            quantiles: vec![f64::NAN; quantiles.len()],
        };
        let whole: RefCell<BTreeMap<K, Figures>> = RefCell::default();
        // Series of one key follow each other in time: labels that tell nothing here have changed.
        let fold = async |query: String, add: &dyn Fn(&mut Figures, f64)| {
            let read = |answer: &[Series<'_>]| {
                let mut whole = whole.borrow_mut();
                for series in answer {
                    if let Some((_, value)) = series.samples.first() {
                        add(whole.entry(key(series)).or_insert_with(|| nothing.clone()), *value);
                    }
                }
            };
            self.client.instant(&query, span.end, read).await
        };
        let statistic = |name: &str| queries::statistic(name, selector, span.length());
        let counts = async {
            if !count {
                return Ok(());
            }
            fold(statistic("count"), &|figures, value| *figures.samples.get_or_insert(0.0) += value).await
        };
        tokio::try_join!(
            fold(statistic("sum"), &|figures, value| figures.sum += value),
            fold(statistic("min"), &|figures, value| figures.min = figures.min.min(value)),
            fold(statistic("max"), &|figures, value| figures.max = figures.max.max(value)),
            counts,
        )?;
        for (index, share) in quantiles.iter().enumerate() {
            let add = |figures: &mut Figures, value| {
                figures.quantiles.get_mut(index).into_iter().for_each(|slot| *slot = value);
            };
            fold(queries::quantile(*share, labels, selector, span.length()), &add).await?;
        }
        let mut whole = whole.into_inner();
        // A sample that is no finite number spoils these; such a series' others are taken one by one.
        let spoilt = |figures: &Figures| !figures.sum.is_finite() || figures.min > figures.max;
        if whole.values().any(spoilt) {
            let query = |at: At| queries::sum_by(labels, &at.of(selector));
            let mut mended: BTreeMap<K, Steps> = BTreeMap::new();
            self.each(&query, grid, whole.len(), |series| {
                let key = key(series);
                if whole.get(&key).is_some_and(spoilt) {
                    put(
                        mended.entry(key).or_insert_with(|| Steps::absent(points(grid))),
                        grid,
                        &series.samples,
                    );
                }
            })
            .await?;
            whole.retain(|_, figures| !spoilt(figures));
            whole
                .extend(mended.into_iter().filter_map(|(key, steps)| Some((key, steps.figures(quantiles)?))));
        }
        Ok(whole)
    }
}

/// Adds samples at their steps.
pub(super) fn put(steps: &mut Steps, grid: Grid, samples: &[(i64, f64)]) {
    for (at, value) in samples {
        if let Ok(step) = usize::try_from((at - grid.start) / grid.step) {
            steps.add(step, *value);
        }
    }
}
