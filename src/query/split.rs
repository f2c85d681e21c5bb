//! Splits a query into shards that a server does not refuse: by time before it is sent, so that no shard takes long. A
//! shard that is still too much is split again, by time or by the values of a label. A few are sent at once.
use super::promql;
use super::span::Span;
use crate::progress::Progress;
use crate::prometheus::{Client, Excess, Size, excess};
use anyhow::Result;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::cell::RefCell;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Number of queries under way at once; a server runs 20 at a time, and it has other clients.
const AT_ONCE: usize = 4;
/// Number of times that a shard and those it was split from may take too long. If a sixteenth of a query takes too long,
/// its size is not the reason.
const PATIENCE: u32 = 4;
/// Share of the bar that is left for the work after the responses.
const LAST: f64 = 0.05;

/// Cost of a query for each step of its window, about, and how it can be split other than by time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost<'a> {
    /// Number of series in the response.
    pub returned: usize,
    /// Number of series that the server reads for it.
    pub read: usize,
    /// Selector, and a label that all of its series have: results of shards by its values add up to the whole.
    pub label: Option<(&'a str, &'static str)>,
}

impl<'a> Cost<'a> {
    /// Makes a cost of so many series returned and read.
    pub(crate) fn new(returned: usize, read: usize) -> Cost<'a> {
        Cost { returned: returned.max(1), read: read.max(returned).max(1), label: None }
    }

    /// Allows to split by a label of the series of `selector`.
    pub(crate) fn by(self, selector: &'a str, label: &'static str) -> Cost<'a> {
        Cost { label: Some((selector, label)), ..self }
    }
}

/// Ways to split a query by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Split {
    /// Split by time first.
    Time,
    /// Split by a label first: shards of time return all series each.
    Label,
    /// Split by a label alone: results of two shards of time do not add up to that of both.
    Never,
}

/// Whole query.
#[derive(Debug)]
pub(crate) struct Whole<'a> {
    pub span: Span,
    /// Unit of time: the window is split at multiples of it.
    pub unit: Duration,
    /// Number of units in the first shards at most.
    pub units: u32,
    pub split: Split,
    pub cost: Cost<'a>,
}

/// Part of a query.
#[derive(Debug, Clone)]
pub(crate) struct Shard {
    pub span: Span,
    /// Values of the label that it is split by; empty for all.
    values: Vec<String>,
    label: &'static str,
    /// Number of times that it, or a shard that it was split from, took too long.
    slow: u32,
    /// Number of samples that the server reads for it, about.
    cost: f64,
}

impl Shard {
    /// Returns a matcher of its series; `None` if it has all.
    pub(crate) fn matcher(&self) -> Option<String> {
        (!self.values.is_empty()).then(|| promql::any_of(self.label, self.values.iter().map(String::as_str)))
    }

    /// Splits it in two by time.
    fn in_time(&self, unit: Duration) -> Option<[Shard; 2]> {
        let halves = self.span.halves(unit)?;
        Some(halves.map(|span| Shard { span, cost: self.cost / 2.0, ..self.clone() }))
    }

    /// Splits it in two by the values of a label.
    fn by_values(&self) -> Option<[Shard; 2]> {
        let middle = self.values.len() / 2;
        let (first, second) = self.values.split_at_checked(middle).filter(|(first, _)| !first.is_empty())?;
        Some([first, second].map(|values| Shard {
            values: values.to_vec(),
            cost: self.cost / 2.0,
            ..self.clone()
        }))
    }
}

/// Numbers of shards that are planned and done.
#[derive(Debug, Default)]
struct Work {
    planned: usize,
    fetched: usize,
    /// Number of samples, about.
    cost: f64,
    done: f64,
    drawn: f64,
}

/// Sends a query in shards.
#[derive(Debug)]
pub(crate) struct Splitter<'a> {
    pub client: &'a Client,
    permits: Semaphore,
    progress: &'a Progress,
    started: Instant,
    work: RefCell<Work>,
}

impl<'a> Splitter<'a> {
    /// Makes a splitter; sends nothing yet.
    pub(crate) fn new(client: &'a Client, progress: &'a Progress) -> Splitter<'a> {
        let permits = Semaphore::new(AT_ONCE);
        Splitter { client, permits, progress, started: Instant::now(), work: RefCell::default() }
    }

    /// Fetches all shards, in any order; `fetch` must keep nothing of a shard that fails. Errors are those of a shard that
    /// cannot be split again, or that failed for another reason than its size.
    pub(crate) async fn fetch(
        &self,
        whole: &Whole<'_>,
        fetch: impl AsyncFn(&Shard) -> Result<()>,
    ) -> Result<()> {
        let fetch = &fetch;
        let attempt = |shard: Shard| async move {
            let outcome = match self.permits.acquire().await {
                Ok(_permit) => fetch(&shard).await,
                Err(closed) => Err(closed.into()),
            };
            (shard, outcome)
        };
        let label = whole.cost.label.map_or("", |(_, label)| label);
        let shard = |span: Span| {
            let cost = span.length().div_duration_f64(whole.unit) * whole.cost.read as f64;
            Shard { span, values: Vec::new(), label, slow: 0, cost }
        };
        let most =
            if whole.split == Split::Never { Duration::MAX } else { whole.unit.saturating_mul(whole.units) };
        let mut waiting: Vec<Shard> = whole.span.split(most).map(shard).collect();
        let mut under_way = FuturesUnordered::new();
        self.plan(&waiting);
        loop {
            while under_way.len() < AT_ONCE
                && let Some(shard) = waiting.pop()
            {
                under_way.push(attempt(shard));
            }
            let Some((shard, outcome)) = under_way.next().await else { return Ok(()) };
            match outcome {
                Ok(()) => self.done(&shard),
                Err(error) => waiting.extend(self.split(whole, shard, error).await?),
            }
        }
    }

    /// Splits a shard that was too much in two.
    async fn split(&self, whole: &Whole<'_>, mut shard: Shard, error: anyhow::Error) -> Result<[Shard; 2]> {
        let Some(excess) = excess(&error) else { return Err(error) };
        shard.slow += u32::from(excess == Excess::Time);
        if shard.slow > PATIENCE {
            return Err(error);
        }
        let in_time = |shard: &Shard| shard.in_time(whole.unit).filter(|_| whole.split != Split::Never);
        let mut halves = if whole.split == Split::Time { in_time(&shard) } else { None };
        if halves.is_none() {
            if let (Some((selector, label)), true) = (whole.cost.label, shard.values.is_empty()) {
                let times = (shard.span.start, shard.span.end);
                shard.values = self.client.label_values(label, selector, times, Size::Many).await?;
                // Series without this label have none of its values.
                shard.values.extend((!shard.values.is_empty()).then(String::new));
            }
            halves = shard.by_values().or_else(|| in_time(&shard));
        }
        let Some(halves) = halves else { return Err(error) };
        self.work.borrow_mut().planned += 1;
        Ok(halves)
    }

    fn plan(&self, splitter: &[Shard]) {
        let mut work = self.work.borrow_mut();
        work.planned += splitter.len();
        work.cost += splitter.iter().map(|shard| shard.cost).sum::<f64>();
    }

    fn done(&self, shard: &Shard) {
        let mut work = self.work.borrow_mut();
        work.fetched += 1;
        work.done += shard.cost;
        // Shards that are planned later would make the share smaller, and a bar must not shrink.
        work.drawn = work.drawn.max((1.0 - LAST) * (work.done / work.cost.max(1.0)).min(1.0));
        let left = left(self.started.elapsed(), work.drawn);
        let message = format!("querying Prometheus, {} of {} shards{left}", work.fetched, work.planned);
        self.progress.update(work.drawn, message);
    }
}

/// Estimates the time left, if all goes on as it did.
fn left(elapsed: Duration, share: f64) -> String {
    let seconds = elapsed.as_secs_f64() * (1.0 - share) / share;
    if seconds.is_finite() { format!(", about {:.0} s left", seconds.ceil()) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::{Shard, Span, left};
    use crate::time::Timestamp;
    use std::time::Duration;

    #[test]
    fn values_are_split_until_one_is_left() {
        let values = ["a", "b", "c"].map(str::to_owned).to_vec();
        let span = Span::ending(Timestamp::from_millis(1), Duration::from_millis(1));
        let shard = Shard { span, values, label: "instance", slow: 0, cost: 1.0 };
        let [first, second] = shard.by_values().unwrap();
        assert_eq!(first.matcher().as_deref(), Some(r#"instance=~"a""#));
        assert_eq!(second.matcher().as_deref(), Some(r#"instance=~"b|c""#));
        assert!(first.by_values().is_none());
    }

    #[test]
    fn the_rest_takes_as_long_as_the_part_that_is_done() {
        assert_eq!(left(Duration::from_secs(10), 0.25), ", about 30 s left");
        assert_eq!(left(Duration::from_secs(10), 0.0), "");
    }
}
