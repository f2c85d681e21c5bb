//! Asks `top` a question of the oracle's, and compares what it prints with what the oracle says.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use test_cluster::Plugin;
use test_history::{By, Expected, Key, Question, Source, Stat};

/// Tolerance of figures, for sums in another order.
const TOLERANCE: f64 = 1e-6;

/// The formats for machines.
pub(super) const FORMATS: [&str; 3] = ["json", "yaml", "csv"];

/// Asks in one format, and fails where the answer is not what is expected of it.
pub(super) fn agree(url: &str, format: &str, question: &Question, expected: &Expected) -> Result<()> {
    let mut arguments = flags(question);
    arguments.extend(["--prometheus", url, "-o", format].map(str::to_owned));
    let said = arguments.join(" ");
    let outcome = Plugin::new(env!("CARGO_BIN_EXE_oc-interrogate"))?.run(arguments)?;
    ensure!(outcome.code == 0, "{said}: {}: {}", outcome.code, outcome.stderr);
    compare(format, &outcome.stdout, question, expected).with_context(|| said)
}

/// The question as a user asks it.
fn flags(question: &Question) -> Vec<String> {
    let by = match question.by {
        By::Class => "class",
        By::Namespace => "namespace",
        By::Workload => "workload",
        By::Group => "group",
        By::Thread => "thread",
    };
    let end = format!("{}", question.end_ms as f64 / 1000.0);
    let mut flags = vec!["top", "--by", by, "-T", &end].into_iter().map(str::to_owned).collect::<Vec<_>>();
    let mut flag = |name: &str, value: String| flags.extend([name.to_owned(), value]);
    flag("-i", format!("{}ms", question.end_ms - question.start_ms));
    if !question.skip_namespaces.is_empty() {
        flag("-S", question.skip_namespaces.join(","));
    }
    if !question.classes.is_empty() {
        flag("--class", question.classes.join(","));
    }
    for node in &question.nodes {
        flag("--node", node.clone());
    }
    if let Some(namespace) = &question.namespace {
        flag("-n", namespace.clone());
    }
    if let Some(limit) = question.limit {
        flag("--limit", limit.to_string());
    }
    if !question.percentiles.is_empty() {
        flag("--percentiles", percentiles(question).join(","));
    }
    if question.source == Source::Platform {
        flags.extend(["--source", "platform"].map(str::to_owned));
    }
    let switches = [
        (question.per_node, "--per-node"),
        (question.include_exporter, "--include-exporter"),
        (question.at_peak, "--at-peak"),
    ];
    flags.extend(switches.into_iter().filter(|(on, _)| *on).map(|(_, name)| name.to_owned()));
    flags
}

fn percentiles(question: &Question) -> Vec<String> {
    question.percentiles.iter().map(|percent| format!("p{percent}")).collect()
}

/// A row as printed.
struct Printed {
    key: Key,
    node: String,
    /// avg, min, max, percentiles, and what it used at the peak.
    figures: Vec<f64>,
    /// Which csv does not tell.
    present: Option<f64>,
}

fn compare(format: &str, text: &str, question: &Question, expected: &Expected) -> Result<()> {
    let rows = match format {
        "json" => objects(&serde_json::from_str(text)?, question, expected)?,
        "yaml" => objects(&serde_yaml::from_str(text)?, question, expected)?,
        "csv" => records(text, question)?,
        _ => bail!("{format} is for people"),
    };
    let falling = |pair: &[Printed]| pair[0].figures[0] >= pair[1].figures[0];
    ensure!(rows.windows(2).all(falling), "the rows do not go from big to small");
    let mut by_key: BTreeMap<Key, Printed> = BTreeMap::new();
    for mut row in rows {
        if question.per_node {
            row.key.node = std::mem::take(&mut row.node);
        }
        let key = row.key.clone();
        ensure!(by_key.insert(key.clone(), row).is_none(), "twice: {key:?}");
    }
    let extra: Vec<_> = by_key.keys().filter(|key| !expected.rows.contains_key(key)).collect();
    ensure!(extra.is_empty(), "rows too many: {extra:?}");
    for (key, expected) in &expected.rows {
        let row = by_key.get(key).with_context(|| format!("no row {key:?}"))?;
        let Stat { avg, min, max } = expected.stat;
        let at_peak = expected.at_peak.as_slice();
        let figures = [&[avg, min, max], expected.percentiles.as_slice(), at_peak].concat();
        ensure!(row.figures.len() == figures.len(), "{key:?}: {:?}", row.figures);
        for (index, (found, expected)) in row.figures.iter().zip(figures).enumerate() {
            number(*found, expected).with_context(|| format!("figure {index} of {key:?}"))?;
        }
        if let Some(present) = row.present {
            number(present, expected.present).with_context(|| format!("present of {key:?}"))?;
        }
        let node = expected.node.as_deref().unwrap_or_default();
        ensure!(row.node == node, "{key:?} was last on {:?}, not {node:?}", row.node);
    }
    Ok(())
}

/// The rows of json or yaml, once window and totals agree.
fn objects(report: &Value, question: &Question, expected: &Expected) -> Result<Vec<Printed>> {
    for (name, ms) in [("start", expected.start_ms), ("end", expected.end_ms)] {
        let time: jiff::Timestamp = report["window"][name].as_str().context("no window")?.parse()?;
        ensure!(time.as_millisecond() == ms, "the window's {name} is {time}, not {ms}");
    }
    let classes = report["classes"].as_array().context("no classes")?;
    ensure!(classes.len() == expected.classes.len(), "classes: {classes:?}");
    for (class, stat) in &expected.classes {
        let total = classes.iter().find(|total| total["class"] == **class);
        close(total.with_context(|| format!("no class {class}"))?, stat).with_context(|| class.clone())?;
    }
    close(&report["busy"], &expected.busy).context("busy")?;
    close(&report["unattributed"], &expected.unattributed).context("unattributed")?;
    let excluded = &report["excluded"];
    if question.limit.is_some() {
        number(figure(&excluded["avg"])?, expected.excluded.avg).context("excluded")?;
        ensure!(excluded["min"].is_null() && excluded["max"].is_null(), "under a limit: {excluded}");
    } else {
        close(excluded, &expected.excluded).context("excluded")?;
    }
    let peak = report["peak"].as_object();
    ensure!(peak.is_some() == expected.peak.is_some(), "the peak is {peak:?}, not {:?}", expected.peak);
    if let Some((at_ms, shown, cut)) = expected.peak {
        let time: jiff::Timestamp =
            report["peak"]["time"].as_str().context("no time of the peak")?.parse()?;
        ensure!(time.as_millisecond() == at_ms, "the peak is at {time}, not at {at_ms}");
        number(figure(&report["peak"]["cores"])?, shown + cut).context("peak")?;
        number(figure(&excluded["at_peak"])?, cut).context("the limit's part of the peak")?;
    }
    let rows = report["rows"].as_array().context("no rows")?;
    rows.iter().map(|row| object(row, question).with_context(|| row.to_string())).collect()
}

fn object(row: &Value, question: &Question) -> Result<Printed> {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let statistics = ["avg", "min", "max"].into_iter().map(|name| figure(&row[name]));
    let names = percentiles(question);
    let percentiles = names.iter().map(|name| figure(&row["percentiles"][name]));
    let at_peak = question.at_peak.then(|| figure(&row["at_peak"]));
    Ok(Printed {
        key: Key {
            class: text("class"),
            namespace: text("namespace"),
            name: text("name"),
            workload_type: text("workload_type"),
            thread: text("thread"),
            node: String::new(),
        },
        node: text("node"),
        figures: statistics.chain(percentiles).chain(at_peak).collect::<Result<_>>()?,
        present: Some(figure(&row["present"])?),
    })
}

fn records(text: &str, question: &Question) -> Result<Vec<Printed>> {
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let typed = question.by == By::Workload;
    let names = ["class", "namespace", "name"].into_iter().chain(typed.then_some("workload_type"));
    let mut header: Vec<&str> = names.chain(["node", "thread", "avg", "min", "max"]).collect();
    let percentiles = percentiles(question);
    header.extend(percentiles.iter().map(String::as_str).chain(question.at_peak.then_some("at_peak")));
    ensure!(csv.headers()? == header, "{:?}", csv.headers());
    let row = |record: csv::StringRecord| {
        let text = |index: usize| record[index].to_owned();
        let after = 3 + usize::from(typed);
        let key = Key {
            class: text(0),
            namespace: text(1),
            name: text(2),
            workload_type: if typed { text(3) } else { String::new() },
            thread: text(after + 1),
            node: String::new(),
        };
        let figures = record.iter().skip(after + 2).map(str::parse).collect::<Result<_, _>>()?;
        Ok(Printed { key, node: text(after), figures, present: None })
    };
    csv.records().map(|record| row(record?)).collect()
}

fn close(value: &Value, stat: &Stat) -> Result<()> {
    number(figure(&value["avg"])?, stat.avg).context("avg")?;
    number(figure(&value["min"])?, stat.min).context("min")?;
    number(figure(&value["max"])?, stat.max).context("max")
}

fn figure(value: &Value) -> Result<f64> {
    value.as_f64().with_context(|| format!("{value} is no number"))
}

fn number(number: f64, expected: f64) -> Result<()> {
    ensure!((number - expected).abs() <= TOLERANCE, "{number} is not {expected}");
    Ok(())
}
