//! Aggregation: values of many series, one by one, into those of their groups by labels.
use super::Row;
use super::functions::add;
use crate::openmetrics::Labels;
use anyhow::{Result, bail};
use promql_parser::parser::LabelModifier;
use promql_parser::parser::token::{T_AVG, T_COUNT, T_GROUP, T_MAX, T_MIN, T_SUM, TokenType};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What a group's values become.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Operation {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
}

/// Values of a group at one time, so far.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    count: u32,
    sum: (f64, f64),
    extreme: f64,
}

/// Groups so far.
#[derive(Debug)]
pub(super) struct Aggregation<'a> {
    operation: Operation,
    labels: Option<&'a LabelModifier>,
    times: usize,
    groups: BTreeMap<Labels, Vec<Part>>,
}

impl<'a> Aggregation<'a> {
    /// Makes one of a number of times. Errors if it is none that the program's queries have.
    pub(super) fn new(
        of: TokenType,
        labels: Option<&'a LabelModifier>,
        times: usize,
    ) -> Result<Aggregation<'a>> {
        let operation = match of.id() {
            T_SUM => Operation::Sum,
            T_AVG => Operation::Avg,
            T_MIN => Operation::Min,
            T_MAX => Operation::Max,
            T_COUNT => Operation::Count,
            T_GROUP => Operation::Group,
            _ => bail!("a file does not answer {of}()"),
        };
        Ok(Aggregation { operation, labels, times, groups: BTreeMap::new() })
    }

    /// Adds a series.
    pub(super) fn add(&mut self, row: &Row<'_>) {
        let labels = group_labels(&row.labels, self.labels);
        let (times, operation) = (self.times, self.operation);
        let parts = self.groups.entry(labels).or_insert_with(|| vec![Part::default(); times]);
        for (part, value) in parts.iter_mut().zip(&row.values) {
            let Some(value) = *value else { continue };
            let is_first = part.count == 0;
            part.count += 1;
            match operation {
                Operation::Sum | Operation::Avg => part.sum = add(part.sum, value),
                Operation::Min if is_first || value < part.extreme => part.extreme = value,
                Operation::Max if is_first || value > part.extreme => part.extreme = value,
                _ => {}
            }
        }
    }

    /// Calls `sink` with each group.
    pub(super) fn each(self, sink: &mut dyn FnMut(Row<'_>)) {
        let operation = self.operation;
        for (labels, parts) in self.groups {
            let value = |part: &Part| match operation {
                Operation::Sum if part.sum.0.is_finite() => part.sum.0 + part.sum.1,
                Operation::Sum => part.sum.0,
                Operation::Avg => (part.sum.0 + part.sum.1) / f64::from(part.count),
                Operation::Min | Operation::Max => part.extreme,
                Operation::Count => f64::from(part.count),
                Operation::Group => 1.0,
            };
            let values = parts.iter().map(|part| (part.count > 0).then(|| value(part))).collect();
            sink(Row { metric: None, labels: Cow::Owned(labels), values });
        }
    }
}

/// Returns the labels that a modifier leaves of a series', without a modifier none.
pub(super) fn group_labels(labels: &Labels, modifier: Option<&LabelModifier>) -> Labels {
    let kept = |name: &String| match modifier {
        None => false,
        Some(LabelModifier::Include(these)) => these.labels.contains(name),
        Some(LabelModifier::Exclude(these)) => !these.labels.contains(name),
    };
    labels.iter().filter(|(name, _)| kept(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Leaves the `k` biggest of all values at each time to the series that have them.
pub(super) fn leave_biggest(rows: &mut Vec<Row<'_>>, k: usize, times: usize) {
    for time in 0..times {
        let mut all: Vec<(usize, f64)> = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            all.extend(row.values.get(time).copied().flatten().map(|value| (index, value)));
        }
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        for (index, _) in all.into_iter().skip(k) {
            if let Some(value) = rows.get_mut(index).and_then(|row| row.values.get_mut(time)) {
                *value = None;
            }
        }
    }
    rows.retain(|row| row.values.iter().any(Option::is_some));
}
