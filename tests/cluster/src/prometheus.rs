//! A Prometheus with a gate of its own.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::api::{fetch, trusting};
use crate::gate::{Certificate, Doorway, Gate};
use crate::namespace::{free_port, tool};
use crate::process::{Process, mortal, start};

/// What a Prometheus is started with.
#[derive(Clone, Debug, Default)]
pub struct Spec<'a> {
    /// Its configuration, YAML; rule files and targets by absolute paths and addresses.
    pub config: &'a str,
    /// A history in OpenMetrics text for it to hold from the start.
    pub history: Option<&'a Path>,
    /// More arguments.
    pub arguments: &'a [&'a str],
}

/// A running Prometheus; ended when dropped.
pub struct Prometheus {
    /// Base URL, past the door: plain HTTP on loopback, to whoever asks.
    pub url: String,
    /// Host name of its gate, port 443, its certificate signed by the ingress CA.
    pub host: String,
    name: String,
    arguments: Vec<String>,
    /// Its client trusts the ingress CA.
    client: reqwest::blocking::Client,
    /// Ended with this struct.
    process: Process,
    _gate: Gate,
}

impl Prometheus {
    /// Starts one called `name`, unique in this process, with its files in a folder of `parent`; ready when this returns.
    pub(crate) fn start(parent: &Path, name: &str, spec: &Spec<'_>, doorway: &Doorway) -> Result<Self> {
        let directory = parent.join(name);
        let data = directory.join("data");
        fs::create_dir_all(&data).with_context(|| format!("making {}", data.display()))?;
        if let Some(history) = spec.history {
            fill(&data, history)?;
        }
        let config = directory.join("prometheus.yml");
        fs::write(&config, spec.config)?;
        let (port, client) = (free_port(), trusting(&doorway.ingress.file)?.build()?);
        let url = format!("http://127.0.0.1:{port}");
        let mut arguments = vec![
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", data.display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ];
        arguments.extend(spec.arguments.iter().map(ToString::to_string));
        let mut process = start(name, tool("prometheus")?, &arguments)?;
        await_ready(&mut process, &client, &url)?;

        let host = format!("{name}-openshift-monitoring.apps.test.example");
        let gate = doorway.open(parent, &host, &url, Certificate::Good)?;
        Ok(Self { url, host, name: name.to_owned(), arguments, client, process, _gate: gate })
    }

    /// The program's process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// How many queries it has answered, refusals too, since it was started.
    pub fn queries(&self) -> Result<u64> {
        self.metric("prometheus_http_requests_total", "handler=\"/api/v1/query")
    }

    /// How many samples it has read for queries since it was started.
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

    /// Kills it, and starts it again with the data that it had, at the same address; ready when this returns.
    pub fn restart(&mut self) -> Result<()> {
        self.process.kill();
        self.process = start(&self.name, tool("prometheus")?, &self.arguments)?;
        await_ready(&mut self.process, &self.client, &self.url)
    }
}

fn await_ready(process: &mut Process, client: &reqwest::blocking::Client, url: &str) -> Result<()> {
    process.await_ready(|| {
        let (status, text) = fetch(client, &format!("{url}/-/ready"), None)?;
        ensure!(status.is_success(), "{status}: {text}");
        Ok(())
    })
}

fn fill(data: &Path, history: &Path) -> Result<()> {
    let answer = mortal(tool("promtool")?)
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([history, data])
        .output()
        .context("starting promtool")?;
    let (what, text) = (history.display(), String::from_utf8_lossy(&answer.stderr));
    ensure!(answer.status.success(), "promtool refused the history {what} ({}): {text}", answer.status);
    Ok(())
}
