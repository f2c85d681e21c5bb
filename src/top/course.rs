//! The samples of one measurement, and the report of them. Averages are totals over the whole time; extremes and
//! percentiles are over the samples, each by its own length.
use super::filter::Filter;
use super::question::{By, Question};
use crate::query::Span;
use crate::report::{Class, ClassTotal, Figures, Percentiles, Report, Row, Source, SourceKind, Stats, Steps};
use node_cpu::{Class as Counted, Snapshot};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Class, group and thread, each empty where a row is of more.
type Key = (Class, String, String);

/// A row's class, name and thread, likewise.
type RowKey<'a> = (Class, &'a str, &'a str);

/// What one thing used: CPU seconds, with the step in which it did. Where it was not there it has none.
type Samples = Vec<(usize, f64)>;

/// Everything that was read.
#[derive(Debug)]
pub(super) struct Course {
    started: Instant,
    last: Snapshot,
    /// How long each step was, seconds.
    steps: Vec<f64>,
    /// The groups or, where those are asked for, their threads; either way all of them.
    parts: BTreeMap<Key, Samples>,
    by_thread: bool,
    busy: Samples,
}

impl Course {
    /// Begins with a reading that nothing is known before.
    pub(super) fn new(first: Snapshot, by_thread: bool) -> Course {
        let (steps, parts, busy) = (Vec::new(), BTreeMap::new(), Vec::new());
        Course { started: first.at, last: first, steps, parts, by_thread, busy }
    }

    /// How long it is so far.
    pub(super) fn length(&self) -> Duration {
        self.last.at.duration_since(self.started)
    }

    /// When the last step ended.
    pub(super) fn end(&self) -> Instant {
        self.last.at
    }

    /// One more step: what grew since the reading before.
    pub(super) fn take(&mut self, now: Snapshot) {
        let step = self.steps.len();
        let grown = |now: u64, before: Option<u64>| now.saturating_sub(before.unwrap_or(0)) as f64 / 1e6;
        let mut part = |(of, name, thread): (Counted, &str, &str), used, alive| {
            // The totals hold also those that are gone.
            if used > 0.0 || alive {
                let key = (class(of), name.to_owned(), thread.to_owned());
                self.parts.entry(key).or_default().push((step, used));
            }
        };
        if self.by_thread {
            for (key, cpu) in &now.threads {
                let used = grown(cpu.total_us(), self.last.threads.get(key).map(|cpu| cpu.total_us()));
                part((key.0, &key.1, &key.2), used, now.thread_counts.contains_key(key));
            }
        } else {
            for (key, cpu) in &now.groups {
                let used = grown(cpu.total_us(), self.last.groups.get(key).map(|cpu| cpu.total_us()));
                // The group of all pods is there before there is any.
                let is_there = key.0 != Counted::Pod || cpu.total_us() > 0;
                part((key.0, &key.1, ""), used, is_there && now.alive.contains(key));
            }
        }
        let modes = now.busy.iter().map(|(mode, us)| grown(*us, self.last.busy.get(mode).copied()));
        self.busy.push((step, modes.sum()));
        self.steps.push(now.at.duration_since(self.last.at).as_secs_f64());
        self.last = now;
    }

    /// Forgets the oldest steps where there are more than so many.
    pub(super) fn forget(&mut self, most: usize) {
        let gone = self.steps.len().saturating_sub(most);
        self.started += self.steps.drain(..gone).map(Duration::from_secs_f64).sum::<Duration>();
        for samples in self.parts.values_mut().chain([&mut self.busy]) {
            samples.retain(|(step, _)| *step >= gone);
            samples.iter_mut().for_each(|(step, _)| *step -= gone);
        }
        self.parts.retain(|_, samples| !samples.is_empty());
    }

    /// The report; `host` is this node's name, where the question is of nodes, `step` the usual milliseconds.
    pub(super) fn report(&self, question: &Question, host: Option<&str>, span: Span, step: i64) -> Report {
        let source = Source::new(SourceKind::Local, 1);
        let mut report = Report::new(span.window(step), source);
        report.percentiles = question.names();
        if self.steps.is_empty() {
            return report;
        }
        let here = host.is_none_or(|host| question.filter.has_node(host));
        let (mut rows, mut classes) = (BTreeMap::new(), BTreeMap::new());
        let (mut groups, mut left_out) = (self.nothing(), self.nothing());
        for ((class, name, thread), samples) in &self.parts {
            let name = if matches!(question.by, By::Group | By::Thread) { name.as_str() } else { "" };
            let shown = here && has_class(&question.filter, *class);
            let row = if shown {
                rows.entry((*class, name, thread.as_str())).or_insert_with(|| self.absent())
            } else {
                &mut left_out
            };
            let class = classes.entry(*class).or_insert_with(|| self.absent());
            [row, class, &mut groups].into_iter().for_each(|sum| sum.add(samples, &self.steps));
        }
        let length = self.length().as_secs_f64();
        let node = host.filter(|_| question.per_node);
        let row = |((class, name, thread), used): (&RowKey<'_>, &Used)| {
            used.row(question, (*class, name, thread), node, length)
        };
        report.rows = rows.iter().filter_map(row).collect();
        report.rows.sort_by(|a, b| a.order(b, &question.sort));
        let kept = question.limit.unwrap_or(usize::MAX).min(report.rows.len());
        for row in report.rows.drain(kept..) {
            if let Some(used) =
                rows.get(&(row.class, row.name.as_str(), row.thread.as_deref().unwrap_or_default()))
            {
                left_out.add_all(used);
            }
        }
        let total =
            |(class, used): (&Class, &Used)| Some(ClassTotal { class: *class, stats: used.stats(length)? });
        report.classes = classes.iter().filter_map(total).collect();
        let mut busy = self.absent();
        busy.add(&self.busy, &self.steps);
        report.busy = busy.stats(length);
        report.unattributed = busy.minus(&groups).stats(length);
        report.left_out = left_out.stats(length);
        report
    }

    /// Something that was never there.
    fn absent(&self) -> Used {
        Used { seconds: 0.0, cores: Steps::absent(self.steps.len()) }
    }

    /// Something that was there all the time and used nothing.
    fn nothing(&self) -> Used {
        let mut nothing = self.absent();
        (0..self.steps.len()).for_each(|step| nothing.cores.add(step, 0.0));
        nothing
    }
}

/// What a row or a total used.
struct Used {
    seconds: f64,
    cores: Steps,
}

impl Used {
    fn add(&mut self, samples: &Samples, steps: &[f64]) {
        for (step, used) in samples {
            self.seconds += used;
            self.cores.add(*step, used / steps.get(*step).copied().unwrap_or(f64::NAN));
        }
    }

    fn add_all(&mut self, other: &Used) {
        self.seconds += other.seconds;
        self.cores.add_all(&other.cores);
    }

    fn minus(&self, other: &Used) -> Used {
        Used { seconds: self.seconds - other.seconds, cores: self.cores.minus(&other.cores) }
    }

    /// Over so many seconds; none where it was never there.
    fn stats(&self, length: f64) -> Option<Stats> {
        // The steps differ a little in length, so that their mean is not quite the average.
        Some(Stats { avg: self.seconds / length, ..self.cores.stats(1.0)? })
    }

    fn row(
        &self,
        question: &Question,
        (class, name, thread): RowKey<'_>,
        node: Option<&str>,
        length: f64,
    ) -> Option<Row> {
        let Figures { quantiles, course, .. } = self.cores.figures(&question.quantiles(), question.course)?;
        Some(Row {
            class,
            namespace: None,
            name: name.to_owned(),
            node: node.map(str::to_owned),
            thread: Some(thread).filter(|thread| !thread.is_empty()).map(str::to_owned),
            stats: self.stats(length)?,
            percentiles: (!quantiles.is_empty())
                .then(|| Percentiles(question.names().into_iter().zip(quantiles).collect())),
            present: Some(self.cores.samples() as f64 / self.cores.count() as f64),
            course,
        })
    }
}

/// Whether a class has rows. The kernel does not tell whose a pod is: its class is both infra and workload.
fn has_class(filter: &Filter, class: Class) -> bool {
    match class {
        Class::Pod => {
            let either = filter.has_class(Class::Infra) || filter.has_class(Class::Workload);
            either && filter.namespace.is_none()
        }
        class => filter.has_class(class),
    }
}

fn class(class: Counted) -> Class {
    match class {
        Counted::Host => Class::Host,
        Counted::Kernel => Class::Kernel,
        Counted::Pod => Class::Pod,
        Counted::Infra => Class::Infra,
        Counted::Workload => Class::Workload,
    }
}

#[cfg(test)]
mod tests;
