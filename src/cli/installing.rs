//! Flags of `install` and `uninstall`, and the types that they become.
use super::shared::{ApiFlags, PrometheusFlags, Usage};
use super::values::{flag_parser, parse_duration, parse_pair};
use crate::cluster::{PrometheusOptions, SessionOptions};
use crate::install::{Mode, Options, Settings, validate_config};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args)]
pub(super) struct InstallFlags {
    /// Run this image of the exporter instead of the binary beside this program
    #[arg(long, value_name = "REF", conflicts_with = "exporter")]
    image: Option<String>,
    /// Install this exporter (a static Linux binary) instead of the one beside this program; once for each architecture
    #[arg(long, value_name = "FILE")]
    exporter: Vec<PathBuf>,
    /// Group processes by the rules of this file, in the format of process-exporter's process_names
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Count each thread too [default: true, false on more than 200 nodes]
    #[arg(long, value_name = "BOOL", default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = flag_parser())]
    threads: Option<bool>,
    /// Run only on nodes with this label; repeatable, separated by commas
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',', value_parser = parse_pair)]
    node_selector: Vec<(String, String)>,
    /// Interval at which Prometheus scrapes the exporter
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = parse_duration)]
    scrape_interval: Duration,
    /// Change nothing: print what would be applied (client), or let the server try it (server)
    #[arg(long, value_name = "BY", default_value = "none", default_missing_value = "client", num_args = 0..=1, require_equals = true)]
    dry_run: DryRun,
    /// Print only the objects, and change nothing
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Output>,
    /// Print what would change, and change nothing
    #[arg(long, conflicts_with = "output")]
    diff: bool,
    /// Wait until every node is ready and its samples are in Prometheus
    #[arg(long, value_name = "BOOL", default_value_t = true, default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = flag_parser(), action = clap::ArgAction::Set)]
    wait: bool,
    /// Longest time to wait
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    timeout: Duration,
    /// Take over fields that others manage
    #[arg(long)]
    force_conflicts: bool,
    /// Delete the predecessor's objects of the same names
    #[arg(long)]
    replace_predecessor: bool,
    #[command(flatten)]
    prometheus: PrometheusFlags,
    #[command(flatten)]
    api: ApiFlags,
}

#[derive(Args)]
pub(super) struct UninstallFlags {
    /// Change nothing: print what would be deleted
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Wait until everything is gone
    #[arg(long, value_name = "BOOL", default_value_t = true, default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = flag_parser(), action = clap::ArgAction::Set)]
    pub(super) wait: bool,
    /// Longest time to wait
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    api: ApiFlags,
}

/// Values of `--dry-run`, as in kubectl.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum DryRun {
    /// Change the cluster
    None,
    /// Print what would be applied
    Client,
    /// Let the server try it
    Server,
}

/// Formats of objects.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Output {
    /// Stream of documents
    Yaml,
}

impl InstallFlags {
    pub(super) fn typed(self) -> Result<(Options, SessionOptions, PrometheusOptions)> {
        ensure!(
            self.scrape_interval >= Duration::from_secs(1),
            Usage("--scrape-interval is below a second: give at least 1s".to_owned())
        );
        let config = self.config.map(|path| {
            let name = path.display();
            let text = std::fs::read_to_string(&path).map_err(|error| {
                Usage(format!("--config {name} cannot be read ({error}): name another file"))
            })?;
            validate_config(text).with_context(|| format!("--config {name}"))
        });
        let mode = match self.dry_run {
            DryRun::Server => Mode::Server,
            DryRun::None if self.diff => Mode::Server,
            DryRun::None if self.output.is_none() => Mode::Apply,
            DryRun::Client if self.diff => {
                return Err(Usage(
                    "--diff asks the server: give --dry-run=server, or leave it out".to_owned(),
                )
                .into());
            }
            DryRun::None | DryRun::Client => Mode::Client,
        };
        let options = Options {
            settings: Settings {
                node_selector: self.node_selector,
                scrape_interval: self.scrape_interval,
                config: config.transpose()?,
                ..Settings::default()
            },
            threads: self.threads,
            image: self.image,
            exporters: self.exporter,
            mode,
            yaml: self.output.is_some(),
            diff: self.diff,
            wait: self.wait,
            timeout: self.timeout,
            force_conflicts: self.force_conflicts,
            replace_predecessor: self.replace_predecessor,
        };
        Ok((options, self.api.session(), self.prometheus.typed()?))
    }
}

impl UninstallFlags {
    pub(super) fn typed(self) -> (Duration, SessionOptions) {
        (self.timeout, self.api.session())
    }
}

/// Asks the user to confirm. Returns true if stdin is not a terminal: then the command itself is the confirmation.
pub(super) fn confirm(question: &str) -> bool {
    if !io::stdin().is_terminal() {
        return true;
    }
    let _ = write!(io::stderr(), "{question}").and_then(|()| io::stderr().flush());
    let mut line = String::new();
    let result = io::stdin().lock().read_line(&mut line);
    result.is_ok() && matches!(line.trim(), "y" | "Y" | "yes" | "Yes")
}
