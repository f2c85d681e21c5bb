//! Samples that were answered before: who asks the same again a little later needs the new ones only.
use super::span::points;
use crate::prometheus::{Grid, Series};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Steps at the end of a window that are asked for again: they may not have been complete.
const UNSURE: i64 = 2;

/// What was answered to each question, by its text.
#[derive(Debug, Default)]
pub(super) struct Memory {
    known: RefCell<BTreeMap<String, Known>>,
    round: Cell<u64>,
}

impl Memory {
    /// Begins another round of questions; what none asked for in the last one is forgotten.
    pub(super) fn next_round(&self) {
        let round = self.round.get();
        self.known.borrow_mut().retain(|_, known| known.round == round);
        self.round.set(round + 1);
    }

    /// What is known of a question on a grid. It is gone until it is put back.
    pub(super) fn take(&self, text: &str, grid: Grid) -> Known {
        let mut known = self.known.borrow_mut().remove(text).unwrap_or_default();
        known.round = self.round.get();
        known.cut(grid);
        known
    }

    /// Keeps what is known, now that it is whole.
    pub(super) fn put(&self, text: String, known: Known) {
        self.known.borrow_mut().insert(text, known);
    }
}

/// Label names and values.
type Labels = Vec<(String, String)>;

/// The samples of each series on a grid.
#[derive(Debug, Default)]
pub(super) struct Known {
    grid: Option<Grid>,
    missing: Option<Grid>,
    series: BTreeMap<Labels, Vec<(i64, f64)>>,
    round: u64,
}

impl Known {
    /// Forgets what is on another grid, and what may change yet.
    fn cut(&mut self, grid: Grid) {
        let known = self.grid.filter(|known| {
            let in_step = known.step == grid.step && (known.start - grid.start) % grid.step == 0;
            in_step && known.start <= grid.start && known.end <= grid.end
        });
        let from = known.map_or(grid.start, |known| known.end - (UNSURE - 1) * grid.step).max(grid.start);
        for samples in self.series.values_mut() {
            samples.retain(|(at, _)| known.is_some() && (grid.start..from).contains(at));
        }
        self.series.retain(|_, samples| !samples.is_empty());
        self.missing = (from <= grid.end).then_some(Grid { start: from, ..grid });
        self.grid = Some(grid);
    }

    /// What is to be asked for.
    pub(super) fn missing(&self) -> Option<Grid> {
        self.missing
    }

    /// Takes in a part of the answer, in any order.
    pub(super) fn add(&mut self, series: &Series<'_>) {
        let labels = series.labels.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        self.series.entry(labels.collect()).or_default().extend_from_slice(&series.samples);
    }

    /// All series, whole.
    pub(super) fn each(&mut self, mut take: impl FnMut(&Series<'_>)) {
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
    use super::{Grid, Memory, Series};

    fn series(samples: &[(i64, f64)]) -> Series<'static> {
        Series { labels: [("a".into(), "b".into())].into_iter().collect(), samples: samples.into() }
    }

    #[test]
    fn only_what_is_new_is_asked_for_and_the_old_is_forgotten() {
        let memory = Memory::default();
        memory.next_round();
        let grid = |start, end| Grid { start, end, step: 10 };
        let mut known = memory.take("q", grid(10, 50));
        assert_eq!(known.missing(), Some(grid(10, 50)));
        known.add(&series(&[(40, 4.0), (50, 5.0)]));
        known.add(&series(&[(10, 1.0), (20, 2.0)]));
        memory.put("q".to_owned(), known);
        memory.next_round();
        let mut known = memory.take("q", grid(20, 60));
        assert_eq!(known.missing(), Some(grid(40, 60)));
        known.add(&series(&[(40, 4.5), (60, 6.0)]));
        let mut seen = Vec::new();
        known.each(|series| seen.extend(series.samples.clone()));
        assert_eq!(seen, [(20, 2.0), (40, 4.5), (60, 6.0)]);
        memory.put("q".to_owned(), known);
        // Off the beat, and after a round in which nobody asked.
        memory.next_round();
        let known = memory.take("q", grid(25, 65));
        assert_eq!(known.missing(), Some(grid(25, 65)));
        memory.put("q".to_owned(), known);
        memory.next_round();
        memory.next_round();
        assert_eq!(memory.take("q", grid(25, 65)).missing(), Some(grid(25, 65)));
    }
}
