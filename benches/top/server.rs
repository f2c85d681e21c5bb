//! A Prometheus that holds a history, and the predecessor's questions to it.

use std::fs::{File, remove_file};
use std::io::BufWriter;
use std::process::Command;

use anyhow::{Result, ensure};
use reqwest::blocking::Client;
use test_cluster::{Process, directory, free_port, start, tool};
use test_history::{History, Spec};
use url::Url;

/// A running Prometheus; ended when dropped.
pub(crate) struct Server {
    /// Base URL, plain HTTP on loopback.
    pub(crate) url: String,
    client: Client,
    end_s: i64,
    _process: Process,
}

impl Server {
    /// Ready when this returns.
    pub(crate) fn start(spec: &Spec) -> Result<Server> {
        let port = free_port();
        let folder = directory()?.join(port.to_string());
        std::fs::create_dir(&folder)?;
        let (text, data, config) =
            (folder.join("history.om"), folder.join("data"), folder.join("prometheus.yml"));
        std::fs::write(&config, "{}")?;
        History::generate(spec).write_openmetrics(BufWriter::new(File::create(&text)?))?;
        let filled = Command::new(tool("promtool")?)
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .args([&text, &data])
            .output()?;
        ensure!(filled.status.success(), "promtool: {}", String::from_utf8_lossy(&filled.stderr));
        remove_file(&text)?;
        let arguments = [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", data.display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            // The history is older than a retention counted from now would keep.
            "--storage.tsdb.retention.time=10y".to_owned(),
        ];
        let mut process = start(&format!("prometheus-{port}"), tool("prometheus")?, &arguments)?;
        let url = format!("http://127.0.0.1:{port}");
        // The predecessor's time without any that packing costs: the connection is loopback.
        let client = Client::builder().no_gzip().no_proxy().build()?;
        process.await_ready(|| Ok(client.get(format!("{url}/-/ready")).send()?.error_for_status()?))?;
        Ok(Server { url, client, end_s: spec.end_ms / 1000, _process: process })
    }

    /// Asks the predecessor's six queries, one after the other, and returns the bytes of all answers. Nothing is parsed.
    pub(crate) fn predecessor(&self) -> Result<usize> {
        let mut bytes = 0;
        for series in
            ["namedprocess_namegroup_cpu_rate{groupname!~\"conmon\"}", "pod:container_cpu_usage:sum"]
        {
            for function in ["avg", "min", "max"] {
                let query = format!("{function}_over_time({series}[1h])");
                let parameters = [("query", query.as_str()), ("time", &self.end_s.to_string())];
                let url = Url::parse_with_params(&format!("{}/api/v1/query", self.url), parameters)?;
                let answer = self.client.get(url).send()?.error_for_status()?.bytes()?;
                ensure!(answer.len() > 10_000, "{query} has no answer");
                bytes += answer.len();
            }
        }
        Ok(bytes)
    }
}
