//! A stretch of time that a query is about.
use super::time;
use crate::prometheus::Grid;
use crate::report::Window;

/// A window `(start, end]` in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Start, exclusive.
    pub start: i64,
    /// End, inclusive.
    pub end: i64,
}

impl Span {
    /// Returns the length in milliseconds.
    pub(crate) fn length(self) -> i64 {
        self.end - self.start
    }

    /// Returns the window of a report; `step` is the distance of two samples in milliseconds.
    pub(crate) fn window(self, step: i64) -> Window {
        Window {
            start: time::timestamp(self.start),
            end: time::timestamp(self.end),
            interval_seconds: self.length() as f64 / 1000.0,
            asked_seconds: None,
            step_seconds: step as f64 / 1000.0,
        }
    }

    /// Splits it into stretches of `length` milliseconds; the last one has the rest.
    pub(crate) fn split(self, length: i64) -> impl Iterator<Item = Span> {
        let length = length.max(1);
        let starts = (0..).map(move |n| self.start + n * length).take_while(move |start| *start < self.end);
        starts.map(move |start| Span { start, end: self.end.min(start + length) })
    }

    /// Splits it in two at a multiple of `unit` milliseconds after its start; `None` if it is no longer than that.
    pub(crate) fn halves(self, unit: i64) -> Option<[Span; 2]> {
        let units = (self.length() + unit - 1) / unit;
        let middle = self.start + units / 2 * unit;
        (units > 1).then_some([Span { end: middle, ..self }, Span { start: middle, ..self }])
    }
}

/// Returns the number of steps of a grid.
pub(crate) fn points(grid: Grid) -> usize {
    ((grid.end - grid.start) / grid.step) as usize + 1
}

#[cfg(test)]
mod tests {
    use super::Span;

    #[test]
    fn the_parts_of_a_window_leave_nothing_and_take_nothing_twice() {
        let whole = Span { start: 100, end: 170 };
        let parts: Vec<(i64, i64)> = whole.split(30).map(|part| (part.start, part.end)).collect();
        assert_eq!(parts, [(100, 130), (130, 160), (160, 170)]);
        assert_eq!(whole.split(70).collect::<Vec<_>>(), [whole]);
        for (length, unit, middle) in
            [(70, 30, Some(130)), (60, 15, Some(130)), (31, 30, Some(130)), (30, 30, None)]
        {
            let halves = Span { start: 100, end: 100 + length }.halves(unit);
            assert_eq!(halves.map(|[first, second]| (first.end, second.start)), middle.map(|m| (m, m)));
        }
    }
}
