//! Commands and the flags of `top`, as clap parses them, with their help.
use super::budgeting::BudgetFlags;
use super::capturing::CaptureFlags;
use super::checking::StatusFlags;
use super::comparing::CompareFlags;
use super::completion::CompletionFlags;
use super::installing::{InstallFlags, UninstallFlags};
use super::shared::{ApiFlags, PrometheusFlags, SourceFlag};
use super::values::{
    End, parse_cpus, parse_duration, parse_end, parse_limit, parse_namespaces, parse_percentile, parse_sort,
};
use super::version::VersionFlags;
use crate::print::Format;
use crate::report::SortBy;
use crate::top::{By, Namespaces, Percentile};
use clap::{Args, Parser, Subcommand};
use node_cpu::CpuList;
use std::path::PathBuf;
use std::time::Duration;

/// Place of a flag after those of each command, and before `--help`, which clap has at 999.
const LAST: usize = 998;

/// Show where the CPU of OpenShift nodes goes, outside and inside of pods.
#[derive(Parser)]
#[command(name = "oc interrogate", bin_name = "oc interrogate", version, arg_required_else_help = true)]
#[command(after_help = "Examples:
  oc interrogate top --local                                 # this machine, no cluster
  oc interrogate top --interval 1h -S openshift-logging
  oc interrogate install
  oc interrogate COMMAND --help")]
pub(super) struct Cli {
    /// Show each request on stderr, as a curl command without its token
    #[arg(short, long, global = true, display_order = LAST)]
    pub(super) verbose: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show average, minimum and maximum CPU of every host process group, kernel thread family and pod
    #[command(after_help = "Examples:
  oc interrogate top --interval 1h -S openshift-logging
  oc interrogate top -i 30m -T 2026-01-31T10:00 --by namespace -o json
  oc interrogate top -i 24h -o svg > cpu.svg
  oc interrogate top --local")]
    Top(Box<TopFlags>),
    /// Judge whether the platform of each node keeps its budget of CPU and memory
    #[command(
        after_help = "Each node is judged by itself. Exit codes: 0 all limits are kept, 3 one is exceeded, 1 one is unknown or something failed,
2 wrong usage; with --during that of the command if it failed.

Examples:
  oc interrogate budget reserved-cpus -i 24h
  oc interrogate budget ran-du -o junit --during -- ./run-tests.sh
  oc interrogate budget --print ran-du > site.yaml; oc interrogate budget -f site.yaml
  oc interrogate budget ran-du -o alerting-rule | oc apply -f -
  oc interrogate budget --suggest"
    )]
    Budget(Box<BudgetFlags>),
    /// Show what changed between two windows, of this cluster or of saved reports
    #[command(after_help = "A finding is over the tolerance, over the floor, and beyond noise.
Exit codes: 0 fine, 3 there are findings of --fail-on, 1 something failed, 2 wrong usage.

Examples:
  oc interrogate compare -1d/1h now/1h
  oc interrogate compare 2026-01-31T10:00:00Z/2h 2026-02-01T10:00:00Z/2h --by namespace
  oc interrogate compare before.json after.json --tolerance 20% --floor 50m --fail-on worse -o junit")]
    Compare(Box<CompareFlags>),
    /// Save what the questions of this tool read in one file, for top, budget and compare without the cluster
    #[command(
        after_help = "The file has what a must-gather has, where that has it; promtool imports its samples too.

Examples:
  oc interrogate capture case.tar.gz
  oc interrogate capture -i 1h -T 2026-01-31T10:00 --threads case.tar.gz
  oc interrogate top --from case.tar.gz --by class
  oc interrogate capture --must-gather -i 1h"
    )]
    Capture(Box<CaptureFlags>),
    /// Install or upgrade the exporter, its rules and its dashboard
    #[command(after_help = "Examples:
  oc interrogate install
  oc interrogate install --diff
  oc interrogate install -o yaml | oc apply --server-side -f -")]
    Install(Box<InstallFlags>),
    /// Remove the exporter, its rules and its dashboard
    #[command(after_help = "Examples:
  oc interrogate uninstall --dry-run
  oc interrogate uninstall -y")]
    Uninstall(Box<UninstallFlags>),
    /// Check the installation from its objects to its data, and print remedies
    #[command(after_help = super::checking::after_help(), after_long_help = super::checking::after_long_help())]
    Status(Box<StatusFlags>),
    /// Set up Tab completion of commands, flags and names in kubectl, oc and shells
    #[command(after_help = "Examples:
  oc interrogate completion --install    # oc interrogate top --node <Tab>
  oc interrogate completion bash > ~/.local/share/bash-completion/completions/oc-interrogate
  oc interrogate completion --remove")]
    Completion(CompletionFlags),
    /// Print the versions of this program, its exporter, the cluster, and the installed exporter
    #[command(after_help = "Examples:
  oc interrogate version
  oc interrogate version --client
  oc interrogate version -o json")]
    Version(Box<VersionFlags>),
}

#[derive(Args)]
pub(super) struct TopFlags {
    /// Length of the window: 90s, 1h30m, 2d [default: 1h, with --local 10s]
    #[arg(short, long, value_name = "DURATION", value_parser = parse_duration, allow_hyphen_values = true)]
    pub(super) interval: Option<Duration>,
    /// End of the window: RFC 3339, a date and time (UTC), Unix seconds, or -30m for 30 minutes ago [default: now, of a file its newest sample]
    #[arg(short = 'T', long, value_name = "TIME", value_parser = parse_end, allow_hyphen_values = true, conflicts_with = "local")]
    pub(super) time: Option<End>,
    /// Exclude pods of these namespaces: anchored regular expressions, repeatable, separated by commas
    #[arg(short = 'S', long, value_name = "REGEX", value_parser = parse_namespaces)]
    pub(super) skip_namespaces: Vec<Namespaces>,
    /// Show only pods of this namespace: no host, no kernel
    #[arg(short, long, value_name = "NAME")]
    pub(super) namespace: Option<String>,
    /// Show only these classes; repeatable, separated by commas
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    pub(super) class: Vec<ClassFlag>,
    /// Print a row for each node
    #[arg(long)]
    pub(super) per_node: bool,
    /// Show only this node; repeatable, separated by commas
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(super) node: Vec<String>,
    /// Show only nodes with these labels; syntax as in kubectl
    #[arg(short = 'l', long, value_name = "LABELS", conflicts_with = "local")]
    pub(super) selector: Option<String>,
    /// Show the exporter's own pods too
    #[arg(long)]
    pub(super) include_exporter: bool,
    /// Unit that a row stands for [default: group; of a picture without --limit, class]
    #[arg(long, value_name = "LEVEL")]
    pub(super) by: Option<By>,
    /// CPUs that are reserved for the platform, such as 0-1,52-53, for --by cpuset [default: by the PerformanceProfile; with
    /// the exporter, by the nodes' kernels]
    #[arg(long, value_name = "LIST", value_parser = parse_cpus, conflicts_with = "local")]
    pub(super) reserved: Option<CpuList>,
    /// Add percentiles: p50,p95,p99.9
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = parse_percentile)]
    pub(super) percentiles: Vec<Percentile>,
    /// Sort by avg, min, max or one of --percentiles, biggest first; or by name
    #[arg(short, long, value_name = "KEY", default_value = "avg", value_parser = parse_sort)]
    pub(super) sort_by: SortBy,
    /// Print only the first N rows
    #[arg(long, value_name = "N", value_parser = parse_limit, allow_negative_numbers = true)]
    pub(super) limit: Option<usize>,
    /// Show rows below 0.001 cores too, which a table folds into one line
    #[arg(long)]
    pub(super) all_rows: bool,
    /// Add a column: cores of each row at the step at which all of them together were highest
    #[arg(long, conflicts_with = "watch")]
    pub(super) at_peak: bool,
    /// Draw the trend above the table: classes on each other, or with --by or --limit rows
    #[arg(long)]
    pub(super) chart: bool,
    /// Add the means of 48 blocks of the window to json and yaml, by which compare tells a change from noise
    #[arg(long)]
    pub(super) blocks: bool,
    /// Series to query [default: the exporter's if they cover the window or have ten samples in it]
    #[arg(long, value_name = "SOURCE", conflicts_with = "local")]
    pub(super) source: Option<SourceFlag>,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Format,
    /// Print the JSON Schema of -o json and -o yaml, and nothing else
    #[arg(long)]
    pub(super) schema: bool,
    /// Omit the header line in table, wide and csv
    #[arg(long)]
    pub(super) no_headers: bool,
    /// Repeat at this interval, in place on a terminal [default: the scrape interval, with --local 2s]. Then --interval
    /// defaults to 15m, with --local to 2m
    #[arg(short, long, value_name = "DURATION", value_parser = parse_duration, num_args = 0..=1, require_equals = true, conflicts_with = "time")]
    pub(super) watch: Option<Option<Duration>>,
    /// Report from a file instead of a cluster: a capture, OpenMetrics as promtool dumps it (.gz too), or a must-gather, as a
    /// folder or tar. The window then ends with the newest sample
    #[arg(long, value_name = "PATH", conflicts_with_all = ["local", "watch", "selector", "url", "via", "prometheus_ca", "insecure_prometheus"])]
    pub(super) from: Option<PathBuf>,
    /// Measure this machine (Linux) for the interval, without a cluster
    #[arg(long, conflicts_with_all = ["url", "via", "prometheus_ca", "insecure_prometheus"])]
    pub(super) local: bool,
    #[command(flatten)]
    pub(super) prometheus: PrometheusFlags,
    #[command(flatten)]
    pub(super) api: ApiFlags,
}

/// Classes of rows.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum ClassFlag {
    /// Processes outside of pods
    Host,
    /// Kernel threads and interrupts
    Kernel,
    /// Pods of the platform's namespaces: openshift-*, kube-*, default, openshift
    Infra,
    /// All other pods
    Workload,
    /// CPU of pods without a known name
    Pod,
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
