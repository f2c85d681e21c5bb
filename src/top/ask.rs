//! Questions put to a server piece by piece, and answers put on the grid of their steps.
use super::memory::Memory;
use super::pieces::{Cut, Load, Piece, Pieces, Whole};
use super::queries::{self, At, How};
use super::span::Span;
pub(super) use super::span::points;
use crate::progress::Progress;
use crate::prometheus::{Client, Dialect, Grid, Series, Size};
use crate::report::Steps;
use anyhow::Result;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Points of a series that one query asks for; Prometheus refuses more than 11,000.
const POINTS: i64 = 10_000;
/// Samples that one answer holds at most, about; bounds the memory for it.
const ANSWERED: i64 = 250_000;
/// Samples that a server reads for one query at most, about: a second's work or two, and a fifth of its default limit.
const READ: i64 = 10_000_000;
/// What a series' distance between two samples is taken for before it is known, milliseconds; statistics are cut at
/// multiples of a second.
const USUAL_STEP: i64 = 15_000;
const SECOND: i64 = 1000;

/// A query of samples at the steps of a grid: its text, by how these are asked for.
pub(super) type Query<'a> = dyn Fn(&At) -> String + 'a;

/// What is wanted of samples that the server sums up, besides sum, minimum and maximum.
#[derive(Debug, Clone)]
pub(super) struct Want {
    /// Each 0 to 1.
    pub quantiles: Vec<f64>,
    /// The number of samples.
    pub count: bool,
    /// The mean in each of so many parts of the window; none where it is zero.
    pub course: usize,
}

/// A Prometheus, and what it can.
#[derive(Debug)]
pub(super) struct Server<'a> {
    pieces: Pieces<'a>,
    dialect: Cell<Dialect>,
    /// What it answered before.
    memory: Option<&'a Memory>,
}

impl<'a> Server<'a> {
    /// Nothing is asked yet.
    pub(super) fn new(client: &'a Client, progress: &'a Progress) -> Server<'a> {
        let pieces = Pieces::new(client, progress);
        Server { pieces, dialect: Cell::default(), memory: None }
    }

    /// The same, which is asked at every step only for what it has not answered before.
    pub(super) fn with(self, memory: &'a Memory) -> Server<'a> {
        Server { memory: Some(memory), ..self }
    }

    /// Whether it is asked again and again.
    pub(super) fn remembers(&self) -> bool {
        self.memory.is_some()
    }

    /// Asks what it can; before that it is taken to be old.
    pub(super) async fn meet(&self) -> Result<()> {
        self.dialect.set(self.client().dialect().await?);
        Ok(())
    }

    /// The connection, for what is no question in pieces.
    pub(super) fn client(&self) -> &'a Client {
        self.pieces.client
    }

    /// A range query: its answers' series by a key, on the grid. Series of one key are added.
    pub(super) async fn range<K: Ord>(
        &self,
        query: &Query<'_>,
        grid: Grid,
        load: Load<'_>,
        key: impl Fn(&Series<'_>) -> K,
    ) -> Result<BTreeMap<K, Steps>> {
        let mut whole = BTreeMap::new();
        self.each(query, grid, load, |series| {
            let steps = whole.entry(key(series)).or_insert_with(|| Steps::absent(points(grid)));
            put(steps, grid, &series.samples);
        })
        .await?;
        Ok(whole)
    }

    /// A range query: every series, in as many parts as there were pieces, in any order.
    pub(super) async fn each(
        &self,
        query: &Query<'_>,
        grid: Grid,
        load: Load<'_>,
        take: impl FnMut(&Series<'_>),
    ) -> Result<()> {
        let Some(memory) = self.memory else { return self.all(query, grid, load, take).await };
        let text = query(&At { how: How::Plain, step: grid.step, matcher: None });
        let mut known = memory.take(&text, grid);
        if let Some(missing) = known.missing() {
            self.all(query, missing, load, |series| known.add(series)).await?;
        }
        known.each(take);
        memory.put(text, known);
        Ok(())
    }

    async fn all(
        &self,
        query: &Query<'_>,
        grid: Grid,
        load: Load<'_>,
        take: impl FnMut(&Series<'_>),
    ) -> Result<()> {
        let span = Span { start: grid.start - grid.step, end: grid.end };
        let units = POINTS.min(share(ANSWERED, load.answer)).min(share(READ, load.read));
        let whole = Whole { span, unit: grid.step, units, cut: Cut::Time, load };
        let take = RefCell::new(take);
        self.pieces
            .ask(&whole, async |piece| self.piece(query, (grid.step, load.answer), piece, &take).await)
            .await
    }

    async fn piece(
        &self,
        query: &Query<'_>,
        (step, answer): (i64, usize),
        piece: &Piece,
        take: &RefCell<impl FnMut(&Series<'_>)>,
    ) -> Result<()> {
        let grid = Grid { start: piece.span.start + step, end: piece.span.end, step };
        let at = |how| At { how, step, matcher: piece.matcher() };
        let (how, lookback) =
            if self.dialect.get().own_lookback { (How::Plain, Some(step - 1)) } else { (How::Range, None) };
        let finite = |series: &Series<'_>| series.samples.iter().all(|(_, value)| value.is_finite());
        let take_all = |answer: &[Series<'_>]| answer.iter().for_each(&mut *take.borrow_mut());
        let read = |answer: &[Series<'_>]| {
            let all = answer.iter().all(finite);
            if all {
                take_all(answer);
            }
            all
        };
        let (client, size) = (self.pieces.client, Size::of(answer * points(grid)));
        if !client.range(&query(&at(how)), grid, lookback, size, read).await? {
            client.range(&query(&at(How::Finite)), grid, None, size, take_all).await?;
        }
        Ok(())
    }

    /// A range query whose answer is one series, of so many that the server reads; absent throughout where there is none.
    pub(super) async fn one(&self, query: &Query<'_>, grid: Grid, load: Load<'_>) -> Result<Steps> {
        let whole = self.range(query, grid, load, |_| ()).await?;
        Ok(whole.into_values().next().unwrap_or_else(|| Steps::absent(points(grid))))
    }

    /// An instant query about a window, a value of each series, by its text for a piece of it: a selector with one more
    /// matcher, and a length in milliseconds. What `read` makes of the pieces must add up to what it would make of the whole.
    pub(super) async fn over(
        &self,
        query: impl Fn(&str, i64) -> String,
        selector: &str,
        span: Span,
        (cut, load): (Cut, Load<'_>),
        read: impl FnMut(&[Series<'_>]),
    ) -> Result<()> {
        self.instants(query, selector, span, (cut, load), |_| 1, read).await
    }

    /// All samples of a selector in a window, in pieces likewise.
    pub(super) async fn samples(
        &self,
        selector: &str,
        span: Span,
        load: Load<'_>,
        read: impl FnMut(&[Series<'_>]),
    ) -> Result<()> {
        let each = |length: i64| usize::try_from(length / USUAL_STEP).unwrap_or_default();
        self.instants(queries::samples, selector, span, (Cut::Time, load), each, read).await
    }

    /// `each` is the samples of a series in an answer about so many milliseconds.
    async fn instants(
        &self,
        query: impl Fn(&str, i64) -> String,
        selector: &str,
        span: Span,
        (cut, load): (Cut, Load<'_>),
        each: impl Fn(i64) -> usize,
        read: impl FnMut(&[Series<'_>]),
    ) -> Result<()> {
        let units = share(READ, load.read) * (USUAL_STEP / SECOND);
        let whole = Whole { span, unit: SECOND, units, cut, load };
        let read = RefCell::new(read);
        let ask = async |piece: &Piece| {
            // A range is written a millisecond short of a window, for servers that take its start in.
            let length = piece.span.length() + i64::from(self.dialect.get().left_open);
            let text = query(&queries::and(selector, piece.matcher().as_deref()), length);
            let take = |answer: &[Series<'_>]| (read.borrow_mut())(answer);
            let size = Size::of(load.answer * each(length));
            self.pieces.client.instant(&text, piece.span.end, size, take).await
        };
        self.pieces.ask(&whole, ask).await
    }
}

/// How many times so many series have as many samples.
fn share(samples: i64, series: usize) -> i64 {
    (samples / i64::try_from(series).unwrap_or(i64::MAX).max(1)).max(1)
}

/// Adds samples at their steps.
pub(super) fn put(steps: &mut Steps, grid: Grid, samples: &[(i64, f64)]) {
    for (at, value) in samples {
        if let Ok(step) = usize::try_from((at - grid.start) / grid.step) {
            steps.add(step, *value);
        }
    }
}
