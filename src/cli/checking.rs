//! The flags of `status`, and the types that they become.
use super::shared::{ApiFlags, PrometheusFlags};
use super::values::parse_duration;
use crate::cluster::{PrometheusOptions, SessionOptions};
use crate::status::Format;
use anyhow::Result;
use clap::Args;
use std::time::Duration;

#[derive(Args)]
pub(super) struct StatusFlags {
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Format,
    /// Check again and again until nothing has failed
    #[arg(long)]
    wait: bool,
    /// Wait this long at most
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    timeout: i64,
    #[command(flatten)]
    prometheus: PrometheusFlags,
    #[command(flatten)]
    api: ApiFlags,
}

impl StatusFlags {
    /// How long to wait, if at all, and the ways to the cluster.
    pub(super) fn typed(self) -> Result<(Option<Duration>, SessionOptions, PrometheusOptions)> {
        let wait = self.wait.then(|| Duration::from_millis(self.timeout.unsigned_abs()));
        Ok((wait, self.api.session(), self.prometheus.typed()?))
    }
}
