//! Questions put to a server piece by piece, and answers put on the grid of their steps.
use super::pieces::{Cut, Load, Piece, Pieces, Whole};
use super::queries::{self, At, How};
use super::span::Span;
use crate::progress::Progress;
use crate::prometheus::{Client, Grid, Series};
use crate::report::{Figures, Steps};
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

/// How many steps a grid has.
pub(super) fn points(grid: Grid) -> usize {
    ((grid.end - grid.start) / grid.step) as usize + 1
}

/// A query of samples at the steps of a grid: its text, by how these are asked for.
pub(super) type Query<'a> = dyn Fn(&At) -> String + 'a;

/// A Prometheus, and what it can.
#[derive(Debug)]
pub(super) struct Server<'a> {
    pieces: Pieces<'a>,
    /// Whether it heeds a query's own lookback.
    lookback: Cell<bool>,
}

impl<'a> Server<'a> {
    /// Nothing is asked yet.
    pub(super) fn new(client: &'a Client, progress: &'a Progress) -> Server<'a> {
        Server { pieces: Pieces::new(client, progress), lookback: Cell::new(false) }
    }

    /// Asks what it can; before that it is taken to be old.
    pub(super) async fn meet(&self) -> Result<()> {
        self.lookback.set(self.pieces.client.heeds_lookback().await?);
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
        let span = Span { start: grid.start - grid.step, end: grid.end };
        let units = POINTS.min(share(ANSWERED, load.answer)).min(share(READ, load.read));
        let whole = Whole { span, unit: grid.step, units, cut: Cut::Time, load };
        let take = RefCell::new(take);
        self.pieces.ask(&whole, async |piece| self.piece(query, grid.step, piece, &take).await).await
    }

    async fn piece(
        &self,
        query: &Query<'_>,
        step: i64,
        piece: &Piece,
        take: &RefCell<impl FnMut(&Series<'_>)>,
    ) -> Result<()> {
        let grid = Grid { start: piece.span.start + step, end: piece.span.end, step };
        let at = |how| At { how, step, matcher: piece.matcher() };
        let (how, lookback) =
            if self.lookback.get() { (How::Plain, Some(step - 1)) } else { (How::Range, None) };
        let finite = |series: &Series<'_>| series.samples.iter().all(|(_, value)| value.is_finite());
        let take_all = |answer: &[Series<'_>]| answer.iter().for_each(&mut *take.borrow_mut());
        let read = |answer: &[Series<'_>]| {
            let all = answer.iter().all(finite);
            if all {
                take_all(answer);
            }
            all
        };
        let client = self.pieces.client;
        if !client.range(&query(&at(how)), grid, lookback, read).await? {
            client.range(&query(&at(How::Finite)), grid, None, take_all).await?;
        }
        Ok(())
    }

    /// A range query whose answer is one series, of so many that the server reads; absent throughout where there is none.
    pub(super) async fn one(&self, query: &Query<'_>, grid: Grid, load: Load<'_>) -> Result<Steps> {
        let whole = self.range(query, grid, load, |_| ()).await?;
        Ok(whole.into_values().next().unwrap_or_else(|| Steps::absent(points(grid))))
    }

    /// An instant query about a window, by its text for a piece of it: a selector with one more matcher, and a length in
    /// milliseconds. What `read` makes of the pieces must add up to what it would make of the whole.
    pub(super) async fn over(
        &self,
        query: impl Fn(&str, i64) -> String,
        selector: &str,
        span: Span,
        (cut, load): (Cut, Load<'_>),
        read: impl FnMut(&[Series<'_>]),
    ) -> Result<()> {
        let units = share(READ, load.read) * (USUAL_STEP / SECOND);
        let whole = Whole { span, unit: SECOND, units, cut, load };
        let read = RefCell::new(read);
        let ask = async |piece: &Piece| {
            let text = query(&queries::and(selector, piece.matcher().as_deref()), piece.span.length());
            let take = |answer: &[Series<'_>]| (read.borrow_mut())(answer);
            self.pieces.client.instant(&text, piece.span.end, take).await
        };
        self.pieces.ask(&whole, ask).await
    }

    /// Each series' statistics over a window, computed by the server, by a key that tells the series apart: with
    /// quantiles, and with the number of samples if `count`ed.
    pub(super) async fn summed<K: Ord + Clone>(
        &self,
        selector: &str,
        labels: &str,
        (span, grid, load): (Span, Grid, Load<'_>),
        (quantiles, count): (&[f64], bool),
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
        let fold = async |cut: Cut, query: &dyn Fn(&str, i64) -> String, add: &dyn Fn(&mut Figures, f64)| {
            let read = |answer: &[Series<'_>]| {
                let mut whole = whole.borrow_mut();
                for series in answer {
                    if let Some((_, value)) = series.samples.first() {
                        add(whole.entry(key(series)).or_insert_with(|| nothing.clone()), *value);
                    }
                }
            };
            self.over(query, selector, span, (cut, load), read).await
        };
        let statistic = |name: &'static str| {
            move |selector: &str, window: i64| queries::statistic(name, selector, window)
        };
        let [sum, min, max] = ["sum", "min", "max"].map(statistic);
        let counts = async {
            if !count {
                return Ok(());
            }
            let add = |figures: &mut Figures, value| *figures.samples.get_or_insert(0.0) += value;
            fold(Cut::Label, &statistic("count"), &add).await
        };
        tokio::try_join!(
            fold(Cut::Label, &sum, &|figures, value| figures.sum += value),
            fold(Cut::Label, &min, &|figures, value| figures.min = figures.min.min(value)),
            fold(Cut::Label, &max, &|figures, value| figures.max = figures.max.max(value)),
            counts,
        )?;
        for (index, share) in quantiles.iter().enumerate() {
            // Labels that tell nothing here may have changed: then several series of one key follow each other, and
            // have no quantile together but by their samples.
            let add = |figures: &mut Figures, value| {
                let slot = figures.quantiles.get_mut(index).into_iter();
                slot.for_each(|slot| *slot = if slot.is_nan() { value } else { f64::INFINITY });
            };
            let query = |selector: &str, window: i64| queries::quantile(*share, selector, window);
            fold(Cut::Never, &query, &add).await?;
        }
        let mut whole = whole.into_inner();
        // A sample that is no finite number spoils these; such a series' others are taken one by one.
        let spoilt = |figures: &Figures| {
            let no_quantile = figures.quantiles.iter().any(|quantile| !quantile.is_finite());
            !figures.sum.is_finite() || figures.min > figures.max || no_quantile
        };
        if whole.values().any(spoilt) {
            let query = |at: &At| queries::sum_by(labels, &at.of(selector));
            let mut mended: BTreeMap<K, Steps> = BTreeMap::new();
            self.each(&query, grid, load, |series| {
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
