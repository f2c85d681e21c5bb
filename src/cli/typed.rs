//! From flags to the types that the rest works with, once, before any I/O.
use super::flags::{ClassFlag, SourceFlag, TopFlags};
use super::shared::{Usage, colour, text};
use super::values::now;
use crate::cluster::{PrometheusOptions, SessionOptions};
use crate::print::{Format, Look};
use crate::report::{Class, SortBy};
use crate::top::{Filter, Question, Whose};
use anyhow::{Result, bail, ensure};
use std::collections::BTreeSet;
use std::io::{self, IsTerminal};

/// How long `top --local` measures where nothing else is asked for, and what a cluster is asked about, milliseconds.
const LOCAL_INTERVAL: i64 = 10_000;
const CLUSTER_INTERVAL: i64 = 3_600_000;
/// The same of `--watch`: what is seen at a glance.
const LOCAL_WATCH: i64 = 120_000;
const CLUSTER_WATCH: i64 = 900_000;

/// Characters of a row's course in `wide`.
const SPARKS: usize = 20;

impl TopFlags {
    pub(super) fn look(&self) -> Look {
        let terminal = io::stdout().is_terminal();
        let width = terminal.then(terminal_size::terminal_size).flatten().map(|(width, _)| width.0);
        Look { format: self.output, headers: !self.no_headers, colour: colour(), width }
    }

    pub(super) fn typed(self) -> Result<(Question, SessionOptions, PrometheusOptions)> {
        if let SortBy::Percentile(name) = &self.sort_by {
            let asked = self.percentiles.iter().any(|percentile| percentile.name == *name);
            ensure!(asked, Usage(format!("--sort-by {name} needs --percentiles {name}")));
        }
        if !self.local && self.interval.is_some_and(|interval| interval < 1000) {
            bail!(Usage("--interval is below a second, and no cluster is sampled that often".to_owned()));
        }
        let mut percentiles = self.percentiles;
        let mut names = BTreeSet::new();
        percentiles.retain(|percentile| names.insert(percentile.name.clone()));
        let watched = self.watch.is_some();
        let interval = match (self.local, watched) {
            (true, false) => LOCAL_INTERVAL,
            (false, false) => CLUSTER_INTERVAL,
            (true, true) => LOCAL_WATCH,
            (false, true) => CLUSTER_WATCH,
        };
        let course = match (watched, self.output) {
            (true, Format::Table | Format::Wide) => usize::MAX,
            (false, Format::Wide) => SPARKS,
            _ => 0,
        };
        let filter = Filter {
            classes: self.class.into_iter().map(Class::from).collect(),
            namespace: text(self.namespace),
            skip: self.skip_namespaces.into_iter().collect(),
            nodes: (!self.node.is_empty()).then_some(self.node),
            exporter: self.include_exporter,
        };
        let question = Question {
            source: self.source.map_or(Whose::Either, Whose::from),
            end: self.time.unwrap_or_else(now),
            interval: self.interval.unwrap_or(interval),
            by: self.by,
            per_node: self.per_node,
            filter,
            percentiles,
            present: matches!(self.output, Format::Wide | Format::Json | Format::Yaml),
            course,
            sort: self.sort_by,
            limit: self.limit,
        };
        Ok((question, self.api.session(), self.prometheus.typed()?))
    }
}

impl From<ClassFlag> for Class {
    fn from(flag: ClassFlag) -> Class {
        match flag {
            ClassFlag::Host => Class::Host,
            ClassFlag::Kernel => Class::Kernel,
            ClassFlag::Infra => Class::Infra,
            ClassFlag::Workload => Class::Workload,
            ClassFlag::Pod => Class::Pod,
        }
    }
}

impl From<SourceFlag> for Whose {
    fn from(flag: SourceFlag) -> Whose {
        match flag {
            SourceFlag::Exporter => Whose::Exporter,
            SourceFlag::Platform => Whose::Platform,
        }
    }
}
