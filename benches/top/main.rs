//! Time and memory of `top` over an hour of a big cluster, against the predecessor's way: its six
//! queries, one after the other, over the same history on the same server in the same run, as a whole program in its
//! language and, harder, only fetched. See README.md.

#![allow(clippy::indexing_slicing, reason = "a panic is how a bench fails")]

mod measure;
mod questions;
#[path = "../server.rs"]
mod server;
#[path = "../spread.rs"]
mod spread;
#[path = "../verdict.rs"]
mod verdict;

use std::io::{Write, stdout};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use measure::{peak_memory, run, timed};
use questions::Least;
use server::{END_MS, Server, hour_of};
use spread::Spread;
use test_history::{History, Spec};
use verdict::{conclude, verdict};

/// Times everything is run, after once that is not counted.
const ROUNDS: usize = 9;
const HELPS: usize = 51;
/// Most of it that `top --help` may take.
const HELP_MS: f64 = 10.0;
const MEMORY_MIB: f64 = 60.0;
const PODS_PER_NODE: usize = 40;
/// The tests' share of pods that move, which no cluster has: one in so many.
const RESTLESS: usize = 7;

/// Holds such an hour.
fn start(spec: &Spec) -> Result<Server> {
    Server::start([History::generate(spec)])
}

fn main() -> ExitCode {
    // reqwest wants one for plain HTTP too. There is none yet that this could fail for.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let out = &mut stdout().lock();
    conclude(bench(out), out)
}

/// Runs the bench. Returns true if all figures are within their bounds.
fn bench(out: &mut impl Write) -> Result<bool> {
    let help = Spread::from_figures(samples(HELPS, || timed(|| run(&["top", "--help"])))?)?;
    let mut fine = verdict(out, "top --help, ms", &help.scaled(1000.0), HELP_MS)?;
    fine &= ratios(out)?;
    Ok(fine & memory(out)?)
}

/// A command that is measured.
struct Case {
    name: &'static str,
    flags: &'static [&'static str],
    /// The most that the median may be of the predecessor's time; reported only where there is none.
    most: Option<f64>,
    /// Another question of the same hour, and the most that the median may be of its time.
    beside: Option<(&'static str, f64)>,
    hour: Hour,
    /// Results that the server must return for it, by whatever queries.
    least: &'static [Least],
}

/// Hour that is queried, in the order of the servers.
#[derive(Clone, Copy)]
enum Hour {
    /// One pod in a hundred moves.
    Usual,
    /// Many pods move.
    Restless,
}

/// A question about the usual hour, without bounds.
const PLAIN: Case = Case { name: "top", flags: &[], most: None, beside: None, hour: Hour::Usual, least: &[] };

const CASES: [Case; 7] = [
    Case { most: Some(0.7), least: &[Least::Pods], ..PLAIN },
    Case { name: "top --by class", flags: &["--by", "class"], most: Some(0.05), ..PLAIN },
    Case { name: "top --by namespace", flags: &["--by", "namespace"], most: Some(0.1), ..PLAIN },
    Case {
        name: "top --by workload",
        flags: &["--by", "workload"],
        beside: Some(("top --by namespace", 2.0)),
        ..PLAIN
    },
    Case {
        name: "top --per-node",
        flags: &["--per-node"],
        most: Some(0.9),
        least: &[Least::GroupsOfNodes, Least::Pods],
        ..PLAIN
    },
    Case { name: "top --at-peak", flags: &["--at-peak"], beside: Some(("top", 1.5)), ..PLAIN },
    Case { name: "top, one pod in 7 moved", hour: Hour::Restless, least: &[Least::Pods], ..PLAIN },
];

fn ratios(out: &mut impl Write) -> Result<bool> {
    let hour = hour_of(200, PODS_PER_NODE);
    let servers = [start(&hour)?, start(&Spec { movers: RESTLESS, ..hour })?];
    let mut before: [Vec<f64>; 2] = Default::default();
    let mut fetched: [Vec<f64>; 2] = Default::default();
    let mut after: [Vec<f64>; CASES.len()] = Default::default();
    let mut least: [Vec<f64>; CASES.len()] = Default::default();
    let mut bytes = 0;
    for round in 0..=ROUNDS {
        for ((server, before), fetched) in servers.iter().zip(&mut before).zip(&mut fetched) {
            let seconds = timed(|| server.predecessor())?;
            before.extend((round > 0).then_some(seconds));
            let seconds = timed(|| {
                bytes = server.fetch_six()?;
                Ok(())
            })?;
            fetched.extend((round > 0).then_some(seconds));
        }
        for ((case, after), least) in CASES.iter().zip(&mut after).zip(&mut least) {
            let server = &servers[case.hour as usize];
            let arguments = top(server, case.flags);
            let seconds = timed(|| run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()))?;
            after.extend((round > 0).then_some(seconds));
            let seconds = timed(|| server.least(case.least))?;
            least.extend((round > 0).then_some(seconds));
        }
    }
    for ((name, before), fetched) in ["", ", one pod in 7 moved"].into_iter().zip(&before).zip(&fetched) {
        let spread = Spread::from_figures(before.clone())?;
        writeln!(out, "predecessor's way{name}, s: {spread}")?;
        writeln!(out, "  its six queries, only fetched, s: {}", Spread::from_figures(fetched.clone())?)?;
    }
    writeln!(out, "their answers: {:.1} MB", bytes as f64 / 1e6)?;
    let mut fine = true;
    let all = &after;
    for ((case, after), least) in CASES.iter().zip(all).zip(&least) {
        // Each run against the predecessor's of the same round: what else the machine did then hit both.
        let (before, fetched) = (&before[case.hour as usize], &fetched[case.hour as usize]);
        let ratios = |of: &[f64], to: &[f64]| {
            Spread::from_figures(of.iter().zip(to).map(|(of, to)| of / to).collect())
        };
        writeln!(out, "{}, s: {}", case.name, Spread::from_figures(after.clone())?)?;
        writeln!(out, "  / its six queries, only fetched: {}", ratios(after, fetched)?)?;
        if !case.least.is_empty() {
            writeln!(out, "  least the server takes / the six: {}", ratios(least, fetched)?)?;
        }
        let (name, ratio) = (format!("{} / predecessor's way", case.name), ratios(after, before)?);
        match case.most {
            Some(most) => fine &= verdict(out, &name, &ratio, most)?,
            None => writeln!(out, "{name}: {ratio}")?,
        }
        if let Some((other, most)) = case.beside {
            let of = CASES.iter().position(|case| case.name == other).context("no such question")?;
            fine &= verdict(out, &format!("{} / {other}", case.name), &ratios(after, &all[of])?, most)?;
        }
    }
    Ok(fine)
}

fn memory(out: &mut impl Write) -> Result<bool> {
    let server = start(&hour_of(240, PODS_PER_NODE))?;
    let mut fine = true;
    for format in ["csv", "json", "table"] {
        let (mib, text) = peak_memory(&top(&server, &["--per-node", "-o", format]))?;
        if format == "csv" {
            let rows = text.lines().count() - 1;
            writeln!(out, "rows for the peak memory: {rows}")?;
            ensure!(rows >= 20_000, "{rows} rows are too few");
        }
        let spread = Spread::from_figures(vec![mib])?;
        fine &= verdict(out, &format!("top --per-node -o {format}, MiB"), &spread, MEMORY_MIB)?;
    }
    Ok(fine)
}

/// Arguments that ask a server for the whole history.
fn top(server: &Server, flags: &[&str]) -> Vec<String> {
    let end = (END_MS / 1000).to_string();
    let fixed = ["top", "--prometheus", &server.bare.url, "-T", &end, "-i", "1h"];
    fixed.into_iter().chain(flags.iter().copied()).map(str::to_owned).collect()
}

fn samples(count: usize, mut sample: impl FnMut() -> Result<f64>) -> Result<Vec<f64>> {
    sample().context("the first run")?;
    (0..count).map(|_| sample()).collect()
}
