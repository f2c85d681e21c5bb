//! Flags of `status`, and the types that they become.
use super::shared::{ApiFlags, PrometheusFlags};
use super::values::parse_duration;
use crate::cluster::{PrometheusOptions, SessionOptions};
use crate::status::{CheckName, Format};
use anyhow::Result;
use clap::Args;
use std::time::Duration;

#[derive(Args)]
pub(super) struct StatusFlags {
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Format,
    /// Print the JSON Schema of -o json, and nothing else
    #[arg(long)]
    pub(super) schema: bool,
    /// Repeat the checks until none fails
    #[arg(long)]
    wait: bool,
    /// Longest time to wait
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    prometheus: PrometheusFlags,
    #[command(flatten)]
    api: ApiFlags,
}

/// Returns the end of the help after `-h`: the checks' names and examples.
pub(super) fn after_help() -> String {
    let names: Vec<_> = CheckName::ALL.iter().map(|name| name.as_str()).collect();
    format!("Checks: {}.\n{EXAMPLES}", names.join(", "))
}

/// Returns the end of the help after `--help`: the table of checks and examples.
pub(super) fn after_long_help() -> String {
    let width = CheckName::ALL.iter().map(|name| name.as_str().len()).max().unwrap_or_default();
    let row = |name: &CheckName| format!("  {:width$}  {}\n", name.as_str(), name.condition());
    let rows: String = CheckName::ALL.iter().map(row).collect();
    format!("Checks, in the order in which they run:\n{rows}\n{EXAMPLES}")
}

/// The part of the help that is the same after `-h` and `--help`.
const EXAMPLES: &str = "\
Each is ok, warning, failed, or skipped if it could not run. The exit code is 1 if one failed.

Examples:
  oc interrogate status
  oc interrogate status --wait --timeout 2m
  oc interrogate status -o json | jq '.checks[] | select(.status != \"ok\")'";

impl StatusFlags {
    /// Returns the longest time to wait, `None` without `--wait`, and the options of the connections.
    pub(super) fn typed(self) -> Result<(Option<Duration>, SessionOptions, PrometheusOptions)> {
        let wait = self.wait.then_some(self.timeout);
        Ok((wait, self.api.session(), self.prometheus.typed()?))
    }
}
