//! Querier: sends queries in shards, and puts their results on the grid of their steps.
use super::cache::Cache;
use super::promql::{self, At, How, Ranges};
use super::span::Span;
use super::split::{Cost, Shard, Split, Splitter, Whole};
use crate::progress::Progress;
use crate::prometheus::{Client, Dialect, Grid, Series, Size};
use crate::report::Steps;
use crate::time::Timestamp;
use anyhow::Result;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

/// Number of points of a series in one query at most; Prometheus refuses more than 11,000.
const POINTS: u32 = 10_000;
/// Number of samples in one response at most, about; bounds the memory for it.
const RETURNED: u32 = 250_000;
/// Number of samples that a server reads for one query at most, about: a second or two, and a fifth of its default limit.
const READ: u32 = 10_000_000;
/// Distance of two samples of a series before it is known, in units of statistics, which are split at multiples of those.
const USUAL_STEP: u32 = 15;
const UNIT: Duration = Duration::from_secs(1);

/// Text of a query of samples at the steps of a grid, by their lookup.
pub(crate) type Query<'a> = dyn Fn(&At) -> String + 'a;

/// Statistics that the server computes of samples, besides sum, minimum and maximum.
#[derive(Debug, Clone)]
pub(crate) struct Want {
    /// Quantiles, each 0 to 1.
    pub quantiles: Vec<f64>,
    /// True to count the samples.
    pub count: bool,
    /// Number of parts of the window whose means make the trend; 0 for none.
    pub trend: usize,
}

/// Prometheus and its dialect.
#[derive(Debug)]
pub(crate) struct Querier<'a> {
    splitter: Splitter<'a>,
    dialect: Cell<Dialect>,
    /// Results of the round before.
    cache: Option<&'a Cache>,
}

impl<'a> Querier<'a> {
    /// Makes a querier; sends nothing yet.
    pub(crate) fn new(client: &'a Client, progress: &'a Progress) -> Querier<'a> {
        let splitter = Splitter::new(client, progress);
        Querier { splitter, dialect: Cell::default(), cache: None }
    }

    /// Adds a cache, so that a repeated query fetches only the steps that are new.
    pub(crate) fn with(self, cache: &'a Cache) -> Querier<'a> {
        Querier { cache: Some(cache), ..self }
    }

    /// Returns true if results are kept for the next round.
    pub(crate) fn has_cache(&self) -> bool {
        self.cache.is_some()
    }

    /// Returns the results of the rounds before, if they are kept.
    pub(crate) fn cache(&self) -> Option<&'a Cache> {
        self.cache
    }

    /// Probes the server's dialect; until then the querier takes it for an old server.
    pub(crate) async fn learn_dialect(&self) -> Result<()> {
        self.dialect.set(self.client().dialect().await?);
        Ok(())
    }

    /// Returns the ranges of the server.
    pub(crate) fn ranges(&self) -> Ranges {
        Ranges { left_open: self.dialect.get().left_open }
    }

    /// Returns the connection, for requests that are not split.
    pub(crate) fn client(&self) -> &'a Client {
        self.splitter.client
    }

    /// Fetches a range query on a grid, its series by a key. Series of one key are added.
    pub(crate) async fn range<K: Ord>(
        &self,
        query: &Query<'_>,
        grid: Grid,
        cost: Cost<'_>,
        key: impl Fn(&Series<'_>) -> K,
    ) -> Result<BTreeMap<K, Steps>> {
        let mut whole = BTreeMap::new();
        self.each(query, grid, cost, |series| {
            let steps = whole.entry(key(series)).or_insert_with(|| Steps::absent(grid.points()));
            add_samples(steps, grid, &series.samples);
        })
        .await?;
        Ok(whole)
    }

    /// Fetches a range query: calls `take` with every series, in as many parts as there are shards, in any order.
    pub(crate) async fn each(
        &self,
        query: &Query<'_>,
        grid: Grid,
        cost: Cost<'_>,
        take: impl FnMut(&Series<'_>),
    ) -> Result<()> {
        let Some(cache) = self.cache else { return self.all(query, grid, cost, take).await };
        let text = query(&At::plain());
        let mut known = cache.take_series(&text, grid);
        if let Some(missing) = known.missing() {
            self.all(query, missing.grid(grid.step), cost, |series| known.add(series)).await?;
        }
        known.each(take);
        cache.insert(text, known);
        Ok(())
    }

    async fn all(
        &self,
        query: &Query<'_>,
        grid: Grid,
        cost: Cost<'_>,
        take: impl FnMut(&Series<'_>),
    ) -> Result<()> {
        let span = Span::of_grid(grid);
        let units = POINTS.min(share(RETURNED, cost.returned)).min(share(READ, cost.read));
        let whole = Whole { span, unit: grid.step, units, split: Split::Time, cost };
        let take = RefCell::new(take);
        self.splitter
            .fetch(&whole, async |shard| self.shard(query, (grid.step, cost.returned), shard, &take).await)
            .await
    }

    async fn shard(
        &self,
        query: &Query<'_>,
        (step, returned): (Duration, usize),
        shard: &Shard,
        take: &RefCell<impl FnMut(&Series<'_>)>,
    ) -> Result<()> {
        let (grid, range) = (shard.span.grid(step), self.ranges().text(step));
        let at = |how| At { how, range: range.clone(), matcher: shard.matcher() };
        let (how, lookback) = match self.dialect.get().own_lookback {
            true => (How::Plain, Some(range.as_str())),
            false => (How::Range, None),
        };
        let finite = |series: &Series<'_>| series.samples.iter().all(|(_, value)| value.is_finite());
        let add_all = |answer: &[Series<'_>]| answer.iter().for_each(&mut *take.borrow_mut());
        let read = |answer: &[Series<'_>]| {
            let all = answer.iter().all(finite);
            if all {
                add_all(answer);
            }
            all
        };
        let (client, size) = (self.splitter.client, Size::from_samples(returned * grid.points()));
        if !client.range(&query(&at(how)), grid, lookback, size, read).await? {
            client.range(&query(&at(How::Finite)), grid, None, size, add_all).await?;
        }
        Ok(())
    }

    /// Fetches a range query as it is written, its series by a key. Its selectors look back as long as the server does by
    /// itself, and not past the end of a series.
    pub(crate) async fn raw_range<K: Ord>(
        &self,
        text: &str,
        grid: Grid,
        cost: Cost<'_>,
        key: impl Fn(&Series<'_>) -> K,
    ) -> Result<BTreeMap<K, Steps>> {
        let units = POINTS.min(share(RETURNED, cost.returned)).min(share(READ, cost.read));
        let whole = Whole { span: Span::of_grid(grid), unit: grid.step, units, split: Split::Time, cost };
        let all: RefCell<BTreeMap<K, Steps>> = RefCell::default();
        let fetch = async |shard: &Shard| {
            let shard = shard.span.grid(grid.step);
            let size = Size::from_samples(cost.returned * shard.points());
            let take = |answer: &[Series<'_>]| {
                let mut all = all.borrow_mut();
                for series in answer {
                    let steps = all.entry(key(series)).or_insert_with(|| Steps::absent(grid.points()));
                    add_samples(steps, grid, &series.samples);
                }
            };
            self.splitter.client.range(text, shard, None, size, take).await
        };
        self.splitter.fetch(&whole, fetch).await?;
        Ok(all.into_inner())
    }

    /// Fetches an instant query over a window, one value for each series. `query` writes it for a shard: of a selector with
    /// one more matcher, and a range. Results that `read` makes of shards must add up to those of the whole.
    pub(crate) async fn over(
        &self,
        query: impl Fn(&str, &str) -> String,
        selector: &str,
        span: Span,
        (split, cost): (Split, Cost<'_>),
        read: impl FnMut(&[Series<'_>]),
    ) -> Result<()> {
        self.instants(query, selector, span, (split, cost), |_| 1, read).await
    }

    /// Fetches all samples of a selector in a window, in shards likewise.
    pub(crate) async fn samples(
        &self,
        selector: &str,
        span: Span,
        cost: Cost<'_>,
        mut read: impl FnMut(&[Series<'_>]),
    ) -> Result<()> {
        let each = |length: Duration| length.div_duration_f64(USUAL_STEP * UNIT) as usize;
        let of = (Split::Time, cost);
        let Some(cache) = self.cache else {
            return self.instants(promql::samples, selector, span, of, each, read).await;
        };
        let mut known = cache.take_samples(selector, span);
        if let Some(missing) = known.missing() {
            let add = |response: &[Series<'_>]| response.iter().for_each(|series| known.add(series));
            self.instants(promql::samples, selector, missing, of, each, add).await?;
        }
        known.each(|series| read(std::slice::from_ref(series)));
        cache.insert(selector.to_owned(), known);
        Ok(())
    }

    /// Fetches instant queries; `each` is the number of samples of a series in a response over a stretch of so long.
    async fn instants(
        &self,
        query: impl Fn(&str, &str) -> String,
        selector: &str,
        span: Span,
        (split, cost): (Split, Cost<'_>),
        each: impl Fn(Duration) -> usize,
        read: impl FnMut(&[Series<'_>]),
    ) -> Result<()> {
        let units = share(READ, cost.read).saturating_mul(USUAL_STEP);
        let whole = Whole { span, unit: UNIT, units, split, cost };
        let read = RefCell::new(read);
        let fetch = async |shard: &Shard| {
            let range = self.ranges().text(shard.span.length());
            let text = query(&promql::and(selector, shard.matcher().as_deref()), &range);
            let take = |answer: &[Series<'_>]| (read.borrow_mut())(answer);
            let size = Size::from_samples(cost.returned * each(shard.span.length()));
            self.splitter.client.instant(&text, shard.span.end, size, take).await
        };
        self.splitter.fetch(&whole, fetch).await
    }
}

/// Returns how many times so many series have as many samples.
fn share(samples: u32, series: usize) -> u32 {
    (samples / u32::try_from(series).unwrap_or(u32::MAX).max(1)).max(1)
}

/// Adds samples to their steps; those that are not on the grid are left out.
pub(crate) fn add_samples(steps: &mut Steps, grid: Grid, samples: &[(Timestamp, f64)]) {
    for (at, value) in samples {
        if let Some(step) = grid.index(*at) {
            steps.add(step, *value);
        }
    }
}
