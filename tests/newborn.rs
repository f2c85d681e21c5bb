//! A unit that lives a few seconds, through two real Prometheus of different rhythms: both must find all of its CPU in
//! their samples, for Prometheus takes no increase from a series' first one, and the slower one may never scrape while
//! the unit is alive.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use test_cluster::{Process, directory, free_port, start, tool, until};

/// CPU seconds that the unit uses, in as many seconds.
const USES: f64 = 3.0;
/// CPU seconds that may be missing or too many: a hundredth of what is used, and far below a scrape's share of it.
const BOUND: f64 = 0.03;
const GROUP: &str = "newborn";

/// A Prometheus on a port.
struct Scraper {
    port: u16,
    _process: Process,
}

/// A cgroup tree with one unit in it, removed when dropped.
struct Tree {
    root: PathBuf,
    unit: PathBuf,
}

#[test]
fn all_of_a_short_life_is_in_the_samples_of_both() -> Result<()> {
    let Some(tree) = Tree::new() else {
        assert!(std::env::var_os("CI").is_none(), "no cgroup v2 tree to write to: this test cannot run here");
        writeln!(std::io::stderr(), "SKIPPED: a newborn unit needs root and a cgroup v2 tree")?;
        return Ok(());
    };
    // reqwest asks for one even where it speaks plain HTTP; it is there already when another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let port = free_port();
    let arguments =
        [format!("--web.listen-address=127.0.0.1:{port}"), format!("--cgroupfs={}", tree.root.display())];
    let _exporter = start("newborn-exporter", program("process-exporter"), &arguments)?;
    let scrapers = [Scraper::new("fast", port, "1s")?, Scraper::new("slow", port, "7s")?];
    for scraper in &scrapers {
        until("two scrapes", Duration::from_secs(60), || {
            let scrapes = scraper.samples("namedprocess_exporter_passes_total")?;
            ensure!(scrapes.first().is_some_and(|scrapes| scrapes.len() >= 2), "{scrapes:?}");
            Ok(())
        })?;
    }

    let mut load = tree.start_load()?;
    until("the unit to have worked", Duration::from_secs(60), || {
        let used = tree.used()?;
        ensure!(used >= USES, "{used} s used");
        Ok(())
    })?;
    drop(load.stdin.take());
    load.wait()?;
    let truth = tree.used()?;
    fs::remove_dir(&tree.unit)?;

    for scraper in &scrapers {
        let series = until("all of its CPU to be scraped", Duration::from_secs(60), || {
            let series = scraper
                .samples(&format!("namedprocess_namegroup_cpu_seconds_total{{groupname=\"{GROUP}\"}}"))?;
            let last: f64 = series.iter().filter_map(|samples| samples.last()).sum();
            ensure!(last >= truth - BOUND, "{last} of {truth} s, in {series:?}");
            Ok(series)
        })?;
        ensure!(series.len() == 2, "user and system, and not {series:?}");
        let increase: f64 = series.iter().map(|samples| samples[samples.len() - 1] - samples[0]).sum();
        ensure!((increase - truth).abs() <= BOUND, "{increase} of {truth} s by increase, in {series:?}");
    }
    Ok(())
}

impl Scraper {
    fn new(name: &str, target: u16, interval: &str) -> Result<Scraper> {
        let (port, folder) = (free_port(), directory()?.join(name));
        fs::create_dir(&folder)?;
        let config = folder.join("prometheus.yml");
        fs::write(
            &config,
            format!(
                "global: {{scrape_interval: {interval}, scrape_timeout: 1s}}\n\
                 scrape_configs: [{{job_name: exporter, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]\n"
            ),
        )?;
        let arguments = [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", folder.join("data").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ];
        let mut process = start(name, tool("prometheus")?, &arguments)?;
        let ready = format!("http://127.0.0.1:{port}/-/ready");
        process.await_ready(|| Ok(reqwest::blocking::get(&ready)?.error_for_status()?))?;
        Ok(Scraper { port, _process: process })
    }

    /// The raw samples of all series that a selector finds, of each from the oldest on.
    fn samples(&self, selector: &str) -> Result<Vec<Vec<f64>>> {
        let url = format!("http://127.0.0.1:{}/api/v1/query", self.port);
        let url = reqwest::Url::parse_with_params(&url, [("query", format!("{selector}[10m]"))])?;
        let answer: Value = serde_json::from_str(&reqwest::blocking::get(url)?.text()?)?;
        let series = answer["data"]["result"].as_array().with_context(|| format!("no answer: {answer}"))?;
        let value = |sample: &Value| Ok(sample[1].as_str().context("no value")?.parse()?);
        series.iter().map(|one| one["values"].as_array().into_iter().flatten().map(value).collect()).collect()
    }
}

impl Tree {
    /// None, where this machine has no cgroup v2 tree that we may change.
    fn new() -> Option<Tree> {
        let mounts = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(Path::new);
        let mount = mounts.into_iter().find(|mount| mount.join("cgroup.controllers").exists())?;
        let root = mount.join(format!("newborn{}", std::process::id()));
        let unit = root.join("system.slice").join(format!("{GROUP}.service"));
        fs::create_dir_all(unit.parent()?).ok()?;
        Some(Tree { root, unit })
    }

    /// A load of one core in the unit, which is born with it; it ends with its standard input.
    fn start_load(&self) -> Result<Child> {
        fs::create_dir(&self.unit)?;
        let program = program("test-load");
        let mut load = Command::new(&program);
        load.args(["1", "50"]).arg(&self.unit).stdin(Stdio::piped());
        load.spawn().with_context(|| format!("starting {}", program.display()))
    }

    /// CPU seconds that the unit has used.
    fn used(&self) -> Result<f64> {
        let stat = fs::read_to_string(self.unit.join("cpu.stat"))?;
        let used = stat.lines().find_map(|line| line.strip_prefix("usage_usec ")).context("no usage")?;
        Ok(used.parse::<f64>()? / 1e6)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // The load has ended with its pipe, or is about to.
        for folder in [&self.unit, &self.root.join("system.slice"), &self.root] {
            let _ = until("a cgroup to go", Duration::from_secs(5), || match folder.exists() {
                true => Ok(fs::remove_dir(folder)?),
                false => Ok(()),
            });
        }
    }
}

/// A program of this workspace, beside the plugin.
fn program(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_oc-interrogate")).with_file_name(name);
    assert!(path.exists(), "{} is not built: run cargo test --workspace", path.display());
    path
}
