//! Results cache: a repeated query fetches only the steps that are new.
use super::span::Span;
use crate::prometheus::{Grid, Series};
use crate::time::{Timestamp, is_multiple};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

/// Number of steps at the end of a window that are fetched again: they may not have been complete.
const UNSETTLED: u32 = 2;
/// Time before the end of a window whose samples are fetched again.
const UNSETTLED_TIME: Duration = Duration::from_secs(60);

/// Results of queries, by their text.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    cached: RefCell<BTreeMap<String, Cached>>,
    /// Choices that hold for all rounds, by their subject.
    choices: RefCell<BTreeMap<&'static str, String>>,
    round: Cell<u64>,
}

impl Cache {
    /// Begins another round of queries; drops the results that no query of the last round used.
    pub(crate) fn next_round(&self) {
        let round = self.round.get();
        self.cached.borrow_mut().retain(|_, cached| cached.round == round);
        self.round.set(round + 1);
    }

    /// Takes the results of a query out of the cache, cut to a grid; [`Cache::insert`] puts them back. The newest steps are
    /// missing again, since they may not have been complete.
    pub(crate) fn take_series(&self, text: &str, grid: Grid) -> Cached {
        self.take_settled(text, Span::of_grid(grid), UNSETTLED * grid.step, Some(grid.step))
    }

    /// Takes the samples of a selector out of the cache, likewise.
    pub(crate) fn take_samples(&self, selector: &str, span: Span) -> Cached {
        self.take_settled(selector, span, UNSETTLED_TIME, None)
    }

    fn take_settled(&self, text: &str, span: Span, unsettled: Duration, step: Option<Duration>) -> Cached {
        let mut cached = self.cached.borrow_mut().remove(text).unwrap_or_default();
        cached.round = self.round.get();
        cached.cut_to(span, unsettled, step);
        cached
    }

    /// Remembers a choice for the next rounds.
    pub(crate) fn choose(&self, of: &'static str, choice: String) {
        self.choices.borrow_mut().insert(of, choice);
    }

    /// Returns the choice of a round before.
    pub(crate) fn choice(&self, of: &str) -> Option<String> {
        self.choices.borrow().get(of).cloned()
    }

    /// Keeps the results of a query, now complete.
    pub(crate) fn insert(&self, text: String, cached: Cached) {
        self.cached.borrow_mut().insert(text, cached);
    }
}

/// Label names and values.
type Labels = Vec<(String, String)>;

/// Samples of each series in a stretch of time.
#[derive(Debug, Default)]
pub(crate) struct Cached {
    span: Option<Span>,
    /// Distance of two samples, if they are on a grid.
    step: Option<Duration>,
    missing: Option<Span>,
    series: BTreeMap<Labels, Vec<(Timestamp, f64)>>,
    round: u64,
}

impl Cached {
    /// Drops samples before a stretch, of another grid, and those that are unsettled.
    fn cut_to(&mut self, span: Span, unsettled: Duration, step: Option<Duration>) {
        let cached = self.span.filter(|cached| {
            let distance = span.start.since(cached.start);
            let in_step = self.step == step && step.is_none_or(|step| is_multiple(distance, step));
            in_step && cached.start <= span.start && cached.end <= span.end
        });
        let settled = cached.map_or(span.start, |cached| cached.end - unsettled).max(span.start);
        let kept = Span { end: settled, ..span };
        for samples in self.series.values_mut() {
            samples.retain(|(at, _)| cached.is_some() && kept.holds(*at));
        }
        self.series.retain(|_, samples| !samples.is_empty());
        self.missing = (settled < span.end).then_some(Span { start: settled, ..span });
        (self.span, self.step) = (Some(span), step);
    }

    /// Returns the part that is to be fetched.
    pub(crate) fn missing(&self) -> Option<Span> {
        self.missing
    }

    /// Adds a part of the response; parts come in any order.
    pub(crate) fn add(&mut self, series: &Series<'_>) {
        let labels = series.labels.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        self.series.entry(labels.collect()).or_default().extend_from_slice(&series.samples);
    }

    /// Calls `take` with each series, whole.
    pub(crate) fn each(&mut self, mut take: impl FnMut(&Series<'_>)) {
        for (labels, samples) in &mut self.series {
            samples.sort_unstable_by_key(|(at, _)| *at);
            let labels = labels.iter().map(|(name, value)| (Cow::from(name), Cow::from(value)));
            let series = Series { labels: labels.collect(), samples: std::mem::take(samples).into() };
            take(&series);
            *samples = series.samples.into_vec();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cache, Grid, Series, Span};
    use crate::time::Timestamp;
    use std::time::Duration;

    const STEP: Duration = Duration::from_millis(10);

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millis(milliseconds)
    }

    fn series(samples: &[(i64, f64)]) -> Series<'static> {
        Series {
            labels: [("a".into(), "b".into())].into_iter().collect(),
            samples: samples.iter().map(|(ms, value)| (at(*ms), *value)).collect(),
        }
    }

    #[test]
    fn only_new_steps_are_missing_and_old_ones_are_dropped() {
        let cache = Cache::default();
        cache.next_round();
        let grid = |start, end| Grid { start: at(start), end: at(end), step: STEP };
        let missing = |start, end| Some(Span::of_grid(grid(start, end)));
        let mut cached = cache.take_series("q", grid(10, 50));
        assert_eq!(cached.missing(), missing(10, 50));
        cached.add(&series(&[(40, 4.0), (50, 5.0)]));
        cached.add(&series(&[(10, 1.0), (20, 2.0)]));
        cache.insert("q".to_owned(), cached);
        cache.next_round();
        let mut cached = cache.take_series("q", grid(20, 60));
        assert_eq!(cached.missing(), missing(40, 60));
        cached.add(&series(&[(40, 4.5), (60, 6.0)]));
        let mut seen = Vec::new();
        cached.each(|series| seen.extend(series.samples.clone()));
        assert_eq!(seen, [(20, 2.0), (40, 4.5), (60, 6.0)].map(|(ms, value)| (at(ms), value)));
        cache.insert("q".to_owned(), cached);
        // Another phase, and a round without this query.
        cache.next_round();
        let cached = cache.take_series("q", grid(25, 65));
        assert_eq!(cached.missing(), missing(25, 65));
        cache.insert("q".to_owned(), cached);
        cache.next_round();
        cache.next_round();
        assert_eq!(cache.take_series("q", grid(25, 65)).missing(), missing(25, 65));
    }
}
