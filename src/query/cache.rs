//! Results cache: a repeated query fetches only the steps that are new.
use super::span::{Span, points};
use crate::prometheus::{Grid, Series};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Number of steps at the end of a window that are fetched again: they may not have been complete.
const UNSETTLED: i64 = 2;
/// Time before the end of a window whose samples are fetched again, milliseconds.
const UNSETTLED_TIME: i64 = 60_000;

/// Results of queries, by their text.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    known: RefCell<BTreeMap<String, Cached>>,
    /// What was chosen once for all rounds, by what it is of.
    choices: RefCell<BTreeMap<&'static str, String>>,
    round: Cell<u64>,
}

impl Cache {
    /// Begins another round of queries; drops the results that no query of the last round used.
    pub(crate) fn next_round(&self) {
        let round = self.round.get();
        self.known.borrow_mut().retain(|_, known| known.round == round);
        self.round.set(round + 1);
    }

    /// Takes the results of a query out of the cache, cut to a grid; [`Cache::insert`] puts them back. Of the known ones
    /// the newest steps may not have been complete: they are missing again.
    pub(crate) fn take(&self, text: &str, grid: Grid) -> Cached {
        self.take_settled(text, grid, (UNSETTLED - 1) * grid.step)
    }

    /// Takes the samples of a selector out of the cache, likewise.
    pub(crate) fn take_samples(&self, selector: &str, span: Span) -> Cached {
        self.take_settled(selector, Grid { start: span.start + 1, end: span.end, step: 1 }, UNSETTLED_TIME)
    }

    fn take_settled(&self, text: &str, grid: Grid, unsettled: i64) -> Cached {
        let mut known = self.known.borrow_mut().remove(text).unwrap_or_default();
        known.round = self.round.get();
        known.cut_to(grid, unsettled);
        known
    }

    /// Remembers a choice for the rounds to come, by what it is of.
    pub(crate) fn choose(&self, of: &'static str, choice: String) {
        self.choices.borrow_mut().insert(of, choice);
    }

    /// Returns the choice of a round before.
    pub(crate) fn choice(&self, of: &str) -> Option<String> {
        self.choices.borrow().get(of).cloned()
    }

    /// Keeps the results of a query, now complete.
    pub(crate) fn insert(&self, text: String, known: Cached) {
        self.known.borrow_mut().insert(text, known);
    }
}

/// Label names and values.
type Labels = Vec<(String, String)>;

/// Samples of each series on a grid.
#[derive(Debug, Default)]
pub(crate) struct Cached {
    grid: Option<Grid>,
    missing: Option<Grid>,
    series: BTreeMap<Labels, Vec<(i64, f64)>>,
    round: u64,
}

impl Cached {
    /// Drops samples of another grid, and those that are unsettled.
    fn cut_to(&mut self, grid: Grid, unsettled: i64) {
        let known = self.grid.filter(|known| {
            let in_step = known.step == grid.step && (known.start - grid.start) % grid.step == 0;
            in_step && known.start <= grid.start && known.end <= grid.end
        });
        let from = known.map_or(grid.start, |known| known.end - unsettled).max(grid.start);
        for samples in self.series.values_mut() {
            samples.retain(|(at, _)| known.is_some() && (grid.start..from).contains(at));
        }
        self.series.retain(|_, samples| !samples.is_empty());
        self.missing = (from <= grid.end).then_some(Grid { start: from, ..grid });
        self.grid = Some(grid);
    }

    /// Returns the part of the grid that is to be fetched.
    pub(crate) fn missing(&self) -> Option<Grid> {
        self.missing
    }

    /// Adds a part of the response; parts come in any order.
    pub(crate) fn add(&mut self, series: &Series<'_>) {
        let labels = series.labels.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        self.series.entry(labels.collect()).or_default().extend_from_slice(&series.samples);
    }

    /// Calls `take` with each series, whole.
    pub(crate) fn each(&mut self, mut take: impl FnMut(&Series<'_>)) {
        let most = self.grid.map_or(0, points);
        for (labels, samples) in &mut self.series {
            samples.sort_unstable_by_key(|(at, _)| *at);
            debug_assert!(samples.len() <= most, "a step has one sample");
            let labels = labels.iter().map(|(name, value)| (Cow::from(name), Cow::from(value)));
            let series = Series { labels: labels.collect(), samples: std::mem::take(samples).into() };
            take(&series);
            *samples = series.samples.into_vec();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cache, Grid, Series};

    fn series(samples: &[(i64, f64)]) -> Series<'static> {
        Series { labels: [("a".into(), "b".into())].into_iter().collect(), samples: samples.into() }
    }

    #[test]
    fn only_what_is_new_is_asked_for_and_the_old_is_forgotten() {
        let cache = Cache::default();
        cache.next_round();
        let grid = |start, end| Grid { start, end, step: 10 };
        let mut known = cache.take("q", grid(10, 50));
        assert_eq!(known.missing(), Some(grid(10, 50)));
        known.add(&series(&[(40, 4.0), (50, 5.0)]));
        known.add(&series(&[(10, 1.0), (20, 2.0)]));
        cache.insert("q".to_owned(), known);
        cache.next_round();
        let mut known = cache.take("q", grid(20, 60));
        assert_eq!(known.missing(), Some(grid(40, 60)));
        known.add(&series(&[(40, 4.5), (60, 6.0)]));
        let mut seen = Vec::new();
        known.each(|series| seen.extend(series.samples.clone()));
        assert_eq!(seen, [(20, 2.0), (40, 4.5), (60, 6.0)]);
        cache.insert("q".to_owned(), known);
        // Another phase, and a round without this query.
        cache.next_round();
        let known = cache.take("q", grid(25, 65));
        assert_eq!(known.missing(), Some(grid(25, 65)));
        cache.insert("q".to_owned(), known);
        cache.next_round();
        cache.next_round();
        assert_eq!(cache.take("q", grid(25, 65)).missing(), Some(grid(25, 65)));
    }
}
