//! Stretch of time that a query is about.
use crate::prometheus::Grid;
use crate::report::Window;
use crate::time::Timestamp;
use std::time::Duration;

/// Window `(start, end]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Start, exclusive.
    pub start: Timestamp,
    /// End, inclusive.
    pub end: Timestamp,
}

impl Span {
    /// Returns the stretch of so long that ends at a time.
    pub(crate) fn ending(end: Timestamp, length: Duration) -> Span {
        Span { start: end - length, end }
    }

    /// Returns the stretch that a grid's samples stand for, each for the step before it.
    pub(crate) fn of_grid(grid: Grid) -> Span {
        Span { start: grid.start - grid.step, end: grid.end }
    }

    /// Returns the grid whose samples stand for this stretch, which is a whole number of steps.
    pub(crate) fn grid(self, step: Duration) -> Grid {
        Grid { start: self.start + step, end: self.end, step }
    }

    /// Returns the length.
    pub(crate) fn length(self) -> Duration {
        self.end.since(self.start)
    }

    /// Returns true if it holds a time.
    pub(crate) fn holds(self, at: Timestamp) -> bool {
        self.start < at && at <= self.end
    }

    /// Returns the window of a report; `step` is the distance of two samples.
    pub(crate) fn window(self, step: Duration) -> Window {
        Window {
            start: self.start.into(),
            end: self.end.into(),
            interval_seconds: self.length().as_secs_f64(),
            asked_seconds: None,
            step_seconds: step.as_secs_f64(),
        }
    }

    /// Splits it into stretches of `length`, above zero; the last one has the rest.
    pub(crate) fn split(self, length: Duration) -> impl Iterator<Item = Span> {
        let first = Some(self.start).filter(|start| *start < self.end);
        let next = move |start: &Timestamp| Some(*start + length).filter(|start| *start < self.end);
        std::iter::successors(first, next).map(move |start| Span { start, end: self.end.min(start + length) })
    }

    /// Splits it in two at a multiple of `unit` after its start; `None` if it is no longer than that.
    pub(crate) fn halves(self, unit: Duration) -> Option<[Span; 2]> {
        let units = self.length().div_duration_f64(unit).ceil() as u32;
        let middle = self.start + units / 2 * unit;
        (units > 1).then_some([Span { end: middle, ..self }, Span { start: middle, ..self }])
    }
}

#[cfg(test)]
mod tests {
    use super::Span;
    use crate::time::Timestamp;
    use std::time::Duration;

    #[test]
    fn the_parts_of_a_window_leave_nothing_and_take_nothing_twice() {
        let (at, ms) = (Timestamp::from_millis, Duration::from_millis);
        let whole = Span { start: at(100), end: at(170) };
        let parts: Vec<_> = whole.split(ms(30)).map(|part| (part.start, part.end)).collect();
        assert_eq!(parts, [(100, 130), (130, 160), (160, 170)].map(|(start, end)| (at(start), at(end))));
        assert_eq!(whole.split(ms(70)).collect::<Vec<_>>(), [whole]);
        for (length, unit, middle) in
            [(70, 30, Some(130)), (60, 15, Some(130)), (31, 30, Some(130)), (30, 30, None)]
        {
            let halves = Span { start: at(100), end: at(100 + length) }.halves(ms(unit));
            let middle = middle.map(|middle| (at(middle), at(middle)));
            assert_eq!(halves.map(|[first, second]| (first.end, second.start)), middle);
        }
    }
}
