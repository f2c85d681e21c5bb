//! Replay: a file of samples answers a question as the server that they are from would, by the exporter's series.
use super::assemble::{Assembly, Extent};
use super::coverage::Coverage;
use super::fetch::{Fetched, Owners, Pod};
use super::key::{Key, Samples};
use super::metric_names::{self, is_exporter_pod};
use super::nodes::Nodes;
use super::plan::Purpose;
use super::probe::{ENOUGH, EXPORTER_INTERVAL, RecordedTotals};
use super::question::{By, Question};
use super::run::notes_of_rows;
use super::sampling::Sampling;
use crate::openmetrics::{Contents, Series};
use crate::prometheus::Grid;
use crate::query::{Span, add_samples};
use crate::report::{Class, Report, Source, SourceKind, Steps};
use crate::time::Timestamp;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};

/// Returns true if a question reads a metric of a file.
pub fn reads(metric: &str) -> bool {
    const OTHERS: [&str; 6] = [
        metric_names::GROUPS,
        metric_names::THREADS,
        metric_names::PODS,
        metric_names::BUSY,
        metric_names::OWNERS,
        metric_names::PLATFORM_PODS,
    ];
    metric_names::TOTALS.contains(&metric) || OTHERS.contains(&metric)
}

/// Makes the report of a file. `end`: end of the window; `None` for the newest sample. `path`: name of the file. Errors if
/// the file cannot answer, in one line.
pub fn replay(contents: Contents, path: &str, end: Option<Timestamp>, question: &Question) -> Result<Report> {
    if question.by == By::Cpuset {
        bail!("--by cpuset needs a cluster or --local: a file does not tell it yet");
    }
    let of = |metric: &'static str| contents.series.iter().filter(move |series| series.metric == metric);
    let recorded = RecordedTotals::from_samples(
        metric_names::TOTALS
            .iter()
            .flat_map(|metric| of(metric))
            .map(|series| (series.metric.as_str(), series.label("class"), series.samples.as_slice())),
    );
    let all = recorded.times();
    let Some(newest) = all.last().copied() else {
        let platform = of(metric_names::PLATFORM_PODS).next().is_some();
        let what = if platform {
            "it has the platform's series alone, which a file is not read for yet"
        } else {
            "it has none of them"
        };
        bail!("{path} does not hold what the exporter's rules record, from which a report is made: {what}");
    };
    let mut question = question.clone();
    question.end = end.unwrap_or(newest);
    let asked = question.span();
    let lately = Span::ending(asked.end, asked.length().max(ENOUGH));
    let times: Vec<Timestamp> = all.into_iter().filter(|at| lately.holds(*at)).collect();
    let sampling = Sampling::from_times(&times, EXPORTER_INTERVAL);
    let coverage = sampling.and_then(|sampling| Coverage::from_times(sampling, asked, &times, "exporter's"));
    let nothing = || format!("{path} has no sample in this window: the newest is of {newest}");
    let Coverage { window, grid, samples, holes, mut notes } = coverage.with_context(nothing)?;
    let counted =
        of(metric_names::BUSY).map(|series| (series.label("instance").to_owned(), inside(series, window)));
    let counted: BTreeMap<String, f64> = counted.filter(|(_, samples)| *samples > 0.0).collect();
    let nodes = Nodes::from_counts(&counted, samples, holes);
    notes.extend(nodes.notes.iter().cloned());
    if !contents.is_whole {
        notes.push(format!("{path} was cut: it does not end with # EOF, so that samples may be missing"));
    }
    let fetched = fetched(contents.series, &question, window, grid);
    notes.extend(fetched.notes.iter().cloned());
    let expected = window.length().div_duration_f64(grid.step);
    let extent = Extent { kind: SourceKind::File, window, step: grid.step, points: grid.points(), expected };
    let mut assembly = Assembly::new(&question, extent, fetched, recorded.totals(grid));
    if let Some(step) = assembly.peak_step() {
        assembly.add_peak(step, grid.start + grid.step * step as u32, BTreeMap::new());
    }
    let source = Source { file: Some(path.to_owned()), ..Source::new(SourceKind::File, nodes.count) };
    let mut report = assembly.report(source);
    report.notes = notes;
    notes_of_rows(&question, &mut report);
    Ok(report)
}

/// Counts a series' samples in a window.
fn inside(series: &Series, window: Span) -> f64 {
    series.samples.iter().filter(|(at, _)| window.holds(*at)).count() as f64
}

/// Sorts the series into what the queries of a plan would return. Each is dropped once it is on the grid, so that there is
/// memory for all samples once.
fn fetched(all: Vec<Series>, question: &Question, window: Span, grid: Grid) -> Fetched {
    let mut owners: BTreeMap<Pod, BTreeSet<(String, String)>> = BTreeMap::new();
    let is_owned = |series: &&Series| series.metric == metric_names::OWNERS && inside(series, window) > 0.0;
    for series in all.iter().filter(|_| question.by == By::Workload).filter(is_owned) {
        let text = |name: &str| series.label(name).to_owned();
        owners.entry(pod(series)).or_default().insert((text("workload"), text("workload_type")));
    }
    let mut parts = Parts { question, owners: Owners::new(question.by, owners), fetched: Fetched::default() };
    parts.fetched.notes = parts.owners.notes();
    let mut last: BTreeMap<Pod, (Timestamp, String)> = BTreeMap::new();
    for series in all {
        let mut steps = Steps::absent(grid.points());
        add_samples(&mut steps, grid, &series.samples);
        if steps.samples() == 0 {
            continue;
        }
        let is_pods_once_more = series.label("class") == "pod";
        match series.metric.as_str() {
            metric_names::GROUPS if !is_pods_once_more => parts.add_group(&series, &steps),
            metric_names::THREADS if !is_pods_once_more && question.by == By::Thread => {
                parts.add_thread(&series, &steps);
            }
            metric_names::PODS => {
                parts.add_pod(&series, &steps);
                let newest =
                    series.samples.iter().rev().map(|(at, _)| *at).find(|at| grid.index(*at).is_some());
                let (pod, node) = (pod(&series), series.label("instance"));
                let is_newer = |at: &Timestamp| last.get(&pod).is_none_or(|(known, _)| at > known);
                if let Some(at) = newest.filter(is_newer).filter(|_| question.filter.has_node(node)) {
                    last.insert(pod, (at, node.to_owned()));
                }
            }
            _ => {}
        }
    }
    parts.fetched.last_nodes = last.into_iter().map(|(pod, (_, node))| (pod, node)).collect();
    parts.fetched
}

fn pod(series: &Series) -> Pod {
    (series.label("namespace").to_owned(), series.label("pod").to_owned())
}

/// Rows and parts of totals so far.
struct Parts<'a> {
    question: &'a Question,
    owners: Owners,
    fetched: Fetched,
}

impl Parts<'_> {
    fn add(&mut self, purpose: Purpose, key: Key, steps: &Steps) {
        let part = self.fetched.parts.entry(purpose).or_default().entry(key);
        match part.or_insert_with(|| Samples::Each(Steps::absent(steps.count()))) {
            Samples::Each(sum) => sum.add_all(steps),
            Samples::Statistics(_) => {}
        }
    }

    /// Returns the node of a row; `None` if the filters leave the node out. The inner is `None` if nodes have no rows.
    fn node(&self, series: &Series) -> Option<Option<String>> {
        let node = series.label("instance");
        let shown = self.question.filter.has_node(node);
        shown.then(|| self.question.per_node.then(|| node.to_owned()))
    }

    fn add_group(&mut self, series: &Series, steps: &Steps) {
        let Some(node) = self.node(series) else { return };
        let class = Class::of_label(series.label("class"));
        self.add(Purpose::OnNodes, Key { node: node.clone(), ..Key::of_class(class) }, steps);
        if self.question.by.is_fine() && self.question.filter.has_class(class) {
            let name = series.label("groupname").to_owned();
            self.add(Purpose::Groups, Key { name, node, ..Key::of_class(class) }, steps);
        }
    }

    fn add_thread(&mut self, series: &Series, steps: &Steps) {
        let (Some(node), class) = (self.node(series), Class::of_label(series.label("class"))) else { return };
        if self.question.filter.has_class(class) {
            let (name, thread) =
                (series.label("groupname").to_owned(), series.label("threadname").to_owned());
            self.add(
                Purpose::Threads,
                Key { name, node, thread: Some(thread), ..Key::of_class(class) },
                steps,
            );
        }
    }

    fn add_pod(&mut self, series: &Series, steps: &Steps) {
        let Some(node) = self.node(series) else { return };
        let (filter, class, pod) =
            (&self.question.filter, Class::of_label(series.label("class")), pod(series));
        let of_class = Key { node: node.clone(), ..Key::of_class(class) };
        let of_each = self.question.by.is_fine();
        let shown = of_each && filter.has_class(class) && filter.has_pod(&pod.0, &pod.1);
        let is_unnamed = class == Class::Pod;
        let unnamed = of_each && is_unnamed && filter.has_class(class);
        let own = is_exporter_pod(&pod.0, &pod.1);
        let own = filter.leaves_out_own() && pod.0 == metric_names::OWN_NAMESPACE && own == of_each;
        self.add(Purpose::OnNodes, of_class.clone(), steps);
        if is_unnamed {
            if unnamed {
                self.add(Purpose::Unnamed, Key { name: pod.1, ..of_class }, steps);
            }
            return;
        }
        let of_namespace = Key { namespace: Some(pod.0.clone()), ..of_class };
        self.add(Purpose::Namespaces, of_namespace.clone(), steps);
        if own {
            self.add(if of_each { Purpose::Own } else { Purpose::Neighbours }, of_namespace, steps);
        }
        if shown {
            let key = self.owners.key(class, &pod, node.as_deref());
            self.add(Purpose::Pods, key, steps);
        }
    }
}
