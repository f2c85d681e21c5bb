//! Layers of a picture or a chart: the trends of rows or classes, each on the one before it, the smaller ones together.
use super::printable;
use crate::report::{Report, Row};

/// One row's trend, or that of several.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layer {
    pub name: String,
    /// Average and maximum over the window, cores; the maximum of several rows is not known.
    pub avg: f64,
    pub max: Option<f64>,
    /// Lower and upper edge of each part, cores. `None` where nothing at all is known.
    pub edges: Vec<Option<(f64, f64)>>,
    /// True if it is several rows.
    pub is_rest: bool,
}

/// One thing's trend.
struct Single<'a> {
    name: String,
    avg: f64,
    max: f64,
    trend: &'a [f64],
}

impl Single<'_> {
    fn at(&self, part: usize) -> Option<f64> {
        self.trend.get(part).copied().filter(|cores| cores.is_finite())
    }
}

/// Returns the layers of a report's rows, at most so many, the biggest first and lowest.
pub(super) fn of_rows(report: &Report, most: usize) -> Vec<Layer> {
    fn single(row: &Row) -> Single<'_> {
        Single { name: name(row), avg: row.stats.avg, max: row.stats.max, trend: &row.trend }
    }
    layers(report, report.rows.iter().map(single).collect(), most)
}

/// Returns the layers of the classes, before any filter.
pub(super) fn of_classes(report: &Report) -> Vec<Layer> {
    let trends = report.total_trends.iter().flat_map(|trends| &trends.classes);
    let all = trends.filter_map(|(class, trend)| {
        let total = report.classes.iter().find(|total| total.class == *class)?;
        let name = class.as_str().to_owned();
        Some(Single { name, avg: total.stats.avg, max: total.stats.max, trend })
    });
    let all: Vec<Single<'_>> = all.collect();
    let most = all.len();
    layers(report, all, most)
}

/// Returns the layers of parts by name, in their order.
pub(super) fn of_parts(parts: &[(String, Vec<f64>)]) -> Vec<Layer> {
    let single = |(name, trend): &'_ (String, Vec<f64>)| {
        let known = trend.iter().copied().filter(|cores| cores.is_finite());
        let (sum, max) = (known.clone().fold(0.0, |sum, cores| sum + cores), known.fold(0.0, f64::max));
        (printable(name), sum / trend.len().max(1) as f64, max)
    };
    let figures: Vec<(String, f64, f64)> = parts.iter().map(single).collect();
    let singles = figures.into_iter().zip(parts);
    let singles = singles.map(|((name, avg, max), (_, trend))| Single { name, avg, max, trend });
    pile(&[], &singles.collect::<Vec<_>>(), parts.len())
}

fn layers(report: &Report, mut singles: Vec<Single<'_>>, most: usize) -> Vec<Layer> {
    singles.retain(|single| single.max > 0.0);
    singles.sort_by(|a, b| b.avg.total_cmp(&a.avg));
    let busy = report.total_trends.as_ref().map_or(&[][..], |trends| &trends.busy);
    pile(busy, &singles, most)
}

/// Piles trends up. `busy` tells where it is known that nothing else was there.
fn pile(busy: &[f64], singles: &[Single<'_>], most: usize) -> Vec<Layer> {
    let parts = singles.iter().map(|single| single.trend.len()).max().unwrap_or_default();
    let is_known = |part: usize| {
        busy.get(part).is_some_and(|cores| cores.is_finite())
            || singles.iter().any(|single| single.at(part).is_some())
    };
    let mut below: Vec<Option<f64>> = (0..parts).map(|part| is_known(part).then_some(0.0)).collect();
    let mut stack = |of: &[Single<'_>], name: String, is_rest: bool| {
        let mut edges = Vec::new();
        for (part, lower) in below.iter_mut().enumerate() {
            let cores: f64 = of.iter().filter_map(|single| single.at(part)).sum();
            edges.push(lower.map(|lower| (lower, lower + cores.max(0.0))));
            *lower = lower.map(|lower| lower + cores.max(0.0));
        }
        let max = if let [single] = of { Some(single.max) } else { None };
        Layer { name, avg: of.iter().map(|single| single.avg).sum(), max, edges, is_rest }
    };
    let count = singles.len();
    let (shown, rest) = singles.split_at(if count > most { most.saturating_sub(1) } else { count });
    let mut layers: Vec<Layer> =
        shown.iter().map(|of| stack(std::slice::from_ref(of), of.name.clone(), false)).collect();
    if !rest.is_empty() {
        layers.push(stack(rest, format!("{} smaller rows", rest.len()), true));
    }
    layers
}

/// Names a row: everything that tells it from others but its class, if it has a name.
fn name(row: &Row) -> String {
    let namespace = row.namespace.as_deref();
    let parts = [namespace, Some(row.name.as_str()), row.workload_type.as_deref(), row.thread.as_deref()];
    let mut parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        parts.push(row.class.as_str());
    }
    parts.extend(row.cpuset.map(|cpuset| cpuset.as_str()));
    // A pod's last node tells it from no other.
    parts.extend(row.node.as_deref().filter(|node| namespace.is_none() && !node.is_empty()));
    printable(&parts.join(" "))
}
