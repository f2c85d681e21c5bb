//! The command line: flags with their help, turned into types once, before any I/O; exit codes; the error line.
use crate::cluster::{self, PrometheusOptions, SessionOptions, Via};
use crate::print::{self, Format};
use crate::report::{Report, SortBy};
use crate::top::{self, By, Namespaces, Question, time};
use anyhow::{Context, Result};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Exit codes that scripts rely on.
const FAILURE: u8 = 1;
const USAGE: u8 = 2;

/// How long `top --local` measures where nothing else is asked for, and what a cluster is asked about.
const LOCAL_INTERVAL: i64 = 10_000;
const CLUSTER_INTERVAL: i64 = 3_600_000;

/// Where the CPU of OpenShift nodes goes, outside and inside of pods.
#[derive(Parser)]
#[command(name = "oc interrogate", bin_name = "oc interrogate", version, arg_required_else_help = true)]
#[command(after_help = "Example: oc interrogate top --interval 1h -S openshift-logging")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Average, minimum and maximum CPU of every host process group, kernel thread family and pod
    #[command(after_help = "Examples:
  oc interrogate top --interval 1h -S openshift-logging
  oc interrogate top -i 30m -T 2026-01-31T10:00 --by namespace -o json
  oc interrogate top --local")]
    Top(Box<TopFlags>),
}

#[derive(Args)]
struct TopFlags {
    /// How long the window is: 90s, 1h30m, 2d [default: 1h, with --local 10s]
    #[arg(short, long, value_name = "DURATION", value_parser = parse_duration, allow_hyphen_values = true)]
    interval: Option<i64>,
    /// When it ends: RFC 3339, a date and time (UTC), Unix seconds, or -30m for that long ago [default: now]
    #[arg(short = 'T', long, value_name = "TIME", value_parser = parse_time, allow_hyphen_values = true, conflicts_with = "local")]
    time: Option<i64>,
    /// Leave out pods of these namespaces: anchored regular expressions, repeatable, separated by commas
    #[arg(short = 'S', long, value_name = "REGEX", value_parser = parse_namespaces)]
    skip_namespaces: Vec<Namespaces>,
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
    /// Biggest first by a statistic, or by name
    #[arg(short, long, value_name = "KEY", default_value = "avg")]
    sort_by: SortBy,
    /// What a row stands for
    #[arg(long, value_name = "LEVEL", default_value = "group")]
    by: By,
    /// Give the exporter's own pods rows too
    #[arg(long)]
    include_exporter: bool,
    /// No cluster: measure this machine (Linux) for the interval
    #[arg(long)]
    local: bool,
    #[command(flatten)]
    prometheus: PrometheusFlags,
    #[command(flatten)]
    api: ApiFlags,
}

/// The way to Prometheus; nothing of it touches the API server.
#[derive(Args)]
#[command(next_help_heading = "Prometheus")]
struct PrometheusFlags {
    /// Ask this Prometheus, not the one that the cluster's route names
    #[arg(long = "prometheus", alias = "host", value_name = "URL")]
    url: Option<String>,
    /// How to reach the cluster's Prometheus
    #[arg(long, value_name = "WAY", default_value = "auto")]
    via: Via,
    /// Trust the certificates of this file too, for Prometheus
    #[arg(long, value_name = "FILE")]
    prometheus_ca: Option<PathBuf>,
    /// Do not verify Prometheus's certificate: anybody on the way may read the token
    #[arg(long)]
    insecure_prometheus: bool,
}

/// kubectl's shared flags, with kubectl's meaning, for the API server alone.
#[derive(Args)]
#[command(next_help_heading = "API server (as kubectl)")]
struct ApiFlags {
    /// The kubeconfig file [default: $KUBECONFIG, else ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The kubeconfig's cluster
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// The kubeconfig's user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The API server's address
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The bearer token; other users of this machine can read it in the process list
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Act as this user
    #[arg(long = "as", value_name = "USER")]
    as_user: Option<String>,
    /// Act as a member of these groups
    #[arg(long = "as-group", value_name = "GROUP")]
    as_groups: Vec<String>,
    /// Trust the certificates of this file
    #[arg(long, value_name = "FILE")]
    certificate_authority: Option<PathBuf>,
    /// Do not verify the API server's certificate
    #[arg(long)]
    insecure_skip_tls_verify: bool,
    /// The name that the API server's certificate must hold
    #[arg(long, value_name = "NAME")]
    tls_server_name: Option<String>,
    /// Give up on a request after this long
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    request_timeout: Option<i64>,
}

/// Parses, runs, prints the error, returns the code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = Cli::command().try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches));
    match cli {
        Ok(cli) => match run(cli.command) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain("error", &format!("{error:#}"));
                ExitCode::from(FAILURE)
            }
        },
        Err(error) if error.use_stderr() => {
            complain("error", &usage_line(&error));
            ExitCode::from(USAGE)
        }
        Err(help) => {
            // A closed pipe is the reader's choice.
            let _ = help.print();
            ExitCode::SUCCESS
        }
    }
}

fn run(command: Command) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    match command {
        Command::Top(flags) => runtime.block_on(top(*flags)),
    }
}

async fn top(flags: TopFlags) -> Result<()> {
    let (output, local) = (flags.output, flags.local);
    let (question, session, prometheus) = flags.typed();
    let report = if local {
        top::measure(&question).await?
    } else {
        let connection = cluster::connect(&session, &prometheus).await?;
        let report = top::ask(&connection.client, &question).await?;
        // After the answer: where there is none, the error alone is what to read.
        connection.notes.iter().for_each(|note| complain("note", note));
        report
    };
    show(&report, output)
}

/// Prints a report on stdout; its notes on stderr, where the format does not hold them.
fn show(report: &Report, format: Format) -> Result<()> {
    match print::report(report, format, &mut io::BufWriter::new(io::stdout().lock())) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        other => other.context("cannot write the report")?,
    }
    if matches!(format, Format::Table | Format::Csv) {
        report.notes.iter().for_each(|note| complain("note", note));
    }
    Ok(())
}

impl TopFlags {
    fn typed(self) -> (Question, SessionOptions, PrometheusOptions) {
        let question = Question {
            end: self.time.unwrap_or_else(now),
            interval: self.interval.unwrap_or(if self.local { LOCAL_INTERVAL } else { CLUSTER_INTERVAL }),
            skip: self.skip_namespaces.into_iter().collect(),
            by: self.by,
            sort: self.sort_by,
            include_exporter: self.include_exporter,
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
        let prometheus = PrometheusOptions {
            url: self.prometheus.url,
            via: self.prometheus.via,
            ca: self.prometheus.prometheus_ca,
            insecure: self.prometheus.insecure_prometheus,
        };
        (question, session, prometheus)
    }
}

fn parse_duration(text: &str) -> Result<i64, String> {
    time::duration_ms(text).map_err(|error| format!("{error:#}"))
}

fn parse_namespaces(text: &str) -> Result<Namespaces, String> {
    Namespaces::parse(text).map_err(|error| format!("{error:#}"))
}

fn parse_time(text: &str) -> Result<i64, String> {
    time::time_ms(text, now()).map_err(|error| format!("{error:#}"))
}

/// Unix milliseconds, of a whole second, so that windows read well.
fn now() -> i64 {
    jiff::Timestamp::now().as_second() * 1000
}

/// clap's error without its usage lines, as one line.
fn usage_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let said = text
        .split("\n\nUsage:")
        .next()
        .unwrap_or_default()
        .split("\n\nFor more information")
        .next()
        .unwrap_or_default();
    let words: Vec<&str> = said.trim_start_matches("error: ").split_whitespace().collect();
    format!("{} (see --help)", words.join(" "))
}

/// One line on stderr, without what a terminal would obey. Where stderr is gone there is nobody to tell.
fn complain(kind: &str, text: &str) {
    let line = text.split('\n').map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let _ = writeln!(io::stderr(), "{kind}: {}", print::printable(&line));
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
