//! What a report over a history must say, by the definitions of rows, window, statistics and totals, from the samples.
//!
//! - The window is (start, end], cut to what the exporter's series cover.
//! - A sum has a step at each time at which any of its members has a sample. `avg` is the sum of the steps x the interval
//!   / the window; `min`, `max` and percentiles are over the steps; `present` is their number / those there is room for.
//! - Totals are of all there is. What is in them and in no row is left out.

use std::collections::BTreeMap;

use regex::Regex;

use crate::parts::{Part, Parts, samples};
use crate::question::{By, Question};
use crate::steps::{Stat, Steps, Window, percentile, sum};
use crate::{History, metric};

/// What a row is of. What does not apply is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// `host`, `kernel`, `infra` or `workload`.
    pub class: String,
    /// A pod's namespace.
    pub namespace: String,
    /// A group's or a pod's name.
    pub name: String,
    /// A thread's name.
    pub thread: String,
    /// The node that the row is of, where each has rows of its own; empty also for a pod that no one knows the node of.
    pub node: String,
}

/// What a row must say.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its statistics.
    pub stat: Stat,
    /// The percentiles asked for, in that order.
    pub percentiles: Vec<f64>,
    /// Steps there are / steps that the window has room for.
    pub present: f64,
    /// The node that a pod was last on within the window, of the nodes asked for, where that is known and nodes have no
    /// rows of their own; no other row has one.
    pub node: Option<String>,
}

/// What a report must say.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Start of the cut window, Unix time in milliseconds.
    pub start_ms: i64,
    /// End of the cut window, Unix time in milliseconds.
    pub end_ms: i64,
    /// The rows, without those that have no sample in the window.
    pub rows: BTreeMap<Key, Row>,
    /// Totals of host, kernel, infra and workload before any filter, without those that have no sample in the window.
    pub classes: BTreeMap<String, Stat>,
    /// The nodes' busy time.
    pub busy: Stat,
    /// Busy time less all groups of the nodes that told it at that time.
    pub unattributed: Stat,
    /// Mean of the pods by the exporter's count less the mean of the pods' own series.
    pub pods_unnamed_avg: f64,
    /// All groups and pods less all rows. Zero when nothing is left out.
    pub left_out: Stat,
}

/// What a report over `history` must say to `question`. Errors on a regex that is none.
pub fn expected(history: &History, question: &Question) -> Result<Expected, regex::Error> {
    let asked = Asked::new(question)?;
    let exporter = history.series.iter().filter(|s| s.metric == metric::GROUP || s.metric == metric::BUSY);
    let window = Window { start_ms: question.start_ms, end_ms: question.end_ms }
        .cut(exporter.flat_map(|series| &series.samples).map(|(at, _)| *at), history.interval_s);
    let parts = Parts::new(history, window);
    let interval_s = |pods: bool| if pods { history.pod_interval_s } else { history.interval_s };

    let mut members: BTreeMap<Key, Vec<&Part<'_>>> = BTreeMap::new();
    let shown = parts.of_exporter(question.by == By::Thread).into_iter().chain(&parts.pods);
    for part in shown.filter(|part| asked.shows(part)) {
        members.entry(asked.key(part)).or_default().push(part);
    }
    let mut rows: Vec<(Key, Row, Steps)> = Vec::new();
    for (key, members) in members {
        let steps = add_up(members);
        let pods = matches!(&*key.class, "infra" | "workload");
        if let Some(stat) = window.stat(&steps, interval_s(pods)) {
            let present = window.present(&steps, interval_s(pods));
            let percentiles = question.percentiles.iter().filter_map(|p| percentile(&steps, *p)).collect();
            let node = if question.per_node {
                None
            } else {
                parts.last_node(&key.namespace, &key.name, &question.nodes)
            };
            rows.push((key, Row { stat, percentiles, present, node: node.map(str::to_owned) }, steps));
        }
    }
    rows.sort_by(|a, b| b.1.stat.avg.total_cmp(&a.1.stat.avg).then_with(|| a.0.name.cmp(&b.0.name)));
    rows.truncate(question.limit.unwrap_or(usize::MAX));

    let named = || parts.groups.iter().filter(|part| part.class != "pod");
    let unseen = |pods: bool| {
        let total = if pods { add_up(&parts.pods) } else { add_up(named()) };
        let of_kind = rows.iter().filter(|(key, ..)| matches!(&*key.class, "infra" | "workload") == pods);
        let shown = sum(of_kind.flat_map(|(_, _, steps)| steps).map(|(at, value)| (*at, *value)));
        total.into_iter().map(|(at, value)| (at, value - shown.get(&at).unwrap_or(&0.0))).collect()
    };
    let left_out = left_out(history, window, &unseen(false), &unseen(true));
    let total = |steps: &Steps, pods| window.stat(steps, interval_s(pods)).unwrap_or_default();
    let classes = ["host", "kernel", "infra", "workload"].into_iter().filter_map(|class| {
        let members = parts.groups.iter().chain(&parts.pods).filter(|part| part.class == class);
        Some((
            class.to_owned(),
            window.stat(&add_up(members), interval_s(class == "infra" || class == "workload"))?,
        ))
    });
    let by_exporter = add_up(parts.groups.iter().filter(|part| part.class == "pod"));
    let (busy, unattributed) = busy(history, window, &parts);
    Ok(Expected {
        start_ms: window.start_ms,
        end_ms: window.end_ms,
        classes: classes.collect(),
        busy: total(&busy, false),
        unattributed: total(&unattributed, false),
        pods_unnamed_avg: total(&by_exporter, false).avg - total(&add_up(&parts.pods), true).avg,
        left_out,
        rows: rows.into_iter().map(|(key, row, _)| (key, row)).collect(),
    })
}

/// A question, its regexes understood.
struct Asked<'a> {
    question: &'a Question,
    skip: Vec<Regex>,
}

impl<'a> Asked<'a> {
    fn new(question: &'a Question) -> Result<Asked<'a>, regex::Error> {
        let skip = question.skip_namespaces.iter().map(|pattern| Regex::new(&format!("^(?:{pattern})$")));
        Ok(Asked { question, skip: skip.collect::<Result<_, _>>()? })
    }

    /// Whether a part is in a row.
    fn shows(&self, part: &Part<'_>) -> bool {
        let Question { nodes, classes, namespace, include_exporter, .. } = self.question;
        let is_one_of = |all: &[String], it: &str| all.is_empty() || all.iter().any(|one| one == it);
        part.class != "pod"
            && is_one_of(nodes, part.node)
            && is_one_of(classes, part.class)
            && namespace.as_ref().is_none_or(|namespace| namespace == part.namespace)
            && (*include_exporter || !part.is_exporter())
            && !(part.is_pod() && self.skip.iter().any(|regex| regex.is_match(part.namespace)))
    }

    /// The row that it is in.
    fn key(&self, part: &Part<'_>) -> Key {
        let mut key = Key {
            class: part.class.to_owned(),
            namespace: String::new(),
            name: String::new(),
            thread: part.thread.to_owned(),
            node: String::new(),
        };
        if self.question.by != By::Class {
            part.namespace.clone_into(&mut key.namespace);
        }
        if matches!(self.question.by, By::Group | By::Thread) {
            part.name.clone_into(&mut key.name);
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

/// Both kinds have their own times. Where both are left out, the steps are the pods', each with the mean of what was
/// left out of the groups since the step before.
fn left_out(history: &History, window: Window, groups: &Steps, pods: &Steps) -> Stat {
    // Less than this is what adding up in another order leaves.
    let any = |steps: &Steps| steps.values().any(|value| value.abs() > 1e-9);
    let stat = |steps: &Steps, interval_s| window.stat(steps, interval_s).unwrap_or_default();
    let (of_groups, of_pods) = (stat(groups, history.interval_s), stat(pods, history.pod_interval_s));
    match (any(groups), any(pods)) {
        (false, false) => Stat::default(),
        (true, false) => of_groups,
        (false, true) => of_pods,
        (true, true) => {
            let both = pods.iter().map(|(at, value)| {
                let since = at - i64::from(history.pod_interval_s) * 1000;
                let recent: Vec<f64> = groups.range(since + 1..=*at).map(|(_, value)| *value).collect();
                (*at, value + recent.iter().sum::<f64>() / recent.len().max(1) as f64)
            });
            Stat { avg: of_groups.avg + of_pods.avg, ..stat(&both.collect(), history.pod_interval_s) }
        }
    }
}

/// Busy time, and what of it the groups of the same node and time do not account for.
fn busy(history: &History, window: Window, parts: &Parts<'_>) -> (Steps, Steps) {
    let mut attributed: BTreeMap<(&str, i64), f64> = BTreeMap::new();
    for part in &parts.groups {
        for (at, value) in &part.samples {
            *attributed.entry((part.node, *at)).or_default() += value;
        }
    }
    let (mut busy, mut unattributed) = (Steps::new(), Steps::new());
    for series in history.series.iter().filter(|series| series.metric == metric::BUSY) {
        for (at, value) in samples(series, window) {
            let groups = attributed.get(&(series.label("instance"), at)).copied().unwrap_or_default();
            *busy.entry(at).or_default() += value;
            *unattributed.entry(at).or_default() += value - groups;
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
