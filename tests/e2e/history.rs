//! `top -o json` over a synthetic history agrees with the contract, computed from the samples by an independent hand
//! (tests/history), to 1e-6: every row and total, at each level of `--by`.
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use test_cluster::{Login, Plugin, Prometheus, Spec, shared};
use test_history::{By, Expected, History, Key, Question, Stat, expected};

/// What figures may differ by: sums in another order.
const TOLERANCE: f64 = 1e-6;
/// 2025-06-01T12:00:07Z: not a multiple of anything.
const END_MS: i64 = 1_748_779_207_000;
const HOUR_MS: i64 = 3_600_000;

/// 20 nodes, 60 groups, 20 pods a node, an hour at 15 s, pods at 30 s.
fn spec() -> test_history::Spec {
    test_history::Spec {
        nodes: 20,
        groups: 60,
        pods_per_node: 20,
        namespaces: 12,
        interval_s: 15,
        pod_interval_s: 30,
        duration_s: 3600,
        end_ms: END_MS,
        seed: 3,
        aggregates: true,
    }
}

#[test]
fn top_agrees_with_the_contract() -> Result<()> {
    let history = History::generate(&spec());
    let prometheus = serve(&history)?;
    for (by, level) in [(By::Class, "class"), (By::Namespace, "namespace"), (By::Group, "group")] {
        // The whole of it; without some namespaces; a part of it, off the samples' beat; more than there is, before and
        // after.
        for (from_end, interval_ms, skip) in [
            (0, HOUR_MS, None),
            (0, HOUR_MS, Some("openshift-.*[a-m],default")),
            (4 * 60_000 + 3000, HOUR_MS / 4, Some("kube-.*")),
            (0, 3 * HOUR_MS, None),
            (-10 * 60_000, HOUR_MS, None),
        ] {
            let end_ms = END_MS - from_end;
            let question = Question {
                start_ms: end_ms - interval_ms,
                end_ms,
                by,
                skip_namespaces: skip
                    .into_iter()
                    .flat_map(|all: &str| all.split(','))
                    .map(str::to_owned)
                    .collect(),
            };
            let report = ask(&prometheus, level, end_ms, interval_ms, skip)?;
            let expected = expected(&history, &question)?;
            compare(&report, &expected)
                .with_context(|| format!("--by {level}, {interval_ms} ms, -S {skip:?}"))?;
        }
    }
    Ok(())
}

/// A Prometheus that holds the history, behind a door of its own.
fn serve(history: &History) -> Result<Prometheus> {
    let file = test_cluster::directory()?.join("history.om");
    let mut out = BufWriter::new(File::create(&file)?);
    history.write_openmetrics(&mut out)?;
    out.flush()?;
    drop(out);
    // The history is older than a retention counted from now would keep.
    let spec = Spec { config: "{}", history: Some(&file), arguments: &["--storage.tsdb.retention.time=10y"] };
    let prometheus = shared().start_prometheus("history", &spec)?;
    std::fs::remove_file(&file)?;
    Ok(prometheus)
}

fn ask(
    prometheus: &Prometheus,
    by: &str,
    end_ms: i64,
    interval_ms: i64,
    skip: Option<&str>,
) -> Result<Value> {
    let door = shared().door();
    door.lead_to(prometheus)?;
    let plugin =
        Plugin::new(env!("CARGO_BIN_EXE_oc-interrogate"))?.kubeconfig(shared().kubeconfig(Login::Viewer));
    let (end, interval) = (format!("{}", end_ms as f64 / 1000.0), format!("{interval_ms}ms"));
    let mut arguments = vec!["top", "-o", "json", "--by", by, "-T", &end, "-i", &interval];
    arguments.extend(skip.iter().flat_map(|skip| ["-S", skip]));
    let outcome = plugin.run(arguments)?;
    ensure!(outcome.code == 0, "{}: {}", outcome.code, outcome.stderr);
    Ok(serde_json::from_str(&outcome.stdout)?)
}

fn compare(report: &Value, expected: &Expected) -> Result<()> {
    for (name, ms) in [("start", expected.start_ms), ("end", expected.end_ms)] {
        let time: jiff::Timestamp = report["window"][name].as_str().context("no window")?.parse()?;
        ensure!(time.as_millisecond() == ms, "the window's {name} is {time}, not {ms}");
    }
    let mut rows: BTreeMap<Key, &Value> = BTreeMap::new();
    for row in report["rows"].as_array().context("no rows")? {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let key = Key { class: text("class"), namespace: text("namespace"), name: text("name") };
        ensure!(rows.insert(key, row).is_none(), "twice: {row}");
    }
    ensure!(rows.keys().eq(expected.rows.keys()), "rows {:?}, not {:?}", rows.keys(), expected.rows.keys());
    for (key, expected) in &expected.rows {
        let row = rows.get(key).with_context(|| format!("no row {key:?}"))?;
        close(row, &expected.stat).with_context(|| format!("{key:?}"))?;
        number(&row["present"], expected.present).with_context(|| format!("present of {key:?}"))?;
        let node = row["node"].as_str().filter(|node| !node.is_empty());
        ensure!(node == expected.node.as_deref(), "{key:?} is on {node:?}, not {:?}", expected.node);
    }
    let classes = report["classes"].as_array().context("no classes")?;
    ensure!(classes.len() == expected.classes.len(), "classes: {classes:?}");
    for (class, stat) in &expected.classes {
        let total = classes.iter().find(|total| total["class"] == **class);
        close(total.with_context(|| format!("no class {class}"))?, stat).with_context(|| class.clone())?;
    }
    close(&report["busy"], &expected.busy).context("busy")?;
    close(&report["unattributed"], &expected.unattributed).context("unattributed")?;
    close(&report["left_out"], &expected.left_out).context("left_out")?;
    number(&report["pods_unnamed"]["avg"], expected.pods_unnamed_avg).context("pods_unnamed")
}

fn close(value: &Value, stat: &Stat) -> Result<()> {
    number(&value["avg"], stat.avg).context("avg")?;
    number(&value["min"], stat.min).context("min")?;
    number(&value["max"], stat.max).context("max")
}

fn number(value: &Value, expected: f64) -> Result<()> {
    let number = value.as_f64().with_context(|| format!("{value} is no number"))?;
    ensure!((number - expected).abs() <= TOLERANCE, "{number} is not {expected}");
    Ok(())
}
