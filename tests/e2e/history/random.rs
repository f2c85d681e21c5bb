//! Questions made at random, about histories that something has happened to: what a list of cases forgets.

use super::{END_MS, HOUR_MS, LEVELS, Trial, names, spec};
use crate::serve::{serve, serve_old};
use anyhow::{Context, Result};
use fastrand::Rng;
use std::collections::BTreeSet;
use test_history::{History, Question, Source, metric};

/// Number of questions about each history; there are seven.
const QUESTIONS: usize = 60;
const CLASSES: [&str; 5] = ["host", "kernel", "infra", "workload", "pod"];

/// Makes a question. Windows begin before the history or end after it. Each holds two samples at least: of less the oracle
/// says nothing, and e2e/sources does.
fn question(rng: &mut Rng) -> Question {
    let lengths = [61_000, 100_000, 5 * 60_000, 17 * 60_000 + 500, HOUR_MS, 2 * HOUR_MS];
    let length = *rng.choice(&lengths).unwrap_or(&HOUR_MS);
    let end = END_MS - rng.i64(-60_000..HOUR_MS - 60_000);
    let mut question = Question::new(end - length, end, *rng.choice(&LEVELS).unwrap_or(&LEVELS[0]));
    question.per_node = rng.bool();
    question.include_exporter = rng.u8(..4) == 0;
    question.source = if rng.u8(..4) == 0 { Source::Platform } else { Source::Exporter };
    let mut some = |all: &[&str], odds: u8| {
        let chosen = all.iter().filter(|_| rng.bool()).copied().collect::<Vec<_>>();
        if rng.u8(..odds) == 0 { names(&chosen) } else { Vec::new() }
    };
    question.classes = some(&CLASSES, 3);
    question.nodes = some(&["node-000", "node-002", "node-005", "nowhere"], 3);
    question.skip_namespaces = some(&["openshift-.*", "app-1.?", "kube-system", "default", "no.*thing"], 3);
    if rng.u8(..6) == 0 && question.skip_namespaces.is_empty() {
        let some = ["app-1", "openshift-monitoring", "openshift-etcd", "default", "nowhere"];
        question.namespace = rng.choice(&some).map(|name| (*name).to_owned());
    }
    if rng.u8(..3) == 0 {
        question.percentiles = vec![50.0, f64::from(rng.u8(..101)), 99.9];
        question.percentiles.dedup();
    }
    question.at_peak = rng.u8(..4) == 0;
    question.limit = (rng.u8(..4) == 0).then(|| rng.usize(..20));
    question
}

/// Takes samples away from the exporter's series: those before a time, as of a late installation, or those of some times, as
/// of evaluations that were missed.
fn retain(history: &mut History, keep: impl Fn(i64) -> bool) {
    let ours = |metric: &str| !metric::OF_PLATFORM.contains(&metric);
    for series in history.series.iter_mut().filter(|series| ours(series.metric)) {
        series.samples.retain(|(at, _)| keep(*at));
    }
    history.series.retain(|series| !series.samples.is_empty());
}

/// Takes samples away so that the scrape interval changes in the middle, from 15 to 30 s or back. Returns the history that
/// reports are of: that of the newer interval alone.
fn change_interval(history: &mut History, times: &[i64], slower: bool) -> History {
    let middle = times.len() / 2 / 2 * 2;
    let of = |at: i64| times.binary_search(&at).unwrap_or_default();
    let keep = |index: usize| index.is_multiple_of(2) || (index > middle) != slower;
    retain(history, |at| keep(of(at)));
    let mut newer = history.clone();
    // A sample stands for the step before it: the one in the middle ends a step of the older interval if that is shorter.
    retain(&mut newer, |at| if slower { of(at) > middle } else { of(at) >= middle });
    newer.interval_s = if slower { 30 } else { 15 };
    newer
}

/// Returns whether the source asked for is the one that answers: the exporter covers the window, or has ten samples in it.
fn is_expected_source(question: &Question, samples: &[(i64, f64)], interval_s: u32) -> bool {
    let interval_ms = i64::from(interval_s) * 1000;
    let inside = samples.iter().filter(|(at, _)| *at > question.start_ms && *at <= question.end_ms).count();
    let first = samples.first().map_or(i64::MAX, |(at, _)| *at);
    let last = samples.iter().map(|(at, _)| *at).rfind(|at| *at <= question.end_ms).unwrap_or(i64::MIN / 2);
    let covers = first - interval_ms <= question.start_ms && question.end_ms - last < interval_ms;
    question.source == Source::Platform || inside >= 10 || covers
}

#[test]
fn random_questions_agree() -> Result<()> {
    let names = ["calm", "gaps", "late", "missed", "old", "slower", "faster"];
    for (number, name) in names.into_iter().enumerate() {
        let mut rng = Rng::with_seed(number as u64);
        let mut history = History::generate(&test_history::Spec {
            nodes: 6,
            groups: 12,
            pods_per_node: 8,
            namespaces: 9,
            gaps: name != "calm",
            seed: 100 + number as u64,
            ..spec()
        });
        if name == "late" {
            let since = END_MS - rng.i64(HOUR_MS / 8..HOUR_MS / 2);
            retain(&mut history, |at| at >= since);
        }
        let classes = history.series.iter().find(|series| series.metric == metric::CLASS);
        let times: Vec<i64> = classes.context("no class")?.samples.iter().map(|(at, _)| *at).collect();
        if name == "missed" {
            let missed: BTreeSet<i64> = rng.choose_multiple(times.iter().copied(), 4).into_iter().collect();
            retain(&mut history, |at| !missed.contains(&at));
        }
        let changed = ["slower", "faster"].contains(&name);
        let newer = changed.then(|| change_interval(&mut history, &times, name == "slower"));
        let server = format!("random-{name}");
        let prometheus = match name {
            "old" => serve_old(&server, &history)?,
            _ => serve(&server, &history, &[])?,
        };
        let history = newer.unwrap_or(history);
        let mut trial = Trial::with(prometheus, &history);
        let classes = history.series.iter().find(|series| series.metric == metric::CLASS);
        let classes = &classes.context("no class")?.samples;
        for _ in 0..QUESTIONS {
            let question = std::iter::repeat_with(|| question(&mut rng))
                // Of windows that end before the change, or soon after it, the older interval is the newest.
                .filter(|question| !changed || question.end_ms > END_MS - HOUR_MS / 3)
                .find(|question| is_expected_source(question, classes, history.interval_s));
            trial.check(&["json"], &question.context("none that it answers")?)?;
        }
        trial.verdict()?;
    }
    Ok(())
}
