//! What is asked: a window, what a row stands for, what to leave out, and the order; all of it checked before any I/O.
use super::filter::Filter;
use crate::query::Span;
use crate::query::Want;
use crate::report::SortBy;
use anyhow::{Context, Result, ensure};

/// A question, in types.
#[derive(Debug, Clone)]
pub struct Question {
    /// Whose series answer.
    pub source: Whose,
    /// The end of the window, Unix milliseconds, inclusive.
    pub end: i64,
    /// Its length, milliseconds, above zero.
    pub interval: i64,
    /// What a row stands for.
    pub by: By,
    /// Whether each node has rows of its own.
    pub per_node: bool,
    /// What has rows.
    pub filter: Filter,
    /// More statistics.
    pub percentiles: Vec<Percentile>,
    /// Whether to count each row's samples, which costs a query.
    pub present: bool,
    /// In how many parts of the window to tell each row's course, which costs a query; none where nobody looks.
    pub course: usize,
    /// The order of the rows.
    pub sort: SortBy,
    /// Only so many rows, the first in that order.
    pub limit: Option<usize>,
}

impl Question {
    /// The window.
    pub(super) fn span(&self) -> Span {
        Span { start: self.end - self.interval, end: self.end }
    }

    /// Whether nodes matter to the rows, each its own or some of them only.
    pub(super) fn of_nodes(&self) -> bool {
        self.per_node || self.filter.nodes.is_some()
    }

    /// What the server is to sum up of a row's samples.
    pub(super) fn want(&self) -> Want {
        Want { quantiles: self.quantiles(), count: self.present, course: self.course }
    }

    /// The names of the percentiles asked for.
    pub(super) fn names(&self) -> Vec<String> {
        self.percentiles.iter().map(|percentile| percentile.name.clone()).collect()
    }

    /// The percentiles asked for, each 0 to 1.
    pub(super) fn quantiles(&self) -> Vec<f64> {
        self.percentiles.iter().map(|percentile| percentile.share).collect()
    }
}

/// Whose series answer a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whose {
    /// The exporter's if these cover the window or have enough samples in it, else the platform's.
    #[default]
    Either,
    /// The exporter's.
    Exporter,
    /// The platform's own.
    Platform,
}

/// What a row stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// A class
    Class,
    /// A class of host or kernel, or a namespace
    Namespace,
    /// A process group of host or kernel, or a pod
    Group,
    /// A thread of a process group, or a pod
    Thread,
}

/// A percentile of a row's samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Percentile {
    /// As the user writes it and reads it: `p95`.
    pub name: String,
    /// 0 to 1.
    pub share: f64,
}

impl Percentile {
    /// From `p95`, `95` or `p99.9`.
    pub fn parse(text: &str) -> Result<Percentile> {
        let digits = text.strip_prefix('p').unwrap_or(text);
        let percent = digits.parse::<f64>().ok().filter(|_| digits.starts_with(|c: char| c.is_ascii_digit()));
        let percent = percent.context("give a percentile such as p50 or p99.9")?;
        ensure!((0.0..=100.0).contains(&percent), "a percentile is between p0 and p100");
        Ok(Percentile { name: format!("p{digits}"), share: percent / 100.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::Percentile;

    #[test]
    fn percentiles_by_name() {
        for (text, name, share) in
            [("p50", "p50", 0.5), ("95", "p95", 0.95), ("p99.9", "p99.9", 0.999), ("p0", "p0", 0.0)]
        {
            let percentile = Percentile::parse(text).unwrap();
            assert!(percentile.name == name && (percentile.share - share).abs() < 1e-12, "{percentile:?}");
        }
        for text in ["", "p", "p101", "-1", "p-1", "pNaN", "inf", "x", "p+5"] {
            assert!(Percentile::parse(text).is_err(), "{text}");
        }
    }
}
