//! From flags to the types that the rest works with, once, before any I/O.
use super::flags::{ClassFlag, TopFlags};
use super::values::now;
use crate::cluster::{self, PrometheusOptions, SessionOptions};
use crate::print::{Format, Look};
use crate::report::{Class, SortBy};
use crate::top::{Filter, Question};
use anyhow::{Result, bail, ensure};
use std::collections::BTreeSet;
use std::io::{self, IsTerminal};
use std::time::Duration;

/// How long `top --local` measures where nothing else is asked for, and what a cluster is asked about, milliseconds.
const LOCAL_INTERVAL: i64 = 10_000;
const CLUSTER_INTERVAL: i64 = 3_600_000;

impl TopFlags {
    pub(super) fn look(&self) -> Look {
        let terminal = io::stdout().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let width = terminal.then(terminal_size::terminal_size).flatten().map(|(width, _)| width.0);
        Look { format: self.output, headers: !self.no_headers, colour: terminal && !plain && !dumb, width }
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
        let filter = Filter {
            classes: self.class.into_iter().map(Class::from).collect(),
            namespace: self.namespace,
            skip: self.skip_namespaces.into_iter().collect(),
            nodes: (!self.node.is_empty()).then_some(self.node),
            exporter: self.include_exporter,
        };
        let question = Question {
            end: self.time.unwrap_or_else(now),
            interval: self.interval.unwrap_or(if self.local { LOCAL_INTERVAL } else { CLUSTER_INTERVAL }),
            by: self.by,
            per_node: self.per_node,
            filter,
            percentiles,
            present: matches!(self.output, Format::Wide | Format::Json | Format::Yaml),
            sort: self.sort_by,
            limit: self.limit,
        };
        let api = self.api;
        let session = SessionOptions {
            kubeconfig: api.kubeconfig,
            context: api.context,
            cluster: api.cluster,
            user: api.user,
            server: api.server,
            token: api.token.map(Into::into),
            impersonate_user: api.as_user,
            impersonate_groups: api.as_groups,
            certificate_authority: api.certificate_authority,
            insecure_skip_tls_verify: api.insecure_skip_tls_verify,
            tls_server_name: api.tls_server_name,
            request_timeout: api.request_timeout.map(|ms| Duration::from_millis(ms.unsigned_abs())),
        };
        // Not a type of the flag: clap would repeat a bad address, with the password that may be in it.
        let url = self.prometheus.url.as_deref().map(cluster::address).transpose();
        let prometheus = PrometheusOptions {
            url: url.map_err(|error| Usage(error.to_string()))?,
            via: self.prometheus.via,
            ca: self.prometheus.prometheus_ca,
            insecure: self.prometheus.insecure_prometheus,
        };
        Ok((question, session, prometheus))
    }
}

impl From<ClassFlag> for Class {
    fn from(flag: ClassFlag) -> Class {
        match flag {
            ClassFlag::Host => Class::Host,
            ClassFlag::Kernel => Class::Kernel,
            ClassFlag::Infra => Class::Infra,
            ClassFlag::Workload => Class::Workload,
        }
    }
}

/// Flags that contradict each other in a way that clap cannot tell.
#[derive(Debug)]
pub(super) struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (see --help)", self.0)
    }
}

impl std::error::Error for Usage {}
