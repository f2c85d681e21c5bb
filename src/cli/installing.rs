//! The flags of `install` and `uninstall`, and the types that they become.
use super::shared::{ApiFlags, PrometheusFlags, Usage};
use super::values::{flag_parser, parse_duration, parse_pair};
use crate::cluster::{PrometheusOptions, SessionOptions};
use crate::install::{Mode, Options, Wanted, checked_config};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args)]
pub(super) struct InstallFlags {
    /// Run this image of the exporter, and bring none along
    #[arg(long, value_name = "REF", conflicts_with = "exporter")]
    image: Option<String>,
    /// Bring this exporter (a static Linux binary) and not the one beside this program; once for each architecture
    #[arg(long, value_name = "FILE")]
    exporter: Vec<PathBuf>,
    /// Groups of your own: process-exporter's process_names
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Count thread by thread too [default: true, false where there are more than 200 nodes]
    #[arg(long, value_name = "BOOL", default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = flag_parser())]
    threads: Option<bool>,
    /// Only nodes with this label; repeatable, separated by commas
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',', value_parser = parse_pair)]
    node_selector: Vec<(String, String)>,
    /// How often Prometheus asks the exporter
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = parse_duration)]
    scrape_interval: i64,
    /// Change nothing: say what would be applied (client), or what the server would make of it (server)
    #[arg(long, value_name = "BY", default_value = "none", default_missing_value = "client", num_args = 0..=1, require_equals = true)]
    dry_run: DryRun,
    /// Print the objects and nothing else, and change nothing
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Output>,
    /// Print what would change, and change nothing
    #[arg(long, conflicts_with = "output")]
    diff: bool,
    /// Wait until every node is ready and its samples are in Prometheus
    #[arg(long, value_name = "BOOL", default_value_t = true, default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = flag_parser(), action = clap::ArgAction::Set)]
    wait: bool,
    /// Wait this long at most
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    timeout: i64,
    /// Take over fields that others have set
    #[arg(long)]
    force_conflicts: bool,
    /// Delete objects of the same names that the predecessor made
    #[arg(long)]
    replace_predecessor: bool,
    #[command(flatten)]
    prometheus: PrometheusFlags,
    #[command(flatten)]
    api: ApiFlags,
}

#[derive(Args)]
pub(super) struct UninstallFlags {
    /// Change nothing: say what would be deleted
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Wait until all is gone
    #[arg(long, value_name = "BOOL", default_value_t = true, default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = flag_parser(), action = clap::ArgAction::Set)]
    pub(super) wait: bool,
    /// Wait this long at most
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    timeout: i64,
    #[command(flatten)]
    api: ApiFlags,
}

/// kubectl's values.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum DryRun {
    /// Change the cluster
    None,
    /// Print what would be applied
    Client,
    /// Have the server try it
    Server,
}

/// How objects are printed.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Output {
    /// A stream of documents
    Yaml,
}

impl InstallFlags {
    pub(super) fn typed(self) -> Result<(Options, SessionOptions, PrometheusOptions)> {
        ensure!(
            self.scrape_interval >= 1000,
            Usage("--scrape-interval is below a second: give at least 1s".to_owned())
        );
        let config = self.config.map(|path| {
            let name = path.display();
            let text = std::fs::read_to_string(&path).map_err(|error| {
                Usage(format!("--config {name} cannot be read ({error}): name another file"))
            })?;
            checked_config(text).with_context(|| format!("--config {name}"))
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
            wanted: Wanted {
                node_selector: self.node_selector,
                scrape_interval: self.scrape_interval,
                config: config.transpose()?,
                ..Wanted::default()
            },
            threads: self.threads,
            image: self.image,
            exporters: self.exporter,
            mode,
            yaml: self.output.is_some(),
            diff: self.diff,
            wait: self.wait,
            timeout: Duration::from_millis(self.timeout.unsigned_abs()),
            force_conflicts: self.force_conflicts,
            replace_predecessor: self.replace_predecessor,
        };
        Ok((options, self.api.session(), self.prometheus.typed()?))
    }
}

impl UninstallFlags {
    pub(super) fn typed(self) -> (Duration, SessionOptions) {
        (Duration::from_millis(self.timeout.unsigned_abs()), self.api.session())
    }
}

/// Asks on a terminal; where there is none, nobody can be asked and the command itself is the answer.
pub(super) fn ask(question: &str) -> bool {
    if !io::stdin().is_terminal() {
        return true;
    }
    let _ = write!(io::stderr(), "{question}").and_then(|()| io::stderr().flush());
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes" | "Yes")
}
