//! When a source's samples were taken: their distance, their phase, and the grid of steps that they give a window.
//! Recorded series of one rule group share their times, so one series tells those of all.
use crate::prometheus::{Grid, Series, Size, excess};
use crate::query::Querier;
use crate::query::promql::{self, At};
use crate::query::time;
use crate::query::{Cost, Split};
use crate::query::{Span, points};
use anyhow::Result;
use std::collections::BTreeMap;

/// A window that holds several samples at any usual interval, milliseconds.
const ENOUGH: i64 = 300_000;

/// Samples at `phase + k * step`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rhythm {
    /// Milliseconds between two samples.
    pub step: i64,
    /// Unix milliseconds of any of them.
    pub phase: i64,
    /// How many the fullest series has.
    pub samples: usize,
}

impl Rhythm {
    /// The rhythm of the series of `selector`, so many, with the most samples in the window, or before it where the
    /// window is too short to tell; none without a sample. A single sample tells no distance: then it is `default_step`.
    pub(super) async fn find(
        server: &Querier<'_>,
        (selector, series): (&str, usize),
        span: Span,
        default_step: i64,
    ) -> Result<Option<Rhythm>> {
        let span = enough(span);
        let fullest = promql::fullest(selector, span.length());
        let counted = match server.client().instant(&fullest, span.end, Size::Few, Counted::of).await {
            Err(error) if excess(&error).is_some() => Counted::find(server, selector, span, series).await?,
            other => other?,
        };
        let Some(series) = Counted::fullest(&counted) else { return Ok(None) };
        Rhythm::of_series(server, selector, series, span, default_step).await
    }

    /// The rhythm of one series of `selector` in a window.
    pub(super) async fn of_series(
        server: &Querier<'_>,
        selector: &str,
        series: &Counted,
        span: Span,
        default_step: i64,
    ) -> Result<Option<Rhythm>> {
        let name = selector.split('{').next().unwrap_or(selector);
        let exactly = promql::exactly(name, &series.labels);
        Rhythm::of_one(server, &exactly, span, default_step).await
    }

    /// The same of a selector of one series, which need not be looked for.
    pub(super) async fn find_one(
        server: &Querier<'_>,
        selector: &str,
        span: Span,
        default_step: i64,
    ) -> Result<Option<Rhythm>> {
        Rhythm::of_one(server, selector, enough(span), default_step).await
    }

    async fn of_one(
        server: &Querier<'_>,
        selector: &str,
        span: Span,
        default_step: i64,
    ) -> Result<Option<Rhythm>> {
        // Where several series have these labels, others of theirs are more: the fullest one tells.
        let samples = samples_of(server, selector, span, 1).await?.into_values().max_by_key(Vec::len);
        Ok(Rhythm::of_samples(&samples.unwrap_or_default(), default_step))
    }

    /// The rhythm of these samples, by time.
    pub(super) fn of_samples(samples: &[(i64, f64)], default_step: i64) -> Option<Rhythm> {
        Rhythm::of(&samples.iter().map(|(at, _)| *at).collect::<Vec<_>>(), default_step)
    }

    /// The rhythm of samples at these times, in ascending order: the most frequent distance, the phase of the last.
    fn of(times: &[i64], default_step: i64) -> Option<Rhythm> {
        let phase = *times.last()?;
        let mut distances: BTreeMap<i64, usize> = BTreeMap::new();
        for (earlier, later) in times.iter().zip(times.iter().skip(1)) {
            *distances.entry(later - earlier).or_default() += 1;
        }
        // Of equally frequent distances the shorter: the longer ones are its gaps.
        let step = distances
            .iter()
            .filter(|(distance, _)| **distance > 0)
            .max_by_key(|(distance, n)| (**n, -**distance));
        let step = step.map_or(default_step, |(distance, _)| *distance);
        Some(Rhythm { step, phase, samples: times.len() })
    }

    /// What a reader must know of a window that holds few samples.
    pub(super) fn note(self, span: Span) -> Option<String> {
        let apart = time::show_duration(self.step);
        match self.grid(span) {
            None => {
                Some(format!("no sample in this window: they are {apart} apart, give a longer --interval"))
            }
            Some(grid) if grid.start == grid.end => Some(format!(
                "a single sample in this window: they are {apart} apart, and it may be of a time before"
            )),
            Some(_) => None,
        }
    }

    /// Whether the fullest series has a sample at each step of the window that it was looked for in.
    pub(super) fn covers(self, span: Span) -> bool {
        span.length() >= ENOUGH && self.grid(span).is_some_and(|grid| self.samples >= points(grid))
    }

    /// Whether the fullest series has samples between the steps of a window, or of the longer one that it was looked for in
    /// where that one is too short to tell.
    pub(super) fn has_surplus(self, span: Span) -> bool {
        self.grid(enough(span)).is_some_and(|grid| self.samples > points(grid))
    }

    /// The samples' times within a window; none where it holds none.
    pub(super) fn grid(self, span: Span) -> Option<Grid> {
        let last = self.phase + (span.end - self.phase).div_euclid(self.step) * self.step;
        let first = self.phase + ((span.start - self.phase).div_euclid(self.step) + 1) * self.step;
        (first <= last).then_some(Grid { start: first, end: last, step: self.step })
    }
}

/// The samples of each of a few series in a window, by time.
pub(super) async fn samples_of(
    server: &Querier<'_>,
    selector: &str,
    span: Span,
    series: usize,
) -> Result<BTreeMap<Labels, Vec<(i64, f64)>>> {
    let mut all: BTreeMap<Labels, Vec<(i64, f64)>> = BTreeMap::new();
    let take = |answer: &[Series<'_>]| {
        for series in answer {
            all.entry(labels(series)).or_default().extend(&series.samples);
        }
    };
    server.samples(selector, span, Cost::of(series, series), take).await?;
    all.values_mut().for_each(|samples| samples.sort_unstable_by_key(|(at, _)| *at));
    Ok(all)
}

/// A window, or more before its end where it is too short to tell a rhythm.
fn enough(span: Span) -> Span {
    Span { start: span.end - span.length().max(ENOUGH), ..span }
}

/// What tells a series from others.
pub(super) type Labels = BTreeMap<String, String>;

fn labels(series: &Series<'_>) -> Labels {
    series.labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// How many samples one series has in a window.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub labels: Labels,
    pub samples: f64,
    /// When the last one was, Unix milliseconds: the window's end where that was not asked for.
    pub last: i64,
}

impl Counted {
    /// Asks for each series of a selector, so many about.
    pub(super) async fn find(
        server: &Querier<'_>,
        selector: &str,
        span: Span,
        series: usize,
    ) -> Result<Vec<Counted>> {
        let mut all: BTreeMap<Labels, f64> = BTreeMap::new();
        let last = span.end;
        let count = |selector: &str, window: i64| promql::statistic("count", selector, window);
        let take = |answer: &[Series<'_>]| {
            for Counted { labels, samples, .. } in Counted::of(answer) {
                *all.entry(labels).or_default() += samples;
            }
        };
        server.over(count, selector, span, (Split::Time, Cost::of(series, series)), take).await?;
        Ok(all.into_iter().map(|(labels, samples)| Counted { labels, samples, last }).collect())
    }

    /// The same on a grid, from the samples themselves.
    pub(super) async fn on(
        server: &Querier<'_>,
        selector: &str,
        grid: Grid,
        series: usize,
    ) -> Result<Vec<Counted>> {
        let mut all: BTreeMap<Labels, (f64, i64)> = BTreeMap::new();
        let query = |at: &At| at.of(selector);
        let take = |series: &Series<'_>| {
            let (count, last) = all.entry(labels(series)).or_default();
            *count += series.samples.len() as f64;
            *last = series.samples.iter().map(|(at, _)| *at).fold(*last, i64::max);
        };
        server.each(&query, grid, Cost::of(series, series), take).await?;
        let counted = |(labels, (samples, last))| Counted { labels, samples, last };
        Ok(all.into_iter().map(counted).collect())
    }

    /// From the answer to a count of each series.
    fn of(answer: &[Series<'_>]) -> Vec<Counted> {
        let counted = |series: &Series<'_>| {
            let (last, samples) = *series.samples.first()?;
            Some(Counted { labels: labels(series), samples, last })
        };
        answer.iter().filter_map(counted).collect()
    }

    /// The series with the most samples.
    pub(super) fn fullest(all: &[Counted]) -> Option<&Counted> {
        all.iter().max_by(|a, b| a.samples.total_cmp(&b.samples))
    }
}

#[cfg(test)]
mod tests {
    use super::{Grid, Rhythm, Span};

    #[test]
    fn gaps_do_not_hide_the_step() {
        assert_eq!(Rhythm::of(&[15, 30, 60, 75, 120], 99), Some(Rhythm { step: 15, phase: 120, samples: 5 }));
        assert_eq!(Rhythm::of(&[15, 30, 60], 99), Some(Rhythm { step: 15, phase: 60, samples: 3 }));
        assert_eq!(Rhythm::of(&[40], 99), Some(Rhythm { step: 99, phase: 40, samples: 1 }));
        assert_eq!(Rhythm::of(&[], 99), None);
    }

    #[test]
    fn a_window_is_open_at_its_start_and_closed_at_its_end() {
        let rhythm = Rhythm { step: 15, phase: 100, samples: 1 };
        let grid = |start, end| rhythm.grid(Span { start, end });
        assert_eq!(grid(100, 145), Some(Grid { start: 115, end: 145, step: 15 }));
        assert_eq!(grid(99, 144), Some(Grid { start: 100, end: 130, step: 15 }));
        assert_eq!(grid(101, 114), None);
        assert_eq!(grid(0, 9), None);
        assert_eq!(grid(0, 10), Some(Grid { start: 10, end: 10, step: 15 }));
    }
}
