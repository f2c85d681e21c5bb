//! Cost of a node's series to the Prometheus that scrapes them and evaluates their rules.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::exporters::{Exporter, Kind, build_tool};
use crate::load::{Loads, Who};
use crate::pods::Pods;
use crate::slice::{Slice, Unit};
use crate::spread::Spread;
use crate::targets;

const NODES: usize = 20;
/// Seconds between scrapes and evaluations: short here, so that there are many, then as on a cluster.
const STEP: u64 = 3;
const REAL_STEP: f64 = 15.0;
const WARM: u64 = 10;
const WINDOWS: usize = 3;
/// Number of scrapes in a window.
const WINDOW: u64 = 12;
/// Load of the node: numbers of processes, threads and units.
const NODE: (usize, usize, usize) = (400, 10, 60);
/// Number of pods in the row with pods.
const PODS: usize = 110;

/// Runs four servers at once, which differ only in their targets.
pub(crate) fn prometheus(out: &mut dyn Write) -> Result<bool> {
    let slice = Slice::new()?;
    let texts = {
        let mut loads = Loads::start(&slice, NODE.0, NODE.1, NODE.2)?;
        let mut exposition = |name, flag| {
            let mut exporter = Exporter::start_on_tree(&slice, name, Kind::Http, &slice.root, &[flag])?;
            loads.work(Who::One, 0, 1)?;
            anyhow::Ok(exporter.scrape()?.text)
        };
        let (without, with) =
            (exposition("ours-without", "--threads=false")?, exposition("ours-with", "--threads=true")?);
        let folder = slice.root.join(format!("bench{}-kubepods.slice", std::process::id()));
        let _pods = Pods::start(folder, PODS, 1)?;
        [without, exposition("ours-pods", "--threads=false")?, with]
    };
    let mut servers = vec![("no targets", 0, Server::start(&slice, "prom-none", None)?)];
    for ((name, unit), text) in [
        ("without threads", "prom-without"),
        ("the same with pods", "prom-pods"),
        ("with threads", "prom-with"),
    ]
    .into_iter()
    .zip(texts)
    {
        let (port, series) = targets::serve(&text)?;
        servers.push((name, series, Server::start(&slice, unit, Some(port))?));
    }
    std::thread::sleep(Duration::from_secs(STEP * WARM));
    let mut used: Vec<Vec<f64>> = vec![Vec::new(); servers.len()];
    for _ in 0..WINDOWS {
        let before =
            servers.iter().map(|(_, _, server)| server.unit.used_ms()).collect::<Result<Vec<_>>>()?;
        std::thread::sleep(Duration::from_secs(STEP * WINDOW));
        for (((_, _, server), before), used) in servers.iter().zip(before).zip(&mut used) {
            used.push(server.unit.used_ms()? - before);
        }
    }
    let empty = servers[0].2.heap_mib()?;
    for ((name, series, server), used_ms) in servers.iter().zip(&used).skip(1) {
        server.check_targets()?;
        let per_scrape =
            used_ms.iter().zip(&used[0]).map(|(used, none)| (used - none) / (NODES as f64 * WINDOW as f64));
        let per_scrape = Spread::from_figures(per_scrape.collect())?;
        let mib = (server.heap_mib()? - empty) / NODES as f64;
        writeln!(
            out,
            "{name}: {series} series a node, with the rules' {:.0}",
            server.head_series()? / NODES as f64
        )?;
        writeln!(out, "  CPU of a node's scrape and its part of the rules, ms: {per_scrape}")?;
        writeln!(
            out,
            "  heap of a node, {} samples a series, MiB: {mib:.2}",
            WARM + WINDOWS as u64 * WINDOW
        )?;
        // Milliseconds for a node are seconds for a thousand nodes.
        let cores = per_scrape.scaled(1.0 / REAL_STEP);
        writeln!(
            out,
            "  1000 nodes every {REAL_STEP} s: cores {cores}, heap {:.1} GiB",
            mib * 1000.0 / 1024.0
        )?;
    }
    Ok(true)
}

/// Running Prometheus, which ends when dropped.
pub(crate) struct Server {
    pub(crate) unit: Unit,
    port: u16,
    child: Child,
    folder: tempfile::TempDir,
    /// Seconds between scrapes and evaluations.
    step: u64,
}

impl Server {
    /// Starts a server with the manifest's rules. It scrapes the port `target` as if it were many nodes.
    fn start(slice: &Slice, name: &str, target: Option<u16>) -> Result<Server> {
        Server::start_with(slice, name, STEP, target.map(|port| (port, NODES)), true)
    }

    /// Starts a server with neither targets nor rules.
    pub(crate) fn start_without_targets(slice: &Slice, name: &str, step: u64) -> Result<Server> {
        Server::start_with(slice, name, step, None, false)
    }

    /// Reloads the server with a configuration of one node at `port`, and with the manifest's rules.
    pub(crate) fn add_target(&self, port: u16) -> Result<()> {
        write_config(self.folder.path(), self.step, Some((port, 1)), true)?;
        kill_process(Pid::from_child(&self.child), Signal::HUP)?;
        Ok(())
    }

    fn start_with(
        slice: &Slice,
        name: &str,
        step: u64,
        target: Option<(u16, usize)>,
        rules: bool,
    ) -> Result<Server> {
        let (folder, unit) = (tempfile::tempdir()?, slice.measured_unit(name)?);
        write_config(folder.path(), step, target, rules)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let script = format!("{} && exec \"$0\" \"$@\"", unit.enter());
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--", "sh", "-c", &script])
            .arg(build_tool("prometheus")?)
            .current_dir(folder.path());
        command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let child =
            command.stdin(Stdio::null()).stderr(fs::File::create(folder.path().join("log"))?).spawn()?;
        let server = Server { unit, port, child, folder, step };
        let ready = |_| std::thread::sleep(Duration::from_millis(100));
        (0..300)
            .map(ready)
            .find(|()| server.get("/-/ready").is_ok())
            .context("Prometheus does not become ready")?;
        Ok(server)
    }

    fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
        let mut response = Vec::new();
        stream.read_to_end(&mut response)?;
        let response = String::from_utf8_lossy(&response).into_owned();
        ensure!(
            response.starts_with("HTTP/1.0 200"),
            "{path}: {}",
            response.lines().next().unwrap_or_default()
        );
        Ok(response)
    }

    fn metric(&self, name: &str) -> Result<f64> {
        let text = self.get("/metrics")?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.with_context(|| format!("Prometheus has no {name}"))?.parse()?)
    }

    /// Returns the heap that is in use after a garbage collection.
    fn heap_mib(&self) -> Result<f64> {
        self.get("/debug/pprof/heap?gc=1")?;
        Ok(self.metric("go_memstats_heap_alloc_bytes")? / 1024.0 / 1024.0)
    }

    fn head_series(&self) -> Result<f64> {
        self.metric("prometheus_tsdb_head_series")
    }

    /// Checks that all nodes are up and the rules have their series.
    fn check_targets(&self) -> Result<()> {
        for query in ["count(up==1)", "count(instance:namedprocess_node_cpu_rate:sum)"] {
            let response = self.get(&format!("/api/v1/query?query={query}"))?;
            ensure!(response.contains(&format!(",\"{NODES}\"]")), "{query}: {response}");
        }
        Ok(())
    }
}

/// Writes a configuration for a port and its number of nodes, with the manifest's rules if `rules` is true.
fn write_config(folder: &Path, step: u64, target: Option<(u16, usize)>, rules: bool) -> Result<()> {
    fs::write(folder.join("rules.yml"), crate::rules::rules(step)?)?;
    let files = if rules { "rules.yml" } else { "" };
    let mut config = format!(
        "global: {{scrape_interval: {step}s, scrape_timeout: {step}s, evaluation_interval: {step}s}}\n\
         rule_files: [{files}]\nscrape_configs:\n- job_name: process-exporter\n  static_configs:\n"
    );
    let (port, nodes) = target.unwrap_or_default();
    for node in 0..nodes {
        config += &format!("  - {{targets: ['127.0.0.1:{port}'], labels: {{instance: node-{node}}}}}\n");
    }
    fs::write(folder.join("prometheus.yml"), config)?;
    Ok(())
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
