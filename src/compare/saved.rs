//! Saved reports: files that `top -o json` or `-o yaml` wrote. Reads what a comparison needs, and takes the rest as it is.
use super::blocks::Places;
use super::level::Level;
use super::operand::FORMS;
use super::report::SideReport;
use super::side::{Side, SideRow, coverage};
use crate::report::{Class, Window};
use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::Read;
use std::path::Path;

/// Number of blocks of a row at most: each is compared with each.
const MOST_BLOCKS: usize = 1000;

/// What tells a report from other objects.
#[derive(Deserialize)]
struct Header {
    #[serde(rename = "apiVersion")]
    api_version: Option<String>,
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Text {
    unit: String,
    window: Window,
    source: Source,
    rows: Vec<Row>,
    classes: Vec<Total>,
    busy: Option<Average>,
    unattributed: Option<Average>,
    excluded: Option<Average>,
    #[serde(default)]
    notes: Vec<String>,
}

#[derive(Deserialize)]
struct Source {
    kind: String,
    /// Kind of a file's series.
    series: Option<String>,
    url: Option<String>,
    nodes: usize,
    #[serde(default)]
    node_names: Vec<String>,
}

#[derive(Deserialize)]
struct Row {
    class: Class,
    namespace: Option<String>,
    #[serde(default)]
    name: String,
    workload_type: Option<String>,
    node: Option<String>,
    thread: Option<String>,
    avg: f64,
    blocks: Option<Vec<Option<f64>>>,
}

#[derive(Deserialize)]
struct Total {
    class: Class,
    avg: f64,
}

#[derive(Deserialize)]
struct Average {
    avg: f64,
}

/// Reads a side from a file's bytes. Errors name the file, what is wrong with it, and what may be given.
pub(super) fn read(path: &Path, mut input: impl Read) -> Result<Side> {
    let shown = path.display();
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|error| anyhow!("cannot read {shown}: {error}; {FORMS}"))?;
    parse(&bytes, &path.to_string_lossy()).with_context(|| format!("cannot compare {shown}"))
}

fn parse(bytes: &[u8], asked: &str) -> Result<Side> {
    let text = std::str::from_utf8(bytes).map_err(|_| anyhow!("it is no text; {FORMS}"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    ensure!(!text.trim().is_empty(), "it is empty; {FORMS}");
    let header: Header = match of_text(text) {
        Ok(header) => header,
        Err(error) if is_json(text) => bail!("it is no whole JSON ({error:#}): save it again"),
        Err(_) => bail!("it is neither JSON nor YAML of a report; {FORMS}"),
    };
    ensure!(
        header.kind.as_deref() == Some("CpuReport"),
        "its kind is {}, not CpuReport; {FORMS}",
        header.kind.as_deref().unwrap_or("missing")
    );
    ensure!(
        header.api_version.as_deref() == Some("interrogate/v1"),
        "its apiVersion is {}, not interrogate/v1: save it again with this version of the program",
        header.api_version.as_deref().unwrap_or("missing")
    );
    let text: Text = of_text(text).context("the report is damaged: save it again")?;
    ensure!(text.unit == "cores", "its unit is {}, not cores", text.unit);
    let blocks = text.rows.iter().filter_map(|row| row.blocks.as_ref()).map(Vec::len).max().unwrap_or(0);
    ensure!(
        blocks <= MOST_BLOCKS,
        "a row has {blocks} blocks, and {MOST_BLOCKS} are the most that are compared"
    );
    Ok(side(text, asked))
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// Parses JSON if the text looks like it, else YAML. Errors are one line.
fn of_text<T: DeserializeOwned>(text: &str) -> Result<T> {
    if is_json(text) {
        return Ok(serde_json::from_str(text)?);
    }
    serde_yaml::from_str(text).map_err(|error| anyhow!("{}", error.to_string().replace('\n', " ")))
}

fn side(text: Text, asked: &str) -> Side {
    let report = SideReport {
        asked: asked.to_owned(),
        coverage: coverage(&text.window),
        window: text.window,
        source: text.source.series.unwrap_or(text.source.kind),
        url: text.source.url,
        nodes: text.source.nodes,
        blocks: 0,
        notes: text.notes,
    };
    let of_rows = text.rows.iter().filter_map(|row| row.node.clone());
    let nodes = of_rows.chain(text.source.node_names).filter(|node| !node.is_empty()).collect();
    let level = level(&text.rows);
    let average = |average: Option<Average>| average.map(|average| average.avg);
    let mut side = Side {
        report,
        level,
        classes: text.classes.iter().map(|total| (total.class, total.avg)).collect(),
        busy: average(text.busy),
        unattributed: average(text.unattributed),
        excluded: average(text.excluded),
        places: Places::default(),
        nodes,
        rows: text.rows.into_iter().map(SideRow::from).collect(),
    };
    side.align();
    side
}

/// Returns the finest level that rows can tell.
fn level(rows: &[Row]) -> Level {
    let any = |of: fn(&Row) -> bool| rows.iter().any(of);
    match () {
        () if any(|row| row.workload_type.is_some()) => Level::Workload,
        () if rows.is_empty() || any(|row| !row.name.is_empty() || row.thread.is_some()) => Level::Group,
        () if any(|row| row.namespace.is_some()) => Level::Namespace,
        () => Level::Class,
    }
}

impl From<Row> for SideRow {
    fn from(row: Row) -> SideRow {
        let blocks = row.blocks.unwrap_or_default();
        SideRow {
            class: row.class,
            namespace: row.namespace,
            name: row.name,
            workload_type: row.workload_type,
            avg: row.avg,
            blocks: blocks.into_iter().map(|mean| mean.unwrap_or(f64::NAN)).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
