//! A Prometheus by itself, asked on loopback by whoever has its URL.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use reqwest::blocking::Client;
use serde_json::Value;

use crate::api::{fetch, with_ring};
use crate::namespace::{directory, free_port, tool};
use crate::process::{Process, mortal, start};

/// Options of a Prometheus.
#[derive(Clone, Debug, Default)]
pub struct Spec<'a> {
    /// Its configuration, YAML; rule files and targets by absolute paths and addresses.
    pub config: &'a str,
    /// A history in OpenMetrics text for it to hold from the start.
    pub history: Option<&'a Path>,
    /// More arguments.
    pub arguments: &'a [&'a str],
    /// True for Prometheus 2, which OpenShift ran up to 4.18.
    pub old: bool,
}

/// A running Prometheus; ended when dropped.
pub struct Bare {
    /// Base URL: plain HTTP on loopback.
    pub url: String,
    /// The folder of its blocks, for a Thanos sidecar.
    pub(crate) data: PathBuf,
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    client: Client,
    process: Process,
}

impl Bare {
    /// Starts one called `name`, unique in this process, with its files in a folder of that name; ready when this returns.
    pub fn start(name: &str, spec: &Spec<'_>) -> Result<Self> {
        Self::start_in(&directory()?, name, spec)
    }

    /// Adds a history, OpenMetrics text, to what the one called `name` will hold when it is started.
    pub fn fill(name: &str, history: &Path) -> Result<()> {
        fill(&directory()?.join(name).join("data"), history)
    }

    pub(crate) fn start_in(parent: &Path, name: &str, spec: &Spec<'_>) -> Result<Self> {
        let directory = parent.join(name);
        let data = directory.join("data");
        fs::create_dir_all(&data).with_context(|| format!("making {}", data.display()))?;
        if let Some(history) = spec.history {
            fill(&data, history)?;
        }
        let config = directory.join("prometheus.yml");
        fs::write(&config, spec.config)?;
        let (url, client) = (format!("http://127.0.0.1:{}", free_port()), with_ring().build()?);
        let mut arguments = vec![
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", data.display()),
            format!("--web.listen-address={}", url.trim_start_matches("http://")),
        ];
        arguments.extend(spec.arguments.iter().map(ToString::to_string));
        let program = tool(if spec.old { "prometheus2" } else { "prometheus" })?;
        let process = start(name, &program, &arguments)?;
        let mut bare = Self { url, data, name: name.to_owned(), program, arguments, client, process };
        bare.await_ready()?;
        Ok(bare)
    }

    fn await_ready(&mut self) -> Result<()> {
        let (client, url) = (&self.client, format!("{}/-/ready", self.url));
        self.process.await_ready(|| {
            let (status, text) = fetch(client, &url, None)?;
            ensure!(status.is_success(), "{status}: {text}");
            Ok(())
        })
    }

    /// The program's process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Kills it, and starts it again with the data that it had, at the same address; ready when this returns.
    pub fn restart(&mut self) -> Result<()> {
        self.process.kill();
        self.process = start(&self.name, &self.program, &self.arguments)?;
        self.await_ready()
    }

    /// Returns the number of its responses to queries since its start, refusals included.
    pub fn queries(&self) -> Result<u64> {
        self.metric("prometheus_http_requests_total", "handler=\"/api/v1/query")
    }

    /// Returns the number of samples that it has read for queries since its start.
    pub fn samples_read(&self) -> Result<u64> {
        self.metric("prometheus_engine_query_samples_total", "")
    }

    /// One of its own metrics, of the series that hold `labels`.
    fn metric(&self, name: &str, labels: &str) -> Result<u64> {
        let (_, text) = fetch(&self.client, &format!("{}/metrics", self.url), None)?;
        ensure!(text.contains(name), "no {name} in the metrics of {}", self.url);
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(labels));
        let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Ok(values.sum::<f64>() as u64)
    }

    /// The series of an instant's answer, now or at Unix seconds; each has `metric`, and `value` or `values`.
    pub fn series(&self, query: &str, at: Option<f64>) -> Result<Vec<Value>> {
        let mut parameters = vec![("query", query.to_owned())];
        parameters.extend(at.map(|at| ("time", at.to_string())));
        let url = reqwest::Url::parse_with_params(&format!("{}/api/v1/query", self.url), parameters)?;
        let (status, answer) = fetch(&self.client, url.as_str(), None)?;
        let answer: Value = serde_json::from_str(&answer).with_context(|| format!("{status}: {answer}"))?;
        let series = answer.pointer("/data/result").and_then(Value::as_array).cloned();
        series.with_context(|| format!("{query} has no answer: {answer}"))
    }
}

fn fill(data: &Path, history: &Path) -> Result<()> {
    // Each block is a pass over the text: of a day, it is one.
    let answer = mortal(tool("promtool")?)
        .args(["tsdb", "create-blocks-from", "--max-block-duration=24h", "openmetrics"])
        .args([history, data])
        .output()
        .context("starting promtool")?;
    let (what, text) = (history.display(), String::from_utf8_lossy(&answer.stderr));
    ensure!(answer.status.success(), "promtool refused the history {what} ({}): {text}", answer.status);
    Ok(())
}
