//! Probe: finds the source, the part of the window that it covers, the times of its samples, and its nodes.
use super::coverage::Coverage;
use super::metric_names;
use super::nodes::{self, Nodes};
use super::question::{Question, SourceChoice};
use super::sampling::Sampling;
use crate::prometheus::{Grid, Series, Size, excess};
use crate::query::{Cost, Querier, Span, Split, add_samples, promql};
use crate::report::{Class, SourceKind, Steps};
use crate::time::{Timestamp, show_duration};
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Interval of the exporter's rules and of the platform's, if a single sample tells none.
pub(super) const EXPORTER_INTERVAL: Duration = Duration::from_secs(15);
const PLATFORM_INTERVAL: Duration = Duration::from_secs(30);
/// Length of time that holds several samples at any usual interval.
pub(super) const ENOUGH: Duration = Duration::from_secs(300);
/// Number of samples with which the exporter answers though it does not cover the window.
const SAMPLES_ENOUGH: usize = 10;
/// Number of pods of a cluster, before it is known.
pub(super) const PODS: usize = 8000;

/// Facts about a server and its cluster; `None` if the server does not say.
#[derive(Debug, Clone, Default)]
pub(super) struct Identity {
    /// Name of the host, or of the pod, that it runs on.
    pub replica: Option<String>,
    /// Number of nodes at the window's end.
    pub nodes: Option<usize>,
}

/// Totals of all nodes, before any filter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    pub classes: BTreeMap<Class, Steps>,
    pub busy: Option<Steps>,
    pub unattributed: Option<Steps>,
}

/// Source that has samples in the window.
#[derive(Debug)]
pub(crate) struct Probe {
    pub kind: SourceKind,
    /// Window cut to the coverage of the source.
    pub window: Span,
    pub grid: Grid,
    pub nodes: Nodes,
    /// Totals that came with the coverage; the platform's are still to be fetched.
    pub totals: Totals,
    pub notes: Vec<String>,
}

/// Fetches the facts about the server and its cluster.
pub(super) async fn identify(querier: &Querier<'_>, asked: Span) -> Result<Identity> {
    let nodes = querier.client().one(metric_names::NODES, asked.end);
    let (replica, nodes) = tokio::try_join!(querier.client().host(), nodes)?;
    Ok(Identity { replica, nodes: nodes.map(|nodes| nodes as usize) })
}

/// Finds the source. The inner error is the notes if no source has a sample in the window. Errors if the exporter's series
/// are there without its rules, and nothing else is.
pub(crate) async fn probe(querier: &Querier<'_>, question: &Question) -> Result<Result<Probe, Vec<String>>> {
    let asked = question.span();
    let mut notes = Vec::new();
    let mut exporter = None;
    if question.source != SourceChoice::Platform {
        let recorded = RecordedTotals::fetch(querier, asked).await?;
        let times = recorded.times();
        let sampling = Sampling::from_times(&times, EXPORTER_INTERVAL);
        exporter = sampling
            .and_then(|sampling| Coverage::from_times(sampling, asked, &times, "exporter's"))
            .map(|coverage| (coverage, recorded));
        notes.extend(sampling.filter(|_| exporter.is_none()).map(Sampling::none_in));
    }
    let enough = |coverage: &Coverage| coverage.window == asked || coverage.samples >= SAMPLES_ENOUGH;
    let alone = question.source == SourceChoice::Exporter;
    if let Some((coverage, recorded)) = exporter.take_if(|(coverage, _)| alone || enough(coverage)) {
        return of_exporter(querier, coverage, &recorded).await.map(Ok);
    }
    if !alone && let Some(coverage) = platform_coverage(querier, asked).await? {
        let nodes = Nodes::of_platform(querier, coverage.window).await?;
        let mut notes = coverage.notes.clone();
        notes.push(match &exporter {
            None => NOT_INSTALLED.to_owned(),
            Some((less, _)) => format!(
                "the exporter's series cover {} of the window and the platform's {}: --source exporter shows the former",
                show_duration(less.window.length()),
                show_duration(coverage.window.length())
            ),
        });
        let (window, grid) = (coverage.window, coverage.grid);
        let kind = SourceKind::Platform;
        return Ok(Ok(Probe { kind, window, grid, nodes, totals: Totals::default(), notes }));
    }
    if let Some((coverage, recorded)) = exporter {
        return of_exporter(querier, coverage, &recorded).await.map(Ok);
    }
    if question.source != SourceChoice::Platform && notes.is_empty() {
        let scraped = format!("count(last_over_time({}[5m]))", metric_names::SCRAPED);
        if querier.client().one(&scraped, asked.end).await?.is_some() {
            bail!(
                "Prometheus scrapes the exporter and evaluates none of its rules, from which a report is made: \
                 `oc interrogate status` tells why, `oc interrogate install` brings them back"
            );
        }
    }
    Ok(Err(notes))
}

const NOT_INSTALLED: &str = "no series of the exporter: host is the services that the platform counts, pods are 5-minute \
                             rates, and kernel threads are not known; `oc interrogate install` adds them";

async fn of_exporter(querier: &Querier<'_>, coverage: Coverage, recorded: &RecordedTotals) -> Result<Probe> {
    let Coverage { window, grid, samples, holes, mut notes } = coverage;
    let numbers = recorded.values(metric_names::NODES_RECORDED, window);
    let nodes = Nodes::of_exporter(querier, window, (samples, holes), &numbers).await?;
    notes.extend(nodes.notes.iter().cloned());
    let totals = recorded.totals(grid);
    Ok(Probe { kind: SourceKind::Exporter, window, grid, nodes, totals, notes })
}

/// Samples of the totals that the exporter's rules record, by metric and class.
#[derive(Debug, Default)]
pub(super) struct RecordedTotals(BTreeMap<(String, String), Vec<(Timestamp, f64)>>);

impl RecordedTotals {
    /// Fetches them for a window, and for more before it if it is too short to tell their interval.
    async fn fetch(querier: &Querier<'_>, asked: Span) -> Result<RecordedTotals> {
        let span = Span::ending(asked.end, asked.length().max(ENOUGH));
        let selector = promql::any_metric(&metric_names::TOTALS, None);
        let mut recorded = RecordedTotals::default();
        let take = |response: &[Series<'_>]| {
            for series in response {
                let key = (series.label("__name__").to_owned(), series.label("class").to_owned());
                let finite = series.samples.iter().filter(|(_, value)| value.is_finite());
                recorded.0.entry(key).or_default().extend(finite);
            }
        };
        let number = metric_names::TOTALS.len() + metric_names::CLASS_COUNT;
        querier.samples(&selector, span, Cost::new(number, number), take).await?;
        for samples in recorded.0.values_mut() {
            samples.sort_unstable_by_key(|(at, _)| *at);
            samples.dedup_by_key(|(at, _)| *at);
        }
        Ok(recorded)
    }

    /// Returns the times at which each of the totals has a sample.
    pub(super) fn times(&self) -> Vec<Timestamp> {
        let times = |metric: &str| -> BTreeSet<Timestamp> {
            let of = self.0.iter().filter(|((name, _), _)| name == metric);
            of.flat_map(|(_, samples)| samples).map(|(at, _)| *at).collect()
        };
        let all = metric_names::TOTALS.map(times);
        let common = all.iter().cloned().reduce(|a, b| a.intersection(&b).copied().collect());
        common.unwrap_or_default().into_iter().collect()
    }

    /// Returns the values of a metric of one series in a window.
    fn values(&self, metric: &str, window: Span) -> Vec<f64> {
        let samples = self.0.get(&(metric.to_owned(), String::new())).map_or(&[][..], Vec::as_slice);
        let inside = samples.iter().filter(|(at, _)| window.holds(*at));
        inside.map(|(_, value)| *value).collect()
    }

    /// Puts them on a grid.
    pub(super) fn totals(&self, grid: Grid) -> Totals {
        let steps = |samples: &Vec<(Timestamp, f64)>| {
            let mut steps = Steps::absent(grid.points());
            add_samples(&mut steps, grid, samples);
            steps
        };
        let one = |metric: &str| self.0.get(&(metric.to_owned(), String::new())).map(steps);
        let classes = self.0.iter().filter(|((name, _), _)| name == metric_names::CLASSES);
        let classes = classes.map(|((_, class), samples)| (Class::of_label(class), steps(samples)));
        Totals {
            classes: classes.filter(|(_, steps)| steps.samples() > 0).collect(),
            busy: one(metric_names::CLUSTER_BUSY),
            unattributed: one(metric_names::UNATTRIBUTED),
        }
    }
}

/// Finds the coverage of the platform's series of pods by the one that has the most samples.
async fn platform_coverage(querier: &Querier<'_>, asked: Span) -> Result<Option<Coverage>> {
    let span = Span::ending(asked.end, asked.length().max(ENOUGH));
    // The series of the last round will do as long as it has the newest sample.
    if let Some(selector) = querier.cache().and_then(|cache| cache.choice(metric_names::PLATFORM_PODS)) {
        let newest = format!("max(timestamp({}))", metric_names::PLATFORM_PODS);
        let newest = querier.client().one(&newest, asked.end).await?;
        let coverage = coverage_of(querier, &selector, asked, span).await?;
        let last = coverage.as_ref().map(|coverage| coverage.grid.end);
        if newest.map(Timestamp::from_seconds).is_some_and(|newest| last == Some(newest)) {
            return Ok(coverage);
        }
    }
    let fullest = promql::fullest(metric_names::PLATFORM_PODS, &querier.ranges().text(span.length()));
    let named = |response: &[Series<'_>]| {
        let count = |series: &Series<'_>| (exactly(series), series.value().unwrap_or(0.0));
        response.iter().map(count).collect::<Vec<_>>()
    };
    let counted = match querier.client().instant(&fullest, span.end, Size::Few, named).await {
        Err(error) if excess(&error).is_some() => {
            let mut counted: BTreeMap<String, f64> = BTreeMap::new();
            let query = |selector: &str, range: &str| promql::statistic("count", selector, range);
            let take = |response: &[Series<'_>]| {
                for (selector, number) in named(response) {
                    *counted.entry(selector).or_default() += number;
                }
            };
            let cost = Cost::new(PODS, PODS).by(metric_names::PLATFORM_PODS, "namespace");
            querier.over(query, metric_names::PLATFORM_PODS, span, (Split::Time, cost), take).await?;
            counted.into_iter().collect()
        }
        other => other?,
    };
    let Some((selector, _)) = counted.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)) else { return Ok(None) };
    if let Some(cache) = querier.cache() {
        cache.choose(metric_names::PLATFORM_PODS, selector.clone());
    }
    coverage_of(querier, &selector, asked, span).await
}

/// Finds the part of a window that the samples of one series of the platform cover.
async fn coverage_of(
    querier: &Querier<'_>,
    selector: &str,
    asked: Span,
    span: Span,
) -> Result<Option<Coverage>> {
    let mut times = BTreeSet::new();
    let take = |response: &[Series<'_>]| {
        times.extend(response.iter().flat_map(|series| &series.samples).map(|(at, _)| *at));
    };
    querier.samples(selector, span, Cost::new(1, 1), take).await?;
    let times: Vec<Timestamp> = times.into_iter().collect();
    Ok(Sampling::from_times(&times, PLATFORM_INTERVAL)
        .and_then(|sampling| Coverage::from_times(sampling, asked, &times, "platform's")))
}

/// Selects one series of the platform's pods by its labels.
fn exactly(series: &Series<'_>) -> String {
    let labels = series.labels.iter().filter(|(name, _)| name != "__name__");
    let labels = labels.map(|(name, value)| (name.to_string(), value.to_string())).collect();
    promql::exactly(metric_names::PLATFORM_PODS, &labels)
}

/// Returns the number of nodes that a query is planned for.
pub(super) fn nodes_for(nodes: &Nodes) -> usize {
    if nodes.count > 0 { nodes.count } else { nodes::UNKNOWN }
}
