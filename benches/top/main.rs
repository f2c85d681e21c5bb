//! How long `top` takes over an hour of a big cluster, and how much memory, against the predecessor's way: its six
//! queries, one after the other, over the same history on the same server in the same run. See README.md.

#![allow(clippy::indexing_slicing, reason = "a panic is how a bench fails")]

mod measure;
mod server;
#[path = "../spread.rs"]
mod spread;

use std::io::{Write, stdout};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use measure::{peak_memory, run, timed};
use server::Server;
use spread::Spread;
use test_history::Spec;

/// Times everything is run, after once that is not counted.
const ROUNDS: usize = 9;
const HELPS: usize = 51;
/// 2025-06-01T12:00:07Z: not a multiple of anything.
const END_MS: i64 = 1_748_779_207_000;
/// Most of it that `top --help` may take.
const HELP_MS: f64 = 10.0;
const MEMORY_MIB: f64 = 60.0;

/// 60 groups and 40 pods a node, an hour at 15 s, pods at 30 s.
fn spec(nodes: usize, aggregates: bool) -> Spec {
    Spec {
        nodes,
        groups: 60,
        threads: 0,
        pods_per_node: 40,
        namespaces: 30,
        interval_s: 15,
        pod_interval_s: 30,
        duration_s: 3600,
        end_ms: END_MS,
        seed: 1,
        aggregates,
    }
}

fn main() -> ExitCode {
    // reqwest wants one for plain HTTP too. There is none yet that this could fail for.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match bench(&mut stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(stdout(), "{error:#}"); // nobody is left to tell
            ExitCode::FAILURE
        }
    }
}

/// Whether all is within its bounds.
fn bench(out: &mut impl Write) -> Result<bool> {
    let help = Spread::of(samples(HELPS, || timed(|| run(&["top", "--help"])))?)?;
    let mut fine = verdict(out, "top --help, ms", &help.scaled(1000.0), HELP_MS)?;
    fine &= ratios(out)?;
    Ok(fine & memory(out)?)
}

/// What is measured: a name, the most that the median may be of the predecessor's time, whether the rules' sums are
/// there, and the flags.
const CASES: [(&str, f64, bool, &[&str]); 4] = [
    ("top", 0.6, false, &[]),
    ("top --per-node", 0.8, false, &["--per-node"]),
    ("top, rules' sums", 0.4, true, &[]),
    ("top --by class, rules' sums", 0.05, true, &["--by", "class"]),
];

fn ratios(out: &mut impl Write) -> Result<bool> {
    let servers = [Server::start(&spec(200, false))?, Server::start(&spec(200, true))?];
    let mut before: [Vec<f64>; 2] = Default::default();
    let mut after: [Vec<f64>; CASES.len()] = Default::default();
    let mut bytes = 0;
    for round in 0..=ROUNDS {
        for (server, before) in servers.iter().zip(&mut before) {
            let seconds = timed(|| {
                bytes = server.predecessor()?;
                Ok(())
            })?;
            before.extend((round > 0).then_some(seconds));
        }
        for ((_, _, sums, flags), after) in CASES.iter().zip(&mut after) {
            let arguments = top(&servers[usize::from(*sums)], flags);
            let seconds = timed(|| run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()))?;
            after.extend((round > 0).then_some(seconds));
        }
    }
    for (name, before) in ["without", "with"].into_iter().zip(&before) {
        let spread = Spread::of(before.clone())?;
        writeln!(out, "predecessor's six queries, {name} rules' sums on the server, s: {spread}")?;
    }
    writeln!(out, "their answers: {:.1} MB", bytes as f64 / 1e6)?;
    let mut fine = true;
    for ((name, most, sums, _), after) in CASES.iter().zip(&after) {
        // Each run against the predecessor's of the same round: what else the machine did then hit both.
        let before = &before[usize::from(*sums)];
        let ratios = after.iter().zip(before).map(|(after, before)| after / before);
        writeln!(out, "{name}, s: {}", Spread::of(after.clone())?)?;
        fine &= verdict(out, &format!("{name} / predecessor"), &Spread::of(ratios.collect())?, *most)?;
    }
    Ok(fine)
}

fn memory(out: &mut impl Write) -> Result<bool> {
    let server = Server::start(&spec(230, false))?;
    let mut fine = true;
    for format in ["csv", "json", "table"] {
        let (mib, text) = peak_memory(&top(&server, &["--per-node", "-o", format]))?;
        if format == "csv" {
            let rows = text.lines().count() - 1;
            writeln!(out, "rows for the peak memory: {rows}")?;
            ensure!(rows >= 20_000, "{rows} rows are too few");
        }
        let spread = Spread::of(vec![mib])?;
        fine &= verdict(out, &format!("top --per-node -o {format}, MiB"), &spread, MEMORY_MIB)?;
    }
    Ok(fine)
}

/// Arguments that ask a server for the whole history.
fn top(server: &Server, flags: &[&str]) -> Vec<String> {
    let end = (END_MS / 1000).to_string();
    let fixed = ["top", "--prometheus", &server.url, "-T", &end, "-i", "1h"];
    fixed.into_iter().chain(flags.iter().copied()).map(str::to_owned).collect()
}

fn samples(count: usize, mut sample: impl FnMut() -> Result<f64>) -> Result<Vec<f64>> {
    sample().context("the first run")?;
    (0..count).map(|_| sample()).collect()
}

fn verdict(out: &mut impl Write, name: &str, spread: &Spread, most: f64) -> Result<bool> {
    let fine = spread.median <= most;
    let word = if fine { "fine" } else { "TOO MUCH" };
    writeln!(out, "{name}: {spread}; at most {most}: {word}")?;
    Ok(fine)
}
