//! Nodes that have samples in a window, and the notes about those with gaps.
use super::metric_names;
use crate::prometheus::{Series, Size};
use crate::query::{Cost, Querier, Span, Split, promql};
use anyhow::Result;
use std::collections::BTreeMap;

/// Number of nodes that a note names.
const NAMED: usize = 8;
/// Number of nodes, before it is known.
pub(super) const UNKNOWN: usize = 500;

/// Nodes by how many samples they have.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Nodes {
    /// Number of nodes with any sample.
    pub count: usize,
    /// Notes about nodes with gaps, and about steps at which no node has a sample.
    pub notes: Vec<String>,
    /// True if any has gaps.
    pub has_gaps: bool,
}

impl Nodes {
    /// Fetches the nodes of the exporter. `recorded` is how many there were at each step: if they were always as many as
    /// have series at all, none has a gap, and their samples need not be counted.
    pub(super) async fn of_exporter(
        querier: &Querier<'_>,
        window: Span,
        (steps, holes): (usize, usize),
        recorded: &[f64],
    ) -> Result<Nodes> {
        let most = recorded.iter().copied().fold(0.0, f64::max);
        if holes == 0 && recorded.len() >= steps && recorded.iter().all(|number| *number == most) {
            let (times, size) = ((window.start, window.end), Size::from_samples(most as usize));
            // More than had samples in the window, if the server looks at longer stretches.
            let names = querier.client().label_values("instance", metric_names::BUSY, times, size).await;
            if names.unwrap_or_default().len() as f64 == most {
                return Ok(Nodes { count: most as usize, ..Nodes::default() });
            }
        }
        let counted = count(querier, metric_names::BUSY, window, most.max(1.0) as usize).await?;
        Ok(Nodes::from_counts(&counted, steps, holes))
    }

    /// Fetches the nodes that the platform knows.
    pub(super) async fn of_platform(querier: &Querier<'_>, window: Span) -> Result<Nodes> {
        let counted = count(querier, metric_names::PLATFORM_BUSY, window, UNKNOWN).await?;
        // Their samples are of other times than the pods', so that one may be missing at an end.
        let most = counted.values().copied().fold(0.0, f64::max);
        Ok(Nodes::from_counts(&counted, most as usize, 0))
    }

    /// Compares the samples of each node with so many steps, at some of which (holes) no node has any.
    pub(super) fn from_counts(counted: &BTreeMap<String, f64>, steps: usize, holes: usize) -> Nodes {
        let mut nodes = Nodes { count: counted.len(), ..Nodes::default() };
        if holes > 0 {
            nodes.notes.push(format!("no node answered at {holes} of {} samples", steps + holes));
        }
        let with_gaps = counted.iter().filter(|(_, samples)| **samples < steps as f64);
        let with_gaps: Vec<(f64, &str)> =
            with_gaps.map(|(name, samples)| (samples / steps as f64, name.as_str())).collect();
        nodes.has_gaps = holes > 0 || !with_gaps.is_empty();
        if !with_gaps.is_empty() {
            nodes.notes.push(format!(
                "nodes that answered for a part of the window only, left out of busy for the rest: {}",
                least(with_gaps)
            ));
        }
        nodes
    }
}

/// Counts the samples of each node in a window.
async fn count(
    querier: &Querier<'_>,
    metric: &str,
    window: Span,
    nodes: usize,
) -> Result<BTreeMap<String, f64>> {
    let mut counted: BTreeMap<String, f64> = BTreeMap::new();
    let cost = Cost::new(nodes, nodes);
    if querier.has_cache() {
        let take = |response: &[Series<'_>]| {
            for series in response {
                *counted.entry(series.label("instance").to_owned()).or_default() +=
                    series.samples.len() as f64;
            }
        };
        querier.samples(metric, window, cost, take).await?;
        return Ok(counted);
    }
    let query = |selector: &str, range: &str| promql::statistic("count", selector, range);
    let take = |response: &[Series<'_>]| {
        for series in response {
            *counted.entry(series.label("instance").to_owned()).or_default() += series.value().unwrap_or(0.0);
        }
    };
    querier.over(query, metric, window, (Split::Time, cost), take).await?;
    Ok(counted)
}

/// Names the nodes with the fewest samples, by the share of the window, and how many more there are.
fn least(mut nodes: Vec<(f64, &str)>) -> String {
    nodes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)));
    let more = nodes.len().saturating_sub(NAMED);
    let named = nodes.into_iter().take(NAMED).map(|(share, name)| format!("{name} ({:.1} %)", 100.0 * share));
    let named = named.collect::<Vec<_>>().join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::{NAMED, least};

    #[test]
    fn of_many_nodes_with_gaps_those_are_named_that_have_the_most() {
        assert_eq!(least(vec![(0.5, "b"), (0.25, "c"), (0.5, "a")]), "c (25.0 %), a (50.0 %), b (50.0 %)");
        let many: Vec<_> = (0..NAMED + 3).map(|number| (1.0 - 0.01 * number as f64, "n")).collect();
        let named = least(many);
        assert!(named.starts_with("n (90.0 %), ") && named.ends_with(" and 3 more"), "{named}");
        assert_eq!(named.matches('%').count(), NAMED);
    }
}
