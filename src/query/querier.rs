//! Querier: sends queries in shards, and puts their results on the grid of their steps.
use super::cache::Cache;
use super::promql::{self, At, How};
use super::span::Span;
pub(crate) use super::span::points;
use super::split::{Cost, Shard, Split, Splitter, Whole};
use crate::progress::Progress;
use crate::prometheus::{Client, Dialect, Grid, Series, Size};
use crate::report::Steps;
use anyhow::Result;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Number of points of a series in one query at most; Prometheus refuses more than 11,000.
const POINTS: i64 = 10_000;
/// Number of samples in one response at most, about; bounds the memory for it.
const RETURNED: i64 = 250_000;
/// Number of samples that a server reads for one query at most, about: a second or two, and a fifth of its default limit.
const READ: i64 = 10_000_000;
/// Distance of two samples of a series before it is known, milliseconds. Statistics are split at
/// multiples of a second.
const USUAL_STEP: i64 = 15_000;
const SECOND: i64 = 1000;

/// Text of a query of samples at the steps of a grid, by their lookup.
pub(crate) type Query<'a> = dyn Fn(&At) -> String + 'a;

/// Statistics that the server computes of samples, besides sum, minimum and maximum.
#[derive(Debug, Clone)]
pub(crate) struct Want {
    /// Quantiles, each 0 to 1.
    pub quantiles: Vec<f64>,
    /// Whether to count the samples.
    pub count: bool,
    /// Number of parts of the window whose means make the trend; 0 for none.
    pub course: usize,
}

/// A Prometheus, and what it can do.
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

    /// Returns whether results are kept for the next round.
    pub(crate) fn has_cache(&self) -> bool {
        self.cache.is_some()
    }

    /// Returns the results of the rounds before, if they are kept.
    pub(crate) fn cache(&self) -> Option<&'a Cache> {
        self.cache
    }

    /// Probes what the server can do; until then the querier takes it for an old one.
    pub(crate) async fn probe(&self) -> Result<()> {
        self.dialect.set(self.client().dialect().await?);
        Ok(())
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
            let steps = whole.entry(key(series)).or_insert_with(|| Steps::absent(points(grid)));
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
        let text = query(&At { how: How::Plain, step: grid.step, matcher: None });
        let mut known = cache.take(&text, grid);
        if let Some(missing) = known.missing() {
            self.all(query, missing, cost, |series| known.add(series)).await?;
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
        let span = Span { start: grid.start - grid.step, end: grid.end };
        let units = POINTS.min(share(RETURNED, cost.returned)).min(share(READ, cost.read));
        let whole = Whole { span, unit: grid.step, units, cut: Split::Time, cost };
        let take = RefCell::new(take);
        self.splitter
            .fetch(&whole, async |shard| self.shard(query, (grid.step, cost.returned), shard, &take).await)
            .await
    }

    async fn shard(
        &self,
        query: &Query<'_>,
        (step, answer): (i64, usize),
        shard: &Shard,
        take: &RefCell<impl FnMut(&Series<'_>)>,
    ) -> Result<()> {
        let grid = Grid { start: shard.span.start + step, end: shard.span.end, step };
        let at = |how| At { how, step, matcher: shard.matcher() };
        let (how, lookback) =
            if self.dialect.get().own_lookback { (How::Plain, Some(step - 1)) } else { (How::Range, None) };
        let finite = |series: &Series<'_>| series.samples.iter().all(|(_, value)| value.is_finite());
        let add_all = |answer: &[Series<'_>]| answer.iter().for_each(&mut *take.borrow_mut());
        let read = |answer: &[Series<'_>]| {
            let all = answer.iter().all(finite);
            if all {
                add_all(answer);
            }
            all
        };
        let (client, size) = (self.splitter.client, Size::of(answer * points(grid)));
        if !client.range(&query(&at(how)), grid, lookback, size, read).await? {
            client.range(&query(&at(How::Finite)), grid, None, size, add_all).await?;
        }
        Ok(())
    }

    /// Fetches an instant query over a window, one value for each series. `query` writes it for a shard: a selector with one
    /// more matcher, and a length in milliseconds. Results that `read` makes of shards must add up to those of the whole.
    pub(crate) async fn over(
        &self,
        query: impl Fn(&str, i64) -> String,
        selector: &str,
        span: Span,
        (cut, cost): (Split, Cost<'_>),
        read: impl FnMut(&[Series<'_>]),
    ) -> Result<()> {
        self.instants(query, selector, span, (cut, cost), |_| 1, read).await
    }

    /// Fetches all samples of a selector in a window, in shards likewise.
    pub(crate) async fn samples(
        &self,
        selector: &str,
        span: Span,
        cost: Cost<'_>,
        mut read: impl FnMut(&[Series<'_>]),
    ) -> Result<()> {
        let each = |length: i64| usize::try_from(length / USUAL_STEP).unwrap_or_default();
        let of = (Split::Time, cost);
        let Some(cache) = self.cache else {
            return self.instants(promql::samples, selector, span, of, each, read).await;
        };
        let mut known = cache.take_samples(selector, span);
        if let Some(missing) = known.missing() {
            let span = Span { start: missing.start - 1, end: missing.end };
            let add = |response: &[Series<'_>]| response.iter().for_each(|series| known.add(series));
            self.instants(promql::samples, selector, span, of, each, add).await?;
        }
        known.each(|series| read(std::slice::from_ref(series)));
        cache.insert(selector.to_owned(), known);
        Ok(())
    }

    /// Fetches instant queries; `each` is the number of samples of a series in a response over so many milliseconds.
    async fn instants(
        &self,
        query: impl Fn(&str, i64) -> String,
        selector: &str,
        span: Span,
        (cut, cost): (Split, Cost<'_>),
        each: impl Fn(i64) -> usize,
        read: impl FnMut(&[Series<'_>]),
    ) -> Result<()> {
        let units = share(READ, cost.read) * (USUAL_STEP / SECOND);
        let whole = Whole { span, unit: SECOND, units, cut, cost };
        let read = RefCell::new(read);
        let fetch = async |shard: &Shard| {
            // A range is a millisecond shorter than its window, for servers that include its start.
            let length = shard.span.length() + i64::from(self.dialect.get().left_open);
            let text = query(&promql::and(selector, shard.matcher().as_deref()), length);
            let take = |answer: &[Series<'_>]| (read.borrow_mut())(answer);
            let size = Size::of(cost.returned * each(length));
            self.splitter.client.instant(&text, shard.span.end, size, take).await
        };
        self.splitter.fetch(&whole, fetch).await
    }
}

/// Returns how many times so many series have as many samples.
fn share(samples: i64, series: usize) -> i64 {
    (samples / i64::try_from(series).unwrap_or(i64::MAX).max(1)).max(1)
}

/// Adds samples to their steps.
pub(crate) fn add_samples(steps: &mut Steps, grid: Grid, samples: &[(i64, f64)]) {
    for (at, value) in samples {
        if let Ok(step) = usize::try_from((at - grid.start) / grid.step) {
            steps.add(step, *value);
        }
    }
}
