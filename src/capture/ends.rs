//! Ends: where series end though a server would still look back to them, found part after part of a window. The server keeps
//! markers of that, which no response holds.
use crate::openmetrics::Labels;
use crate::prometheus::{Grid, Series};
use crate::query::{Cost, Querier, Span};
use crate::time::Timestamp;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A sample is missing once it is so many intervals late.
const LATE: f64 = 1.5;
/// A server has marked the end of a series so many intervals after its last sample.
const MARKED: f64 = 1.1;
/// Shortest distance of two samples that is believed.
const LEAST: Duration = Duration::from_secs(1);
/// Distance at which a server gives a series up by itself.
const LOOKBACK: Duration = Duration::from_secs(300);
/// Number of samples of which the middle distance says more than an accident.
const ENOUGH: usize = 4;

/// Series of one metric, by their labels.
pub(super) type Found = BTreeMap<Labels, Vec<(Timestamp, f64)>>;

/// What parts of a window hand on to the next one.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// Shortest usual distance of two samples so far.
    interval: Option<Duration>,
    /// Last sample of each series of which a later part tells whether it ended there.
    unsettled: BTreeMap<Labels, Timestamp>,
}

/// Last sample before a gap, and a time in the gap at which a series that ended there is not seen any more.
struct Gap<'f> {
    labels: &'f Labels,
    last: Timestamp,
    after: Timestamp,
}

impl Ends {
    /// Finds the series that end, and when, in a part of the window and at the end of the one before. `found`: the part's
    /// samples. A series has ended where it lacks a sample and a query of the selector lacks it too. Errors are those of the
    /// client.
    pub(super) async fn fetch(
        &mut self,
        querier: &Querier<'_>,
        selector: &str,
        part: Span,
        found: &Found,
    ) -> Result<Vec<(Labels, Timestamp)>> {
        let before = std::mem::take(&mut self.unsettled);
        self.interval = self.interval.into_iter().chain(interval(found, ENOUGH)).min();
        let Some(interval) = self.interval.or_else(|| interval(found, 2)) else {
            let last = |(labels, samples): (&Labels, &Vec<(Timestamp, f64)>)| {
                Some((labels.clone(), samples.last()?.0))
            };
            self.unsettled = before.into_iter().chain(found.iter().filter_map(last)).collect();
            return Ok(Vec::new());
        };
        let grid = Grid { start: part.start, end: part.end, step: interval };
        let all: BTreeSet<&Labels> = found.keys().chain(before.keys()).collect();
        let mut gaps: Vec<Gap<'_>> = Vec::new();
        for labels in &all {
            let inside = found.get(*labels).into_iter().flatten().map(|(at, _)| *at);
            let mut times = before.get(*labels).copied().into_iter().chain(inside).peekable();
            while let Some(last) = times.next() {
                let after = (last + interval.mul_f64(MARKED)).floor(grid.start, interval) + interval;
                let after = after.max(grid.start);
                match times.peek() {
                    Some(next) if next.since(last) <= interval.mul_f64(LATE) => {}
                    None if after > grid.end => {
                        self.unsettled.insert((*labels).clone(), last);
                    }
                    _ if after <= grid.end && after.since(last) < LOOKBACK => {
                        gaps.push(Gap { labels, last, after });
                    }
                    _ => {}
                }
            }
        }
        if gaps.is_empty() {
            return Ok(Vec::new());
        }
        let seen = querier.raw_range(selector, grid, Cost::new(all.len(), all.len()), labels).await?;
        let is_seen = |gap: &Gap<'_>| {
            let step = grid.index(gap.after);
            step.is_some_and(|step| seen.get(gap.labels).is_some_and(|steps| steps.at(step).is_some()))
        };
        let ended = gaps.into_iter().filter(|gap| !is_seen(gap));
        Ok(ended.map(|gap| (gap.labels.clone(), gap.last + interval)).collect())
    }
}

/// Returns the shortest usual distance of two samples, of series that have so many: the middle one of each, as two servers may
/// follow each other at once.
fn interval(found: &Found, least: usize) -> Option<Duration> {
    let middle = |samples: &Vec<(Timestamp, f64)>| {
        let pairs = samples.iter().zip(samples.iter().skip(1));
        let mut all: Vec<Duration> = pairs.map(|((a, _), (b, _))| b.since(*a)).collect();
        all.sort_unstable();
        all.get(all.len().saturating_sub(1) / 2).copied()
    };
    let enough = found.values().filter(|samples| samples.len() >= least);
    enough.filter_map(middle).min().map(|interval| interval.max(LEAST))
}

/// Returns the labels of a series without its metric.
pub(super) fn labels(series: &Series<'_>) -> Labels {
    let labels = series.labels.iter().filter(|(name, _)| name != "__name__");
    labels.map(|(name, value)| (name.to_string(), value.to_string())).collect()
}
