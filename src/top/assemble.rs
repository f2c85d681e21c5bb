//! Assemble: from the results of queries to the report. No I/O.
mod excluded;
mod sets;

use super::cpusets::Cpusets;
use super::fetch::Fetched;
use super::key::{Key, Samples};
use super::metric_names::OWN_NAMESPACE;
use super::plan::Purpose;
use super::probe::Totals;
use super::question::{By, Question};
use crate::query::Span;
use crate::report::{
    Class, ClassTotal, Excluded, Peak, Percentiles, Report, Row, Source, SourceKind, Stats, Steps,
    TotalTrends, parts,
};
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// Source and times of the samples that a report is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub kind: SourceKind,
    pub window: Span,
    /// Distance of two samples.
    pub step: Duration,
    /// Number of steps on the grid.
    pub points: usize,
    /// Number of samples that the window would hold: a fraction if it is no multiple of the step.
    pub expected: f64,
}

/// Parts that a report is made of.
#[derive(Debug)]
pub(super) struct Assembly<'a> {
    question: &'a Question,
    extent: Extent,
    fetched: Fetched,
    totals: Totals,
    peak: Option<AtPeak>,
    cpusets: Option<Cpusets>,
}

/// Step at which the rows are together highest.
#[derive(Debug)]
struct AtPeak {
    step: usize,
    time: Timestamp,
    /// Cores of the rows that are statistics.
    cores: BTreeMap<Key, f64>,
}

impl<'a> Assembly<'a> {
    /// Completes the totals, which the platform's source has not got from its probe.
    pub(super) fn new(
        question: &'a Question,
        extent: Extent,
        fetched: Fetched,
        mut totals: Totals,
    ) -> Assembly<'a> {
        if extent.kind == SourceKind::Platform {
            let total = |purpose| {
                let steps = each(&fetched, purpose).map(|(_, steps)| steps);
                Some(Steps::total(extent.points, steps)).filter(|steps| steps.samples() > 0)
            };
            totals.classes.extend(total(Purpose::Host).map(|steps| (Class::Host, steps)));
            for (key, steps) in each(&fetched, Purpose::Namespaces) {
                let class = totals.classes.entry(key.class).or_insert_with(|| Steps::absent(extent.points));
                class.add_all(steps);
            }
            totals.busy = total(Purpose::Busy);
            let all = Steps::total(extent.points, totals.classes.values());
            totals.unattributed = totals.busy.as_ref().map(|busy| busy.less(&all));
        }
        Assembly { question, extent, fetched, totals, peak: None, cpusets: None }
    }

    /// Returns the step at which the rows that the filters let through are together highest. `None` if it was not asked for,
    /// or there is no sample.
    pub(super) fn peak_step(&self) -> Option<usize> {
        if !self.question.at_peak {
            return None;
        }
        let all = Steps::total(self.extent.points, self.totals.classes.values());
        let (excluded, _) = self.excluded();
        Some(all.less(&excluded).highest()?.0)
    }

    /// Adds the peak: its time, and the cores of the rows that are statistics.
    pub(super) fn add_peak(&mut self, step: usize, time: Timestamp, cores: BTreeMap<Key, f64>) {
        self.peak = Some(AtPeak { step, time, cores });
    }

    /// Adds the nodes' sets of CPUs.
    pub(super) fn add_cpusets(&mut self, cpusets: Cpusets) {
        self.cpusets = Some(cpusets);
    }

    /// Returns what was fetched.
    pub(super) fn fetched(&self) -> &Fetched {
        &self.fetched
    }

    /// Makes the report, its rows in the order asked for. `notes`: those that are known before.
    pub(super) fn report(mut self, source: Source, notes: Vec<String>) -> Report {
        let Extent { window, step, .. } = self.extent;
        let asked = self.question.span();
        let mut of = window.window(step);
        of.asked_seconds = (window.length() < asked.length()).then(|| asked.length().as_secs_f64());
        let mut report = self.question.empty_report(of, source);
        let stats = |steps: &Steps| steps.stats(self.extent.expected);
        let classes = self.totals.classes.iter();
        report.classes = classes
            .filter_map(|(class, steps)| Some(ClassTotal { class: *class, stats: stats(steps)? }))
            .collect();
        report.busy = self.totals.busy.as_ref().and_then(stats);
        report.unattributed = self.totals.unattributed.as_ref().and_then(stats);
        report.total_trends = parts(self.extent.points, self.question.trend).map(|(_, length)| TotalTrends {
            step_seconds: (step * length as u32).as_secs_f64(),
            busy: self.totals.busy.as_ref().map_or_else(Vec::new, |busy| busy.trend(self.question.trend)),
            classes: (self.totals.classes.iter())
                .map(|(class, steps)| (*class, steps.trend(self.question.trend)))
                .collect(),
        });
        let (steps, any) = self.excluded();
        let mut excluded = Excluded::from(stats(&steps).filter(|_| any).unwrap_or(Stats::ZERO));
        if let Some(cpusets) = self.cpusets.take() {
            report.cpusets = Some(cpusets.busy(self.extent.expected));
            report.strays = cpusets.strays(self.question.limit, &self.fetched.parts, self.extent.expected);
        }
        report.rows = self.rows();
        let at_peak = |rows: &[Row]| rows.iter().filter_map(|row| row.at_peak).sum::<f64>();
        // Without rows there is no peak.
        if let Some(AtPeak { time, .. }) = self.peak.as_ref().filter(|_| !report.rows.is_empty()) {
            report.peak = Some(Peak { time: (*time).into(), cores: at_peak(&report.rows) });
            excluded.at_peak = Some(0.0);
        }
        report.rows.sort_by(|a, b| a.order(b, &self.question.sort));
        if let Some(limit) = self.question.limit {
            let cut = report.rows.split_off(limit.min(report.rows.len()));
            excluded.avg += cut.iter().map(|row| row.stats.avg).sum::<f64>();
            (excluded.min, excluded.max) = (None, None);
            excluded.at_peak = report.peak.map(|_| at_peak(&cut));
        }
        report.excluded = Some(excluded);
        report.notes = notes;
        if self.extent.kind != SourceKind::Local {
            self.note_rows(&mut report);
        }
        report
    }

    /// Adds the notes on what rows of a server's report there are.
    fn note_rows(&self, report: &mut Report) {
        let threads = report.rows.iter().any(|row| row.thread.is_some());
        let groups = [Class::Host, Class::Kernel].iter().any(|class| self.question.filter.has_class(*class));
        if self.question.by == By::Thread && groups && !threads {
            report.notes.push("no series of threads in this window: rows are of their groups".to_owned());
        }
        if report.rows.is_empty() {
            let note = "no rows: the filters left out everything that has samples in this window";
            report.notes.push(note.to_owned());
        }
    }

    /// Takes the rows out of the results.
    fn rows(&mut self) -> Vec<Row> {
        let mut rows: BTreeMap<Key, Samples> = BTreeMap::new();
        let purposes =
            [Purpose::Groups, Purpose::Threads, Purpose::Pods, Purpose::PlacedPods, Purpose::Unnamed];
        for purpose in purposes {
            rows.extend(self.fetched.parts.remove(&purpose).unwrap_or_default());
        }
        if self.question.by == By::Thread {
            // Groups keep their rows if they have no thread.
            let threads: Vec<Key> = rows.keys().filter(|key| key.thread.is_some()).cloned().collect();
            threads.into_iter().for_each(|key| drop(rows.remove(&Key { thread: None, ..key })));
        }
        if matches!(self.question.by, By::Class | By::Namespace) {
            rows.extend(self.sums().into_iter().map(|(key, steps)| (key, Samples::Each(steps))));
        }
        rows.into_iter().filter_map(|(key, samples)| self.row(key, samples)).collect()
    }

    /// Adds up rows of classes or namespaces.
    fn sums(&self) -> BTreeMap<Key, Steps> {
        let (question, count) = (self.question, self.extent.points);
        let mut rows: BTreeMap<Key, Steps> = BTreeMap::new();
        let mut add = |key: Key, steps: &Steps| {
            rows.entry(key).or_insert_with(|| Steps::absent(count)).add_all(steps);
        };
        let is_pod = |class: Class| matches!(class, Class::Infra | Class::Workload);
        let shows = |class: Class| question.filter.has_class(class) && !is_pod(class);
        if question.of_nodes() {
            let on_nodes = each(&self.fetched, Purpose::OnNodes).filter(|(key, _)| shows(key.class));
            on_nodes.for_each(|(key, steps)| add(key.clone(), steps));
        } else {
            let classes = self.totals.classes.iter().filter(|(class, _)| shows(**class));
            classes.for_each(|(class, steps)| add(Key::of_class(*class), steps));
        }
        let placed = self.extent.kind == SourceKind::Platform && question.of_nodes();
        let without_own = question.filter.leaves_out_own();
        let namespaces = each(&self.fetched, Purpose::Namespaces).filter(|_| !placed);
        let own = |key: &&Key| key.namespace.as_deref() == Some(OWN_NAMESPACE);
        let namespaces = namespaces.filter(|(key, _)| !(without_own && own(key)));
        for (key, steps) in namespaces.chain(each(&self.fetched, Purpose::Neighbours)) {
            if question.filter.has_namespace(key.namespace.as_deref().unwrap_or_default()) {
                let namespace = key.namespace.clone().filter(|_| question.by == By::Namespace);
                add(Key { namespace, ..key.clone() }, steps);
            }
        }
        rows
    }

    fn row(&self, key: Key, samples: Samples) -> Option<Row> {
        let question = self.question;
        let at_peak = self.peak.as_ref().map(|peak| {
            let cores = match &samples {
                Samples::Each(steps) => steps.at(peak.step),
                Samples::Statistics(_) => peak.cores.get(&key).copied(),
            };
            cores.unwrap_or(0.0)
        });
        let figures = match samples {
            Samples::Each(steps) => steps.figures(&question.quantiles(), question.trend)?,
            Samples::Statistics(figures) => figures,
        };
        let Key { class, namespace, name, workload_type, node, thread, cpuset } = key;
        // Rows that the exporter always has, parts by set of CPUs, and pods without a name, are shown only if they used
        // something.
        const STARTING: &str = "(starting)";
        let may_be_nothing = class == Class::Pod
            || name == STARTING
            || thread.as_deref() == Some(STARTING)
            || cpuset.is_some();
        if may_be_nothing && figures.max == 0.0 {
            return None;
        }
        let node = node.or_else(|| {
            let of_pod = !name.is_empty() && question.by != By::Workload;
            let namespace = namespace.as_ref().filter(|_| of_pod)?;
            let known = self.fetched.last_nodes.get(&(namespace.clone(), name.clone()));
            Some(known.cloned().unwrap_or_default())
        });
        let names = question.percentiles.iter().map(|percentile| percentile.name.clone());
        Some(Row {
            class,
            namespace,
            name,
            workload_type,
            node,
            thread,
            cpuset,
            stats: figures.stats(self.extent.expected),
            percentiles: (!question.percentiles.is_empty())
                .then(|| Percentiles(names.zip(figures.quantiles.iter().copied()).collect())),
            // A window that is no multiple of the step may hold one sample more.
            present: figures.samples.map(|samples| (samples / self.extent.expected).min(1.0)),
            at_peak,
            trend: figures.trend,
        })
    }
}

/// Iterates over what the queries of a purpose returned, as far as it is samples.
fn each(fetched: &Fetched, purpose: Purpose) -> impl Iterator<Item = (&Key, &Steps)> {
    let parts = fetched.parts.get(&purpose).into_iter().flatten();
    parts.filter_map(|(key, samples)| match samples {
        Samples::Each(steps) => Some((key, steps)),
        Samples::Statistics(_) => None,
    })
}
