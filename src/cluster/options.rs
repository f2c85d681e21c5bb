//! Options of the user: the way to Prometheus, and kubectl's shared flags.

use std::path::PathBuf;
use std::time::Duration;

use crate::prometheus::{Secret, Url};

/// Options of the connection to Prometheus.
#[derive(Debug, Clone, Default)]
pub struct PrometheusOptions {
    /// `--prometheus`: address to use instead of the cluster's own.
    pub url: Option<Url>,
    /// `--via`
    pub via: Via,
    /// `--prometheus-ca`: PEM file of certificates to trust as well.
    pub ca: Option<PathBuf>,
    /// `--insecure-prometheus`: verify no certificate.
    pub insecure: bool,
}

/// Way to Prometheus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Via {
    /// By route; without a token or a route, by port-forward.
    #[default]
    Auto,
    /// By route only.
    Route,
    /// By port-forward only.
    PortForward,
}

/// kubectl's shared flags, with kubectl's meaning. They apply to the API server alone.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// `--kubeconfig`: file to read instead of `$KUBECONFIG` or `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`
    pub context: Option<String>,
    /// `--cluster`
    pub cluster: Option<String>,
    /// `--user`
    pub user: Option<String>,
    /// `--server`: the API server's URL.
    pub server: Option<String>,
    /// `--token`: replaces the context's credential, for Prometheus too.
    pub token: Option<Secret>,
    /// `--as`
    pub impersonate_user: Option<String>,
    /// `--as-group`
    pub impersonate_groups: Vec<String>,
    /// `--as-uid`
    pub impersonate_uid: Option<String>,
    /// `--client-certificate`: PEM file that replaces the user's.
    pub client_certificate: Option<PathBuf>,
    /// `--client-key`: PEM file that replaces the user's.
    pub client_key: Option<PathBuf>,
    /// `--certificate-authority`: PEM file that replaces the cluster's.
    pub certificate_authority: Option<PathBuf>,
    /// `--insecure-skip-tls-verify`: do not verify the API server. The client still verifies Prometheus.
    pub insecure_skip_tls_verify: bool,
    /// `--tls-server-name`
    pub tls_server_name: Option<String>,
    /// `--request-timeout`: limit of one request to the API server. Zero is no limit; `None` is 30 s.
    pub request_timeout: Option<Duration>,
}
