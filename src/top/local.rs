//! `top --local`: this machine's own kernel, through the exporter's library, reported in the same form.
use super::question::{By, Question};
use super::rhythm::Span;
use super::time;
use crate::report::{Class, ClassTotal, Report, Row, Source, SourceKind, Stats};
use anyhow::{Context, Result};
use process_exporter::{Method, Node, Paths, Reading};
use std::collections::BTreeMap;
use std::time::Duration;

/// Time between two samples.
const STEP: Duration = Duration::from_secs(1);

/// Measures for the question's interval, or until Ctrl-C, and reports it.
pub(super) async fn measure(question: &Question) -> Result<Report> {
    let mut node = Node::open(&Paths { procfs: "/proc".into(), cgroupfs: None })
        .context("cannot measure this machine")?;
    let interval = Duration::from_millis(question.interval.unsigned_abs());
    let begin = jiff::Timestamp::now();
    let first = node.pass().context("cannot measure this machine")?;
    let started = first.at;
    let mut course = Course::new(first);
    // One listener for the whole course: a Ctrl-C during a pass is not lost.
    let mut ctrl_c = std::pin::pin!(tokio::signal::ctrl_c());
    let mut interrupted = false;
    while !interrupted && course.last.at.duration_since(started) < interval {
        let left = interval.saturating_sub(started.elapsed());
        // A last step of less than half its length would make extremes of its noise: it joins the one before.
        let nap = if left < STEP + STEP / 2 { left } else { STEP };
        tokio::select! {
            () = tokio::time::sleep(nap) => {}
            signal = &mut ctrl_c => interrupted = signal.is_ok(),
        }
        course.take(node.pass().context("cannot measure this machine")?);
    }
    let length = course.last.at.duration_since(started);
    let start = begin.as_millisecond();
    let span = Span { start, end: start + i64::try_from(length.as_millis()).unwrap_or(i64::MAX) };
    let mut report = course.report(question, span, length.as_secs_f64());
    if interrupted {
        report.notes.push(format!(
            "interrupted: measured {} of {}",
            time::show_duration(span.length()),
            time::show_duration(question.interval)
        ));
    }
    if node.method() == Method::Process {
        report.notes.push(
            "no cgroup v2 tree to see: counted by process; what short-lived children used is known once their parent has waited for them".to_owned(),
        );
    }
    Ok(report)
}

/// A group's totals and extremes over the samples taken so far.
#[derive(Debug, Clone, Copy)]
struct Run {
    used_us: u64,
    min: f64,
    max: f64,
    samples: u32,
}

impl Run {
    /// Adds a sample: CPU used, in a step of so many seconds.
    fn add(run: &mut Option<Run>, used_us: u64, seconds: f64) {
        let cores = used_us as f64 / 1e6 / seconds;
        *run = Some(match *run {
            None => Run { used_us, min: cores, max: cores, samples: 1 },
            Some(so_far) => Run {
                used_us: so_far.used_us + used_us,
                min: so_far.min.min(cores),
                max: so_far.max.max(cores),
                samples: so_far.samples + 1,
            },
        });
    }

    fn stats(self, seconds: f64) -> Stats {
        Stats { avg: self.used_us as f64 / 1e6 / seconds, min: self.min, max: self.max }
    }
}

/// The samples of a measurement, folded as they come.
struct Course {
    last: Reading,
    samples: u32,
    rows: BTreeMap<(Class, String), Option<Run>>,
    classes: BTreeMap<Class, Option<Run>>,
    busy: Option<Run>,
    /// Busy less groups, µs and cores; signed.
    unattributed: Vec<f64>,
}

impl Course {
    fn new(first: Reading) -> Course {
        let (rows, classes) = (BTreeMap::new(), BTreeMap::new());
        Course { last: first, samples: 0, rows, classes, busy: None, unattributed: Vec::new() }
    }

    fn take(&mut self, now: Reading) {
        let seconds = now.at.duration_since(self.last.at).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let mut classes: BTreeMap<Class, u64> = BTreeMap::new();
        for (key, cpu) in &now.groups {
            let before = self.last.groups.get(key).map_or(0, |cpu| cpu.total_us());
            let used = cpu.total_us().saturating_sub(before);
            let class = class(key.0);
            Run::add(self.rows.entry((class, key.1.clone())).or_default(), used, seconds);
            *classes.entry(class).or_default() += used;
        }
        let busy: u64 = now
            .busy
            .iter()
            .map(|(mode, us)| us.saturating_sub(self.last.busy.get(mode).copied().unwrap_or(0)))
            .sum();
        let attributed: u64 = classes.values().sum();
        self.unattributed.push((busy as f64 - attributed as f64) / 1e6 / seconds);
        for (class, used) in classes {
            Run::add(self.classes.entry(class).or_default(), used, seconds);
        }
        Run::add(&mut self.busy, busy, seconds);
        self.samples += 1;
        self.last = now;
    }

    fn report(self, question: &Question, span: Span, seconds: f64) -> Report {
        let mut report = Report::new(
            span.window(i64::try_from(STEP.as_millis()).unwrap_or(0).min(span.length())),
            Source { kind: SourceKind::Local, url: None, nodes: 1 },
        );
        let stats = |run: &Option<Run>| run.map(|run| run.stats(seconds));
        let present =
            |run: &Option<Run>| f64::from(run.map_or(0, |run| run.samples)) / f64::from(self.samples.max(1));
        let row = |class: Class, name: String, run: &Option<Run>| {
            Some(Row { class, namespace: None, name, node: None, stats: stats(run)?, present: present(run) })
        };
        report.rows = match question.by {
            By::Group => {
                self.rows.iter().filter_map(|((class, name), run)| row(*class, name.clone(), run)).collect()
            }
            By::Class | By::Namespace => {
                self.classes.iter().filter_map(|(class, run)| row(*class, String::new(), run)).collect()
            }
        };
        report.classes = self
            .classes
            .iter()
            .filter_map(|(class, run)| Some(ClassTotal { class: *class, stats: stats(run)? }))
            .collect();
        report.busy = stats(&self.busy);
        let attributed: f64 = report.classes.iter().map(|total| total.stats.avg).sum();
        report.unattributed = report.busy.map(|busy| Stats {
            avg: busy.avg - attributed,
            min: self.unattributed.iter().copied().fold(f64::INFINITY, f64::min),
            max: self.unattributed.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        });
        report.left_out = Some(Stats::ZERO);
        report.sort(question.sort);
        report
    }
}

fn class(class: process_exporter::Class) -> Class {
    match class {
        process_exporter::Class::Host => Class::Host,
        process_exporter::Class::Kernel => Class::Kernel,
        process_exporter::Class::Pod => Class::Pod,
    }
}
