//! Judges the measurements of a line, each against the limit that holds for it.
use super::facts::Facts;
use super::measured::{Measured, Samples};
use super::report::{Finding, LineReport, NodeVerdict, Unit, Verdict};
use super::subject::{Line, Resource, Statistic};

/// Share of the window that must be known before a limit is kept.
const ENOUGH: f64 = 0.9;
/// Cores or bytes by which a sum may exceed a limit by rounding.
const ROUNDING: f64 = 1e-9;

/// A line's verdict, and the measurements that it is made of.
#[derive(Debug)]
pub(super) struct Judged {
    pub report: LineReport,
    /// Worst measurement.
    pub worst: Option<Measured>,
}

/// Judges the measurements of a line. `per_node`: keeps all verdicts.
pub(super) fn judge(line: &Line, measured: Vec<Measured>, facts: &Facts, per_node: bool) -> Judged {
    let why = measured.is_empty().then(|| why_nothing(line).to_owned());
    let mut all: Vec<(NodeVerdict, Measured)> = Vec::new();
    let mut without_limit = None;
    for measured in measured {
        // A node of which nothing is known has no pods to ask for requests.
        let is_unknown = matches!(measured.samples, Samples::Unknown(_));
        let limit = facts.limit(line, &measured.node, &measured.item);
        let limit = limit.or(is_unknown.then(|| Err("nothing is known of the node".to_owned())));
        match limit {
            Some(limit) => all.push((verdict(line, &measured, limit), measured)),
            None => without_limit = Some(facts.why_no_request(line)),
        }
    }
    all.sort_by(|(a, _), (b, _)| by_badness(a, b));
    let count = |verdict| all.iter().filter(|(one, _)| one.verdict == verdict).count();
    let verdict = match all.is_empty() {
        true => Verdict::Unknown,
        false => Verdict::of_all(all.iter().map(|(one, _)| one.verdict)),
    };
    let worst = all.first().map(|(_, measured)| measured.clone());
    let nothing = Finding { why: why.or(without_limit), ..Finding::default() };
    let report = LineReport {
        line: line.name.clone(),
        statistic: line.statistic.name().to_owned(),
        asked: line.limit.text.clone(),
        unit: if line.subject.resource == Resource::Memory { Unit::Bytes } else { Unit::Cores },
        verdict,
        count: all.len(),
        exceeded: count(Verdict::Exceeded),
        unknown: count(Verdict::Unknown),
        worst: all.first().map_or(nothing, |(one, _)| one.found.clone()),
        nodes: per_node.then(|| all.iter().map(|(one, _)| one.clone()).collect()),
    };
    Judged { report, worst }
}

/// Explains why nothing is known of any node, and what would tell.
fn why_nothing(line: &Line) -> &'static str {
    match line.subject.resource {
        Resource::Cpu => "no node has samples of it in this window: `oc interrogate status` tells why",
        Resource::Memory => {
            "no container_memory_working_set_bytes in this window: the kubelets' targets in Prometheus tell it"
        }
    }
}

fn verdict(line: &Line, measured: &Measured, limit: Result<f64, String>) -> NodeVerdict {
    let is = measured.figure(&line.statistic);
    let mut found = Finding {
        node: Some(measured.node.clone()),
        item: measured.item.clone(),
        limit: limit.clone().ok(),
        is: is.clone().ok(),
        ..Finding::default()
    };
    let mut verdict = Verdict::Unknown;
    match (is, limit) {
        (Ok(is), Ok(limit)) => {
            found.left = Some(limit - is);
            add_times(&mut found, measured);
            // Of a part of the window a maximum is certain, and an average as far as the rest cannot lower it.
            let least = match line.statistic {
                Statistic::Max => is,
                _ if measured.coverage >= ENOUGH => is,
                Statistic::Avg => is * measured.coverage,
                Statistic::Percentile(_) => f64::NEG_INFINITY,
            };
            if least > limit + ROUNDING {
                verdict = Verdict::Exceeded;
            } else if measured.coverage < ENOUGH {
                let percent = 100.0 * measured.coverage;
                found.why = Some(format!("samples cover {percent:.0} % of the window only"));
            } else {
                verdict = Verdict::Kept;
            }
        }
        (Err(why), _) | (_, Err(why)) => found.why = Some(why),
    }
    NodeVerdict { verdict, found }
}

/// Adds when it was highest, and how long it was above its limit, if there are samples.
pub(super) fn add_times(of: &mut Finding, measured: &Measured) {
    of.highest_at = measured.highest().map(|(at, _)| at.into());
    of.above_seconds =
        of.limit.and_then(|limit| measured.above(limit + ROUNDING)).map(|above| above.as_secs_f64());
}

/// Orders verdicts: exceeded, unknown, kept; the least left of the limit first.
fn by_badness(a: &NodeVerdict, b: &NodeVerdict) -> std::cmp::Ordering {
    let rank = |of: &NodeVerdict| match of.verdict {
        Verdict::Exceeded => 0,
        Verdict::Unknown => 1,
        Verdict::Kept => 2,
    };
    let names = |of: &NodeVerdict| (of.found.node.clone(), of.found.item.clone());
    let left = share_left(&a.found).total_cmp(&share_left(&b.found));
    let order = rank(a).cmp(&rank(b)).then(left);
    order.then_with(|| names(a).cmp(&names(b)))
}

/// Returns the share of the limit that is left; below zero above it.
pub(super) fn share_left(of: &Finding) -> f64 {
    match (of.left, of.limit) {
        (Some(left), Some(limit)) if limit > 0.0 => left / limit,
        (Some(left), _) => left,
        _ => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::{Judged, judge};
    use crate::budget::facts::Facts;
    use crate::budget::file::Budget;
    use crate::budget::measured::Measured;
    use crate::budget::report::Verdict;
    use crate::prometheus::Grid;
    use crate::report::Steps;
    use crate::time::Timestamp;
    use std::time::Duration;

    fn judged(statistic: &str, limit: &str, nodes: &[(&str, &[f64])]) -> Judged {
        let text = format!(
            "apiVersion: interrogate/v1\nkind: CpuBudget\nlines:\n- {{of: platform, statistic: {statistic}, limit: {limit}}}\n"
        );
        let budget = Budget::parse(&text).unwrap();
        let step = Duration::from_secs(15);
        let at = |steps: u32| Timestamp::from_millis(1_700_000_000_000) + step * steps;
        let measured = nodes.iter().map(|(node, samples)| {
            let grid = Grid { start: at(1), end: at(10), step };
            let mut steps = Steps::absent(10);
            samples.iter().enumerate().for_each(|(step, value)| steps.add(step, *value));
            Measured::of_steps(node, steps, grid, 10.0, samples.len())
        });
        judge(&budget.lines[0], measured.collect(), &Facts::default(), true)
    }

    #[test]
    fn the_worst_node_is_the_first_and_any_that_exceeds_decides() {
        let quiet = [1.0; 10];
        let mut burst = quiet;
        (burst[3], burst[7]) = (4.5, 4.25);
        let Judged { report, .. } = judged("max", "4000m", &[("a", &quiet), ("b", &burst), ("c", &[1.0; 5])]);
        assert_eq!(report.verdict, Verdict::Exceeded);
        assert_eq!((report.count, report.exceeded, report.unknown), (3, 1, 1));
        let worst = report.worst;
        assert_eq!((worst.node.as_deref(), worst.is, worst.left), (Some("b"), Some(4.5), Some(-0.5)));
        assert_eq!(worst.above_seconds, Some(30.0));
        assert_eq!(worst.highest_at.unwrap().as_second(), 1_700_000_060);
        let order: Vec<String> = report.nodes.unwrap().into_iter().filter_map(|of| of.found.node).collect();
        assert_eq!(order, ["b", "c", "a"]);
    }

    #[test]
    fn half_a_window_can_exceed_a_limit_and_not_keep_it() {
        let half = [2.0; 5];
        assert_eq!(judged("max", "1.5", &[("a", &half)]).report.verdict, Verdict::Exceeded);
        assert_eq!(judged("avg", "0.9", &[("a", &half)]).report.verdict, Verdict::Exceeded);
        assert_eq!(judged("avg", "1.5", &[("a", &half)]).report.verdict, Verdict::Unknown);
        assert_eq!(judged("p99", "0.5", &[("a", &half)]).report.verdict, Verdict::Unknown);
        let Judged { report, .. } = judged("avg", "2.5", &[("a", &half)]);
        assert_eq!((report.verdict, report.worst.is), (Verdict::Unknown, Some(2.0)));
        assert!(report.worst.why.unwrap().contains("cover 50 % of the window"));
        assert_eq!(judged("avg", "2.5", &[("a", &[2.0; 9])]).report.verdict, Verdict::Kept);
        assert_eq!(judged("avg", "2.5", &[]).report.verdict, Verdict::Unknown);
    }

    #[test]
    fn a_limit_is_kept_that_is_just_reached() {
        assert_eq!(judged("avg", "0.3", &[("a", &[0.1 + 0.2; 10])]).report.verdict, Verdict::Kept);
        assert_eq!(
            judged("p50", "2", &[("a", &[1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 2.0])]).report.verdict,
            Verdict::Kept
        );
        assert_eq!(
            judged("p90", "2", &[("a", &[1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 2.0])]).report.verdict,
            Verdict::Exceeded
        );
    }
}
