//! Marks of an axis at round numbers, and of a time axis at round times.

/// Returns marks at multiples of a round number, from 0 to `highest` or just above it: about five.
pub(super) fn of_cores(highest: f64) -> Vec<f64> {
    let highest = if highest.is_finite() && highest > 0.0 { highest } else { 1.0 };
    let rough = highest / 4.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|round| round * power).find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    // As a decimal: 3 × 0.2 is none.
    let round = |mark: f64| (mark / power * 10.0).round() * power / 10.0;
    (0..=(highest / step).ceil() as u32).map(|mark| round(f64::from(mark) * step)).collect()
}

/// Distances of marks of a time axis, seconds: those that clocks and calendars have.
const DISTANCES: [i64; 17] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400];

/// Returns the unit in which marks up to `highest` are short: its letter, and its cores.
pub(super) fn unit(highest: f64) -> (&'static str, f64) {
    match highest {
        1e6.. => ("M", 1e6),
        1e4.. => ("k", 1e3),
        0.2.. => ("", 1.0),
        5e-4.. => ("m", 1e-3),
        _ => ("µ", 1e-6),
    }
}

/// Writes a mark in a unit, without the digits that its binary form adds.
pub(super) fn show(mark: f64, (letter, cores): (&str, f64)) -> String {
    let text = format!("{:.3}", mark / cores);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "0" { text.to_owned() } else { format!("{text}{letter}") }
}

/// Returns marks in `[start, end]`, Unix seconds, at round times: six spaces at most, of which each has room for a label.
pub(super) fn of_time(start: f64, end: f64) -> Vec<(f64, String)> {
    let length = end - start;
    // Labels with seconds are longer.
    let most = |distance: i64| if distance < 60 { 4.0 } else { 6.0 };
    let fits = |distance: &&i64| length / **distance as f64 <= most(**distance);
    let days = (length / 6.0 / 86_400.0).ceil().max(1.0) as i64 * 86_400;
    let distance = DISTANCES.iter().find(fits).copied().unwrap_or(days);
    let first = (start / distance as f64).ceil() as i64;
    let format = |at: i64| match distance {
        ..60 => "%H:%M:%S",
        21_600.. if at % 86_400 == 0 => "%b %d",
        _ => "%H:%M",
    };
    let times = (first..).map(|mark| mark * distance).take_while(|at| *at as f64 <= end);
    times.map(|at| (at as f64, text(at, format(at)))).collect()
}

/// Writes a time in UTC.
pub(super) fn text(at: i64, format: &str) -> String {
    jiff::Timestamp::from_second(at).map_or_else(|_| String::new(), |at| at.strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::{of_cores, of_time, show, unit};

    #[test]
    fn marks_are_round_and_few() {
        assert_eq!(of_cores(3.7), [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(of_cores(0.0), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(of_cores(1000.0), [0.0, 250.0, 500.0, 750.0, 1000.0]);
        let small = [2e-6, 0.000_1, 0.000_4, 0.000_9, 0.0013, 0.075, 0.1, 0.19, 0.9];
        let big = [7.0, 63.9, 9999.0, 25_000.0, 1e6, 3e7, f64::NAN];
        for highest in small.into_iter().chain(big) {
            let marks = of_cores(highest);
            assert!((2..=8).contains(&marks.len()), "{highest}: {marks:?}");
            let unit = unit(*marks.last().unwrap());
            let labels: Vec<String> = marks.iter().map(|mark| show(*mark, unit)).collect();
            let is_short = |label: &String| label.chars().filter(|letter| *letter != '.').count() <= 4;
            assert!(labels.iter().all(is_short), "{highest}: {labels:?}");
            assert!(labels.windows(2).all(|two| two[0] != two[1]), "{highest}: {labels:?}");
        }
    }

    #[test]
    fn times_are_round_and_few() {
        let texts =
            |start: f64, end: f64| of_time(start, end).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        // From 2026-02-02T01:00:07Z.
        let start = 1_769_994_007.0;
        assert_eq!(texts(start, start + 3600.0), ["01:10", "01:20", "01:30", "01:40", "01:50", "02:00"]);
        assert_eq!(texts(start, start + 10.0), ["01:00:10", "01:00:15"]);
        assert_eq!(
            texts(start, start + 3.0 * 86_400.0),
            ["12:00", "Feb 03", "12:00", "Feb 04", "12:00", "Feb 05"]
        );
        for length in [0.5, 90.0, 5000.0, 90_000.0, 3e6, 4e8] {
            assert!(of_time(start, start + length).len() <= 7, "{length}");
        }
    }
}
