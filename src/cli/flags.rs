//! The flags, as clap parses them, with their help.
use super::checking::StatusFlags;
use super::completion::CompletionFlags;
use super::installing::{InstallFlags, UninstallFlags};
use super::shared::{ApiFlags, PrometheusFlags};
use super::values::{
    parse_duration, parse_limit, parse_namespaces, parse_percentile, parse_sort, parse_time,
};
use super::version::VersionFlags;
use crate::print::Format;
use crate::report::SortBy;
use crate::top::{By, Namespaces, Percentile};
use clap::{Args, Parser, Subcommand};

/// Where the CPU of OpenShift nodes goes, outside and inside of pods.
#[derive(Parser)]
#[command(name = "oc interrogate", bin_name = "oc interrogate", version, arg_required_else_help = true)]
#[command(after_help = "Examples:
  oc interrogate top --local                                 # this machine, no cluster
  oc interrogate top --interval 1h -S openshift-logging
  oc interrogate install
  oc interrogate COMMAND --help")]
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
    /// Bring the exporter, its rules and its dashboard into the cluster; run again, it upgrades, and changes what differs
    #[command(after_help = "Examples:
  oc interrogate install
  oc interrogate install --diff
  oc interrogate install -o yaml | oc apply --server-side -f -")]
    Install(Box<InstallFlags>),
    /// Take all of it out of the cluster again
    #[command(after_help = "Examples:
  oc interrogate uninstall --dry-run
  oc interrogate uninstall -y")]
    Uninstall(Box<UninstallFlags>),
    /// Check the installation from its objects to its data: what is wrong, and what helps
    #[command(
        after_help = "Checks: objects, version, image, constraints, pods, rights, prometheus, targets, rules, samples, attributed, names, cost, config.
Each is ok, warning, failed, or skipped where it could not be looked at. The exit code is 1 where one failed.

Examples:
  oc interrogate status
  oc interrogate status --wait --timeout 2m
  oc interrogate status -o json | jq '.checks[] | select(.status != \"ok\")'"
    )]
    Status(Box<StatusFlags>),
    /// Complete commands, flags and names at the Tab key, in kubectl, oc and shells
    #[command(after_help = "Examples:
  oc interrogate completion --install    # oc interrogate top --node <Tab>
  oc interrogate completion bash > ~/.local/share/bash-completion/completions/oc-interrogate
  oc interrogate completion --remove")]
    Completion(CompletionFlags),
    /// This program's version, the exporter's that it brings along, the cluster's, and what is installed there
    #[command(after_help = "Examples:
  oc interrogate version
  oc interrogate version --client
  oc interrogate version -o json")]
    Version(Box<VersionFlags>),
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
    #[arg(long, value_name = "N", value_parser = parse_limit, allow_negative_numbers = true)]
    pub(super) limit: Option<usize>,
    /// Whose series answer [default: the exporter's if they cover the window or have ten samples in it]
    #[arg(long, value_name = "SOURCE", conflicts_with = "local")]
    pub(super) source: Option<SourceFlag>,
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Format,
    /// No header line in table, wide and csv
    #[arg(long)]
    pub(super) no_headers: bool,
    /// Again and again, in place on a terminal: every scrape interval (--local: every 2s), or as said. The window is
    /// shorter then unless said [default: 15m, --local: 2m]
    #[arg(short, long, value_name = "DURATION", value_parser = parse_duration, num_args = 0..=1, require_equals = true, conflicts_with = "time")]
    pub(super) watch: Option<Option<i64>>,
    /// No cluster: measure this machine (Linux) for the interval
    #[arg(long, conflicts_with_all = ["url", "via", "prometheus_ca", "insecure_prometheus"])]
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
    /// What of the pods has no name
    Pod,
}

/// Whose series.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum SourceFlag {
    /// The exporter's, by its rules: everything on one clock
    Exporter,
    /// The platform's own: services, pods as 5-minute rates, busy time
    Platform,
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
