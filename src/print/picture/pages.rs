//! Golden pages that a browser renders: the program `pictures` of the full lane looks at each of them.
use super::tests::{moving_in, page};
use crate::golden::check;
use crate::print::Format;
use crate::print::example::{at_peak, nothing};
use crate::report::{Report, TotalTrends};

/// Parts of the window: fewer than of a real picture, to keep the files small.
const PARTS: usize = 48;

fn peaking(report: Report) -> Report {
    Report { peak: at_peak().peak, ..report }
}

/// Checks a page of `tests/golden/pictures`.
#[track_caller]
fn is(name: &str, report: &Report) {
    check(&format!("tests/golden/pictures/{name}.html"), &page(report, Format::Html));
}

#[test]
fn pages_of_few_and_of_many_rows() {
    for rows in [1, 7, 40] {
        is(&format!("rows-{rows}"), &peaking(moving_in(PARTS, rows, &|row| format!("group-{row}"))));
    }
    is("nothing", &nothing());
}

/// Names of 200 characters: wide ones, and what XML, HTML and a terminal would take for something else. The window is of
/// two days, so its own line is long too.
#[test]
fn a_page_of_long_names() {
    let name = |row: usize| match row {
        0 => "W".repeat(200),
        1 => format!("<b>&\"'</b>\u{1b}[1m\u{202e}\u{7}{}", "m".repeat(200 - 15)),
        2 => "\u{6f22}\u{5b57}".repeat(100),
        row => format!("pod-of-a-long-name-{row}-{}", "x".repeat(179)),
    };
    let mut report = peaking(moving_in(PARTS, 7, &name));
    report.window.start -= jiff::SignedDuration::from_hours(47);
    report.window.interval_seconds = 48.0 * 3600.0;
    report.source.nodes = 1000;
    report.total_trends = report.total_trends.map(|trends| TotalTrends { step_seconds: 3600.0, ..trends });
    report.busy = report.busy.map(|busy| crate::report::Stats { avg: 123_456.789, max: 234_567.891, ..busy });
    is("names", &report);
}

/// A window of which nothing is known but that there are rows, and one of a single sample.
#[test]
fn pages_of_gaps_and_of_one_sample() {
    let mut gaps = moving_in(PARTS, 3, &|row| format!("group-{row}"));
    gaps.rows.iter_mut().for_each(|row| row.trend.fill(f64::NAN));
    gaps.total_trends.iter_mut().for_each(|trends| trends.busy.fill(f64::NAN));
    is("gaps", &gaps);
    let mut one = moving_in(1, 3, &|row| format!("group-{row}"));
    one.window.start = one.window.end - jiff::SignedDuration::from_secs(15);
    one.window.interval_seconds = 15.0;
    one.total_trends = one.total_trends.map(|trends| TotalTrends { step_seconds: 15.0, ..trends });
    is("one-sample", &one);
}
