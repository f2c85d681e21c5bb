//! `top` over synthetic histories agrees with the contract, computed from the samples by an independent hand
//! (tests/history), to 1e-6: every row and total, of every question, in every format for machines.

mod agree;
mod random;
mod replicas;

use crate::serve::{END_MS, an_hour, serve, serve_old};
use agree::{FORMATS, agree};
use anyhow::{Context, Result, ensure};
use test_cluster::Prometheus;
use test_history::{By, History, Question, Source, expected, metric};

const HOUR_MS: i64 = 3_600_000;
const LEVELS: [By; 5] = [By::Class, By::Namespace, By::Workload, By::Group, By::Thread];

/// 20 nodes, 60 groups, half of them with threads, 20 pods a node, an hour at 15 s, pods at 30 s.
fn spec() -> test_history::Spec {
    test_history::Spec { nodes: 20, groups: 60, pods_per_node: 20, namespaces: 12, seed: 3, ..an_hour() }
}

/// A window by how long before the history's end it ends, and how long it is.
fn window(by: By, before_end_ms: i64, interval_ms: i64) -> Question {
    let end_ms = END_MS - before_end_ms;
    Question::new(end_ms - interval_ms, end_ms, by)
}

/// By the exporter and by the platform; with nodes that have gaps and without; with rules of the last half hour, as after
/// an installation, and with one of them alone that is so young, as after an update.
#[test]
fn any_window_agrees() -> Result<()> {
    for name in ["gaps", "steady", "late", "late-rule"] {
        let mut held = History::generate(&test_history::Spec { gaps: name != "steady", ..spec() });
        let mut whole = held.clone();
        let late = |series: &mut test_history::Series| {
            series.samples.retain(|(at, _)| *at >= END_MS - HOUR_MS / 2);
        };
        if name == "late-rule" {
            held.series.iter_mut().filter(|series| series.metric == metric::CLASS).for_each(late);
        }
        if name.starts_with("late") {
            let ours = |series: &&mut test_history::Series| !metric::OF_PLATFORM.contains(&series.metric);
            whole.series.iter_mut().filter(ours).for_each(late);
            held = if name == "late" { whole.clone() } else { held };
        }
        let mut trial = Trial::with(serve(&format!("history-{name}"), &held, &[])?, &whole);
        for source in [Source::Exporter, Source::Platform] {
            for question in windows() {
                trial.check(&["json"], &Question { source, ..question })?;
            }
        }
        trial.verdict()?;
    }
    Ok(())
}

/// Prometheus 2 takes the start of a range in, and knows no lookback of a query's own.
#[test]
fn an_old_prometheus_agrees() -> Result<()> {
    let few = test_history::Spec { nodes: 6, groups: 16, ..spec() };
    for (name, gaps) in [("gaps", true), ("steady", false)] {
        let history = History::generate(&test_history::Spec { gaps, ..few.clone() });
        let mut trial = Trial::with(serve_old(&format!("history-2-{name}"), &history)?, &history);
        let mut questions = windows();
        // From sample to sample, of the exporter's and of the platform's.
        for (source, metric) in [(Source::Exporter, metric::GROUP), (Source::Platform, metric::PLATFORM_POD)]
        {
            let samples = history.series.iter().filter(|series| series.metric == metric);
            let last_ms = samples.flat_map(|series| &series.samples).map(|(at, _)| *at).max();
            let before_end_ms = END_MS - last_ms.context("no sample")? + 5 * 60_000;
            questions.extend(LEVELS.map(|by| Question { source, ..window(by, before_end_ms, HOUR_MS / 2) }));
        }
        for question in questions {
            let one = Question { nodes: names(&["node-002"]), ..question.clone() };
            let more = Question { percentiles: vec![50.0, 95.0], include_exporter: true, ..question.clone() };
            for question in [question, one, more] {
                trial.check(&["json"], &question)?;
            }
        }
        trial.verdict()?;
    }
    Ok(())
}

/// At every level, of the cluster and of each node.
fn windows() -> Vec<Question> {
    let levels = LEVELS.into_iter().flat_map(|by| [(by, false), (by, true)]);
    let of = |(by, per_node)| {
        // The whole of it; a part of it, off the samples' beat; more than there is, before and after.
        let asked = [
            (0, HOUR_MS, &["openshift-.*[a-m]", "app-[0-9]{1,2}"][..]),
            (4 * 60_000 + 3000, HOUR_MS / 4, &["kube-.*"]),
            (0, 3 * HOUR_MS, &[]),
            (-10 * 60_000, HOUR_MS, &[]),
        ];
        asked.map(|(before_end_ms, interval_ms, skip)| Question {
            per_node,
            skip_namespaces: names(skip),
            ..window(by, before_end_ms, interval_ms)
        })
    };
    levels.flat_map(of).collect()
}

#[test]
fn any_filter_agrees() -> Result<()> {
    let history = History::generate(&spec());
    let mut trial = Trial::new("filters", &history)?;
    let mut formats = FORMATS.into_iter().cycle();
    for (by, per_node) in LEVELS.into_iter().flat_map(|by| [(by, false), (by, true)]) {
        let whole = Question { per_node, ..window(by, 0, HOUR_MS) };
        let part = Question { per_node, ..window(by, 7 * 60_000 + 1000, 20 * 60_000) };
        let questions = [
            Question { nodes: names(&["node-003"]), ..whole.clone() },
            Question { nodes: names(&["node-005", "node-006"]), ..part.clone() },
            Question { nodes: names(&["node-004"]), classes: names(&["kernel", "infra"]), ..part.clone() },
            Question { namespace: Some("openshift-monitoring".into()), ..whole.clone() },
            Question { namespace: Some("app-1".into()), nodes: names(&["node-002"]), ..whole.clone() },
            Question { namespace: Some("nowhere".into()), ..part.clone() },
            Question { percentiles: vec![50.0, 95.0, 99.9], ..whole.clone() },
            Question { limit: Some(3), percentiles: vec![90.0], ..part.clone() },
            Question { limit: Some(4), at_peak: true, ..part.clone() },
            Question {
                at_peak: true,
                skip_namespaces: names(&["app-.*"]),
                percentiles: vec![50.0],
                ..whole.clone()
            },
            Question { limit: Some(25), skip_namespaces: names(&["default.*"]), ..whole.clone() },
            Question { include_exporter: true, ..whole.clone() },
            Question { include_exporter: true, classes: names(&["infra", "workload"]), ..part.clone() },
            Question { include_exporter: true, skip_namespaces: names(&["app-2"]), ..part.clone() },
            Question { nodes: names(&["nowhere"]), ..part.clone() },
            Question { classes: names(&["host"]), ..part.clone() },
            Question { classes: names(&["host", "pod"]), ..part.clone() },
            Question { classes: names(&["host", "kernel", "workload"]), ..whole },
        ];
        for (question, format) in questions.iter().zip(&mut formats) {
            trial.check(&[format], question)?;
        }
    }
    for question in combinations(&[By::Thread]) {
        trial.check(&FORMATS, &question)?;
    }
    for question in combinations(&LEVELS) {
        trial.check(&["json"], &Question { source: Source::Platform, ..question })?;
    }
    trial.verdict()
}

/// 200 nodes, 60 groups, 40 pods a node.
#[test]
fn a_big_cluster_agrees() -> Result<()> {
    let big = test_history::Spec { nodes: 200, threads: 0, pods_per_node: 40, namespaces: 30, ..spec() };
    let history = History::generate(&big);
    let mut trial = Trial::new("big", &history)?;
    for question in combinations(&[By::Class, By::Namespace, By::Workload, By::Group]) {
        trial.check(&FORMATS, &question)?;
    }
    trial.verdict()
}

/// With and without each of what changes the plan of queries, over the whole of a history.
fn combinations(levels: &[By]) -> Vec<Question> {
    let mut all: Vec<Question> = levels.iter().map(|by| window(*by, 0, HOUR_MS)).collect();
    let both = |all: &mut Vec<Question>, change: fn(&mut Question)| {
        let mut changed = all.clone();
        changed.iter_mut().for_each(change);
        all.extend(changed);
    };
    both(&mut all, |question| question.per_node = true);
    both(&mut all, |question| question.skip_namespaces = names(&["openshift-.*", "app-1.?"]));
    both(&mut all, |question| question.classes = names(&["kernel", "workload"]));
    all
}

/// A history that is asked about.
struct Trial<'a> {
    history: &'a History,
    url: String,
    /// Ended with this struct.
    _prometheus: Option<Prometheus>,
    checked: usize,
    disagreements: Vec<String>,
}

impl<'a> Trial<'a> {
    fn new(name: &str, history: &'a History) -> Result<Trial<'a>> {
        Ok(Trial::with(serve(&format!("history-{name}"), history, &[])?, history))
    }

    /// Makes a trial of a server that holds the history.
    fn with(prometheus: Prometheus, history: &'a History) -> Trial<'a> {
        let url = prometheus.url.clone();
        Trial { _prometheus: Some(prometheus), ..Trial::at(url, history) }
    }

    /// Makes a trial of any server at a URL.
    fn at(url: String, history: &'a History) -> Trial<'a> {
        Trial { history, url, _prometheus: None, checked: 0, disagreements: Vec::new() }
    }

    /// Asks in each of the formats, and goes on where they disagree: what fails with what tells more than the first.
    fn check(&mut self, formats: &[&str], question: &Question) -> Result<()> {
        let expected = expected(self.history, question)?;
        for format in formats {
            self.checked += 1;
            let outcome = agree(&self.url, format, question, &expected);
            self.disagreements.extend(outcome.err().map(|error| format!("{error:#}")));
        }
        Ok(())
    }

    fn verdict(self) -> Result<()> {
        let (checked, failed) = (self.checked, self.disagreements.len());
        ensure!(failed == 0, "{failed} of {checked} disagree:\n{}", self.disagreements.join("\n"));
        Ok(())
    }
}

fn names(all: &[&str]) -> Vec<String> {
    all.iter().map(|name| (*name).to_owned()).collect()
}
