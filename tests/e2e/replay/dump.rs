//! Dumps of a history by way of a database and the real promtool, as `gather_metrics` makes them.

use anyhow::{Result, ensure};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use test_cluster::{directory, tool};
use test_history::History;

/// Options of a dump.
pub(super) struct Dump<'a> {
    /// Program that makes it.
    pub(super) promtool: &'a str,
    /// Metrics that it has, each by a `--match` of its own; all if there are none.
    pub(super) matches: &'a [&'a str],
    /// True to keep the database.
    pub(super) keep: bool,
}

impl Default for Dump<'_> {
    fn default() -> Self {
        Dump { promtool: "promtool", matches: &[], keep: false }
    }
}

/// Dumps a history into a folder like a must-gather's, and returns the file.
pub(super) fn dump(name: &str, history: &History, how: &Dump<'_>) -> Result<PathBuf> {
    let folder = directory()?.join(name);
    let metrics = folder.join("must-gather.local.1/quay-io-x/monitoring/metrics");
    fs::create_dir_all(&metrics)?;
    let (text, data) = (folder.join("history.om"), folder.join("data"));
    history.write_openmetrics(std::io::BufWriter::new(File::create(&text)?))?;
    let run = |promtool: &str, arguments: &[&str]| -> Result<Vec<u8>> {
        let output = Command::new(tool(promtool)?).args(arguments).arg(&data).output()?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout)
    };
    let text = text.display().to_string();
    run("promtool", &["tsdb", "create-blocks-from", "--max-block-duration=24h", "openmetrics", &text])?;
    // A server that has run has one.
    fs::create_dir_all(data.join("wal"))?;
    let matches: Vec<String> = how.matches.iter().map(|metric| format!("--match={metric}")).collect();
    let sandbox = format!("--sandbox-dir-root={}", data.display());
    let fixed = ["tsdb", "dump-openmetrics", &sandbox];
    let arguments = fixed.into_iter().chain(matches.iter().map(String::as_str));
    let dumped = run(how.promtool, &arguments.collect::<Vec<_>>())?;
    ensure!(dumped.ends_with(b"# EOF\n"));
    fs::write(metrics.join("metrics.openmetrics"), dumped)?;
    if !how.keep {
        fs::remove_dir_all(&data)?;
    }
    Ok(metrics.join("metrics.openmetrics"))
}
