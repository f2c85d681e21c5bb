//! Time of `budget` over an hour of 200 nodes, against `top --by class --per-node` of the same hour on the same server
//! in the same round. See ../README.md.

#![allow(clippy::indexing_slicing, reason = "a panic is how a bench fails")]

#[path = "../server.rs"]
mod server;
#[path = "../spread.rs"]
mod spread;
#[path = "../verdict.rs"]
mod verdict;

use std::io::{Write, stdout};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Result, ensure};
use server::{END_MS, Server, hour_of};
use spread::Spread;
use test_history::{History, Series, metric};
use verdict::{conclude, verdict};

const NODES: usize = 200;
const PODS_PER_NODE: usize = 40;
/// Times everything is run, after once that is not counted.
const ROUNDS: usize = 9;
/// The most that a budget may take of the time of `top`.
const MOST: f64 = 1.5;
const PROFILES: [&str; 4] = ["ran-du", "ran-du-standard", "reserved-cpus", "system-reserved"];

fn main() -> ExitCode {
    // reqwest wants one for plain HTTP too. There is none yet that this could fail for.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let out = &mut stdout().lock();
    conclude(bench(out), out)
}

/// Runs the bench. Returns true if all figures are within their bounds.
fn bench(out: &mut impl Write) -> Result<bool> {
    let mut history = History::generate(&hour_of(NODES, PODS_PER_NODE));
    history.series.retain(|series| !metric::OF_PLATFORM.contains(&series.metric));
    let facts = facts(&history);
    history.series.extend(facts);
    let number = history.series.len();
    let server = Server::start([history])?;
    // Once before, so that no round reads what the others find in memory.
    let names =
        server.client.get(format!("{}/api/v1/label/__name__/values", server.bare.url)).send()?.text()?;
    ensure!(names.contains("kube_pod_container_resource_requests"), "the history is not there: {names}");
    writeln!(out, "{NODES} nodes, {number} series")?;
    let mut tops = Vec::new();
    let mut budgets: [Vec<f64>; PROFILES.len()] = Default::default();
    for round in 0..=ROUNDS {
        let seconds = run(&server, &["top", "--by", "class", "--per-node"], &[0])?;
        tops.extend((round > 0).then_some(seconds));
        for (profile, budgets) in PROFILES.iter().zip(&mut budgets) {
            let seconds = run(&server, &["budget", profile, "--reserved", "0-1"], &[0, 1, 3])?;
            budgets.extend((round > 0).then_some(seconds));
        }
    }
    writeln!(out, "top --by class --per-node, ms: {}", Spread::from_figures(tops.clone())?.scaled(1000.0))?;
    let mut fine = true;
    for (profile, budgets) in PROFILES.iter().zip(budgets) {
        writeln!(out, "budget {profile}, ms: {}", Spread::from_figures(budgets.clone())?.scaled(1000.0))?;
        let ratios = budgets.iter().zip(&tops).map(|(budget, top)| budget / top).collect();
        fine &= verdict(out, &format!("budget {profile} / top"), &Spread::from_figures(ratios)?, MOST)?;
    }
    Ok(fine)
}

/// Seconds of a run, which must end with one of these codes.
fn run(server: &Server, arguments: &[&str], codes: &[i32]) -> Result<f64> {
    let end = (END_MS / 1000).to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_oc-interrogate"));
    command.args(arguments).args(["-i", "1h", "-T", &end, "--prometheus", &server.bare.url]);
    let start = Instant::now();
    let output = command.env_clear().stdin(Stdio::null()).output()?;
    let seconds = start.elapsed().as_secs_f64();
    let code = output.status.code().unwrap_or(-1);
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(codes.contains(&code) && !output.stdout.is_empty(), "{arguments:?}: {code}: {error}");
    Ok(seconds)
}

/// Adds what profiles read beside the exporter's series: CPUs, requests of each pod of the platform, memory,
/// eight CPUs a node.
fn facts(history: &History) -> Vec<Series> {
    let mut all = Vec::new();
    for number in 0..NODES {
        let node = format!("node-{number:03}");
        let node = node.as_str();
        for (metric, cpus) in [("kube_node_status_capacity", 8.0), ("kube_node_status_allocatable", 6.0)] {
            all.push(constant(metric, &[("node", node), ("resource", "cpu")], 60, cpus));
        }
        for id in ["/system.slice", "/ovs.slice"] {
            all.push(constant("container_memory_working_set_bytes", &[("node", node), ("id", id)], 30, 2e9));
        }
        for cpu in 0..8 {
            for (mode, share) in [("user", 0.25), ("system", 0.125), ("idle", 0.625)] {
                let cpu = cpu.to_string();
                let labels = [("instance", node), ("cpu", cpu.as_str()), ("mode", mode)];
                let mut counter = constant("node_cpu_seconds_total", &labels, 15, 0.0);
                let samples = counter.samples.iter_mut().enumerate();
                samples.for_each(|(step, (_, value))| *value = share * 15.0 * step as f64);
                all.push(counter);
            }
        }
    }
    for pod in
        history.series.iter().filter(|of| of.metric == metric::POD && !of.label("namespace").is_empty())
    {
        let of = [
            ("node", pod.label("instance")),
            ("namespace", pod.label("namespace")),
            ("pod", pod.label("pod")),
        ];
        let memory = [&of[..], &[("container", "")]].concat();
        all.push(constant("container_memory_working_set_bytes", &memory, 30, 1e8));
        if pod.label("class") == "infra" {
            let request = [("container", "a"), ("resource", "management_workload_openshift_io_cores")];
            let request = [&of[..], &request].concat();
            all.push(constant("kube_pod_container_resource_requests", &request, 60, 500.0));
        }
    }
    all
}

/// A series that has the same value for the hour.
fn constant(metric: &'static str, labels: &[(&'static str, &str)], every_s: i64, value: f64) -> Series {
    let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let times = (0..3600 / every_s).rev().map(|step| END_MS - 3_000 - step * every_s * 1000);
    Series { metric, labels, samples: times.map(|at| (at, value)).collect() }
}
