//! A Prometheus behind its gate that holds a history.

use anyhow::Result;
use std::fs::{self, File};
use std::io::BufWriter;
use test_cluster::{Prometheus, Spec, directory, shared};
use test_history::History;

/// One called `name` with more arguments; it scrapes nothing.
pub(crate) fn serve(name: &str, history: &History, arguments: &[&str]) -> Result<Prometheus> {
    let file = directory()?.join(format!("{name}.om"));
    history.write_openmetrics(BufWriter::new(File::create(&file)?))?;
    // A history may be older than a retention counted from now would keep.
    let arguments = [&["--storage.tsdb.retention.time=10y"], arguments].concat();
    let spec = Spec { config: "{}", history: Some(&file), arguments: &arguments };
    let prometheus = shared().start_prometheus(name, &spec)?;
    fs::remove_file(&file)?;
    Ok(prometheus)
}
