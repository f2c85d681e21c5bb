//! A Prometheus behind its gateway that holds a history.

use anyhow::Result;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::ops::Range;
use std::path::Path;
use test_cluster::{Prometheus, Spec, directory, shared};
use test_history::History;

/// End of a history: 2025-06-01T12:00:07Z, not a multiple of anything.
pub(crate) const END_MS: i64 = 1_748_779_207_000;

/// An hour of 8 nodes with 40 groups, some of which have threads, and 64 pods, some of which move.
pub(crate) fn an_hour() -> test_history::Spec {
    test_history::Spec {
        nodes: 8,
        gaps: true,
        groups: 40,
        threads: 3,
        pods_per_node: 8,
        movers: 7,
        namespaces: 10,
        interval_s: 15,
        pod_interval_s: 30,
        duration_s: 3600,
        end_ms: END_MS,
        seed: 7,
    }
}

/// One called `name` with more arguments; it scrapes nothing.
pub(crate) fn serve(name: &str, history: &History, arguments: &[&str]) -> Result<Prometheus> {
    let spec = Spec { arguments, ..Spec::default() };
    start(name, &spec, |file| write(history, file))
}

/// One called `name` that is Prometheus 2.
pub(crate) fn serve_old(name: &str, history: &History) -> Result<Prometheus> {
    start(name, &Spec { old: true, ..Spec::default() }, |file| write(history, file))
}

/// One called `name` with a configuration of its own.
pub(crate) fn serve_with(name: &str, config: &str, history: &History) -> Result<Prometheus> {
    start(name, &Spec { config, ..Spec::default() }, |file| write(history, file))
}

/// Serves a text of OpenMetrics, without its end mark.
pub(crate) fn serve_text(name: &str, text: &str) -> Result<Prometheus> {
    start(name, &Spec::default(), |mut file| Ok(file.write_all(format!("{text}# EOF\n").as_bytes())?))
}

/// Serves a file of OpenMetrics.
pub(crate) fn serve_file(name: &str, file: &Path) -> Result<Prometheus> {
    start(name, &Spec::default(), |mut to| Ok(std::io::copy(&mut File::open(file)?, &mut to).map(|_| ())?))
}

fn write(history: &History, file: File) -> Result<()> {
    Ok(history.write_openmetrics(BufWriter::new(file))?)
}

fn start(name: &str, spec: &Spec<'_>, write: impl FnOnce(File) -> Result<()>) -> Result<Prometheus> {
    let file = directory()?.join(format!("{name}.om"));
    write(File::create(&file)?)?;
    // A history may be older than a retention counted from now would keep.
    let arguments = [&["--storage.tsdb.retention.time=30y"], spec.arguments].concat();
    let config = if spec.config.is_empty() { "{}" } else { spec.config };
    let spec = Spec { config, history: Some(&file), arguments: &arguments, ..*spec };
    let prometheus = shared().start_prometheus(name, &spec)?;
    fs::remove_file(&file)?;
    Ok(prometheus)
}

/// A series for [`store`]: its text, seconds between two samples, ages in seconds, and value.
pub(crate) type Stored = (String, u32, Range<u32>, f64);

/// Returns the recorded totals of all nodes: their number, busy time, unattributed time and classes.
pub(crate) fn totals(
    step: u32,
    ages: Range<u32>,
    nodes: f64,
    busy: f64,
    classes: &[(&str, f64)],
) -> Vec<Stored> {
    let cluster = [("rate:sum", busy), ("rate:count", nodes), ("unattributed_rate:sum", 0.5)];
    let cluster =
        cluster.into_iter().map(|(name, value)| (format!("cluster:namedprocess_node_cpu_{name}"), value));
    let class = |(class, value): &(&str, f64)| {
        (format!("class:namedprocess_cpu_rate:sum{{class=\"{class}\"}}"), *value)
    };
    let all = cluster.chain(classes.iter().map(class));
    all.map(|(series, value)| (series, step, ages.clone(), value)).collect()
}

/// The end of the windows that `store` is asked about, Unix seconds.
pub(crate) const END: u32 = 1_700_000_000;

/// Series by their seconds between two samples, ages in seconds, and value.
pub(crate) fn store(name: &str, all: impl IntoIterator<Item = Stored>) -> Prometheus {
    let mut text = String::new();
    // Samples of one metric are to stand together, and those of a series one after the other, the oldest first.
    let mut all: Vec<Stored> = all.into_iter().collect();
    all.sort_by(|a, b| a.0.cmp(&b.0).then(b.2.start.cmp(&a.2.start)));
    for (series, step, ages, value) in all {
        for age in ages.rev().filter(|age| age % step == 0) {
            writeln!(text, "{series} {value} {}", END - age).unwrap();
        }
    }
    serve_text(name, &text).unwrap()
}
