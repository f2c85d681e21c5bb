//! Run: one comparison, from its operands over sides, joined rows and verdicts to the report.
use super::blocks::BLOCKS;
use super::courses;
use super::join::join;
use super::judge::{Judged, Limits, judge};
use super::level::Level;
use super::notes;
use super::operand::Operand;
use super::report::{Change, ClassComparison, Comparison, Findings};
use super::saved;
use super::side::Side;
use crate::progress::Progress;
use crate::prometheus::{Client, Size};
use crate::query::Querier;
use crate::report::Class;
use crate::time::Timestamp;
use crate::top::metric_names::{BUSY, POD_INFO};
use crate::top::{self, Question, SourceChoice};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::time::Duration;

/// Number of nodes that a list of their names is taken for.
const NODES: usize = 500;

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

/// Comparison whose saved reports have been read.
#[derive(Debug)]
pub struct Prepared {
    query: Query,
    level: Level,
    saved: [Option<Side>; 2],
}

impl Prepared {
    /// Reads the saved reports. Errors if one cannot be read, or cannot tell the level that is asked for.
    pub fn new(query: Query) -> Result<Prepared> {
        let read = |operand: &Operand| match operand {
            Operand::Window { .. } => Ok(None),
            Operand::Saved(path) => saved::read(path).map(Some),
        };
        let saved = [read(&query.a)?, read(&query.b)?];
        let coarsest = saved.iter().flatten().min_by_key(|side| side.level);
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
        Ok(Prepared { query, level, saved })
    }

    /// Returns true if a side is a window of a cluster.
    pub fn needs_cluster(&self) -> bool {
        self.saved.iter().any(Option::is_none)
    }

    /// Compares. `client`: where windows are fetched from. Errors are those of the client; or a window has no samples.
    pub async fn run(self, client: Option<&Client>) -> Result<Comparison> {
        let Prepared { query, level, saved } = self;
        let [a, b] = match (saved, client) {
            ([Some(a), Some(b)], _) => [a, b],
            (saved, Some(client)) => Windows { query: &query, level, client }.fill(saved).await?,
            (_, None) => anyhow::bail!("a window needs a cluster"),
        };
        Ok(compare(a, b, level, query.limits))
    }
}

/// Windows of a cluster.
struct Windows<'a> {
    query: &'a Query,
    level: Level,
    client: &'a Client,
}

impl Windows<'_> {
    /// Fetches the sides that are windows. Those without a source of their own get that of the other side.
    async fn fill(&self, [a, b]: [Option<Side>; 2]) -> Result<[Side; 2]> {
        let progress = Progress::start("querying Prometheus");
        let querier = Querier::new(self.client, &progress);
        querier.learn_dialect().await?;
        let choice = match (self.query.source, a.as_ref().or(b.as_ref())) {
            (SourceChoice::Auto, Some(other)) if other.is_platform() => SourceChoice::Platform,
            (choice, _) => choice,
        };
        let side = async |saved: Option<Side>, operand: &Operand| match saved {
            Some(side) => Ok(side),
            None => self.fetch(&querier, operand, choice).await,
        };
        let (query, was_a, was_b) = (self.query, a.is_some(), b.is_some());
        let (a, b) = tokio::try_join!(side(a, &query.a), side(b, &query.b))?;
        if choice != SourceChoice::Auto || a.is_platform() == b.is_platform() {
            return Ok([a, b]);
        }
        // The platform's own series may cover both windows: figures of one source compare better than those of two.
        let same = async |side: Side, was_saved: bool, operand: &Operand| {
            if side.is_platform() || was_saved {
                return side;
            }
            match self.fetch(&querier, operand, SourceChoice::Platform).await {
                Ok(mut other) => {
                    other.report.notes.push(SAME_SOURCE.to_owned());
                    other
                }
                Err(_) => side,
            }
        };
        Ok([same(a, was_a, &query.a).await, same(b, was_b, &query.b).await])
    }

    async fn fetch(&self, querier: &Querier<'_>, operand: &Operand, source: SourceChoice) -> Result<Side> {
        let Operand::Window { text, end, length } = operand else {
            anyhow::bail!("a saved report is no window");
        };
        let interval = length.unwrap_or(self.query.interval);
        let mut question = Question::of_all(source, *end, interval, self.level.into());
        question.trend = BLOCKS;
        question.filter.exporter = self.query.exporter;
        let mut report =
            top::report(querier, &question).await.with_context(|| format!("cannot compare {text}"))?;
        ensure!(
            !report.rows.is_empty(),
            "cannot compare {text}: nothing has samples in the window to {end}; Prometheus may keep less, and \
             `oc interrogate status` tells what is wrong"
        );
        report.notes.retain(|note| !note.starts_with(SEVERAL_OWNERS));
        for note in report.notes.iter_mut().filter(|note| note.starts_with(NO_OWNERS)) {
            *note = BY_NAMES.to_owned();
        }
        let nodes = self.nodes(*end - interval, *end).await;
        Ok(Side::of_report(text, self.level, report, nodes))
    }

    /// Lists the names of the nodes, by which static pods are told from others; none if the server does not list them.
    async fn nodes(&self, start: Timestamp, end: Timestamp) -> BTreeSet<String> {
        if self.level != Level::Workload {
            return BTreeSet::new();
        }
        let size = Size::from_samples(NODES);
        let of = |label, metric| self.client.label_values(label, metric, (start, end), size);
        let (placed, busy) = tokio::join!(of("node", POD_INFO), of("instance", BUSY));
        placed
            .unwrap_or_default()
            .into_iter()
            .chain(busy.unwrap_or_default())
            .filter(|name| !name.is_empty())
            .collect()
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
    let courses = courses::of_pairs(&pairs, [&a.places, &b.places]);
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
        let change = Change::of(total(&a, &class), total(&b, &class));
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
        findings: Findings::of(&rows),
        classes: classes.collect(),
        busy: Change::of(a.busy, b.busy),
        unattributed: Change::of_rest(a.unattributed, b.unattributed),
        excluded: Change::of(a.excluded, b.excluded),
        rows,
        a: a.report,
        b: b.report,
        courses,
        notes: all,
    }
}

#[cfg(test)]
mod tests;
