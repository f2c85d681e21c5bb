//! `--from`: the report of a file that the real promtool has dumped is that of the server that it is from, whatever is asked.

mod budgets;
mod captured;
mod comparisons;
mod dump;
mod odd;
mod scraped;
mod sets;

use crate::serve::{END_MS, an_hour, serve};
use crate::way_in::plugin;
use anyhow::{Context, Result, ensure};
use dump::{Dump, dump};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use test_cluster::directory;
use test_history::{History, Series};

const END: &str = "1748779207";
/// Tolerance of two reports of the same samples, for sums in another order.
const TOLERANCE: f64 = 1e-9;

/// Runs a command that prints JSON. Any verdict will do.
fn json(arguments: &[&str]) -> Result<Value> {
    let outcome = plugin().run(arguments.iter().chain(&["-o", "json"]))?;
    ensure!(
        [0, 3].contains(&outcome.code) || !outcome.stdout.is_empty(),
        "{arguments:?}: {}",
        outcome.stderr
    );
    serde_json::from_str(&outcome.stdout).with_context(|| outcome.stderr)
}

/// Finds the first thing in which two reports differ, but for where they are from. Returns how many figures they have.
fn compare(path: &str, one: &Value, other: &Value) -> Result<usize> {
    /// Fields that name the source of a report.
    const OF_SOURCE: [&str; 5] = ["kind", "url", "file", "series", "replica"];
    let is_source = path.ends_with(".source");
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().context("no figure")?, b.as_f64().context("no figure")?);
            ensure!((a - b).abs() <= TOLERANCE.max(a.abs() * TOLERANCE), "{path}: {b}, not {a}");
            Ok(1)
        }
        (Value::Array(a), Value::Array(b)) => {
            let notes = |all: &[Value]| -> Vec<Value> {
                let of_server =
                    |note: &Value| note.as_str().is_some_and(|note| note.starts_with("gaps are those of"));
                all.iter().filter(|note| !of_server(note)).cloned().collect()
            };
            let (a, b) = (notes(a), notes(b));
            ensure!(a.len() == b.len(), "{path}: {} things, not {}: {b:?}, not {a:?}", b.len(), a.len());
            a.iter().zip(&b).enumerate().map(|(at, (a, b))| compare(&format!("{path}[{at}]"), a, b)).sum()
        }
        (Value::Object(a), Value::Object(b)) => {
            let counts =
                |name: &str| !(is_source && OF_SOURCE.contains(&name) || name == "asked" || name == "url");
            let names = |of: &serde_json::Map<String, Value>| -> Vec<String> {
                of.keys().filter(|name| counts(name)).cloned().collect()
            };
            ensure!(names(a) == names(b), "{path}: {:?}, not {:?}", names(b), names(a));
            names(a).iter().map(|name| compare(&format!("{path}.{name}"), &a[name], &b[name])).sum()
        }
        // A reason names, in parentheses, what could not be asked: no kubeconfig is needed for a file.
        (Value::String(a), Value::String(b)) if a.contains("which CPUs are reserved") => {
            let before = |text: &str| text.split(" (").next().unwrap_or_default().to_owned();
            ensure!(before(a) == before(b), "{path}: {b}, not {a}");
            Ok(0)
        }
        (a, b) => {
            ensure!(a == b, "{path}: {b}, not {a}");
            Ok(0)
        }
    }
}

/// Asks the server and the file the same, and compares. Returns the number of figures.
fn agree(url: &str, file: &Path, command: &str) -> Result<usize> {
    agree_at(url, file, command, END)
}

/// The same of a window that ends elsewhere.
fn agree_at(url: &str, file: &Path, command: &str, end: &str) -> Result<usize> {
    let file = file.display().to_string();
    let ask = |from: [&str; 2]| {
        let (name, flags) = command.split_once(' ').unwrap_or((command, ""));
        let mut arguments = vec![name];
        arguments.extend(flags.split_whitespace());
        arguments.extend(["-T", end]);
        arguments.extend(from);
        json(&arguments)
    };
    let (live, replayed) = (ask(["--prometheus", url])?, ask(["--from", &file])?);
    let count = compare("", &live, &replayed).with_context(|| command.to_owned())?;
    ensure!(replayed["source"]["kind"] == "file", "{}", replayed["source"]);
    ensure!(replayed["source"]["series"] == live["source"]["kind"], "{}", replayed["source"]);
    Ok(count)
}

/// A counter of so many seconds of work a second, each so many seconds, which begins anew in its middle.
fn counter(metric: &'static str, labels: &[(&'static str, &str)], cores: f64, every_s: i64) -> Series {
    let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let steps = 3600 / every_s;
    let first = END_MS - (steps - 1) * every_s * 1000 - 1_250;
    let value =
        |step: i64| cores * (every_s * (if step > steps / 2 { step - steps / 2 } else { step })) as f64;
    let samples = (0..steps).map(|step| (first + step * every_s * 1000, value(step)));
    Series { metric, labels, samples: samples.collect() }
}

/// Every level with every filter, of an hour of nodes with gaps and pods that move, by both sources.
#[test]
fn a_dump_gives_the_report_of_its_server() -> Result<()> {
    let mut history = History::generate(&an_hour());
    for node in ["node-000", "node-001", "node-005"] {
        for (id, cores) in [
            ("/system.slice/crio.service", 0.3),
            ("/system.slice/kubelet.service", 0.2),
            ("/ovs.slice/ovs-vswitchd.service", 0.1),
            ("/kubepods.slice/kubepods-pod1.slice", 9.0),
        ] {
            let labels = [("node", node), ("id", id)];
            history.series.push(counter("container_cpu_usage_seconds_total", &labels, cores, 30));
        }
    }
    let prometheus = serve("replay", &history, &[])?;
    let file = dump("replay", &history, &Dump::default())?;
    for source in ["exporter", "platform"] {
        for by in ["class", "namespace", "workload", "group", "thread"] {
            for flags in [
                "",
                "--per-node",
                "--node node-001,node-004",
                "-S openshift-.*",
                "-n ns-1",
                "--class host,infra --include-exporter",
                "--at-peak --percentiles p50,p99 --per-node",
                "--blocks -i 20m --limit 7",
            ] {
                let command = format!("top --source {source} --by {by} {flags}");
                let count = agree(&prometheus.url, &file, &command)?;
                ensure!(count > 10, "{command}: {count} figures");
            }
        }
    }
    // A folder that holds it, gzip, and the newest sample as the end.
    let text = |path: &Path| path.display().to_string();
    let whole = json(&["top", "--from", &text(&file)])?;
    let gzip = directory()?.join("replay.gz");
    fs::write(&gzip, Command::new("gzip").arg("-c").arg(&file).output()?.stdout)?;
    let root = directory()?.join("replay/must-gather.local.1");
    let archive = directory()?.join("replay.tar.gz");
    let packed = Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(&root).arg(".").status()?;
    ensure!(packed.success());
    for path in [&root, &gzip, &archive] {
        compare("", &whole, &json(&["top", "--from", &text(path)])?).with_context(|| text(path))?;
    }
    let end = whole["window"]["end"].as_str().context("no end")?;
    ensure!(end.starts_with("2025-06-01T11:59:5") || end.starts_with("2025-06-01T12:00:0"), "{end}");
    Ok(())
}

/// Several `--match`, an older promtool, and a file without the sums that are made of what it has.
#[test]
fn other_dumps_give_the_same_report() -> Result<()> {
    let history = History::generate(&an_hour());
    let prometheus = serve("replay-dumps", &history, &[])?;
    let names = [
        "namedprocess_namegroup_cpu_rate",
        "namedprocess_pod_cpu_rate",
        "instance:namedprocess_node_cpu_rate:sum",
        "class:namedprocess_cpu_rate:sum",
        "cluster:namedprocess_node_cpu_rate:sum",
        "cluster:namedprocess_node_cpu_rate:count",
        "cluster:namedprocess_node_cpu_unattributed_rate:sum",
        "namespace_workload_pod:kube_pod_owner:relabel",
        "kube_node_info",
    ];
    let few = Dump { matches: &names, ..Dump::default() };
    let old = Dump { promtool: "promtool2", ..Dump::default() };
    for (name, how) in [("few", few), ("old", old)] {
        let file = dump(&format!("replay-{name}"), &history, &how)?;
        for flags in
            ["--by group", "--by namespace --per-node", "--by class --node node-001", "--by workload"]
        {
            let command = format!("top --source exporter {flags}");
            let count = agree(&prometheus.url, &file, &command).with_context(|| name.to_owned())?;
            ensure!(count > 10, "{name} {command}: {count} figures");
        }
    }
    Ok(())
}

/// An exporter that came late, or went: the platform's series cover the rest, in a file as on a server.
#[test]
fn the_platform_covers_what_the_exporter_does_not() -> Result<()> {
    const MINUTES: i64 = 60_000;
    for (name, from, to) in [("late", END_MS - 15 * MINUTES, END_MS), ("gone", 0, END_MS - 20 * MINUTES)] {
        let mut history = History::generate(&test_history::Spec { gaps: false, ..an_hour() });
        for series in &mut history.series {
            if !test_history::metric::OF_PLATFORM.contains(&series.metric) {
                series.samples.retain(|(at, _)| from < *at && *at <= to);
            }
        }
        history.series.retain(|series| !series.samples.is_empty());
        let prometheus = serve(&format!("replay-{name}"), &history, &[])?;
        let file = dump(&format!("replay-{name}"), &history, &Dump::default())?;
        for minutes in [0, 10, 20, 40] {
            let end = ((END_MS - minutes * MINUTES) / 1000).to_string();
            for flags in ["-i 15m", "-i 15m --source platform"] {
                let command = format!("top {flags} --by namespace");
                agree_at(&prometheus.url, &file, &command, &end)
                    .with_context(|| format!("{name} {minutes}"))?;
            }
        }
        let newest = json(&["top", "--from", &file.display().to_string(), "-i", "10m"])?;
        let kind = if name == "late" { "exporter" } else { "platform" };
        ensure!(newest["source"]["series"] == kind, "{name}: {}", newest["source"]);
        let table = plugin().run(["top", "--from", &file.display().to_string(), "-i", "10m"])?;
        ensure!(table.stdout.contains(&format!("{kind} series of ")), "{}", table.stdout);
    }
    Ok(())
}
