//! `top --from`: the report of a file that the real promtool has dumped is that of the server that it is from.

use crate::serve::{an_hour, serve};
use crate::way_in::plugin;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use test_cluster::{Prometheus, directory, tool};
use test_history::History;

const END: &str = "1748779207";

/// Dumps a history by way of a TSDB, as `gather_metrics` does, into a folder like a must-gather's.
fn dump(name: &str, history: &History) -> Result<PathBuf> {
    let folder = directory()?.join(name);
    let metrics = folder.join("must-gather.local.1/quay-io-x/monitoring/metrics");
    fs::create_dir_all(&metrics)?;
    let (text, data) = (folder.join("history.om"), folder.join("data"));
    history.write_openmetrics(std::io::BufWriter::new(File::create(&text)?))?;
    let promtool = tool("promtool")?;
    let run = |arguments: &[&str]| -> Result<Vec<u8>> {
        let output = Command::new(&promtool).args(arguments).arg(&data).output()?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout)
    };
    let text = text.display().to_string();
    run(&["tsdb", "create-blocks-from", "--max-block-duration=24h", "openmetrics", &text])?;
    // A server that has run has one.
    fs::create_dir_all(data.join("wal"))?;
    fs::write(metrics.join("metrics.openmetrics"), run(&["tsdb", "dump-openmetrics"])?)?;
    fs::remove_dir_all(&data)?;
    Ok(metrics.join("metrics.openmetrics"))
}

fn top(source: &[&str], flags: &str) -> Result<Value> {
    let fixed = [&["top", "-o", "json"], source].concat();
    let outcome = plugin().run(fixed.into_iter().chain(flags.split_whitespace()))?;
    ensure!(outcome.code == 0, "{flags}: {}", outcome.stderr);
    Ok(serde_json::from_str(&outcome.stdout)?)
}

/// Everything of a report but its source, each figure by where it stands.
fn figures(report: &Value) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    for row in report["rows"].as_array().into_iter().flatten() {
        let names = ["class", "namespace", "name", "workload_type", "node", "thread"];
        let key = names.map(|name| row[name].to_string()).join(" ");
        collect(&key, row, &mut all);
    }
    for name in ["classes", "busy", "unattributed", "excluded", "peak"] {
        collect(name, &report[name], &mut all);
    }
    let window = &report["window"];
    all.extend(
        ["interval_seconds", "step_seconds"]
            .map(|name| (name.to_owned(), window[name].as_f64().unwrap_or(-1.0))),
    );
    all
}

fn collect(key: &str, value: &Value, all: &mut BTreeMap<String, f64>) {
    match value {
        Value::Number(number) => {
            all.insert(key.to_owned(), number.as_f64().unwrap_or(f64::NAN));
        }
        Value::Object(of) => {
            of.iter().for_each(|(name, value)| collect(&format!("{key}.{name}"), value, all))
        }
        Value::Array(of) => {
            of.iter().enumerate().for_each(|(at, value)| collect(&format!("{key}.{at}"), value, all))
        }
        _ => {}
    }
}

/// Notes but those on the server.
fn notes(report: &Value) -> Vec<String> {
    let notes = report["notes"].as_array().into_iter().flatten().filter_map(|note| note.as_str());
    notes.filter(|note| !note.starts_with("gaps are those of")).map(str::to_owned).collect()
}

fn agree(prometheus: &Prometheus, file: &Path, flags: &str) -> Result<usize> {
    let live = top(&["--prometheus", &prometheus.url, "--source", "exporter", "-T", END], flags)?;
    let replayed = top(&["--from", &file.display().to_string(), "-T", END], flags)?;
    let (expected, found) = (figures(&live), figures(&replayed));
    let lacks = expected.keys().find(|key| !found.contains_key(*key));
    let more = found.keys().find(|key| !expected.contains_key(*key));
    ensure!(lacks.is_none() && more.is_none(), "{flags}: lacks {lacks:?}, and has {more:?}");
    let differs = found.iter().find(|(key, value)| (*value - expected[*key]).abs() > 1e-9);
    ensure!(differs.is_none(), "{flags}: {differs:?}, not {:?}", differs.map(|(key, _)| expected[key]));
    ensure!(
        live["window"]["start"] == replayed["window"]["start"],
        "{flags}: {} {}",
        live["window"],
        replayed["window"]
    );
    ensure!(notes(&live) == notes(&replayed), "{flags}: {:?} {:?}", notes(&live), notes(&replayed));
    ensure!(replayed["source"]["kind"] == "file", "{}", replayed["source"]);
    Ok(found.len())
}

/// Every level with every filter, of an hour of nodes with gaps and pods that move.
#[test]
fn a_dump_gives_the_report_of_its_server() -> Result<()> {
    let history = History::generate(&an_hour());
    let prometheus = serve("replay", &history, &[])?;
    let file = dump("replay", &history)?;
    for by in ["class", "namespace", "workload", "group", "thread"] {
        for flags in [
            "",
            "--per-node",
            "--node node-001,node-004",
            "-S openshift-.*",
            "-n ns-1",
            "--class host,infra --include-exporter",
            "--at-peak --percentiles p50,p99 --per-node",
            "-i 20m --limit 7",
        ] {
            let count = agree(&prometheus, &file, &format!("--by {by} {flags}"))?;
            ensure!(count > 10, "--by {by} {flags}: {count} figures");
        }
    }
    // A folder that holds it, gzip, and the newest sample as the end.
    let whole = top(&["--from", &file.display().to_string()], "--by group")?;
    let gzip = directory()?.join("replay.gz");
    let packed = Command::new("gzip").arg("-c").arg(&file).output()?;
    fs::write(&gzip, packed.stdout)?;
    let root = directory()?.join("replay/must-gather.local.1");
    for path in [root.display().to_string(), gzip.display().to_string()] {
        let other = top(&["--from", &path], "--by group")?;
        ensure!(figures(&other) == figures(&whole), "{path}");
    }
    let end = whole["window"]["end"].as_str().context("no end")?;
    ensure!(end.starts_with("2025-06-01T11:59:5") || end.starts_with("2025-06-01T12:00:0"), "{end}");
    Ok(())
}

#[test]
fn odd_files_are_right_or_one_line() -> Result<()> {
    let history = History::generate(&an_hour());
    let file = dump("replay-odd", &history)?;
    let folder = directory()?.join("replay-odd");
    let whole = fs::read(&file)?;
    let path = |name: &str, bytes: &[u8]| -> Result<String> {
        let path = folder.join(name);
        fs::write(&path, bytes)?;
        Ok(path.display().to_string())
    };
    // Cut at the end of a line, or in one: the report of what is there, which says so.
    let half = whole[..whole.len() / 2].iter().rposition(|byte| *byte == b'\n').context("no line")?;
    for (name, end) in [("cut", half + 1), ("torn", half - 5), ("torn-in-a-time", half - 2)] {
        let cut = top(&["--from", &path(name, &whole[..end])?], "--by group")?;
        ensure!(
            notes(&cut).iter().any(|note| note.contains("was cut: it does not end with # EOF")),
            "{name}: {cut}"
        );
    }
    let platform: Vec<&str> = std::str::from_utf8(&whole)?
        .lines()
        .filter(|line| line.starts_with("pod:container_cpu_usage:sum"))
        .collect();
    ensure!(!platform.is_empty());
    let noise: Vec<u8> = (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let later = String::from_utf8(whole.clone())?;
    for (name, bytes, flags, said) in [
        ("empty", &b""[..], "", "is empty"),
        ("no-samples", b"# EOF\n", "", "does not hold what the exporter's rules record"),
        (
            "platform",
            (platform.join("\n") + "\n# EOF\n").as_bytes(),
            "",
            "it has the platform's series alone",
        ),
        ("noise", &noise, "", "no sample of OpenMetrics"),
        ("json", b"[{\"status\": \"success\"}]\n", "", "no sample of OpenMetrics"),
        (
            "later",
            later.as_bytes(),
            "-T 2026-01-01",
            "has no sample in this window: the newest is of 2025-06-01T",
        ),
        ("sets", later.as_bytes(), "--by cpuset", "--by cpuset needs a cluster"),
    ] {
        let fixed = ["top", "--from", &path(name, bytes)?].map(str::to_owned);
        let outcome = plugin().run(fixed.iter().map(String::as_str).chain(flags.split_whitespace()))?;
        let is_line = outcome.stderr.lines().count() == 1 && outcome.stdout.is_empty();
        ensure!(
            outcome.code == 1 && is_line && outcome.stderr.contains(said),
            "{name}: {} {}",
            outcome.code,
            outcome.stderr
        );
    }
    let missing = plugin().run(["top", "--from", "/no/such/file"])?;
    ensure!(missing.code == 1 && missing.stderr.contains("cannot read /no/such/file"), "{}", missing.stderr);
    Ok(())
}
