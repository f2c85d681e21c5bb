//! The samples of one measurement, and the report of them. Averages are totals over the whole time; extremes and
//! percentiles are over the samples, each by its own length.
use super::filter::Filter;
use super::question::{By, Question};
use super::span::Span;
use crate::report::{Class, ClassTotal, Percentiles, Report, Row, Source, SourceKind, Stats, Steps};
use process_exporter::{Class as Counted, Reading};
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
    last: Reading,
    /// How long each step was, seconds.
    steps: Vec<f64>,
    /// The groups or, where those are asked for, their threads; either way all of them.
    parts: BTreeMap<Key, Samples>,
    by_thread: bool,
    busy: Samples,
}

impl Course {
    /// Begins with a reading that nothing is known before.
    pub(super) fn new(first: Reading, by_thread: bool) -> Course {
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
    pub(super) fn take(&mut self, now: Reading) {
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
                part((key.0, &key.1, ""), used, now.alive.contains(key));
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
        let names = question.percentiles.iter().map(|percentile| percentile.name.clone());
        let quantiles = self.cores.figures(&question.quantiles())?.quantiles;
        Some(Row {
            class,
            namespace: None,
            name: name.to_owned(),
            node: node.map(str::to_owned),
            thread: Some(thread).filter(|thread| !thread.is_empty()).map(str::to_owned),
            stats: self.stats(length)?,
            percentiles: (!quantiles.is_empty()).then(|| Percentiles(names.zip(quantiles).collect())),
            present: Some(self.cores.samples() as f64 / self.cores.count() as f64),
            course: self.cores.course(question.course),
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
    }
}

#[cfg(test)]
mod tests {
    use super::{Counted, Course, Question, Reading, Span, class};
    use crate::report::{Class, Report, Row, SortBy, Stats};
    use crate::top::{By, Filter, Percentile};
    use process_exporter::Cpu;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    /// Steps of 1, 1 and 2 seconds. `sshd` uses 0.5, 0.5 and 2 CPU seconds; `once` 0.2 in the first step and ends in
    /// the second; the pods come in the second and use 1 and 1; and 0.1, 0 and -0.2 are nobody's.
    fn course(by_thread: bool) -> Course {
        let begin = Instant::now();
        let reading = |seconds, groups: &[(Counted, &str, u64, bool)], busy: u64| {
            let key = |class: Counted, name: &str| (class, Arc::from(name));
            let cpu = |ms: u64| Cpu { user_us: ms * 1000, system_us: 0 };
            let mut reading = Reading::empty(begin + Duration::from_secs(seconds));
            reading.groups =
                groups.iter().map(|(class, name, ms, _)| (key(*class, name), cpu(*ms))).collect();
            let alive = groups.iter().filter(|group| group.3);
            reading.alive = alive.map(|(class, name, ..)| key(*class, name)).collect();
            reading.busy = [("user", busy * 1000)].into();
            // One thread's name for each, and a rest that exited.
            for (class, name, ms, alive) in groups {
                let (class, group) = key(*class, name);
                let exited = (class, Arc::clone(&group), Arc::from("(exited)"));
                reading.threads.insert(exited, cpu(ms / 4));
                let main = (class, group, Arc::from("main"));
                reading.threads.insert(main.clone(), cpu(ms - ms / 4));
                reading.thread_counts.extend(alive.then_some((main, 1)));
            }
            reading
        };
        let (host, pod) = (Counted::Host, Counted::Pod);
        let mut course = Course::new(reading(0, &[(host, "sshd", 0, true)], 0), by_thread);
        course.take(reading(1, &[(host, "sshd", 500, true), (host, "once", 200, true)], 800));
        let second = [(host, "sshd", 1000, true), (host, "once", 200, false), (pod, "conmon", 1000, true)];
        course.take(reading(2, &second, 2300));
        let third = [(host, "sshd", 3000, true), (host, "once", 200, false), (pod, "conmon", 2000, true)];
        course.take(reading(4, &third, 5100));
        course
    }

    fn question() -> Question {
        Question {
            end: 0,
            interval: 4000,
            by: By::Group,
            per_node: false,
            filter: Filter::default(),
            percentiles: Vec::new(),
            present: true,
            course: 0,
            sort: SortBy::Avg,
            limit: None,
        }
    }

    fn report(question: &Question) -> Report {
        course(question.by == By::Thread).report(question, Some("laptop"), Span { start: 0, end: 4000 }, 1000)
    }

    /// Equal but for rounding.
    fn assert_near(stats: Stats, avg: f64, min: f64, max: f64) {
        let apart = [stats.avg - avg, stats.min - min, stats.max - max];
        assert!(apart.iter().all(|difference| difference.abs() < 1e-9), "{stats:?} is not {avg} {min} {max}");
    }

    #[test]
    fn averages_are_totals_and_extremes_are_of_the_steps() {
        let report = report(&question());
        let names: Vec<&str> = report.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["sshd", "conmon", "once"]);
        assert_near(report.rows[0].stats, 0.75, 0.5, 1.0);
        assert_near(report.rows[1].stats, 0.5, 0.5, 1.0);
        // Who is gone has no sample, and so no minimum of zero.
        assert_near(report.rows[2].stats, 0.05, 0.2, 0.2);
        assert_eq!(
            report.rows.iter().map(|row| (row.present.unwrap() * 3.0).round()).collect::<Vec<_>>(),
            [3.0, 2.0, 1.0]
        );
        assert_near(report.classes[0].stats, 0.8, 0.5, 1.0);
        assert_near(report.busy.unwrap(), 1.275, 0.8, 1.5);
        assert_near(report.unattributed.unwrap(), -0.025, -0.1, 0.1);
        assert_eq!(report.left_out, Some(Stats::ZERO));
    }

    #[test]
    fn what_is_forgotten_is_as_if_it_had_not_been() {
        let mut course = course(false);
        course.forget(1);
        assert_eq!(course.length(), Duration::from_secs(2));
        let report = course.report(&question(), None, Span { start: 2000, end: 4000 }, 1000);
        let names: Vec<&str> = report.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["sshd", "conmon"]);
        assert_near(report.rows[0].stats, 1.0, 1.0, 1.0);
        assert_near(report.busy.unwrap(), 1.4, 1.4, 1.4);
    }

    #[test]
    fn what_has_no_row_is_left_out_step_by_step() {
        let host = Filter { classes: vec![Class::Host], ..Filter::default() };
        let elsewhere = Filter { nodes: Some(vec!["server".to_owned()]), ..Filter::default() };
        let here = Filter { nodes: Some(vec!["laptop".to_owned()]), ..Filter::default() };
        let shop = Filter { namespace: Some("shop".to_owned()), ..Filter::default() };
        let cases = [
            (Filter::default(), Some(1), &["sshd"][..], [0.55, 0.2, 1.0]),
            (host.clone(), None, &["sshd", "once"], [0.5, 0.0, 1.0]),
            (host, Some(1), &["sshd"], [0.55, 0.2, 1.0]),
            (elsewhere, None, &[], [1.3, 0.7, 1.5]),
            (here, Some(9), &["sshd", "conmon", "once"], [0.0, 0.0, 0.0]),
            (shop, None, &[], [1.3, 0.7, 1.5]),
        ];
        for (filter, limit, names, [avg, min, max]) in cases {
            let report = report(&Question { filter, limit, ..question() });
            assert_eq!(report.rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), names);
            assert_near(report.left_out.unwrap(), avg, min, max);
            assert_eq!(report.classes.len(), 2, "totals are before any filter");
        }
    }

    #[test]
    fn rows_of_threads_add_up_to_their_groups() {
        let report = report(&Question { by: By::Thread, ..question() });
        let row = |name: &str, thread: &str| {
            let named = |row: &&Row| row.name == name && row.thread.as_deref() == Some(thread);
            report.rows.iter().find(named).unwrap().stats.avg
        };
        assert!((row("sshd", "main") - 0.75 * 0.75).abs() < 1e-9);
        assert!((row("sshd", "(exited)") - 0.75 * 0.25).abs() < 1e-9);
        assert_eq!(report.rows.len(), 6);
        assert_near(report.classes[0].stats, 0.8, 0.5, 1.0);
        assert_near(report.unattributed.unwrap(), -0.025, -0.1, 0.1);
    }

    #[test]
    fn a_row_of_a_class_is_the_sum_of_its_groups() {
        let percentiles = vec![Percentile { name: "p50".to_owned(), share: 0.5 }];
        let question = Question { by: By::Namespace, per_node: true, percentiles, ..question() };
        let report = report(&question);
        assert_eq!(
            report.rows.iter().map(|row| row.class).collect::<Vec<_>>(),
            [Class::Host, class(Counted::Pod)]
        );
        assert!(report.rows.iter().all(|row| row.name.is_empty() && row.node.as_deref() == Some("laptop")));
        assert_near(report.rows[0].stats, 0.8, 0.5, 1.0);
        let median = report.rows[0].percentiles.as_ref().and_then(|all| all.get("p50")).unwrap();
        assert!((median - 0.7).abs() < 1e-9, "{median}");
    }
}
