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
    /// Ended with this struct.
    _parts: (Process, Gate),
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
        let mut prometheus = start(name, tool("prometheus")?, &arguments)?;
        prometheus.await_ready(|| {
            let (status, text) = fetch(&client, &format!("{url}/-/ready"), None)?;
            ensure!(status.is_success(), "{status}: {text}");
            Ok(())
        })?;

        let host = format!("{name}-openshift-monitoring.apps.test.example");
        let gate = doorway.open(parent, &host, &url, Certificate::Good)?;
        Ok(Self { url, host, _parts: (prometheus, gate) })
    }
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
