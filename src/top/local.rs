//! `top --local`: this machine's own kernel, through the exporter's library, reported in the same form. Here is when to
//! read it, when to stop, and what could not be seen; `course` makes rows and totals of what was read.
use super::course::Course;
use super::question::{By, Question};
use super::span::Span;
use super::time::show_duration;
use crate::progress::Progress;
use crate::report::{Class, Report};
use anyhow::{Context, Result};
use process_exporter::{Detail, Node, Paths};
use std::time::Duration;

/// Time between two samples, but for intervals of more than so many: then it is longer, so that neither the memory for
/// samples nor the load on the machine grows without an end.
const STEP: Duration = Duration::from_secs(1);
const MOST_STEPS: u32 = 3600;

/// Measures for the question's interval, or until Ctrl-C, and reports it. Errors where the kernel's counters cannot be
/// read, or where there are none.
pub(super) async fn measure(question: &Question) -> Result<Report> {
    const CANNOT: &str = "cannot measure this machine";
    const DEAF: &str = "cannot listen for Ctrl-C";
    let interval = Duration::from_millis(question.interval.unsigned_abs());
    let step = STEP.max(interval / MOST_STEPS);

    let (mut ctrl_c, mut interrupted) = (std::pin::pin!(tokio::signal::ctrl_c()), false);
    // It listens from its first poll on; until then Ctrl-C would end the program.
    tokio::select! {
        biased;
        signal = &mut ctrl_c => { signal.context(DEAF)?; interrupted = true; }
        () = std::future::ready(()) => {}
    }
    let detail = Detail { threads: question.by == By::Thread, ..Detail::default() };
    let mut node = Node::open(&Paths { procfs: "/proc".into(), cgroupfs: None }, detail).context(CANNOT)?;
    let host = if question.of_nodes() { Some(host_name()?) } else { None };
    let first = node.pass().context(CANNOT)?;
    let started = first.at;
    let start = jiff::Timestamp::now().as_millisecond() - milliseconds(started.elapsed());
    let mut course = Course::new(first, detail.threads);
    let progress =
        Progress::start(format!("measuring for {}, Ctrl-C ends it", show_duration(question.interval)));
    while !interrupted && let Some(due) = due(course.length(), interval, step) {
        tokio::select! {
            () = tokio::time::sleep_until((started + due).into()) => {}
            signal = &mut ctrl_c => { signal.context(DEAF)?; interrupted = true; }
        }
        if interrupted && started.elapsed().saturating_sub(course.length()) < step / 2 {
            break;
        }
        course.take(node.pass().context(CANNOT)?);
        progress.set(course.length().div_duration_f64(interval));
    }
    drop(progress);

    let span = Span { start, end: start + milliseconds(course.length()) };
    let mut report =
        course.report(question, host.as_deref(), span, milliseconds(step).min(question.interval));
    if report.busy.is_none() {
        report.notes.push("no rows: interrupted before the first sample".to_owned());
    } else if interrupted {
        let (length, asked) = (course.length().as_secs_f64(), show_duration(question.interval));
        report.notes.push(format!("interrupted after {length:.1} s of {asked}"));
    }
    report.notes.extend(lacks(question, &report));
    report.notes.extend(node.limits());
    Ok(report)
}

/// When the next sample is due, since the start; none when the interval is over. A step of less than half its length
/// would make extremes of its noise: what is left at the end joins the step before.
fn due(now: Duration, interval: Duration, step: Duration) -> Option<Duration> {
    let next = step * (now.div_duration_f64(step).round() as u32 + 1);
    (now < interval).then_some(if next + step / 2 > interval { interval } else { next })
}

/// What a reader would otherwise wonder about.
fn lacks(question: &Question, report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    if report.busy.is_some() && report.rows.is_empty() {
        notes.push("no rows: the filters left out everything that this machine runs".to_owned());
    }
    if !question.filter.classes.is_empty() && report.rows.iter().any(|row| row.class == Class::Pod) {
        notes.push("--local cannot tell infra from workload: all pods together are class pod".to_owned());
    }
    notes
}

/// This machine's name, which is the node's.
fn host_name() -> Result<String> {
    const FILE: &str = "/proc/sys/kernel/hostname";
    let name = std::fs::read_to_string(FILE)
        .with_context(|| format!("cannot read this machine's name from {FILE}"))?;
    Ok(name.trim_end().to_owned())
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::due;
    use std::time::Duration;

    #[test]
    fn steps_keep_to_the_clock_and_none_is_short() {
        let ms = Duration::from_millis;
        for (now, interval, expected) in [
            (0, 10_000, Some(1000)),
            (1003, 10_000, Some(2000)),
            (999, 10_000, Some(2000)),  // woken early
            (1700, 10_000, Some(3000)), // held up
            (8001, 9600, Some(9000)),
            (8001, 9400, Some(9400)),
            (0, 300, Some(300)),
            (10_002, 10_000, None),
        ] {
            assert_eq!(due(ms(now), ms(interval), ms(1000)), expected.map(ms), "{now} of {interval}");
        }
    }
}
