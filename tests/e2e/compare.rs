//! `compare` against a real Prometheus: windows before and after a restart of everything, with and without a change.

mod ends;
mod site;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use site::HOUR_MS;
pub(crate) use site::Site;
use std::collections::BTreeMap;
use test_cluster::Outcome;
use test_history::{History, metric};

use crate::serve::{END_MS, an_hour, serve};
use crate::way_in::plugin;

/// Writes the window of an hour that ends so many hours before the end.
pub(crate) fn window(hours: i64) -> String {
    format!("{}/1h", (END_MS - hours * HOUR_MS) as f64 / 1000.0)
}

fn compare(url: &str, operands: [&str; 2], flags: &[&str]) -> Result<Outcome> {
    let fixed = ["compare", "--prometheus", url];
    plugin().run(fixed.iter().chain(&operands).chain(flags))
}

fn comparison(url: &str, operands: [&str; 2], flags: &[&str]) -> Result<Value> {
    let outcome = compare(url, operands, &[flags, &["-o", "json"]].concat())?;
    ensure!(outcome.code == 0, "{operands:?} {flags:?}: {}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).with_context(|| outcome.stderr)
}

fn rows(of: &Value) -> Result<&Vec<Value>> {
    of["rows"].as_array().context("no rows")
}

/// Returns the names of the rows of some verdicts.
fn found(of: &Value) -> Result<Vec<String>> {
    let is_found = |row: &&Value| !["same", "noise"].contains(&row["verdict"].as_str().unwrap_or_default());
    Ok(rows(of)?.iter().filter(is_found).map(|row| format!("{} {}", row["verdict"], row["name"])).collect())
}

#[test]
fn a_window_against_itself_has_no_finding() -> Result<()> {
    let prometheus = serve("compare-self", &Site::new(3).history(), &[])?;
    let end = window(0);
    for by in ["class", "namespace", "workload", "group"] {
        let flags = ["--by", by, "--fail-on", "any", "--tolerance", "0%", "--floor", "0"];
        let of = comparison(&prometheus.url, [&end, &end], &flags)?;
        ensure!(!rows(&of)?.is_empty(), "no rows by {by}");
        for row in rows(&of)? {
            ensure!(row["verdict"] == "same" && row["difference"] == 0.0, "{by}: {row}");
        }
        ensure!(of["notes"] == Value::Array(Vec::new()), "{}", of["notes"]);
    }
    Ok(())
}

/// A fifth of 150 m, which is 30 m, on one node among its noise.
#[test]
fn a_fifth_more_is_found_and_nothing_else() -> Result<()> {
    for (factor, verdict, worse) in [(1.2, "worse", 3), (0.8, "better", 0)] {
        let site = Site { changes: [("crio", factor)].into(), ..Site::new(1) };
        let prometheus = serve(&format!("compare-{verdict}"), &site.history(), &[])?;
        let operands = [window(1), window(0)];
        let operands = [operands[0].as_str(), operands[1].as_str()];
        let of = comparison(&prometheus.url, operands, &[])?;
        assert_eq!(found(&of)?, [format!("\"{verdict}\" \"crio\"")]);
        let row = rows(&of)?.first().context("no row")?;
        let difference = row["difference"].as_f64().context("no difference")?;
        assert!((difference - 0.15 * (factor - 1.0)).abs() < 0.005, "{row}");
        assert!(row["p"].as_f64().context("no p")? < 0.05, "{row}");
        for (flags, code) in [
            (&["--fail-on", "worse"][..], worse),
            (&["--fail-on", "any", "-o", "junit"], 3),
            (&["--fail-on", "any", "--tolerance", "30%"], 0),
            (&["--fail-on", "any", "--floor", "50m"], 0),
            (&[], 0),
        ] {
            let outcome = compare(&prometheus.url, operands, flags)?;
            assert_eq!(outcome.code, code, "{factor} {flags:?}: {}{}", outcome.stdout, outcome.stderr);
            let failures = outcome.stdout.matches("<failure").count();
            assert_eq!(failures, usize::from(flags.contains(&"junit")), "{}", outcome.stdout);
        }
    }
    Ok(())
}

/// Everything was restarted, and each row has both sides: by the owners of both windows, of one, or by names alone.
#[test]
fn every_pod_is_joined_over_a_restart() -> Result<()> {
    let wanted = ["alone", "backup", "db", "dns-default", "etcd", "migrate", "router-default", "web"];
    for (name, owners) in
        [("both", vec![0, 1]), ("before", vec![1]), ("after", vec![0]), ("neither", Vec::new())]
    {
        let site = Site { owners, ..Site::new(3) };
        let prometheus = serve(&format!("compare-{name}"), &site.history(), &[])?;
        let (a, b) = (window(1), window(0));
        let of = comparison(&prometheus.url, [&a, &b], &["--fail-on", "any"])?;
        let mut names = Vec::new();
        for row in rows(&of)? {
            ensure!(row["a"].is_f64() && row["b"].is_f64() && row["verdict"] == "same", "{name}: {row}");
            if row["namespace"].is_string() {
                names.push(row["name"].as_str().context("no name")?.to_owned());
                let is_typed = row["workload_type"].is_string();
                ensure!(is_typed || name == "neither", "{name}: {row} has no type");
            }
        }
        names.sort();
        assert_eq!(names, wanted, "{name}");
        let by_names = ["a", "b"].map(|side| of[side]["notes"].to_string().contains("joined by their names"));
        assert_eq!(
            by_names,
            [!["both", "before"].contains(&name), !["both", "after"].contains(&name)],
            "{name}"
        );
        // By their own names, those that are generated anew are not.
        let by_pod = comparison(&prometheus.url, [&a, &b], &["--by", "group"])?;
        let new = rows(&by_pod)?.iter().filter(|row| row["a"].is_null()).count();
        assert_eq!(new, 2 + 2 + 3 + 1 + 1, "{name}");
    }
    Ok(())
}

/// Totals are `top`'s, and the rows add up to them, of either source and at each level; a saved report is its window.
#[test]
fn totals_are_tops_and_the_rows_add_up() -> Result<()> {
    let history = History::generate(&test_history::Spec { duration_s: 2 * 3600, ..an_hour() });
    let prometheus = serve("compare-totals", &history, &[])?;
    let (a, b) = (window(1), window(0));
    for (source, by) in [
        ("exporter", "class"),
        ("exporter", "namespace"),
        ("exporter", "workload"),
        ("exporter", "group"),
        ("platform", "workload"),
        ("platform", "group"),
    ] {
        let of = comparison(&prometheus.url, [&a, &b], &["--source", source, "--by", by])?;
        ensure!(of["excluded"]["b"] != 0.0, "the exporter's own pods are not left out");
        for (side, hours) in [("a", 1), ("b", 0)] {
            let top = top(&prometheus.url, hours, source, by)?;
            // These pods are rows of their own there, and joined by their names here.
            let several = |of: &Value| of.to_string().contains("pods with several owners");
            ensure!(several(&top) == (by == "workload") && !several(&of), "{}", top["notes"]);
            agree(&of, side, &top).with_context(|| format!("{source} by {by}, {side}"))?;
        }
    }
    let with = comparison(&prometheus.url, [&a, &b], &["--include-exporter"])?;
    ensure!(
        with["rows"].to_string().contains("process-exporter") && with["excluded"]["b"] == 0.0,
        "no exporter"
    );
    Ok(())
}

fn top(url: &str, hours: i64, source: &str, by: &str) -> Result<Value> {
    let end = ((END_MS - hours * HOUR_MS) as f64 / 1000.0).to_string();
    let flags = ["top", "--prometheus", url, "-T", &end, "-i", "1h", "--source", source, "--by", by];
    let more = ["--blocks", "-o", "json"];
    let outcome = plugin().run(flags.iter().chain(&more))?;
    ensure!(outcome.code == 0, "{}", outcome.stderr);
    Ok(serde_json::from_str(&outcome.stdout)?)
}

/// Compares one side's totals with those of `top`, and with the sum of its rows.
fn agree(of: &Value, side: &str, top: &Value) -> Result<()> {
    let close = |name: &str, found: &Value, wanted: &Value| {
        let (found, wanted) =
            (found.as_f64().context(name.to_owned())?, wanted.as_f64().context(name.to_owned())?);
        ensure!((found - wanted).abs() <= 1e-9, "{name}: {found}, not {wanted}");
        Ok(found)
    };
    let nodes = of["per_node"].as_bool().context("no per_node")?;
    ensure!(!nodes, "the nodes are as many");
    for total in ["busy", "unattributed", "excluded"] {
        if !top[total].is_null() {
            close(total, &of[total][side], &top[total]["avg"])?;
        }
    }
    let mut classes = 0.0;
    let known = top["classes"].as_array().context("no classes")?;
    ensure!(known.len() > 1, "few classes: {known:?}");
    for total in known {
        let here = of["classes"].as_array().context("no classes")?.iter();
        let here = here.filter(|one| one["class"] == total["class"]).collect::<Vec<_>>();
        let [one] = here[..] else { anyhow::bail!("{} times {}", here.len(), total["class"]) };
        classes += close(&total["class"].to_string(), &one[side], &total["avg"])?;
    }
    let sum: f64 = rows(of)?.iter().filter_map(|row| row[side].as_f64()).sum();
    let excluded = of["excluded"][side].as_f64().unwrap_or(0.0);
    ensure!((sum + excluded - classes).abs() <= 1e-9, "rows {sum} and {excluded} are not {classes}");
    Ok(())
}

/// Reports that were saved with their blocks compare as their windows do, and one without them says what it lacks.
#[test]
fn saved_reports_compare_as_their_windows_do() -> Result<()> {
    let site = Site { changes: [("crio", 1.2), ("rcu", 0.5)].into(), ..Site::new(2) };
    let prometheus = serve("compare-saved", &site.history(), &[])?;
    let folder = test_cluster::directory()?;
    let save = |hours: i64, by: &str| -> Result<String> {
        let path = folder.join(format!("compare-{hours}-{by}.json"));
        std::fs::write(&path, top(&prometheus.url, hours, "exporter", by)?.to_string())?;
        Ok(path.display().to_string())
    };
    let (a, b) = (window(1), window(0));
    let wanted = comparison(&prometheus.url, [&a, &b], &[])?;
    let figures = |of: &Value| -> Result<BTreeMap<String, (Value, Option<f64>)>> {
        let row = |row: &Value| {
            let name = format!("{}/{}/{}", row["class"], row["namespace"], row["name"]);
            (name, (row["verdict"].clone(), row["difference"].as_f64()))
        };
        let is_static = |row: &Value| row["namespace"] == "openshift-etcd";
        for row in rows(of)?.iter().filter(|row| is_static(row)) {
            ensure!(row["verdict"] == "same" && row["a"].is_f64() && row["b"].is_f64(), "{row}");
        }
        // Reports by workload name no nodes, so that static pods are joined by their whole names.
        Ok(rows(of)?.iter().filter(|of| !is_static(of)).map(row).collect())
    };
    // A report by pods is joined by their names; the nodes are known by its pods.
    for (by_a, by_b) in [("workload", "workload"), ("group", "group"), ("workload", "group")] {
        let saved = [save(1, by_a)?, save(0, by_b)?];
        for operands in [[saved[0].as_str(), &saved[1]], [&a, &saved[1]], [&saved[0], &b]] {
            let of = comparison(&prometheus.url, operands, &[])?;
            let (found, wanted) = (figures(&of)?, figures(&wanted)?);
            ensure!(found.keys().eq(wanted.keys()), "{operands:?}: {found:#?} {wanted:#?}");
            for (name, (verdict, difference)) in &found {
                let (other, wanted) = &wanted[name];
                let close = difference.zip(*wanted).is_some_and(|(a, b)| (a - b).abs() < 1e-9);
                ensure!(
                    close && verdict == other,
                    "{operands:?} {name}: {verdict} {difference:?}, not {wanted:?}"
                );
            }
        }
    }
    Ok(())
}

/// A hundred pairs of ten minutes of nothing but noise, of 16 rows each: at most 5 % have a finding.
#[test]
fn windows_of_equal_means_have_hardly_a_finding() -> Result<()> {
    let hours = 34;
    let site = Site { hours, owners: (0..hours).collect(), ..Site::new(1) };
    let mut history = site.history();
    history.series.retain(|series| series.metric != metric::POD_INFO);
    let prometheus = serve("compare-noise", &history, &[])?;
    let tenth = |number: i64| format!("{}/10m", (END_MS - number * HOUR_MS / 6) as f64 / 1000.0);
    let mut pairs = Vec::new();
    for pair in 0..100 {
        let (a, b) = (tenth(2 * pair + 1), tenth(2 * pair));
        // Without the two limits of size, the test of noise alone keeps rows from being found.
        let of = comparison(&prometheus.url, [&a, &b], &["--tolerance", "0%", "--floor", "1m"])?;
        ensure!(rows(&of)?.len() == 16, "{} rows", rows(&of)?.len());
        pairs.extend(Some(found(&of)?).filter(|found| !found.is_empty()));
    }
    assert!(pairs.len() <= 5, "{} of 100 pairs have findings: {pairs:?}", pairs.len());
    Ok(())
}

/// Eight nightly runs of an hour each: all from the change on are dearer than the first one, and none before it.
#[test]
fn the_run_since_which_crio_is_dearer_is_found() -> Result<()> {
    let changes = [("crio", 1.2)].into();
    let site = Site { hours: 8, since: 2, changes, owners: (0..8).collect(), ..Site::new(1) };
    let prometheus = serve("compare-week", &site.history(), &[])?;
    let first = window(7);
    for hour in 0..7 {
        let outcome = compare(&prometheus.url, [&first, &window(hour)], &["--fail-on", "worse"])?;
        assert_eq!(
            outcome.code,
            if hour <= 2 { 3 } else { 0 },
            "{hour}: {}{}",
            outcome.stdout,
            outcome.stderr
        );
    }
    Ok(())
}
