//! The program: flags in, the exporter's library, an exit code out.

use clap::Parser;
use process_exporter::{Options, Paths, serve};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Exposes to Prometheus where a node's CPU goes: by systemd unit, pods, kernel threads and interrupts.
#[derive(Parser)]
#[command(name = "process-exporter", version)]
struct Flags {
    /// Address and port to listen on; IPv4 alone where there is no IPv6
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "[::]:9256")]
    listen: String,
    /// Path of the metrics
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", value_parser = url_path)]
    telemetry_path: String,
    /// Mount of procfs
    #[arg(long, value_name = "DIR", default_value = "/proc")]
    procfs: PathBuf,
    /// Mount of the node's cgroup v2 tree [default: found among the mounts; without one, counts by process]
    #[arg(long, value_name = "DIR")]
    cgroupfs: Option<PathBuf>,
}

fn url_path(text: &str) -> Result<String, &'static str> {
    if text.starts_with('/') { Ok(text.to_owned()) } else { Err("it must begin with /") }
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let paths = Paths { procfs: flags.procfs, cgroupfs: flags.cgroupfs };
    let options = Options { paths, listen: flags.listen, telemetry_path: flags.telemetry_path };
    match serve(&options, say) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A line for the journal; that nobody reads it ends nothing.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "process-exporter: {line}");
}
