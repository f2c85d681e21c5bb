//! Program `process-exporter`: flags in, [`serve()`], an exit code out.
//!
//! ```text
//! serve    HTTP(S): /metrics, /healthz; one pass for all scrapes at the same time, never two passes at once
//!   |
//! expose   a snapshot as Prometheus's text; a new series is exported at 0, and its CPU until then is (starting)
//!   |
//! node_cpu (node-cpu/)   one pass over the node, with totals that add up
//! ```
//!
//! Imports point down.

mod expose;
mod serve;

use clap::{ArgAction, Parser, ValueEnum};
use node_cpu::{Detail, Paths};
use serve::{MinTlsVersion, Options, TlsFiles, serve};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Exports a node's CPU to Prometheus: by systemd unit, pods, kernel threads and interrupts.
#[derive(Parser)]
#[command(name = "process-exporter", version)]
struct Flags {
    /// Address and port to listen on; only IPv4 if the node has no IPv6
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "[::]:9256")]
    listen: String,
    /// Path of the metrics
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", value_parser = url_path)]
    telemetry_path: String,
    /// Certificate for HTTPS, PEM, followed by its intermediate CAs [example: /etc/tls/tls.crt]
    #[arg(long = "web.tls-cert", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM; all TLS files are read again when they change [example: /etc/tls/tls.key]
    #[arg(long = "web.tls-key", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// CAs of the clients that may read the metrics, PEM [default: any client may; example: /etc/tls/client-ca.crt]
    #[arg(long = "web.client-ca", value_name = "FILE", requires = "tls_cert")]
    client_ca: Option<PathBuf>,
    /// Common names that client certificates may have, separated by commas or repeated [default: any; example:
    /// system:serviceaccount:openshift-monitoring:prometheus-k8s]
    #[arg(long = "web.client-cn", value_name = "NAME", requires = "client_ca", value_delimiter = ',')]
    client_cns: Vec<String>,
    /// Lowest TLS version to accept, named as in OpenShift and Go
    #[arg(long = "web.tls-min-version", value_name = "VERSION", value_enum, default_value = "VersionTLS12")]
    tls_min_version: Version,
    /// Export CPU by thread name too; --threads=false saves its cost
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, default_value_t = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    threads: bool,
    /// Config with your own groups, in process-exporter's YAML; read again when it changes [example: /etc/config.yaml, with
    /// process_names: [{name: "{{.Comm}}", cmdline: ["^/usr/bin/python3 "]}]]
    #[arg(long = "config.path", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Mount of procfs
    #[arg(long, value_name = "DIR", default_value = "/proc")]
    procfs: PathBuf,
    /// Mount of the node's cgroup v2 tree [default: found among the mounts; without one, CPU is counted by process]
    #[arg(long, value_name = "DIR")]
    cgroupfs: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Version {
    /// TLS 1.2
    #[value(name = "VersionTLS12")]
    Tls12,
    /// TLS 1.3
    #[value(name = "VersionTLS13")]
    Tls13,
}

fn url_path(text: &str) -> Result<String, &'static str> {
    if text.starts_with('/') { Ok(text.to_owned()) } else { Err("it must begin with /") }
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let paths = Paths { procfs: flags.procfs, cgroupfs: flags.cgroupfs };
    // clap requires both or neither.
    let tls = flags.tls_cert.zip(flags.tls_key).map(|(cert, key)| TlsFiles {
        cert,
        key,
        client_ca: flags.client_ca,
        client_cns: flags.client_cns,
        min_version: match flags.tls_min_version {
            Version::Tls12 => MinTlsVersion::Tls12,
            Version::Tls13 => MinTlsVersion::Tls13,
        },
    });
    let options = Options {
        paths,
        listen: flags.listen,
        telemetry_path: flags.telemetry_path,
        detail: Detail { threads: flags.threads },
        tls,
        config: flags.config,
    };
    match serve(&options, say) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes a line for the journal. Ignores errors, so that a closed stderr ends nothing.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "process-exporter: {line}");
}
