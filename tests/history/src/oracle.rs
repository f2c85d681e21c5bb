//! What a report over a history must say, by the definitions of rows, window, statistics and totals, from the samples.
//!
//! - The window is (start, end]. It is cut to what the exporter's series cover: its start to one interval before their
//!   first sample in it, its end to their last sample in it if that is a whole interval or more before. Without any
//!   sample it stays as asked.
//! - A sum has a step at each time at which any of its members has a sample. `avg` is the sum of the steps x the interval
//!   / the window, `min` and `max` are over the steps, `present` is their number / (the window / the interval), at
//!   most 1: a window that is no multiple of the interval may hold one more.
//! - The exporter's own pods are in no row, but in the totals of the classes.

use std::collections::BTreeMap;

use regex::Regex;

use crate::{History, Series, metric};

/// What the rows of a report are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The classes host, kernel, infra and workload.
    Class,
    /// The classes host and kernel, and the pods of each namespace.
    Namespace,
    /// The groups of the classes host and kernel, and each pod.
    Group,
}

/// What is asked about a history.
#[derive(Clone, Debug)]
pub struct Question {
    /// Start of the window, Unix time in milliseconds, itself outside.
    pub start_ms: i64,
    /// End of the window, Unix time in milliseconds, itself inside.
    pub end_ms: i64,
    /// What the rows are.
    pub by: By,
    /// Pods of namespaces that one of these regexes matches as a whole are left out.
    pub skip_namespaces: Vec<String>,
}

/// What a row is of. What does not apply is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// `host`, `kernel`, `infra` or `workload`.
    pub class: String,
    /// A pod's namespace.
    pub namespace: String,
    /// A group's or a pod's name.
    pub name: String,
}

/// Statistics in cores.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stat {
    /// Mean over the whole window, where absent is zero.
    pub avg: f64,
    /// Smallest step.
    pub min: f64,
    /// Biggest step.
    pub max: f64,
}

/// What a row must say.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its statistics.
    pub stat: Stat,
    /// Steps there are / steps that the window has room for.
    pub present: f64,
    /// The node that a pod was last on within the window, where that is known; no other row has one.
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
    /// Busy time less all groups of the nodes that answered at that time.
    pub unattributed: Stat,
    /// Mean of the pods by the exporter's count less the mean of the pods' own series.
    pub pods_unnamed_avg: f64,
    /// Pods left out: those of the skipped namespaces and the exporter's own. Zero when there are none.
    pub left_out: Stat,
}

/// Time in milliseconds to the sum at that time.
type Steps = BTreeMap<i64, f64>;

/// What a report over `history` must say to `question`. Errors on a regex that is none.
pub fn expected(history: &History, question: &Question) -> Result<Expected, regex::Error> {
    let skip = question.skip_namespaces.iter().map(|pattern| Regex::new(&format!("^(?:{pattern})$")));
    let skip: Vec<Regex> = skip.collect::<Result<_, _>>()?;
    let window = Window::cut(history, question);

    let groups = || history.series.iter().filter(|series| series.metric == metric::GROUP);
    let named_groups = || groups().filter(|series| series.label("class") != "pod");
    let pods = || history.series.iter().filter(|series| series.metric == metric::POD);
    let left_out =
        |pod: &&Series| own(pod) || skip.iter().any(|regex| regex.is_match(pod.label("namespace")));

    let mut members: BTreeMap<Key, Vec<&Series>> = BTreeMap::new();
    for series in named_groups().chain(pods().filter(|pod| !left_out(pod))) {
        members.entry(key(series, question.by)).or_default().push(series);
    }
    let mut rows = BTreeMap::new();
    for (key, members) in members {
        let steps = window.sum(members.iter().copied());
        let interval_s = interval_s(history, &key.class);
        if let Some(stat) = window.stat(&steps, interval_s) {
            let present = (steps.len() as f64 / (window.seconds() / interval_s)).min(1.0);
            let pod = question.by == By::Group && !key.namespace.is_empty();
            let node = if pod { window.last_node(history, &key) } else { None };
            rows.insert(key, Row { stat, present, node });
        }
    }

    let classes = ["host", "kernel", "infra", "workload"].into_iter().filter_map(|class| {
        let steps = window.sum(named_groups().chain(pods()).filter(|series| class_of(series) == class));
        Some((class.to_owned(), window.stat(&steps, interval_s(history, class))?))
    });
    let total =
        |steps: &Steps, interval_s: u32| window.stat(steps, f64::from(interval_s)).unwrap_or_default();
    let by_exporter = window.sum(groups().filter(|series| series.label("class") == "pod"));
    let by_pods = window.sum(pods());
    Ok(Expected {
        start_ms: window.start_ms,
        end_ms: window.end_ms,
        rows,
        classes: classes.collect(),
        busy: total(&window.sum(busy(history)), history.interval_s),
        unattributed: total(&window.unattributed(history), history.interval_s),
        pods_unnamed_avg: total(&by_exporter, history.interval_s).avg
            - total(&by_pods, history.pod_interval_s).avg,
        left_out: total(&window.sum(pods().filter(left_out)), history.pod_interval_s),
    })
}

/// The part of time that is reported, (start, end].
struct Window {
    start_ms: i64,
    end_ms: i64,
}

impl Window {
    fn cut(history: &History, question: &Question) -> Window {
        let mut window = Window { start_ms: question.start_ms, end_ms: question.end_ms };
        let interval_ms = i64::from(history.interval_s) * 1000;
        let exporter =
            history.series.iter().filter(|s| s.metric == metric::GROUP || s.metric == metric::BUSY);
        let covered = window.sum(exporter);
        if let (Some((first, _)), Some((last, _))) = (covered.first_key_value(), covered.last_key_value()) {
            window.start_ms = window.start_ms.max(first - interval_ms);
            if window.end_ms - last >= interval_ms {
                window.end_ms = *last;
            }
        }
        window
    }

    fn seconds(&self) -> f64 {
        (self.end_ms - self.start_ms) as f64 / 1000.0
    }

    fn samples<'a>(&self, series: &'a Series) -> impl Iterator<Item = (i64, f64)> + use<'a> {
        let (start_ms, end_ms) = (self.start_ms, self.end_ms);
        series.samples.iter().copied().filter(move |(at, _)| start_ms < *at && *at <= end_ms)
    }

    fn sum<'a>(&self, members: impl Iterator<Item = &'a Series>) -> Steps {
        let mut steps = Steps::new();
        for (at, value) in members.flat_map(|member| self.samples(member)) {
            *steps.entry(at).or_default() += value;
        }
        steps
    }

    /// None where there is no step.
    fn stat(&self, steps: &Steps, interval_s: f64) -> Option<Stat> {
        let min = steps.values().copied().reduce(f64::min)?;
        let max = steps.values().copied().reduce(f64::max)?;
        Some(Stat { avg: steps.values().sum::<f64>() * interval_s / self.seconds(), min, max })
    }

    fn unattributed(&self, history: &History) -> Steps {
        let mut attributed: BTreeMap<(&str, i64), f64> = BTreeMap::new();
        for series in history.series.iter().filter(|series| series.metric == metric::GROUP) {
            for (at, value) in self.samples(series) {
                *attributed.entry((series.label("instance"), at)).or_default() += value;
            }
        }
        let mut steps = Steps::new();
        for series in busy(history) {
            for (at, value) in self.samples(series) {
                let groups = attributed.get(&(series.label("instance"), at)).copied().unwrap_or_default();
                *steps.entry(at).or_default() += value - groups;
            }
        }
        steps
    }

    fn last_node(&self, history: &History, pod: &Key) -> Option<String> {
        let infos = history.series.iter().filter(|series| {
            series.metric == metric::POD_INFO
                && series.label("namespace") == pod.namespace
                && series.label("pod") == pod.name
        });
        let last = infos.filter_map(|info| Some((self.samples(info).last()?.0, info.label("node")))).max()?;
        Some(last.1.to_owned())
    }
}

fn busy(history: &History) -> impl Iterator<Item = &Series> {
    history.series.iter().filter(|series| series.metric == metric::BUSY)
}

fn key(series: &Series, by: By) -> Key {
    let namespace = series.label("namespace");
    let name = if series.metric == metric::POD { series.label("pod") } else { series.label("groupname") };
    let (namespace, name) = match by {
        By::Class => ("", ""),
        By::Namespace => (namespace, ""),
        By::Group => (namespace, name),
    };
    Key { class: class_of(series).to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
}

fn class_of(series: &Series) -> &str {
    if series.metric != metric::POD {
        return series.label("class");
    }
    let namespace = series.label("namespace");
    let infra = matches!(namespace, "default" | "openshift")
        || namespace.starts_with("openshift-")
        || namespace.starts_with("kube-");
    if infra { "infra" } else { "workload" }
}

/// Whether a pod is the exporter's own.
fn own(pod: &Series) -> bool {
    pod.label("namespace") == "openshift-monitoring" && pod.label("pod").starts_with("process-exporter-")
}

fn interval_s(history: &History, class: &str) -> f64 {
    f64::from(if matches!(class, "infra" | "workload") { history.pod_interval_s } else { history.interval_s })
}

#[cfg(test)]
#[path = "oracle_tests.rs"]
mod tests;
