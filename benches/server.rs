//! A Prometheus that holds a history; the benches' own.

use std::fs::{File, remove_file};
use std::io::BufWriter;
use std::process::Command;

use anyhow::{Result, ensure};
use reqwest::blocking::Client;
use test_cluster::{Process, directory, free_port, start, tool};
use test_history::History;

/// A running Prometheus; ended when dropped.
pub(crate) struct Server {
    /// Base URL, plain HTTP on loopback.
    pub(crate) url: String,
    /// Asks it plainly.
    pub(crate) client: Client,
    _process: Process,
}

impl Server {
    /// Holds the histories, of which one is in memory at a time; ready when this returns.
    pub(crate) fn start(histories: impl IntoIterator<Item = History>) -> Result<Server> {
        let port = free_port();
        let folder = directory()?.join(port.to_string());
        std::fs::create_dir(&folder)?;
        let (text, data, config) =
            (folder.join("history.om"), folder.join("data"), folder.join("prometheus.yml"));
        std::fs::write(&config, "{}")?;
        for history in histories {
            history.write_openmetrics(BufWriter::new(File::create(&text)?))?;
            drop(history);
            // Each block is a pass over the text: of a day, it is one.
            let filled = Command::new(tool("promtool")?)
                .args(["tsdb", "create-blocks-from", "--max-block-duration=24h", "openmetrics"])
                .args([&text, &data])
                .output()?;
            ensure!(filled.status.success(), "promtool: {}", String::from_utf8_lossy(&filled.stderr));
            remove_file(&text)?;
        }
        let arguments = [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", data.display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            // The history is older than a retention counted from now would keep.
            "--storage.tsdb.retention.time=10y".to_owned(),
        ];
        let mut process = start(&format!("prometheus-{port}"), tool("prometheus")?, &arguments)?;
        let url = format!("http://127.0.0.1:{port}");
        // A server's time without any that packing costs: the connection is loopback.
        let client = Client::builder().no_gzip().no_proxy().build()?;
        process.await_ready(|| Ok(client.get(format!("{url}/-/ready")).send()?.error_for_status()?))?;
        Ok(Server { url, client, _process: process })
    }
}
