//! Run: one comparison, from its operands over sides, joined rows and verdicts to the report.
use super::blocks::BLOCKS;
use super::join::join;
use super::judge::{Judged, Limits, judge};
use super::level::Level;
use super::notes;
use super::operand::{FORMS, Operand};
use super::report::{Change, ClassComparison, Comparison, Findings};
use super::saved;
use super::side::Side;
use super::trends;
use crate::capture::{Case, Input, Needs};
use crate::openmetrics;
use crate::progress::Progress;
use crate::prometheus::Client;
use crate::query::Querier;
use crate::report::Class;
use crate::time::Timestamp;
use crate::top::{self, Question, SourceChoice};
use anyhow::{Context, Result, anyhow, ensure};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// Notes on a window.
const SAME_SOURCE: &str = "the platform's series are compared, since the other side has no others: --source exporter shows this one's";
const BY_NAMES: &str = "no series of the pods' owners in this window: pods are joined by their names alone";
/// Beginnings of notes of `top`: that rows are of pods, and that some pods have rows of their own. Here they have not.
const NO_OWNERS: &str = "no series of the pods' owners";
const SEVERAL_OWNERS: &str = "pods with several owners";

/// User's query: two operands, and what makes a difference a finding.
#[derive(Clone, Debug)]
pub struct Query {
    /// What is compared.
    pub a: Operand,
    /// What it is compared with.
    pub b: Operand,
    /// Level of the rows. `None`: workload, or as fine as the saved reports are.
    pub by: Option<Level>,
    /// Tolerance and floor.
    pub limits: Limits,
    /// Source of windows that is asked for.
    pub source: SourceChoice,
    /// Length of windows that have none of their own.
    pub interval: Duration,
    /// True if the exporter's own pods have rows too.
    pub exporter: bool,
}

/// Comparison whose files have been read.
#[derive(Debug)]
pub struct Prepared {
    query: Query,
    level: Level,
    read: [Read; 2],
}

/// An operand, as far as it can be read without a cluster.
#[derive(Debug)]
enum Read {
    /// Saved report.
    Side(Box<Side>),
    /// Samples of a file, and its path.
    Case(String, Box<Case>),
    /// Window of the cluster: as it was given, its end, and its length if it has one of its own.
    Window(String, Timestamp, Option<Duration>),
}

impl Read {
    fn side(&self) -> Option<&Side> {
        if let Read::Side(side) = self { Some(side) } else { None }
    }
}

/// Reads what a path holds: samples or a saved report. It is opened once, as a pipe has to be.
fn read_path(path: &Path) -> Result<Read> {
    let shown = path.display().to_string();
    let input = match path.is_dir() {
        true => None,
        false => Some(Input::open(path).map_err(|error| anyhow!("{error:#}; {FORMS}"))?),
    };
    let input = match input {
        Some(input) if !input.is_archive() && !openmetrics::begins(input.head()) => {
            return saved::read(path, input.reader()).map(Box::new).map(Read::Side);
        }
        other => other,
    };
    let _progress = Progress::start(format!("reading {shown}"));
    let case = Case::open(path, input, &shown, &[Needs::Rows])?;
    // Rows that are missing would be new or gone.
    ensure!(
        case.samples()?.is_whole,
        "cannot compare {shown}: it was cut, so that rows may be missing: get it whole"
    );
    Ok(Read::Case(shown, Box::new(case)))
}

impl Prepared {
    /// Reads the files. Errors if one cannot be read, or a saved report cannot tell the level that is asked for.
    pub fn new(query: Query) -> Result<Prepared> {
        let read = |operand: &Operand| match operand {
            Operand::Window { text, end, length } => Ok(Read::Window(text.clone(), *end, *length)),
            Operand::Path(path) => read_path(path),
        };
        let read = [read(&query.a)?, read(&query.b)?];
        let coarsest = read.iter().filter_map(Read::side).min_by_key(|side| side.level);
        let level = match (query.by, coarsest) {
            (Some(by), Some(side)) => {
                ensure!(
                    by <= side.level,
                    "{} has rows by {}, which do not tell those by {}: give --by {}, or save it with `top --by group`",
                    side.report.asked,
                    side.level.as_str(),
                    by.as_str(),
                    side.level.as_str()
                );
                by
            }
            (Some(by), None) => by,
            (None, side) => side.map_or(Level::Workload, |side| side.level.min(Level::Workload)),
        };
        Ok(Prepared { query, level, read })
    }

    /// Returns true if a side is a window of a cluster.
    pub fn needs_cluster(&self) -> bool {
        self.read.iter().any(|read| matches!(read, Read::Window(..)))
    }

    /// Compares. `client`: where windows of the cluster are fetched from. Errors are those of the client; or a window has no
    /// samples.
    pub async fn run(self, client: Option<&Client>) -> Result<Comparison> {
        let Prepared { query, level, read } = self;
        let [a, b] = Sides { query: &query, level, client }.fill(read).await?;
        Ok(compare(a, b, level, query.limits))
    }
}

/// Sides of a comparison, to be fetched.
struct Sides<'a> {
    query: &'a Query,
    level: Level,
    client: Option<&'a Client>,
}

impl Sides<'_> {
    /// Fetches the sides that are windows or samples of files. Those without a source of their own get that of the other side.
    async fn fill(&self, [read_a, read_b]: [Read; 2]) -> Result<[Side; 2]> {
        let progress = Progress::start("querying Prometheus");
        let saved = read_a.side().or(read_b.side());
        let choice = match (self.query.source, saved) {
            (SourceChoice::Auto, Some(other)) if other.is_platform() => SourceChoice::Platform,
            (choice, _) => choice,
        };
        let (was_a, was_b) = (read_a.side().is_some(), read_b.side().is_some());
        let (a, b) =
            tokio::try_join!(self.side(&read_a, choice, &progress), self.side(&read_b, choice, &progress))?;
        if choice != SourceChoice::Auto || a.is_platform() == b.is_platform() {
            return Ok([a, b]);
        }
        // The platform's own series may cover both windows: figures of one source compare better than those of two.
        let same = async |side: Side, was_saved: bool, read: &Read| {
            if side.is_platform() || was_saved {
                return side;
            }
            match self.side(read, SourceChoice::Platform, &progress).await {
                Ok(mut other) => {
                    other.report.notes.push(SAME_SOURCE.to_owned());
                    other
                }
                Err(_) => side,
            }
        };
        Ok([same(a, was_a, &read_a).await, same(b, was_b, &read_b).await])
    }

    /// Makes a side of what an operand is.
    async fn side(&self, read: &Read, source: SourceChoice, progress: &Progress) -> Result<Side> {
        match read {
            Read::Side(side) => Ok((**side).clone()),
            Read::Case(path, case) => {
                let samples = case.samples()?;
                let end = samples.end(source);
                samples.require(source, end, self.query.interval)?;
                let mut side = self.fetch(&samples.client, (path, end, None), source, progress).await?;
                side.report.notes.extend(case.notes.iter().cloned());
                Ok(side)
            }
            Read::Window(text, end, length) => {
                let client = self.client.context("a window needs a cluster")?;
                self.fetch(client, (text, *end, *length), source, progress).await
            }
        }
    }

    async fn fetch(
        &self,
        client: &Client,
        (text, end, length): (&str, Timestamp, Option<Duration>),
        source: SourceChoice,
        progress: &Progress,
    ) -> Result<Side> {
        let querier = Querier::new(client, progress);
        querier.learn_dialect().await?;
        let interval = length.unwrap_or(self.query.interval);
        let mut question = Question::of_all(source, end, interval, self.level.into());
        question.trend = BLOCKS;
        question.filter.exporter = self.query.exporter;
        question.node_names = self.level == Level::Workload;
        let mut report =
            top::report(&querier, &question).await.with_context(|| format!("cannot compare {text}"))?;
        ensure!(
            !report.rows.is_empty(),
            "cannot compare {text}: nothing has samples in the window to {end}; Prometheus may keep less, and \
             `oc interrogate status` tells what is wrong"
        );
        report.notes.retain(|note| !note.starts_with(SEVERAL_OWNERS));
        for note in report.notes.iter_mut().filter(|note| note.starts_with(NO_OWNERS)) {
            *note = BY_NAMES.to_owned();
        }
        Ok(Side::of_report(text, self.level, report))
    }
}

/// Compares two sides. No I/O.
fn compare(mut a: Side, mut b: Side, level: Level, limits: Limits) -> Comparison {
    let (nodes_a, nodes_b) = (a.report.nodes, b.report.nodes);
    let per_node = nodes_a != nodes_b && nodes_a > 0 && nodes_b > 0;
    if per_node {
        a.average();
        b.average();
    }
    let pairs = join(&a, &b, level);
    let trends = trends::of_pairs(&pairs, [&a.places, &b.places]);
    let Judged { rows, notes } = judge(pairs, &a, &b, limits);
    let mut all = notes::of_sides(&a, &b, per_node, limits);
    all.extend(notes);
    let classes: BTreeSet<Class> = a.classes.keys().chain(b.classes.keys()).copied().collect();
    let total = |side: &Side, class: &Class| {
        // A class that a source counts, and that has no series, used nothing.
        let nothing = side.knows(*class).then_some(0.0);
        side.classes.get(class).copied().or(nothing)
    };
    let classes = classes.into_iter().map(|class| {
        let change = Change::between(total(&a, &class), total(&b, &class));
        ClassComparison { class, change }
    });
    Comparison {
        api_version: "interrogate/v1",
        kind: "CpuComparison",
        unit: "cores",
        by: level,
        tolerance: limits.tolerance,
        floor: limits.floor,
        per_node,
        findings: Findings::count(&rows),
        classes: classes.collect(),
        busy: Change::between(a.busy, b.busy),
        unattributed: Change::of_rest(a.unattributed, b.unattributed),
        excluded: Change::between(a.excluded, b.excluded),
        rows,
        a: a.report,
        b: b.report,
        trends,
        notes: all,
    }
}

#[cfg(test)]
mod tests;
