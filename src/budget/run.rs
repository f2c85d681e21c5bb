//! Run: one report of a budget, from its source over facts and measurements to verdicts and the worst moment.
use super::exporter::Exporter;
use super::facts::{Facts, Reserved};
use super::file::Budget;
use super::judge::{Judged, add_times, judge};
use super::machine::Machine;
use super::measured::{Measured, Samples};
use super::moment::{self, Moment};
use super::platform_series::{self, Scope};
use super::rates::Rates;
use super::report::{BudgetReport, NodeTrend, Verdict, WorstMoment};
use super::subject::{Line, Resource, Sum};
use super::totals::Totals;
use super::trend;
use crate::progress::Progress;
use crate::prometheus::Client;
use crate::query::{Querier, Span, source_of};
use crate::report::{Cpuset, Source, SourceKind, Window};
use crate::time::Timestamp;
use crate::top::{Probe, Recorded, SourceChoice, probe};
use anyhow::Result;
use futures_util::future::try_join_all;
use std::time::Duration;

/// User's query: a budget, and what it is held against.
#[derive(Clone, Debug)]
pub struct Query {
    /// Limits.
    pub budget: Budget,
    /// Source that is asked for.
    pub source: SourceChoice,
    /// End of the window, inclusive.
    pub end: Timestamp,
    /// Length of the window, above zero.
    pub interval: Duration,
    /// Nodes that are judged. `None`: all.
    pub nodes: Option<Vec<String>>,
    /// True to report the verdict on each node.
    pub per_node: bool,
    /// CPUs that are reserved for the platform.
    pub reserved: Reserved,
}

/// Source that measures.
enum Measures<'a> {
    Exporter(Exporter<'a>),
    Rates(Rates),
}

/// Judges the nodes of a cluster. Errors are those of the client.
pub async fn judge_cluster(client: &Client, query: &Query) -> Result<BudgetReport> {
    let progress = Progress::start("querying Prometheus");
    let querier = Querier::new(client, &progress);
    querier.learn_dialect().await?;
    let asked = Span::ending(query.end, query.interval);
    let lines = &query.budget.lines;
    let Probe { kind, window, grid, nodes: found, mut notes, .. } =
        match probe(&querier, asked, query.source).await? {
            Ok(found) => found,
            Err(notes) => return Ok(without_samples(client, query, notes)),
        };
    let facts = Facts::fetch(&querier, window, lines, query.reserved.clone()).await?;
    let nodes = query.nodes.clone();
    let measures = match kind {
        SourceKind::Platform => Measures::Rates(
            Rates::fetch(&querier, (window, grid, query.interval), nodes.clone(), &facts).await?,
        ),
        _ => Measures::Exporter(
            Exporter::fetch(
                &querier,
                (window, grid, query.interval),
                nodes.clone(),
                found.count.max(1),
                &facts,
            )
            .await?,
        ),
    };
    let known: Vec<String> = match &measures {
        Measures::Exporter(exporter) => exporter.totals.nodes().map(str::to_owned).collect(),
        Measures::Rates(rates) => rates.nodes().map(str::to_owned).collect(),
    };
    let scope = Scope { window, asked: query.interval, nodes: nodes.clone() };
    let measure = async |line: &Line| -> Result<Vec<Measured>> {
        let mut all = match (&measures, line.subject.resource, &line.subject.sum) {
            (_, Resource::Memory, _) => platform_series::memory(&querier, &scope, line, &facts).await?,
            (_, _, Sum::Cpuset(cpuset)) => {
                busy_of(*cpuset, &querier, &scope, &facts, &known, &measures).await?
            }
            (Measures::Exporter(exporter), ..) => exporter.measure(line).await?,
            (Measures::Rates(rates), ..) => rates.measure(line),
        };
        add_missing(&mut all, line, query, &facts, &known);
        Ok(all)
    };
    let measured = try_join_all(lines.iter().map(measure)).await?;
    let judged = lines.iter().zip(measured).map(|(line, all)| judge(line, all, &facts, query.per_node));
    let mut judged: Vec<Judged> = judged.collect();
    let (mut worst, mut trend) = (None, None);
    if let Measures::Exporter(exporter) = &measures {
        for (line, judged) in lines.iter().zip(&mut judged) {
            add_samples(exporter, line, judged).await?;
        }
        if let Some(moment) = moment::find_worst(lines, &judged, &exporter.totals) {
            trend = trend_of(&moment, &judged, &exporter.totals);
            let parts = exporter.parts(&moment.line.subject, &moment.node, moment.step).await?;
            worst = Some(moment.report(parts, &exporter.totals));
        }
    }
    if lines.iter().any(platform_series::measures) {
        notes.push("memory and the busy time of single CPUs are the platform's own series".to_owned());
    }
    notes.extend(client.warnings());
    let mut of = window.window(grid.step);
    let asked = query.interval;
    of.asked_seconds = (window.length() < asked).then_some(asked.as_secs_f64());
    let source = source_of(client, kind, known.len());
    Ok(BudgetReport { trend, ..report(query, of, source, judged, worst, notes) })
}

/// Measures the busy time of a set of CPUs: of those that are known by their numbers, else as the exporter finds them.
async fn busy_of(
    cpuset: Cpuset,
    querier: &Querier<'_>,
    scope: &Scope,
    facts: &Facts,
    nodes: &[String],
    measures: &Measures<'_>,
) -> Result<Vec<Measured>> {
    let (mut listed, mut others) = (Vec::new(), Vec::new());
    for node in nodes {
        match facts.reserved.cpus_of(cpuset, node) {
            Some(cpus) => listed.push((node.clone(), cpus)),
            None => others.push(node.clone()),
        }
    }
    let mut all = platform_series::cpus_busy_on(querier, scope, &listed).await?;
    let mut found = match measures {
        Measures::Exporter(exporter) if !others.is_empty() => exporter.busy_of(cpuset).await?,
        _ => Vec::new(),
    };
    found.retain(|measured| others.contains(&measured.node));
    for node in &others {
        if !found.iter().any(|measured| measured.node == *node) {
            found.push(Measured::unknown(node, facts.reserved.why()));
        }
    }
    all.extend(found);
    Ok(all)
}

/// Judges this machine by a recording.
pub fn judge_machine(query: &Query, recorded: Recorded) -> BudgetReport {
    let grid = recorded.grid;
    let window = Span::of_grid(grid).window(grid.step);
    let notes = recorded.notes.clone();
    let machine = Machine::new(recorded);
    let facts = Facts { reserved: query.reserved.clone(), ..Facts::default() };
    let lines = &query.budget.lines;
    let judged = lines.iter().map(|line| judge(line, machine.measure(line), &facts, query.per_node));
    let judged: Vec<Judged> = judged.collect();
    let moment = moment::find_worst(lines, &judged, &machine.totals);
    let trend = moment.as_ref().and_then(|moment| trend_of(moment, &judged, &machine.totals));
    let worst = moment.map(|moment| {
        let parts = machine.parts_at(&moment.line.subject, moment.step);
        moment.report(parts, &machine.totals)
    });
    BudgetReport { trend, ..report(query, window, Source::new(SourceKind::Local, 1), judged, worst, notes) }
}

/// Returns the trend of a moment's line, if its limit is known.
fn trend_of(moment: &Moment<'_>, judged: &[Judged], totals: &Totals) -> Option<NodeTrend> {
    let of_line = |judged: &&Judged| judged.report.line == moment.line.name;
    let limit = judged.iter().find(of_line)?.report.worst.limit?;
    trend::of_moment(moment, limit, totals)
}

/// Adds the nodes that are ready, or were named, and have no series of a line: what they use is not known. `known`: nodes
/// that the source has series of, some of which may have no pods or groups of a line.
fn add_missing(all: &mut Vec<Measured>, line: &Line, query: &Query, facts: &Facts, known: &[String]) {
    let expected: Vec<&String> = match &query.nodes {
        Some(named) => named.iter().collect(),
        None => facts.nodes.iter().collect(),
    };
    for node in expected {
        let is_measured = all.iter().any(|measured| measured.node == *node);
        let has_none = line.subject.each.is_some() && known.contains(node);
        if !(is_measured || has_none) {
            let why = format!("no series of {node} in this window: `oc interrogate status` tells why");
            all.push(Measured::unknown(node, why));
        }
    }
}

/// Adds when the worst pod or group was highest, if only its statistic is known.
async fn add_samples(exporter: &Exporter<'_>, line: &Line, judged: &mut Judged) -> Result<()> {
    let Some(measured) = &mut judged.worst else { return Ok(()) };
    let statistic =
        matches!(measured.samples, Samples::Statistic(_)) && line.subject.resource == Resource::Cpu;
    if statistic && judged.report.verdict == Verdict::Exceeded {
        exporter.add_samples(&line.subject, measured).await?;
        add_times(&mut judged.report.worst, measured);
        // The worst one is the first of all.
        if let Some(first) = judged.report.nodes.as_mut().and_then(|nodes| nodes.first_mut()) {
            first.found.clone_from(&judged.report.worst);
        }
    }
    Ok(())
}

/// Makes the report of a window in which nothing has a sample.
fn without_samples(client: &Client, query: &Query, mut notes: Vec<String>) -> BudgetReport {
    notes.push(
        "nothing has samples in this window, neither the exporter's series nor the platform's".to_owned(),
    );
    let lines = query.budget.lines.iter();
    let judged = lines.map(|line| judge(line, Vec::new(), &Facts::default(), query.per_node)).collect();
    let window = Span::ending(query.end, query.interval).window(Duration::ZERO);
    let source = source_of(client, SourceKind::Platform, 0);
    report(query, window, source, judged, None, notes)
}

fn report(
    query: &Query,
    window: Window,
    source: Source,
    judged: Vec<Judged>,
    worst_moment: Option<WorstMoment>,
    notes: Vec<String>,
) -> BudgetReport {
    let lines: Vec<_> = judged.into_iter().map(|judged| judged.report).collect();
    BudgetReport {
        api_version: "interrogate/v1",
        kind: "CpuBudgetReport",
        budget: query.budget.name.clone(),
        verdict: Verdict::of_all(lines.iter().map(|line| line.verdict)),
        window,
        source,
        lines,
        worst_moment,
        trend: None,
        notes,
    }
}
