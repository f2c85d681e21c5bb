//! Expected report over a history, by the definitions of rows, window, statistics and totals, from the samples.
//!
//! - The window is (start, end], cut to what the source's series cover.
//! - A sum has a step at each time at which any of its members has a sample. `avg` is the sum of the steps x the interval
//!   / the window; `min`, `max` and percentiles are over the steps; `present` is their number / those there is room for.
//! - Totals are of all there is. What is in them and in no row is left out.
//! - A pod is a part of a workload if that is the only one that owned it at any time of the window.
//! - The peak is the first step at which the rows, whatever a limit cuts, are together highest. A row that is absent then
//!   used nothing.

use std::collections::BTreeMap;

use regex::Regex;

use crate::parts::{Part, Parts, samples};
use crate::question::{By, Question, Source};
use crate::steps::{Stat, Steps, Window, percentile, sum};
use crate::{History, metric, owners};

/// Identity of a row. Fields that do not apply are empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// `host`, `kernel`, `infra`, `workload` or `pod`.
    pub class: String,
    /// A pod's namespace.
    pub namespace: String,
    /// A group's or a pod's name.
    pub name: String,
    /// The type of a workload.
    pub workload_type: String,
    /// A thread's name.
    pub thread: String,
    /// The node that the row is of, where each has rows of its own; empty also for a pod that no one knows the node of.
    pub node: String,
}

/// Expected values of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its statistics.
    pub stat: Stat,
    /// The percentiles asked for, in that order.
    pub percentiles: Vec<f64>,
    /// Steps there are / steps that the window has room for.
    pub present: f64,
    /// Usage at the peak, if the question has it.
    pub at_peak: Option<f64>,
    /// The node that a pod was last on within the window, of the nodes asked for, where that is known and nodes have no
    /// rows of their own; no other row has one.
    pub node: Option<String>,
}

/// Expected report.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Start of the cut window, Unix time in milliseconds.
    pub start_ms: i64,
    /// End of the cut window, Unix time in milliseconds.
    pub end_ms: i64,
    /// The rows, without those that have no sample in the window.
    pub rows: BTreeMap<Key, Row>,
    /// Totals of the classes before any filter, without those that have no sample in the window.
    pub classes: BTreeMap<String, Stat>,
    /// The nodes' busy time.
    pub busy: Stat,
    /// Busy time less all groups of the nodes that told it at that time.
    pub unattributed: Stat,
    /// All groups and pods less all rows. Zero when nothing is left out.
    pub excluded: Stat,
    /// Time of the peak, and what the rows used then that a limit did not cut, and that it did.
    pub peak: Option<(i64, f64, f64)>,
}

/// Returns the expected report over `history` for `question`. Errors on an invalid regex.
pub fn expected(history: &History, question: &Question) -> Result<Expected, regex::Error> {
    let asked = Asked::new(question)?;
    let (beat, interval_s) = match question.source {
        Source::Exporter => (metric::BUSY, history.interval_s),
        Source::Platform => (metric::PLATFORM_POD, history.pod_interval_s),
    };
    let beats = history.series.iter().filter(|series| series.metric == beat);
    let window = Window { start_ms: question.start_ms, end_ms: question.end_ms }
        .cut(beats.flat_map(|series| &series.samples).map(|(at, _)| *at), interval_s);
    let parts = Parts::new(history, window, question.source);

    let owners = owners::of_pods(history, window);
    let mut members: BTreeMap<Key, Vec<&Part<'_>>> = BTreeMap::new();
    let shown = parts.of_groups(question.by == By::Thread).into_iter().chain(&parts.pods);
    for part in shown.filter(|part| asked.shows(part)) {
        members.entry(asked.key(part, &owners)).or_default().push(part);
    }
    let mut rows: Vec<(Key, Row, Steps)> = Vec::new();
    for (key, members) in members {
        let steps = add_up(members);
        let Some(stat) = window.stat(&steps, interval_s) else { continue };
        // A row without a name exists only if it used something.
        if key.class == "pod" && stat.max == 0.0 {
            continue;
        }
        let present = window.present(&steps, interval_s);
        let percentiles = question.percentiles.iter().filter_map(|p| percentile(&steps, *p)).collect();
        let node = match question.per_node || question.by == By::Workload {
            true => None,
            false => parts.last_node(&key.namespace, &key.name, &question.nodes),
        };
        let node = node.map(str::to_owned);
        rows.push((key, Row { stat, percentiles, present, at_peak: None, node }, steps));
    }
    rows.sort_by(|a, b| b.1.stat.avg.total_cmp(&a.1.stat.avg).then_with(|| a.0.name.cmp(&b.0.name)));
    let together = sum(rows.iter().flat_map(|(_, _, steps)| steps).map(|(at, value)| (*at, *value)));
    let higher = |a: (i64, f64), b: (i64, f64)| if b.1 > a.1 { b } else { a };
    let highest = together.into_iter().reduce(higher).filter(|_| question.at_peak);
    for (_, row, steps) in &mut rows {
        row.at_peak = highest.map(|(at, _)| steps.get(&at).copied().unwrap_or_default());
    }
    let cut = rows.split_off(question.limit.unwrap_or(usize::MAX).min(rows.len()));
    let at_peak = |rows: &[(Key, Row, Steps)]| rows.iter().filter_map(|(_, row, _)| row.at_peak).sum();
    let peak = highest.map(|(at, _)| (at, at_peak(&rows), at_peak(&cut)));

    let all = || parts.groups.iter().chain(&parts.pods);
    let shown = sum(rows.iter().flat_map(|(_, _, steps)| steps).map(|(at, value)| (*at, *value)));
    let rest = |(at, value): (i64, f64)| (at, value - shown.get(&at).unwrap_or(&0.0));
    let excluded: Steps = add_up(all()).into_iter().map(rest).collect();
    // Less than this is what adding up in another order leaves.
    let any = excluded.values().any(|value| value.abs() > 1e-9);
    let total = |steps: &Steps| window.stat(steps, interval_s).unwrap_or_default();
    let classes = ["host", "kernel", "infra", "workload", "pod"].into_iter().filter_map(|class| {
        let members = all().filter(|part| part.class == class);
        Some((class.to_owned(), window.stat(&add_up(members), interval_s)?))
    });
    let (busy, unattributed) = busy(history, window, &parts, question.source);
    Ok(Expected {
        start_ms: window.start_ms,
        end_ms: window.end_ms,
        classes: classes.collect(),
        busy: total(&busy),
        unattributed: total(&unattributed),
        excluded: if any { total(&excluded) } else { Stat::default() },
        peak,
        rows: rows.into_iter().map(|(key, row, _)| (key, row)).collect(),
    })
}

/// A question with its compiled regexes.
struct Asked<'a> {
    question: &'a Question,
    skip: Vec<Regex>,
}

impl<'a> Asked<'a> {
    fn new(question: &'a Question) -> Result<Asked<'a>, regex::Error> {
        let skip = question.skip_namespaces.iter().map(|pattern| Regex::new(&format!("^(?:{pattern})$")));
        Ok(Asked { question, skip: skip.collect::<Result<_, _>>()? })
    }

    /// Returns true if a part is in a row.
    fn shows(&self, part: &Part<'_>) -> bool {
        let Question { nodes, classes, namespace, include_exporter, .. } = self.question;
        let is_one_of = |all: &[String], it: &str| all.is_empty() || all.iter().any(|one| one == it);
        is_one_of(nodes, part.node)
            && is_one_of(classes, part.class)
            && namespace.as_ref().is_none_or(|namespace| namespace == part.namespace)
            && (*include_exporter || !part.is_exporter())
            && !(part.is_pod() && self.skip.iter().any(|regex| regex.is_match(part.namespace)))
    }

    /// The row that it is in.
    fn key(&self, part: &Part<'_>, owners: &BTreeMap<(&str, &str), (&str, &str)>) -> Key {
        let mut key = Key {
            class: part.class.to_owned(),
            namespace: String::new(),
            name: String::new(),
            workload_type: String::new(),
            thread: part.thread.to_owned(),
            node: String::new(),
        };
        if self.question.by != By::Class {
            part.namespace.clone_into(&mut key.namespace);
        }
        if matches!(self.question.by, By::Workload | By::Group | By::Thread) {
            part.name.clone_into(&mut key.name);
        }
        let owner = owners.get(&(part.namespace, part.name)).filter(|_| part.is_pod());
        if let Some((name, of)) = owner.filter(|_| self.question.by == By::Workload) {
            (key.name, key.workload_type) = ((*name).to_owned(), (*of).to_owned());
        }
        if self.question.per_node {
            part.node.clone_into(&mut key.node);
        }
        key
    }
}

fn add_up<'a>(members: impl IntoIterator<Item = &'a Part<'a>>) -> Steps {
    sum(members.into_iter().flat_map(|part| &part.samples).copied())
}

/// Busy time, and what of it the groups and pods of the same node and time do not account for; of the platform's, those of
/// all nodes.
fn busy(history: &History, window: Window, parts: &Parts<'_>, source: Source) -> (Steps, Steps) {
    let (metric, of_nodes) = match source {
        Source::Exporter => (metric::BUSY, true),
        Source::Platform => (metric::PLATFORM_BUSY, false),
    };
    let mut attributed: BTreeMap<(&str, i64), f64> = BTreeMap::new();
    for part in parts.groups.iter().chain(&parts.pods) {
        for (at, value) in &part.samples {
            *attributed.entry((if of_nodes { part.node } else { "" }, *at)).or_default() += value;
        }
    }
    let (mut busy, mut unattributed) = (Steps::new(), Steps::new());
    for series in history.series.iter().filter(|series| series.metric == metric) {
        let node = if of_nodes { series.label("instance") } else { "" };
        for (at, value) in samples(series, window) {
            // It counts once for all nodes.
            let used = attributed.remove(&(node, at)).unwrap_or_default();
            *busy.entry(at).or_default() += value;
            *unattributed.entry(at).or_default() += value - used;
        }
    }
    (busy, unattributed)
}

#[cfg(test)]
#[path = "oracle_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "filter_tests.rs"]
mod filter_tests;
