//! A stretch of time that is asked about.
use super::time;
use crate::prometheus::Grid;
use crate::report::Window;

/// A window `(start, end]` in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Exclusive.
    pub start: i64,
    /// Inclusive.
    pub end: i64,
}

impl Span {
    /// Milliseconds.
    pub(super) fn length(self) -> i64 {
        self.end - self.start
    }

    /// As a report shows it, with the milliseconds between two samples.
    pub(super) fn window(self, step: i64) -> Window {
        Window {
            start: time::timestamp(self.start),
            end: time::timestamp(self.end),
            interval_seconds: self.length() as f64 / 1000.0,
            asked_seconds: None,
            pod_step_seconds: None,
            step_seconds: step as f64 / 1000.0,
        }
    }

    /// In stretches of so many milliseconds, the last one of what is left.
    pub(super) fn cut(self, length: i64) -> impl Iterator<Item = Span> {
        let length = length.max(1);
        let starts = (0..).map(move |n| self.start + n * length).take_while(move |start| *start < self.end);
        starts.map(move |start| Span { start, end: self.end.min(start + length) })
    }

    /// In two at a multiple of so many milliseconds after its start; none where it is no longer than that.
    pub(super) fn halves(self, unit: i64) -> Option<[Span; 2]> {
        let units = (self.length() + unit - 1) / unit;
        let middle = self.start + units / 2 * unit;
        (units > 1).then_some([Span { end: middle, ..self }, Span { start: middle, ..self }])
    }
}

/// How many steps a grid has.
pub(super) fn points(grid: Grid) -> usize {
    ((grid.end - grid.start) / grid.step) as usize + 1
}

#[cfg(test)]
mod tests {
    use super::Span;

    #[test]
    fn the_parts_of_a_window_leave_nothing_and_take_nothing_twice() {
        let whole = Span { start: 100, end: 170 };
        let parts: Vec<(i64, i64)> = whole.cut(30).map(|part| (part.start, part.end)).collect();
        assert_eq!(parts, [(100, 130), (130, 160), (160, 170)]);
        assert_eq!(whole.cut(70).collect::<Vec<_>>(), [whole]);
        for (length, unit, middle) in
            [(70, 30, Some(130)), (60, 15, Some(130)), (31, 30, Some(130)), (30, 30, None)]
        {
            let halves = Span { start: 100, end: 100 + length }.halves(unit);
            assert_eq!(halves.map(|[first, second]| (first.end, second.start)), middle.map(|m| (m, m)));
        }
    }
}
