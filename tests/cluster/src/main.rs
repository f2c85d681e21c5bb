//! A cluster by hand: runs a command (the shell, if none) beside it, as the viewer, and ends it with the command.
//! `cargo run --config tests/in-namespace.toml -p test-cluster [-- COMMAND ...]`

use std::env::{args_os, var_os};
use std::io::{Write, stderr};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use test_cluster::{Cluster, Login, tool};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(stderr(), "test-cluster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let cluster = Cluster::start()?;
    let viewer = cluster.kubeconfig(Login::Viewer);
    let (folder, host) = (viewer.parent().context("no folder")?, &cluster.prometheus().host);
    writeln!(stderr(), "Ready: https://{host} leads to {}", cluster.prometheus().url)?;
    writeln!(stderr(), "Kubeconfigs: {}/*.kubeconfig; KUBECONFIG is the viewer's", folder.display())?;
    let mut arguments = args_os().skip(1);
    let program = arguments.next().or_else(|| var_os("SHELL")).unwrap_or_else(|| "sh".into());
    let mut path = var_os("PATH").unwrap_or_default();
    path.push(":");
    path.push(tool("")?);
    let status = Command::new(&program)
        .args(arguments)
        .env("KUBECONFIG", &viewer)
        .env("PATH", path)
        .status()
        .with_context(|| format!("running {}", program.display()))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
