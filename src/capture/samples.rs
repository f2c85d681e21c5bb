//! Samples of a server, as they are: fetched by the hour and written series by series.
use super::selectors::Needs;
use super::text::write_series;
use crate::openmetrics::Labels;
use crate::progress::Progress;
use crate::prometheus::{Client, Grid, Series, excess};
use crate::query::{Cost, Querier, Span};
use crate::time::Timestamp;
use crate::top::metric_names::{CLUSTER_BUSY, PLATFORM_PODS};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

/// Length of a part of the window whose samples of one metric are held at once: an hour of 300 threads on 200 nodes is 230 MB.
const PART: Duration = Duration::from_secs(3600);
/// Number of series that a metric is taken for if the server counts none at the window's end.
const SERIES: usize = 500;
/// A sample is missing once it is so many intervals late.
const LATE: f64 = 1.5;
/// Metrics without both of which nothing can be reported.
const ROWS: [&str; 2] = [CLUSTER_BUSY, PLATFORM_PODS];
/// Distance at which a server gives a series up by itself.
const LOOKBACK: Duration = Duration::from_secs(300);

/// Numbers of what has been written.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Written {
    pub samples: u64,
    pub series: usize,
}

/// Series of one metric, by their labels.
type Found = BTreeMap<Labels, Vec<(Timestamp, f64)>>;

/// Writes all samples of a window: those of each metric by the hour, and apart the ends of those series that queries look back
/// for. Errors are those of the client, or of writing; or the server has nothing that can be reported.
pub(super) async fn write(
    client: &Client,
    window: Span,
    needs: &[Needs],
    out: &mut dyn Write,
    ends: &mut dyn Write,
) -> Result<Written> {
    let progress = Progress::start("querying Prometheus");
    let querier = Querier::new(client, &progress);
    querier.learn_dialect().await?;
    let (mut written, mut has_rows) = (Written::default(), false);
    for of in needs {
        for selector in of.selectors() {
            let metric = selector.split('{').next().unwrap_or(selector);
            let count = count(client, selector, window.end).await?;
            // Facts are few, and where one ends is told of the whole window.
            let length = if *of == Needs::Budgets { window.length() } else { PART };
            let mut seen = 0;
            for part in window.split(length) {
                let found = fetch(&querier, selector, part, count).await?;
                seen = seen.max(found.len());
                for (labels, samples) in &found {
                    write_series(metric, labels, samples, out).context("cannot write the samples")?;
                    written.samples += samples.len() as u64;
                }
                if *of == Needs::Budgets {
                    for (labels, at) in ended(&querier, selector, part, &found).await? {
                        write_series(metric, &labels, &[(at, f64::NAN)], ends)
                            .context("cannot write the samples")?;
                    }
                }
            }
            written.series += seen;
            has_rows |= seen > 0 && ROWS.contains(&metric);
        }
        if *of == Needs::Rows && !has_rows {
            bail!(
                "nothing has samples in the window to {}: Prometheus may keep less, and `oc interrogate status` tells what is wrong",
                window.end
            );
        }
    }
    Ok(written)
}

/// Counts the series of a selector, about. A server that may not even count them is asked for few at once.
async fn count(client: &Client, selector: &str, at: Timestamp) -> Result<usize> {
    match client.one(&format!("count({selector})"), at).await {
        Ok(counted) => Ok(counted.map_or(SERIES, |count| count as usize).max(1)),
        Err(error) if excess(&error).is_some() => Ok(SERIES),
        Err(error) => Err(error),
    }
}

/// Fetches the samples of a part, in order.
async fn fetch(querier: &Querier<'_>, selector: &str, part: Span, count: usize) -> Result<Found> {
    let mut found = Found::new();
    let take = |response: &[Series<'_>]| {
        for series in response {
            found.entry(labels(series)).or_default().extend(series.samples.iter());
        }
    };
    querier.samples(selector, part, Cost::new(count, count), take).await?;
    for samples in found.values_mut() {
        samples.sort_by_key(|(at, _)| *at);
        samples.dedup_by_key(|(at, _)| *at);
    }
    Ok(found)
}

/// Finds the times at which series end though the server would still look back to them: it keeps markers of that, which no
/// response holds. A series is marked where it lacks a sample and a query of the selector lacks it too.
async fn ended(
    querier: &Querier<'_>,
    selector: &str,
    window: Span,
    found: &Found,
) -> Result<Vec<(Labels, Timestamp)>> {
    let Some(interval) = found.values().filter_map(|samples| interval(samples)).min() else {
        return Ok(Vec::new());
    };
    let mut candidates: Vec<(&Labels, Timestamp)> = Vec::new();
    for (labels, samples) in found {
        let next = samples.iter().skip(1).map(|(at, _)| *at).chain([window.end + interval]);
        let gaps = samples.iter().map(|(at, _)| *at).zip(next);
        candidates.extend(
            gaps.filter(|(at, next)| next.since(*at) > interval.mul_f64(LATE)).map(|(at, _)| (labels, at)),
        );
    }
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    // Evaluated at times that are not those of samples, so each of them is seen by the one after it.
    let grid = Grid { start: window.start + interval, end: window.end, step: interval };
    let cost = Cost::new(found.len(), found.len());
    let seen = querier.raw_range(selector, grid, cost, labels).await?;
    let marked = candidates.into_iter().filter(|(labels, last)| {
        let after = (*last + interval).floor(grid.start, interval) + interval;
        let is_seen = grid
            .index(after)
            .is_some_and(|step| seen.get(*labels).is_some_and(|steps| steps.at(step).is_some()));
        after <= grid.end && after.since(*last) < LOOKBACK && !is_seen
    });
    Ok(marked.map(|(labels, last)| (labels.clone(), last + interval)).collect())
}

/// Returns the shortest distance of two samples.
fn interval(samples: &[(Timestamp, f64)]) -> Option<Duration> {
    samples.iter().zip(samples.iter().skip(1)).map(|((a, _), (b, _))| b.since(*a)).min()
}

fn labels(series: &Series<'_>) -> Labels {
    let labels = series.labels.iter().filter(|(name, _)| name != "__name__");
    labels.map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// Writes the selectors of a must-gather, for a shell and for the second one that reads them: plain names, and selectors in
/// quotes within quotes. The outer ones are single, as an interactive shell expands `!` within double ones.
pub(super) fn matches(needs: &[Needs]) -> Vec<String> {
    let quoted = |selector: &&'static str| match selector.contains('{') {
        false => format!("--match={selector}"),
        true => format!("'--match=\"{}\"'", selector.replace('"', "\\\"")),
    };
    needs.iter().flat_map(|needs| needs.selectors()).map(|selector| quoted(&selector)).collect()
}
