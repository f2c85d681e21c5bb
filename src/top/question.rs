//! Question: a window, the things that rows stand for, filters, and the order. It is checked before any I/O.
use super::filter::Filter;
use crate::cluster::Partitioning;
use crate::query::{Span, Want};
use crate::report::{Report, SortBy, Source, SourceKind, Window};
use crate::time::Timestamp;
use anyhow::{Context, Result, ensure};
use node_cpu::CpuList;
use std::collections::BTreeMap;
use std::time::Duration;

/// User's question.
#[derive(Debug, Clone)]
pub struct Question {
    /// Source that is asked for.
    pub source: SourceChoice,
    /// End of the window, inclusive.
    pub end: Timestamp,
    /// Length of the window, above zero.
    pub interval: Duration,
    /// Level of the rows.
    pub by: By,
    /// True if each node has rows of its own.
    pub per_node: bool,
    /// Filter of the rows.
    pub filter: Filter,
    /// Percentiles beside average, minimum and maximum.
    pub percentiles: Vec<Percentile>,
    /// True to count each row's samples, which takes a query.
    pub present: bool,
    /// Number of parts of the window whose means make each row's trend, which takes a query; 0 for no trend.
    pub trend: usize,
    /// True to find the step at which all rows together were highest, and the cores of each at that step.
    pub at_peak: bool,
    /// True to name the nodes in the source.
    pub node_names: bool,
    /// Sets of CPUs that the user and the API server tell.
    pub sets: KnownSets,
    /// Order of the rows.
    pub sort: SortBy,
    /// Number of rows, the first in that order. `None`: all.
    pub limit: Option<usize>,
}

impl By {
    /// Returns true if rows are of groups, and of pods or their workloads.
    pub(super) fn is_fine(self) -> bool {
        matches!(self, By::Workload | By::Group | By::Thread | By::Cpuset)
    }
}

impl Question {
    /// Makes a question of all that a window has, without any filter.
    pub(crate) fn of_all(source: SourceChoice, end: Timestamp, interval: Duration, by: By) -> Question {
        Question {
            source,
            end,
            interval,
            by,
            per_node: false,
            filter: Filter { exporter: true, ..Filter::default() },
            percentiles: Vec::new(),
            present: false,
            trend: 0,
            at_peak: false,
            node_names: false,
            sets: KnownSets::default(),
            sort: SortBy::Avg,
            limit: None,
        }
    }

    /// Returns the window.
    pub(super) fn span(&self) -> Span {
        Span::ending(self.end, self.interval)
    }

    /// Returns true if rows are of single nodes, or of some nodes only.
    pub(super) fn of_nodes(&self) -> bool {
        self.per_node || self.filter.nodes.is_some()
    }

    /// Returns the statistics that the server computes of a row's samples.
    pub(super) fn want(&self) -> Want {
        Want { quantiles: self.quantiles(), count: self.present, trend: self.trend }
    }

    /// Returns a report without rows, whose columns are those of the question.
    pub(super) fn empty_report(&self, window: Window, source: Source) -> Report {
        let mut report = Report::new(window, source);
        report.percentiles = self.percentiles.iter().map(|percentile| percentile.name.clone()).collect();
        report.of_workloads = self.by == By::Workload;
        report.of_cpusets = self.by == By::Cpuset;
        report
    }

    /// Returns the percentiles, each 0 to 1.
    pub(super) fn quantiles(&self) -> Vec<f64> {
        self.percentiles.iter().map(|percentile| percentile.share).collect()
    }
}

/// Sets of CPUs that are known before Prometheus is asked.
#[derive(Debug, Clone, Default)]
pub struct KnownSets {
    /// CPUs of the platform on all nodes, as the user says.
    pub reserved: Option<CpuList>,
    /// What the API server tells.
    pub partitioning: Partitioning,
    /// CPUs that the threads of each node were allowed to use, as a must-gather lists them.
    pub affinities: BTreeMap<String, Vec<Affinity>>,
}

/// Threads of one process name that may run on the same CPUs.
#[derive(Debug, Clone, PartialEq)]
pub struct Affinity {
    /// Name of the process.
    pub process: String,
    /// CPUs that the threads may run on.
    pub cpus: CpuList,
    /// Number of threads.
    pub threads: u64,
}

/// Choice of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceChoice {
    /// The exporter's series if these cover the window or have enough samples in it, else the platform's.
    #[default]
    Auto,
    /// The exporter's series.
    Exporter,
    /// The platform's own series.
    Platform,
}

impl SourceChoice {
    /// Returns the sources, in the order in which they are tried.
    pub(super) fn kinds(self) -> &'static [SourceKind] {
        match self {
            SourceChoice::Auto => &[SourceKind::Exporter, SourceKind::Platform],
            SourceChoice::Exporter => &[SourceKind::Exporter],
            SourceChoice::Platform => &[SourceKind::Platform],
        }
    }
}

/// Level of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// A class
    Class,
    /// A class of host or kernel, or a namespace
    Namespace,
    /// A process group of host or kernel, or the workload that owns a pod: deployment, daemonset and so on
    Workload,
    /// A process group of host or kernel, or a pod
    Group,
    /// A thread of a process group, or a pod
    Thread,
    /// A part of a process group or a pod by the set of CPUs on which it may run: reserved, isolated, or any
    Cpuset,
}

/// Percentile of a row's samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Percentile {
    /// Name: `p95`.
    pub name: String,
    /// Share, 0 to 1.
    pub share: f64,
}

impl Percentile {
    /// Parses `p95`, `95` or `p99.9`.
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
