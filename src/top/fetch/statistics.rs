//! Statistics of each series over a window, computed by the server: for rows that are single series.
use crate::prometheus::{Grid, Series};
use crate::query::promql::{self, At};
use crate::query::{Cost, Querier, Span, Split, Want, add_samples};
use crate::report::{Figures, Steps, parts};
use anyhow::Result;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

/// Series, and the window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    /// Selector of the series. Several of one key follow each other in time.
    pub selector: &'a str,
    /// Labels that the key is made of.
    pub labels: &'a str,
    pub window: Span,
    pub grid: Grid,
    pub cost: Cost<'a>,
}

/// Returns true if a sample that is no finite number has spoilt statistics.
pub(super) fn is_spoilt(figures: &Figures) -> bool {
    let no_quantile = figures.quantiles.iter().any(|quantile| !quantile.is_finite());
    !figures.sum.is_finite() || figures.min > figures.max || no_quantile
}

/// Fetches the statistics of each key; those that are spoilt from their samples.
pub(super) async fn statistics<K: Ord + Clone>(
    querier: &Querier<'_>,
    subject: Subject<'_>,
    want: &Want,
    key: impl Fn(&Series<'_>) -> K,
) -> Result<BTreeMap<K, Figures>> {
    if querier.has_cache() {
        return from_samples(querier, subject, want, &key, |_| true).await;
    }
    let mut whole = from_server(querier, subject, want, &key).await?;
    if whole.values().any(is_spoilt) {
        let spoilt = |key: &K| whole.get(key).is_some_and(is_spoilt);
        let mended = from_samples(querier, subject, want, &key, spoilt).await?;
        whole.retain(|_, figures| !is_spoilt(figures));
        whole.extend(mended);
    }
    Ok(whole)
}

/// Fetches the statistics of each key as the server computes them: those with a sample that is no finite number are
/// [spoilt](is_spoilt).
pub(super) async fn from_server<K: Ord + Clone>(
    querier: &Querier<'_>,
    Subject { selector, window, grid, cost, .. }: Subject<'_>,
    want: &Want,
    key: &impl Fn(&Series<'_>) -> K,
) -> Result<BTreeMap<K, Figures>> {
    let nothing = Figures {
        sum: 0.0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        samples: None,
        quantiles: vec![f64::NAN; want.quantiles.len()],
        trend: Vec::new(),
    };
    let whole = RefCell::new(Whole::new(key, nothing));
    let fold = async |cut: Split, query: &dyn Fn(&str, &str) -> String, add: &dyn Fn(&mut Figures, f64)| {
        let read = |answer: &[Series<'_>]| {
            let mut whole = whole.borrow_mut();
            for series in answer {
                if let Some(value) = series.value()
                    && let Some(figures) = whole.figures_of(series)
                {
                    add(figures, value);
                }
            }
        };
        querier.over(query, selector, window, (cut, cost), read).await
    };
    let statistic =
        |name: &'static str| move |selector: &str, range: &str| promql::statistic(name, selector, range);
    let [sum, min, max, number] = ["sum", "min", "max", "count"].map(statistic);
    let counts = async {
        if !want.count {
            return Ok(());
        }
        fold(Split::Label, &number, &|figures, value| *figures.samples.get_or_insert(0.0) += value).await
    };
    let trend = async {
        let Some((number, length)) = parts(grid.points(), want.trend) else { return Ok(()) };
        let step = grid.step * length as u32;
        // A part is whole steps, so that each has as many samples as the others.
        let grid = Grid { start: window.end - step * (number as u32 - 1), end: window.end, step };
        let query =
            |at: &At| promql::statistic("sum", &promql::and(selector, at.matcher.as_deref()), &at.range);
        let take = |series: &Series<'_>| {
            let mut whole = whole.borrow_mut();
            let Some(figures) = whole.figures_of(series) else { return };
            figures.trend.resize(grid.points(), f64::NAN);
            for (at, value) in &series.samples {
                let part = grid.index(*at).and_then(|part| figures.trend.get_mut(part));
                part.into_iter().for_each(|slot| *slot = *value / length as f64);
            }
        };
        querier.each(&query, grid, cost, take).await
    };
    tokio::try_join!(
        fold(Split::Label, &sum, &|figures, value| figures.sum += value),
        fold(Split::Label, &min, &|figures, value| figures.min = figures.min.min(value)),
        fold(Split::Label, &max, &|figures, value| figures.max = figures.max.max(value)),
        counts,
        trend,
    )?;
    for (index, share) in want.quantiles.iter().enumerate() {
        // Labels that tell nothing here may have changed: then several series of one key follow each other, and have
        // no quantile together but by their samples.
        let add = |figures: &mut Figures, value| {
            let slot = figures.quantiles.get_mut(index).into_iter();
            slot.for_each(|slot| *slot = if slot.is_nan() { value } else { f64::INFINITY });
        };
        let query = |selector: &str, range: &str| promql::quantile(*share, selector, range);
        fold(Split::Never, &query, &add).await?;
    }
    Ok(whole.into_inner().all())
}

/// Statistics of each key, found by the series' labels as they are written: the results of each statistic have the same
/// series, and making a key takes several times as long as adding to its statistics.
struct Whole<'a, K, F> {
    figures: Vec<Figures>,
    keys: BTreeMap<K, usize>,
    series: HashMap<String, usize>,
    /// Labels of the series that is added, as they are written.
    labels: String,
    key: &'a F,
    nothing: Figures,
}

impl<'a, K: Ord, F: Fn(&Series<'_>) -> K> Whole<'a, K, F> {
    fn new(key: &'a F, nothing: Figures) -> Whole<'a, K, F> {
        let labels = String::new();
        Whole { figures: Vec::new(), keys: BTreeMap::new(), series: HashMap::new(), labels, key, nothing }
    }

    fn figures_of(&mut self, series: &Series<'_>) -> Option<&mut Figures> {
        self.labels.clear();
        for (name, value) in &series.labels {
            self.labels.extend([name, "\0", value, "\0"]);
        }
        let index = match self.series.get(&self.labels) {
            Some(index) => *index,
            None => {
                let next = self.figures.len();
                let index = *self.keys.entry((self.key)(series)).or_insert(next);
                if index == next {
                    self.figures.push(self.nothing.clone());
                }
                self.series.insert(self.labels.clone(), index);
                index
            }
        };
        self.figures.get_mut(index)
    }

    fn all(self) -> BTreeMap<K, Figures> {
        let figures = |(key, index): (K, usize)| Some((key, self.figures.get(index)?.clone()));
        self.keys.into_iter().filter_map(figures).collect()
    }
}

/// Computes the statistics of some keys from every sample.
async fn from_samples<K: Ord + Clone>(
    querier: &Querier<'_>,
    Subject { selector, labels, grid, cost, .. }: Subject<'_>,
    want: &Want,
    key: &impl Fn(&Series<'_>) -> K,
    wanted: impl Fn(&K) -> bool,
) -> Result<BTreeMap<K, Figures>> {
    let query = |at: &At| promql::sum_by(labels, &at.select(selector));
    let mut all: BTreeMap<K, Steps> = BTreeMap::new();
    let take = |series: &Series<'_>| {
        let key = key(series);
        if wanted(&key) {
            add_samples(
                all.entry(key).or_insert_with(|| Steps::absent(grid.points())),
                grid,
                &series.samples,
            );
        }
    };
    querier.each(&query, grid, cost, take).await?;
    let figures = |steps: Steps| steps.figures(&want.quantiles, want.trend);
    Ok(all.into_iter().filter_map(|(key, steps)| Some((key, figures(steps)?))).collect())
}
