//! The whole chain against the kernel, in a test program of its own, as a load is steady only on a machine that has nothing
//! else to do: the real exporter, scraped by a real Prometheus with the manifest's own rules,
//! asked by `top` through the route with a token; and `top --local`. The loads are known, and what each used is read
//! from its own cgroup's or process's counter all the while.
//!
//! Bounds, all signed and printed. A *step* is one scrape, here 2 s instead of 15.
//! - Steady loads: 3 %, also over a lost scrape (the rate before it is repeated, which for a steady load is right).
//! - Bursts: one burst. Prometheus sees a burst at the scrape after it, so one at either end of the window may fall out
//!   of it or into it. Over a lost scrape one step more: a burst before it is repeated, one in it is halved.
//! - A unit that lives 3 s, one that starts in mid-window: with the row `(starting)`, which has what they used before they
//!   were seen, 5 % and one tick of 10 ms, and no more than that in their own. Nothing of them may be lost. Two scrapes that
//!   one evaluation sees, or none, would be the error.
//! - A load that begins within the window and goes on past its end (here: the exporter installed in mid-window): two
//!   steps of it, mostly downwards. What it used since the last scrape before the last evaluation is not recorded yet.
//! - An exporter restarted: three steps of the load. What was used from its last scrape to its successor's first pass is
//!   counted by nobody; the rate before is repeated while there is none.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

mod loads;
mod report;

use anyhow::{Context, Result, ensure};
use loads::{Loads, unix_now};
use report::Report;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use test_cluster::{
    Login, Plugin, Process, Prometheus, Spec, directory, free_port, program, shared, start, until,
};

/// Seconds between two scrapes.
const STEP: f64 = 2.0;
/// A pod that has a burst.
const POD: &str = "acc-pod";
/// Resolution of a process's clock, CPU seconds.
const TICK: f64 = 0.01;

/// An exporter and the Prometheus that scrapes it.
struct Chain {
    name: &'static str,
    port: u16,
    arguments: Vec<String>,
    exporter: Process,
    prometheus: Prometheus,
    /// Unix seconds of the first recorded sample.
    first: f64,
}

#[test]
fn what_top_says_is_what_the_kernel_counted() -> Result<()> {
    let scratch = directory()?;
    let Some(mut loads) = Loads::new(program("test-load")?, scratch)? else { return Ok(()) };
    // One of a machine without cgroups, one of a tree that holds the loads alone.
    let by_process = Chain::start("by-process", Vec::new(), "process")?;
    let tree = format!("--cgroupfs={}", loads.cgroup_root().display());
    let mut by_cgroup = Chain::start("by-cgroup", vec![tree], "cgroup")?;

    loads.in_pod(POD, 0.02, 50)?;
    loads.in_unit("acc-steady", 0.3, 50)?;
    loads.in_unit("acc-bursty", 0.2, 5000)?;
    loads.in_none("acc-nosteady", 0.25, 50)?;
    loads.in_none("acc-nobursty", 0.1, 5000)?;
    // Their counters' first values are held back for two scrapes.
    let begin = (unix_now() + 4.0 * STEP).ceil();
    by_cgroup.await_sample(begin + 6.0)?;
    loads.in_unit("acc-short", 0.5, 50)?;
    std::thread::sleep(Duration::from_secs(3)); // that is how long it lives
    loads.end("acc-short")?;
    by_cgroup.await_sample(begin + 12.0)?;
    loads.in_unit("acc-late", 0.3, 50)?;
    local(&loads)?;
    loads.end("acc-late")?;
    by_cgroup.await_sample(begin + 40.0)?;
    by_process.await_sample(begin + 40.0)?;

    let clean = by_cgroup.report(begin, 40)?;
    clean.within("acc-steady", &loads, 0.03, 0.0)?;
    clean.within("acc-bursty", &loads, 0.0, 0.2 * 5.0)?;
    clean.within("acc-nosteady", &loads, 0.03, TICK)?;
    clean.within("acc-nobursty", &loads, 0.0, 0.1 * 5.0 + TICK)?;
    clean.began(&["acc-short", "acc-late"], &loads, 0.05, TICK)?;
    clean.adds_up()?;
    let process = by_process.report(begin, 40)?;
    process.within("acc-nosteady", &loads, 0.03, TICK)?;
    process.within("acc-nobursty", &loads, 0.0, 0.1 * 5.0 + TICK)?;
    process.adds_up()?;

    burst_in_a_pod(&by_cgroup, &loads)?;

    // Installed in mid-window: the window is cut to what there is, and says so.
    let installed = by_cgroup.report(begin + 40.0 - 600.0, 600)?;
    ensure!(installed.notes().contains("the window was cut"), "no note: {}", installed.notes());
    ensure!(
        (installed.start - (by_cgroup.first - STEP)).abs() < 0.5,
        "cut to {}, first sample at {}",
        installed.start,
        by_cgroup.first
    );
    installed.within("acc-steady", &loads, 0.03, 2.0 * STEP * 0.3)?;
    // All began in this window, so that what all of them used before they were seen is in the one row.
    let all = ["acc-steady", "acc-bursty", "acc-nosteady", "acc-nobursty", "acc-short", "acc-late"];
    let (cores, burst) = (0.3 + 0.2 + 0.25 + 0.1, 0.2 * 5.0);
    installed.began(&all, &loads, 0.03, 2.0 * STEP * cores + burst)?;

    // One scrape lost.
    let lost = unix_now().floor();
    by_cgroup.lose_a_scrape()?;
    by_cgroup.await_sample(lost + 20.0)?;
    let lossy = by_cgroup.report(lost - 2.0, 22)?;
    lossy.within("acc-steady", &loads, 0.03, 0.0)?;
    lossy.within("acc-nosteady", &loads, 0.03, TICK)?;
    lossy.within("acc-bursty", &loads, 0.0, 0.2 * 5.0 + STEP)?; // and the burst that is repeated, or not seen

    // The exporter restarted.
    let restarted = unix_now().floor();
    by_cgroup.restart()?;
    by_cgroup.await_sample(restarted + 20.0)?;
    let after = by_cgroup.report(restarted - 2.0, 22)?;
    after.within("acc-steady", &loads, 0.0, 3.0 * STEP * 0.3)?;
    after.within("acc-nosteady", &loads, 0.0, 3.0 * STEP * 0.25)?;
    Ok(())
}

/// A burst of a core in a pod, six scrapes long: what is recorded of it is what its cgroup had in the best interval, 5 % less
/// at most, as an interval of Prometheus's is some milliseconds longer than one between two readings; and never more.
fn burst_in_a_pod(chain: &Chain, loads: &Loads) -> Result<()> {
    let begin = unix_now();
    let burst = loads.burst(POD)?;
    std::thread::sleep(Duration::from_secs_f64(6.0 * STEP)); // that is how long it lasts
    drop(burst);
    chain.await_sample(unix_now() + STEP)?;
    let query = format!("max_over_time(namedprocess_pod_cpu_rate{{pod=\"{POD}\",namespace=\"{POD}\"}}[20s])");
    let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let path = format!("/api/v1/query?query={query}");
    let (status, answer) = shared().fetch(&chain.prometheus.host, &path, Login::Viewer.token())?;
    let answer: Value = serde_json::from_str(&answer).with_context(|| format!("{status}: {answer}"))?;
    let said: f64 = answer["data"]["result"][0]["value"][1].as_str().context("no pod")?.parse()?;
    let most = loads.most(POD, begin, unix_now(), STEP);
    writeln!(
        std::io::stderr(),
        "accuracy a burst in a pod: at most {most:.3} cores over {STEP} s, recorded {said:.3}"
    )?;
    ensure!((0.95 * most..=1.1 * most).contains(&said), "recorded {said:.3} of {most:.3} cores");
    Ok(())
}

/// `top --local`, while the loads run.
fn local(loads: &Loads) -> Result<()> {
    let plugin = Plugin::new(env!("CARGO_BIN_EXE_oc-interrogate"))?;
    let report = Report::parse("local", &plugin.run(["top", "--local", "-i", "10s", "-o", "json"])?)?;
    // By process, where this machine has no tree that it trusts: then to two ticks, and the units' loads are in the group
    // of whoever started this test. By cgroup, where systemd runs.
    let names = match report.notes().contains("no cgroup v2 tree") {
        true => ["acc-nosteady", "acc-nobursty"],
        false => ["acc-steady", "acc-bursty"],
    };
    for name in names {
        report.within(name, loads, 0.03, 2.0 * TICK)?;
    }
    report.adds_up()
}

impl Chain {
    /// Starts both; the first recorded sample is there when this returns.
    fn start(name: &'static str, mut arguments: Vec<String>, method: &str) -> Result<Chain> {
        let (port, cluster) = (free_port(), shared());
        arguments.push(format!("--web.listen-address=127.0.0.1:{port}"));
        let exporter = start_exporter(name, &arguments)?;
        let rules = directory()?.join(format!("{name}-rules.yaml"));
        fs::write(&rules, test_cluster::rules(STEP as u64)?)?;
        // If a scrape and an evaluation fall on the same moment, their order is chance, and a sample may
        // be seen twice or never. Their phases are hashes of names and labels: another label is another phase.
        for attempt in 0..10 {
            let config = config(port, &rules, attempt);
            let spec = Spec { config: &config, ..Spec::default() };
            let prometheus = cluster.start_prometheus(&format!("{name}-{attempt}"), &spec)?;
            let (token, host) = (Login::Viewer.token(), prometheus.host.clone());
            let timestamp = |query: &str| newest(&host, token, query);
            let first = until("a recorded sample", Duration::from_secs(30), || {
                timestamp("instance:namedprocess_node_cpu_rate:sum")
            })?;
            let apart = (first - timestamp("up")?).rem_euclid(STEP);
            if (0.3..STEP - 0.3).contains(&apart) {
                let (_, found) =
                    cluster.fetch(&host, "/api/v1/query?query=namedprocess_exporter_method", token)?;
                ensure!(found.contains(&format!("\"method\":\"{method}\"")), "not by {method}: {found}");
                return Ok(Chain { name, port, arguments, exporter, prometheus, first });
            }
        }
        anyhow::bail!("ten Prometheus servers in a row evaluate at the moment they scrape")
    }

    fn await_sample(&self, after: f64) -> Result<()> {
        until(&format!("a sample after {after}"), Duration::from_secs(90), || {
            let newest = newest(
                &self.prometheus.host,
                Login::Viewer.token(),
                "instance:namedprocess_node_cpu_rate:sum",
            )?;
            ensure!(newest > after, "the newest is of {newest}");
            Ok(())
        })
    }

    /// Stops the exporter until a scrape of it has failed.
    fn lose_a_scrape(&self) -> Result<()> {
        self.signal("STOP")?;
        let failed = until("a scrape to fail", Duration::from_secs(20), || {
            let (_, answer) =
                shared().fetch(&self.prometheus.host, "/api/v1/query?query=up==0", Login::Viewer.token())?;
            ensure!(answer.contains("node-1"), "not yet: {answer}");
            Ok(())
        });
        self.signal("CONT")?;
        failed
    }

    fn signal(&self, signal: &str) -> Result<()> {
        let status =
            Command::new("kill").args([format!("-{signal}"), self.exporter.id().to_string()]).status()?;
        ensure!(status.success(), "kill -{signal}: {status}");
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        self.signal("TERM")?;
        self.exporter.await_end()?;
        self.exporter = start_exporter(&format!("{}-again", self.name), &self.arguments)?;
        let port = self.port;
        self.exporter.await_ready(|| Ok(std::net::TcpStream::connect(("127.0.0.1", port))?))?;
        Ok(())
    }

    /// Runs `top` over the window after `begin`, Unix seconds.
    fn report(&self, begin: f64, seconds: u32) -> Result<Report> {
        let door = shared().door();
        door.lead_to(&self.prometheus)?;
        let plugin =
            Plugin::new(env!("CARGO_BIN_EXE_oc-interrogate"))?.kubeconfig(shared().kubeconfig(Login::Viewer));
        let (end, interval) = (format!("{}", begin + f64::from(seconds)), format!("{seconds}s"));
        Report::parse(
            self.name,
            &plugin.run(["top", "-o", "json", "--via", "route", "-T", &end, "-i", &interval])?,
        )
    }
}

/// An exporter that sees no cgroups but those that its arguments name.
fn start_exporter(name: &str, arguments: &[String]) -> Result<Process> {
    if arguments.iter().any(|argument| argument.starts_with("--cgroupfs")) {
        return start(name, program("process-exporter")?, arguments);
    }
    let script = r#"umount -lR /sys/fs/cgroup && exec "$0" "$@""#;
    let command = ["--mount", "sh", "-c", script, &program("process-exporter")?.display().to_string()];
    let command: Vec<String> =
        command.into_iter().map(str::to_owned).chain(arguments.iter().cloned()).collect();
    start(name, "unshare", &command)
}

/// Unix seconds of the newest sample of a series.
fn newest(host: &str, token: Option<&str>, series: &str) -> Result<f64> {
    let (status, answer) =
        shared().fetch(host, &format!("/api/v1/query?query=timestamp({series})"), token)?;
    let answer: Value = serde_json::from_str(&answer).with_context(|| format!("{status}: {answer}"))?;
    let value = answer["data"]["result"][0]["value"][1].as_str().context("no sample yet")?;
    Ok(value.parse()?)
}

fn config(port: u16, rules: &Path, attempt: u32) -> String {
    format!(
        "global: {{scrape_interval: {STEP}s, scrape_timeout: 1s, evaluation_interval: {STEP}s, external_labels: {{attempt: '{attempt}'}}}}\n\
         rule_files: [{}]\n\
         scrape_configs: [{{job_name: process-exporter, static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{instance: node-1}}}}]}}]\n",
        rules.display(),
    )
}
