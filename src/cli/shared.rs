//! What several commands share: flags of the source and of the connections to the API server and to Prometheus, the colour of
//! output, and the signals that end a program.
use super::values::{Limit, flag_parser, parse_timeout, path_parser};
use crate::cluster::{self, PrometheusOptions, SessionOptions, Via};
use crate::top::SourceChoice;
use anyhow::{Result, ensure};
use clap::Args;
use std::ffi::OsStr;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

/// Flags of the connection to Prometheus. None of them affects the API server.
#[derive(Args)]
#[command(next_help_heading = "Prometheus")]
pub(super) struct PrometheusFlags {
    /// Query this Prometheus instead of the cluster's
    #[arg(long = "prometheus", alias = "host", value_name = "URL")]
    pub(super) url: Option<String>,
    /// Way to reach the cluster's Prometheus
    #[arg(long, value_name = "WAY", default_value = "auto")]
    pub(super) via: Via,
    /// Trust the certificates in this file too, for Prometheus
    #[arg(long, value_name = "FILE")]
    pub(super) prometheus_ca: Option<PathBuf>,
    /// Do not verify Prometheus's certificate: others on the network may read the token
    #[arg(long)]
    pub(super) insecure_prometheus: bool,
}

/// Sources of series.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum SourceFlag {
    /// Series of the exporter's rules: all on one clock
    Exporter,
    /// OpenShift's own series: services, pods as 5-minute rates, busy time
    Platform,
}

impl From<SourceFlag> for SourceChoice {
    fn from(flag: SourceFlag) -> SourceChoice {
        match flag {
            SourceFlag::Exporter => SourceChoice::Exporter,
            SourceFlag::Platform => SourceChoice::Platform,
        }
    }
}

/// Global flags of kubectl, with the same meaning. They affect the API server alone.
#[derive(Args)]
#[command(next_help_heading = "API server (as kubectl)")]
pub(super) struct ApiFlags {
    /// Kubeconfig file [default: $KUBECONFIG, else ~/.kube/config]
    #[arg(long, value_name = "FILE", value_parser = path_parser())]
    pub(super) kubeconfig: Option<PathBuf>,
    /// Context in the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub(super) context: Option<String>,
    /// Cluster in the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub(super) cluster: Option<String>,
    /// User in the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,
    /// Address of the API server
    #[arg(long, value_name = "URL")]
    pub(super) server: Option<String>,
    /// Bearer token; others can see it in the process list
    #[arg(long, value_name = "TOKEN")]
    pub(super) token: Option<String>,
    /// Act as this user
    #[arg(long = "as", value_name = "USER")]
    pub(super) as_user: Option<String>,
    /// Act as a member of these groups
    #[arg(long = "as-group", value_name = "GROUP")]
    pub(super) as_groups: Vec<String>,
    /// Act as the user with this UID, together with --as
    #[arg(long = "as-uid", value_name = "UID")]
    pub(super) as_uid: Option<String>,
    /// Authenticate with the certificate in this file
    #[arg(long, value_name = "FILE", value_parser = path_parser())]
    pub(super) client_certificate: Option<PathBuf>,
    /// Key of that certificate
    #[arg(long, value_name = "FILE", value_parser = path_parser())]
    pub(super) client_key: Option<PathBuf>,
    /// Trust the certificates in this file
    #[arg(long, value_name = "FILE", value_parser = path_parser())]
    pub(super) certificate_authority: Option<PathBuf>,
    /// Do not verify the API server's certificate
    #[arg(long, value_name = "BOOL", default_missing_value = "true", num_args = 0..=1, require_equals = true, default_value_t = false, hide_default_value = true, hide_possible_values = true, value_parser = flag_parser(), action = clap::ArgAction::Set)]
    pub(super) insecure_skip_tls_verify: bool,
    /// Name that the API server's certificate must hold
    #[arg(long, value_name = "NAME")]
    pub(super) tls_server_name: Option<String>,
    /// Longest time for a request; 0 is no limit
    #[arg(long, value_name = "DURATION", value_parser = parse_timeout, allow_hyphen_values = true)]
    pub(super) request_timeout: Option<Limit>,
}

impl ApiFlags {
    /// Returns the options of a session. As in kubectl, an empty value counts as not given.
    pub(super) fn session(self) -> SessionOptions {
        let timeout = self.request_timeout.and_then(|Limit(limit)| limit);
        SessionOptions {
            kubeconfig: path(self.kubeconfig),
            context: text(self.context),
            cluster: text(self.cluster),
            user: text(self.user),
            server: text(self.server),
            token: text(self.token).map(Into::into),
            impersonate_user: text(self.as_user),
            impersonate_groups: self.as_groups.into_iter().filter(|group| !group.is_empty()).collect(),
            impersonate_uid: text(self.as_uid),
            client_certificate: path(self.client_certificate),
            client_key: path(self.client_key),
            certificate_authority: path(self.certificate_authority),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            tls_server_name: text(self.tls_server_name),
            request_timeout: timeout,
        }
    }
}

/// Returns a flag's text; `None` if it is empty, as scripts may leave it.
pub(super) fn text(given: Option<String>) -> Option<String> {
    given.filter(|text| !text.is_empty())
}

fn path(given: Option<PathBuf>) -> Option<PathBuf> {
    given.filter(|path| !path.as_os_str().is_empty())
}

impl PrometheusFlags {
    pub(super) fn typed(self) -> Result<PrometheusOptions> {
        // clap does not parse the address: its error would repeat a bad one, with a password that may be in it.
        let url = self.url.as_deref().map(cluster::address).transpose();
        Ok(PrometheusOptions {
            url: url.map_err(|error| Usage(error.to_string()))?,
            via: self.via,
            ca: self.prometheus_ca,
            insecure: self.insecure_prometheus,
        })
    }
}

/// Error if a chart is asked for in a format that has none.
pub(super) const CHART: &str = "--chart is above a table: leave out -o, or give -o svg for a picture";

/// Errors if a picture would go to a terminal.
pub(super) fn refuse_terminal() -> Result<()> {
    let is_terminal = io::stdout().is_terminal();
    let why = "a picture is for a file and not for a terminal: add > cpu.svg or > cpu.html";
    ensure!(!is_terminal, Usage(why.to_owned()));
    Ok(())
}

/// Returns the columns of the terminal that standard output is; `None` if it is none.
pub(super) fn width() -> Option<u16> {
    let terminal = io::stdout().is_terminal();
    terminal.then(terminal_size::terminal_size).flatten().map(|(width, _)| width.0)
}

/// Returns true if standard output is a terminal that obeys escape sequences.
pub(super) fn screen() -> bool {
    io::stdout().is_terminal() && obeys(std::env::var_os("TERM").as_deref(), cfg!(windows))
}

/// Returns true if a terminal with this `TERM` obeys escape sequences. Terminals on Windows have no `TERM`. Elsewhere,
/// one without it cannot be relied on.
fn obeys(term: Option<&OsStr>, windows: bool) -> bool {
    term.map_or(windows, |term| term != "dumb")
}

/// Returns true if standard output takes colours.
pub(super) fn colour() -> bool {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    // On Windows a program has to enable escape sequences first, and only the screen of `--watch` does.
    screen() && !plain && std::env::var_os("TERM").is_some()
}

/// Waits for Ctrl-C or, on Unix, SIGTERM. Never returns if the program cannot listen for them.
pub(super) async fn termination() {
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let terminated = async {
            match signal(SignalKind::terminate()) {
                Ok(mut signal) => signal.recv().await,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = ctrl_c => {}
            _ = terminated => {}
        }
    }
    #[cfg(not(unix))]
    ctrl_c.await;
}

/// Usage error that clap cannot detect.
#[derive(Debug)]
pub(super) struct Usage(pub(super) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (see --help)", self.0)
    }
}

impl std::error::Error for Usage {}

#[cfg(test)]
mod tests {
    use super::obeys;

    #[test]
    fn a_terminal_obeys_unless_it_is_dumb_or_has_no_name_off_windows() {
        for (term, windows, expected) in [
            (Some("xterm"), false, true),
            (Some("dumb"), false, false),
            (Some("dumb"), true, false),
            (None, false, false),
            (None, true, true),
        ] {
            assert_eq!(obeys(term.map(str::as_ref), windows), expected, "{term:?} {windows}");
        }
    }
}
