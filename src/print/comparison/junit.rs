//! Comparison as JUnit's XML, as CI systems read it: a test case for each row, a failure for each finding asked for.
use super::{FailOn, figures, side};
use crate::compare::{Comparison, RowComparison, Verdict};
use crate::print::printable;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::io::{self, Write};

/// Writes the cases. Rows that one side does not count are skipped.
pub(super) fn write(of: &Comparison, fail_on: FailOn, out: &mut impl Write) -> io::Result<()> {
    let mut suite = TestSuite::new(printable(&format!("CPU of {} against {}", of.b.asked, of.a.asked)));
    for (name, value) in [
        ("a", side("A", &of.a)),
        ("b", side("B", &of.b)),
        ("tolerance", of.tolerance.to_string()),
        ("floor", of.floor.to_string()),
    ] {
        suite.add_property((name, value.as_str()));
    }
    let notes = [&of.notes, &of.a.notes, &of.b.notes].into_iter().flatten().cloned().collect::<Vec<_>>();
    suite.set_system_out(printable(&notes.join("; ")));
    suite.add_test_cases(of.rows.iter().map(|row| case(of, row, fail_on)));
    let mut all = Report::new("oc interrogate compare");
    all.add_test_suite(suite);
    let text = all.to_string().map_err(io::Error::other)?;
    writeln!(out, "{}", text.trim_end())
}

fn case(of: &Comparison, row: &RowComparison, fail_on: FailOn) -> TestCase {
    let mut status = match row.verdict {
        verdict if fail_on.has(verdict) => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Unknown => TestCaseStatus::skipped(),
        _ => TestCaseStatus::success(),
    };
    let [a, b, difference, percent] = figures(&row.change);
    let noise = row.p.map_or_else(String::new, |p| format!(", p {}", super::probability(p)));
    let none = |figure: String| if figure.is_empty() { "nothing".to_owned() } else { figure };
    let percent = if percent.is_empty() { percent } else { format!(" ({percent})") };
    let text = format!(
        "{}: from {} to {} cores, {difference}{percent}{noise}",
        row.verdict.as_str(),
        none(a),
        none(b)
    );
    let is_plain = matches!(row.verdict, Verdict::Same);
    if !matches!(status, TestCaseStatus::Success { .. }) {
        status.set_message(printable(&text));
        status.set_type(row.verdict.as_str());
    }
    let names = [row.namespace.as_deref(), Some(row.name.as_str()), row.workload_type.as_deref()];
    let names: Vec<&str> = names.into_iter().flatten().filter(|name| !name.is_empty()).collect();
    let name = if names.is_empty() { row.class.as_str().to_owned() } else { names.join("/") };
    let is_success = matches!(status, TestCaseStatus::Success { .. });
    let mut case = TestCase::new(printable(&name), status);
    case.set_classname(format!("compare.{}.{}", of.by.as_str(), row.class.as_str()));
    if is_success && !is_plain {
        case.set_system_out(printable(&text));
    }
    case
}
