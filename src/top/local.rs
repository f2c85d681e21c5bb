//! `top --local`: this machine's own kernel, by the exporter's own counting, reported in the same form. Decides when to
//! take samples and when to stop, and notes what could not be seen; `recording` evaluates the samples.
use super::key::Key;
use super::question::{By, Question, SourceChoice};
use super::recording::Recording;
use crate::progress::Progress;
use crate::prometheus::Grid;
use crate::query::Span;
use crate::report::{Report, Steps};
use crate::time::{Timestamp, show_duration};
use anyhow::{Context, Result, ensure};
use node_cpu::{Detail, Node, Paths};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Shortest time between two samples, and their greatest number: longer intervals have longer steps, so that neither the
/// memory for samples nor the load on the machine grows without an end.
const STEP: Duration = Duration::from_secs(1);
const MOST_STEPS: u32 = 3600;
/// Longest recording whose end is not known: a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

const CANNOT: &str = "cannot measure this machine";

/// Measures for the question's interval, or until Ctrl-C, and makes the report. Errors if the kernel's counters cannot be
/// read, or there are none.
pub(super) async fn measure(question: &Question) -> Result<Report> {
    let interval = question.interval;
    let step = step_of(interval);
    let (machine, interrupted) = sample(question, Some(interval), step, std::future::pending()).await?;
    let mut report = machine.report(question, step.min(interval));
    if report.busy.is_none() {
        report.notes.insert(0, "no rows: interrupted before the first sample".to_owned());
    } else if interrupted {
        let (length, asked) = (machine.recording.length().as_secs_f64(), show_duration(question.interval));
        report.notes.insert(0, format!("interrupted after {length:.1} s of {asked}"));
    }
    Ok(report)
}

/// Samples of this machine on a grid.
#[derive(Debug)]
pub struct Recorded {
    pub(crate) node: String,
    pub(crate) grid: Grid,
    pub(crate) parts: BTreeMap<Key, Steps>,
    pub(crate) busy: Steps,
    pub(crate) notes: Vec<String>,
}

/// Records this machine for an interval (`None`: until the future ends, or Ctrl-C). Errors if the kernel's counters cannot be
/// read, or it was interrupted before the first sample.
pub async fn record(interval: Option<Duration>, until: impl Future<Output = ()>) -> Result<Recorded> {
    let step = step_of(interval.unwrap_or(STEP));
    let length = interval.unwrap_or_default();
    let mut question = Question::of_all(SourceChoice::Auto, Timestamp::now(), length, By::Group);
    question.per_node = true;
    let (machine, interrupted) = sample(&question, interval, step, until).await?;
    ensure!(!machine.recording.is_empty(), "interrupted before the first sample");
    let (parts, busy) = machine.recording.on_grid(step);
    let (length, points) = (machine.recording.length(), busy.count() as u32);
    let end = Timestamp::now() - machine.recording.end().elapsed();
    // Whole milliseconds, as the times of a grid are.
    let step = Duration::from_millis((length / points).as_millis().max(1) as u64);
    let grid = Grid { start: end - step * (points - 1), end, step };
    let mut notes = machine.node.limits();
    if let Some(interval) = interval.filter(|_| interrupted) {
        let (length, asked) = (length.as_secs_f64(), show_duration(interval));
        notes.insert(0, format!("interrupted after {length:.1} s of {asked}"));
    }
    Ok(Recorded { node: machine.host.unwrap_or_default(), grid, parts, busy, notes })
}

/// Returns the time between two samples of an interval.
fn step_of(interval: Duration) -> Duration {
    STEP.max(interval / MOST_STEPS)
}

/// Takes samples for an interval, until a future ends, or Ctrl-C. The second value is true after Ctrl-C.
async fn sample(
    question: &Question,
    interval: Option<Duration>,
    step: Duration,
    until: impl Future<Output = ()>,
) -> Result<(Machine, bool)> {
    const DEAF: &str = "cannot listen for Ctrl-C";
    let (mut ctrl_c, mut interrupted) = (std::pin::pin!(tokio::signal::ctrl_c()), false);
    // The signal is heard from the first poll on: before, Ctrl-C would end the program.
    tokio::select! {
        biased;
        signal = &mut ctrl_c => { signal.context(DEAF)?; interrupted = true; }
        () = std::future::ready(()) => {}
    }
    let (mut until, mut ended) = (std::pin::pin!(until), false);
    let mut machine = Machine::open(question)?;
    let started = machine.started;
    let progress = interval.map(|interval| {
        Progress::start(format!("measuring for {}, Ctrl-C ends it", show_duration(interval)))
    });
    let longest = interval.unwrap_or(LONGEST);
    while !(interrupted || ended)
        && let Some(due) = due(machine.recording.length(), longest, step)
    {
        tokio::select! {
            () = tokio::time::sleep_until((started + due).into()) => {}
            signal = &mut ctrl_c => { signal.context(DEAF)?; interrupted = true; }
            () = &mut until => ended = true,
        }
        let length = machine.recording.length();
        if interrupted && started.elapsed().saturating_sub(length) < step / 2 {
            break;
        }
        machine.sample()?;
        if let (Some(progress), Some(interval)) = (&progress, interval) {
            progress.set(machine.recording.length().div_duration_f64(interval));
        }
    }
    Ok((machine, interrupted))
}

/// Repeated measurement of this machine.
#[derive(Debug)]
pub struct LocalWatch {
    machine: Machine,
    question: Question,
    step: Duration,
}

impl LocalWatch {
    /// Takes the first sample; `step` is the time to each next one. Errors are those of one measurement.
    pub fn start(question: Question, step: Duration) -> Result<LocalWatch> {
        Ok(LocalWatch { machine: Machine::open(&question)?, question, step })
    }

    /// Takes a sample and reports the last interval.
    pub fn report(&mut self) -> Result<Report> {
        self.machine.sample()?;
        let steps = self.question.interval.div_duration_f64(self.step).round() as usize;
        self.machine.recording.keep_newest(steps.clamp(1, MOST_STEPS as usize));
        Ok(self.machine.report(&self.question, self.step))
    }
}

/// This machine's counters, and the samples of them.
#[derive(Debug)]
struct Machine {
    node: Node,
    recording: Recording,
    /// Name of the machine, if the question is of nodes.
    host: Option<String>,
    started: Instant,
}

impl Machine {
    /// Takes the first sample.
    fn open(question: &Question) -> Result<Machine> {
        let detail = Detail { threads: question.by == By::Thread };
        let paths = Paths { procfs: "/proc".into(), cgroupfs: None };
        let mut node = Node::open(&paths, detail).context(CANNOT)?;
        let host = if question.of_nodes() { Some(host_name()?) } else { None };
        let first = node.pass().context(CANNOT)?;
        let started = first.at;
        Ok(Machine { node, recording: Recording::new(first, question.by), host, started })
    }

    fn sample(&mut self) -> Result<()> {
        self.recording.add(self.node.pass().context(CANNOT)?);
        Ok(())
    }

    /// Reports all that the recording holds, with steps of so long.
    fn report(&self, question: &Question, step: Duration) -> Report {
        let end = Timestamp::now() - self.recording.end().elapsed();
        let span = Span::ending(end, self.recording.length());
        let mut report = self.recording.report(question, self.host.as_deref(), span, step);
        report.notes.extend(notes(question, &report));
        report.notes.extend(self.node.limits());
        report
    }
}

/// Returns the time from the start to the next sample. `None` if the interval is over. The last step takes up to half a step
/// more: a step that is much shorter than the others would have extremes of noise.
fn due(now: Duration, interval: Duration, step: Duration) -> Option<Duration> {
    let next = step * (now.div_duration_f64(step).round() as u32 + 1);
    (now < interval).then_some(if next + step / 2 > interval { interval } else { next })
}

/// Returns the notes for a reader.
fn notes(question: &Question, report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    if report.busy.is_some() && report.rows.is_empty() {
        notes.push("no rows: the filters left out everything that this machine runs".to_owned());
    }
    if question.by == By::Workload {
        notes.push("this machine does not know the owners of its pods: rows are of pods".to_owned());
    }
    notes
}

/// Returns this machine's name, which is the node's.
fn host_name() -> Result<String> {
    const FILE: &str = "/proc/sys/kernel/hostname";
    let name = std::fs::read_to_string(FILE)
        .with_context(|| format!("cannot read this machine's name from {FILE}"))?;
    Ok(name.trim_end().to_owned())
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
