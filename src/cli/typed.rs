//! Turns the flags of `top` into the types of the program, once, before any I/O.
use super::flags::{ClassFlag, TopFlags};
use super::shared::{CHART, Usage, colour, refuse_terminal, text, width};
use super::values::{End, now};
use crate::cluster::{PrometheusOptions, SessionOptions};
use crate::compare::BLOCKS;
use crate::print::{ChartOf, Format, PageOptions};
use crate::report::{Class, SortBy};
use crate::top::{By, Filter, KnownSets, Question, SourceChoice};
use anyhow::{Result, bail, ensure};
use std::collections::BTreeSet;
use std::time::Duration;

/// Default interval of `top --local`, and of `top` in a cluster.
const LOCAL_INTERVAL: Duration = Duration::from_secs(10);
const CLUSTER_INTERVAL: Duration = Duration::from_secs(3600);
/// Default interval with `--watch`: short enough to be seen at a glance.
const LOCAL_WATCH: Duration = Duration::from_secs(120);
const CLUSTER_WATCH: Duration = Duration::from_secs(900);

/// Characters of a row's trend in `wide`.
const SPARKS: usize = 20;
/// Parts of a picture's trend.
const PARTS: usize = 240;

impl TopFlags {
    pub(super) fn page_options(&self) -> PageOptions {
        let width = width();
        let fold = self.output == Format::Table && !self.all_rows && self.limit.is_none();
        let of_rows = self.by.is_some() || self.limit.is_some();
        let chart = self.chart.then_some(if of_rows { ChartOf::Rows } else { ChartOf::Classes });
        PageOptions { format: self.output, headers: !self.no_headers, colour: colour(), fold, width, chart }
    }

    pub(super) fn typed(self) -> Result<(Question, SessionOptions, PrometheusOptions)> {
        if let SortBy::Percentile(name) = &self.sort_by {
            let given = self.percentiles.iter().any(|percentile| percentile.name == *name);
            ensure!(given, Usage(format!("--sort-by {name} needs --percentiles {name}")));
        }
        if !self.local && self.interval.is_some_and(|interval| interval < Duration::from_secs(1)) {
            bail!(Usage("--interval is below a second, and no cluster is sampled that often".to_owned()));
        }
        let is_picture = self.output.is_picture();
        if is_picture {
            refuse_terminal()?;
        }
        if self.chart && !matches!(self.output, Format::Table | Format::Wide) {
            bail!(Usage(CHART.to_owned()));
        }
        if is_picture && self.watch.is_some() {
            bail!(Usage("a picture does not move: leave out --watch".to_owned()));
        }
        let by = self.by.unwrap_or(if is_picture && self.limit.is_none() { By::Class } else { By::Group });
        if self.reserved.is_some() && by != By::Cpuset {
            bail!(Usage("--reserved is for --by cpuset".to_owned()));
        }
        if self.blocks && !matches!(self.output, Format::Json | Format::Yaml) {
            bail!(Usage("--blocks needs -o json or -o yaml".to_owned()));
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
        let trend = match (watched, self.output) {
            (true, Format::Table | Format::Wide) => usize::MAX,
            (false, Format::Wide) if !self.chart => SPARKS,
            (false, Format::Wide) => PARTS,
            (false, Format::Svg | Format::Html) => PARTS,
            (false, Format::Table) if self.chart => PARTS,
            (_, Format::Json | Format::Yaml) if self.blocks => BLOCKS,
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
            source: self.source.map_or(SourceChoice::Auto, SourceChoice::from),
            end: End::time(self.time, now()),
            interval: self.interval.unwrap_or(interval),
            by,
            per_node: self.per_node,
            filter,
            percentiles,
            present: matches!(self.output, Format::Wide | Format::Json | Format::Yaml),
            trend,
            at_peak: self.at_peak || is_picture,
            node_names: self.blocks,
            sets: KnownSets { reserved: self.reserved, ..KnownSets::default() },
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
