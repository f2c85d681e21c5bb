//! Layers of a picture: the courses of rows, each on the one before it, the smaller ones together.
use crate::report::{Report, Row};

/// Number of layers at most; smaller rows are one together.
const MOST: usize = 40;

/// One row's course, or that of several.
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

/// Returns the layers of a report, the biggest first and lowest.
pub(super) fn layers(report: &Report) -> Vec<Layer> {
    let parts = report.rows.iter().map(|row| row.trend.len()).max().unwrap_or_default();
    let mut rows: Vec<&Row> = report.rows.iter().filter(|row| row.stats.max > 0.0).collect();
    rows.sort_by(|a, b| b.stats.avg.total_cmp(&a.stats.avg));
    let at = |row: &Row, part: usize| row.trend.get(part).copied().filter(|cores| cores.is_finite());
    let is_known = |part: usize| {
        let busy = report.course.as_ref().and_then(|course| course.busy.get(part));
        busy.is_some_and(|cores| cores.is_finite()) || rows.iter().any(|row| at(row, part).is_some())
    };
    let mut below: Vec<Option<f64>> = (0..parts).map(|part| is_known(part).then_some(0.0)).collect();
    let mut stack = |of: &[&Row], name: String, is_rest: bool| {
        let mut edges = Vec::new();
        for (part, lower) in below.iter_mut().enumerate() {
            let cores: f64 = of.iter().filter_map(|row| at(row, part)).sum();
            edges.push(lower.map(|lower| (lower, lower + cores.max(0.0))));
            *lower = lower.map(|lower| lower + cores.max(0.0));
        }
        let max = if let [row] = of { Some(row.stats.max) } else { None };
        Layer { name, avg: of.iter().map(|row| row.stats.avg).sum(), max, edges, is_rest }
    };
    let (shown, rest) = rows.split_at(if rows.len() > MOST { MOST - 1 } else { rows.len() });
    let mut layers: Vec<Layer> = shown.iter().map(|row| stack(&[*row], name(row), false)).collect();
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
    super::super::printable(&parts.join(" "))
}
