//! Verdicts as JUnit's XML, as CI systems read it: a test case for each line, or for each node of it.
use super::printable;
use super::words::{of_line, of_node, place};
use crate::budget::{BudgetReport, LineReport, NodeVerdict, Verdict};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::io::{self, Write};

/// Writes the cases. What is unknown is an error, what is exceeded a failure.
pub(super) fn write(report: &BudgetReport, out: &mut impl Write) -> io::Result<()> {
    let mut suite = TestSuite::new(printable(&format!("CPU budget {}", report.budget)));
    suite.add_property(("window.start", report.window.start.to_string().as_str()));
    suite.add_property(("window.end", report.window.end.to_string().as_str()));
    suite.add_property(("source", report.source.kind.as_str()));
    if let Some(asked) = report.window.asked_seconds {
        suite.add_property(("window.asked_seconds", asked.to_string().as_str()));
    }
    suite.set_system_out(printable(&report.notes.join("; ")));
    for line in &report.lines {
        match line.nodes.as_ref().filter(|nodes| !nodes.is_empty()) {
            Some(nodes) => {
                suite.add_test_cases(nodes.iter().map(|node| node_case(report, line, node)));
            }
            None => {
                suite.add_test_case(line_case(report, line));
            }
        }
    }
    let mut all = Report::new("oc interrogate budget");
    all.add_test_suite(suite);
    let text = all.to_string().map_err(io::Error::other)?;
    writeln!(out, "{}", text.trim_end())
}

fn line_case(report: &BudgetReport, line: &LineReport) -> TestCase {
    case(report, line, line.verdict, &place(&line.worst), "", &of_line(line))
}

fn node_case(report: &BudgetReport, line: &LineReport, node: &NodeVerdict) -> TestCase {
    let place = place(&node.found);
    case(report, line, node.verdict, &place, &format!(" on {place}"), &of_node(node))
}

fn case(
    report: &BudgetReport,
    line: &LineReport,
    verdict: Verdict,
    place: &str,
    on: &str,
    text: &str,
) -> TestCase {
    let mut status = match verdict {
        Verdict::Kept => TestCaseStatus::success(),
        Verdict::Exceeded => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Unknown => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    if verdict != Verdict::Kept {
        let is = line.worst.is.filter(|_| on.is_empty()).map_or_else(String::new, |is| format!(", {is}"));
        let place = if place.is_empty() { String::new() } else { format!(", {place}") };
        status.set_message(printable(&format!("limit {}{is}{place}: {text}", line.asked)));
        status.set_type(verdict.as_str());
    }
    let mut case = TestCase::new(printable(&format!("{} {}{on}", line.line, line.statistic)), status);
    case.set_classname(printable(&format!("budget.{}", report.budget)));
    case
}
