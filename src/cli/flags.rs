//! The flags, as clap parses them, with their help.
use super::values::{
    parse_duration, parse_namespaces, parse_percentile, parse_sort, parse_time, parse_timeout,
};
use crate::cluster::Via;
use crate::print::Format;
use crate::report::SortBy;
use crate::top::{By, Namespaces, Percentile};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Where the CPU of OpenShift nodes goes, outside and inside of pods.
#[derive(Parser)]
#[command(name = "oc interrogate", bin_name = "oc interrogate", version, arg_required_else_help = false)]
#[command(after_help = "Example: oc interrogate top --interval 1h -S openshift-logging")]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Average, minimum and maximum CPU of every host process group, kernel thread family and pod
    #[command(after_help = "Examples:
  oc interrogate top --interval 1h -S openshift-logging
  oc interrogate top -i 30m -T 2026-01-31T10:00 --by namespace -o json
  oc interrogate top --local")]
    Top(Box<TopFlags>),
}

#[derive(Args)]
pub(super) struct TopFlags {
    /// How long the window is: 90s, 1h30m, 2d [default: 1h, with --local 10s]
    #[arg(short, long, value_name = "DURATION", value_parser = parse_duration, allow_hyphen_values = true)]
    pub(super) interval: Option<i64>,
    /// When it ends: RFC 3339, a date and time (UTC), Unix seconds, or -30m for that long ago [default: now]
    #[arg(short = 'T', long, value_name = "TIME", value_parser = parse_time, allow_hyphen_values = true, conflicts_with = "local")]
    pub(super) time: Option<i64>,
    /// Leave out pods of these namespaces: anchored regular expressions, repeatable, separated by commas
    #[arg(short = 'S', long, value_name = "REGEX", value_parser = parse_namespaces)]
    pub(super) skip_namespaces: Vec<Namespaces>,
    /// Only pods of this namespace: no host, no kernel
    #[arg(short, long, value_name = "NAME")]
    pub(super) namespace: Option<String>,
    /// Only these classes; repeatable, separated by commas
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    pub(super) class: Vec<ClassFlag>,
    /// A row for each node
    #[arg(long)]
    pub(super) per_node: bool,
    /// Only this node; repeatable, separated by commas
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(super) node: Vec<String>,
    /// Only nodes with these labels, as kubectl's
    #[arg(short = 'l', long, value_name = "LABELS", conflicts_with = "local")]
    pub(super) selector: Option<String>,
    /// Give the exporter's own pods rows too
    #[arg(long)]
    pub(super) include_exporter: bool,
    /// What a row stands for
    #[arg(long, value_name = "LEVEL", default_value = "group")]
    pub(super) by: By,
    /// More statistics: p50,p95,p99.9
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = parse_percentile)]
    pub(super) percentiles: Vec<Percentile>,
    /// Biggest first by avg, min, max or a percentile asked for; or by name
    #[arg(short, long, value_name = "KEY", default_value = "avg", value_parser = parse_sort)]
    pub(super) sort_by: SortBy,
    /// Only so many rows, the first in that order
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<usize>,
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Format,
    /// No header line in table, wide and csv
    #[arg(long)]
    pub(super) no_headers: bool,
    /// No cluster: measure this machine (Linux) for the interval
    #[arg(long, conflicts_with_all = ["skip_namespaces", "namespace", "include_exporter", "url", "via", "prometheus_ca", "insecure_prometheus"])]
    pub(super) local: bool,
    #[command(flatten)]
    pub(super) prometheus: PrometheusFlags,
    #[command(flatten)]
    pub(super) api: ApiFlags,
}

/// The classes that a row can be of.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum ClassFlag {
    /// Processes outside of pods
    Host,
    /// Kernel threads and interrupts
    Kernel,
    /// Pods of the platform's namespaces
    Infra,
    /// Everybody else's pods
    Workload,
}

/// The way to Prometheus; nothing of it touches the API server.
#[derive(Args)]
#[command(next_help_heading = "Prometheus")]
pub(super) struct PrometheusFlags {
    /// Ask this Prometheus, not the one that the cluster's route names
    #[arg(long = "prometheus", alias = "host", value_name = "URL")]
    pub(super) url: Option<String>,
    /// How to reach the cluster's Prometheus
    #[arg(long, value_name = "WAY", default_value = "auto")]
    pub(super) via: Via,
    /// Trust the certificates of this file too, for Prometheus
    #[arg(long, value_name = "FILE")]
    pub(super) prometheus_ca: Option<PathBuf>,
    /// Do not verify Prometheus's certificate: anybody on the way may read the token
    #[arg(long)]
    pub(super) insecure_prometheus: bool,
}

/// kubectl's shared flags, with kubectl's meaning, for the API server alone.
#[derive(Args)]
#[command(next_help_heading = "API server (as kubectl)")]
pub(super) struct ApiFlags {
    /// The kubeconfig file [default: $KUBECONFIG, else ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub(super) kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context
    #[arg(long, value_name = "NAME")]
    pub(super) context: Option<String>,
    /// The kubeconfig's cluster
    #[arg(long, value_name = "NAME")]
    pub(super) cluster: Option<String>,
    /// The kubeconfig's user
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,
    /// The API server's address
    #[arg(long, value_name = "URL")]
    pub(super) server: Option<String>,
    /// The bearer token; other users of this machine can read it in the process list
    #[arg(long, value_name = "TOKEN")]
    pub(super) token: Option<String>,
    /// Act as this user
    #[arg(long = "as", value_name = "USER")]
    pub(super) as_user: Option<String>,
    /// Act as a member of these groups
    #[arg(long = "as-group", value_name = "GROUP")]
    pub(super) as_groups: Vec<String>,
    /// Trust the certificates of this file
    #[arg(long, value_name = "FILE")]
    pub(super) certificate_authority: Option<PathBuf>,
    /// Do not verify the API server's certificate
    #[arg(long)]
    pub(super) insecure_skip_tls_verify: bool,
    /// The name that the API server's certificate must hold
    #[arg(long, value_name = "NAME")]
    pub(super) tls_server_name: Option<String>,
    /// Give up on a request after this long; 0 is never
    #[arg(long, value_name = "DURATION", value_parser = parse_timeout)]
    pub(super) request_timeout: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
