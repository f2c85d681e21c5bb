//! `top -o svg`: its areas are the averages of `top -o json`, of a day and of a week too.

use crate::serve::{an_hour, serve};
use crate::way_in::plugin;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use test_cluster::Prometheus;
use test_history::{History, Spec};

fn top(prometheus: &Prometheus, flags: &str) -> Result<String> {
    let fixed = ["top", "-T", "1748779207", "--prometheus", &prometheus.url];
    let outcome = plugin().run(fixed.into_iter().chain(flags.split_whitespace()))?;
    ensure!(outcome.code == 0, "{flags}: {}", outcome.stderr);
    Ok(outcome.stdout)
}

/// Area of a path of horizontal and vertical lines.
fn area(path: &str) -> Result<f64> {
    let mut area = 0.0;
    for part in path.split('Z').filter(|part| !part.is_empty()) {
        let start = part.find(['h', 'v']).unwrap_or(part.len());
        let first: f64 = part[1..start].split(' ').next().context("no place")?.parse()?;
        let (mut x, mut height, mut rest) = (first, 0.0, &part[start..]);
        while let Some(command) = rest.chars().next() {
            let end = rest[1..].find(['h', 'v']).map_or(rest.len(), |at| at + 1);
            let by: f64 = rest[1..end].parse()?;
            if command == 'h' {
                x += by;
            } else {
                area += x * by;
                height += by;
            }
            rest = &rest[end..];
        }
        area -= first * height;
    }
    Ok(area)
}

/// Shares of the layers of all of them, the biggest first.
fn shares(areas: &[f64]) -> Vec<f64> {
    let all: f64 = areas.iter().sum();
    areas.iter().map(|area| area / all).collect()
}

#[test]
fn areas_are_the_averages_of_the_same_question() -> Result<()> {
    let day =
        Spec { duration_s: 24 * 3600, nodes: 2, groups: 12, pods_per_node: 4, gaps: false, ..an_hour() };
    for (name, spec, window) in [("pictures-hour", an_hour(), "1h"), ("pictures-day", day, "24h")] {
        let prometheus = serve(name, &History::generate(&spec), &[])?;
        for flags in ["", "--by namespace", "--by group --limit 7", "--source platform"] {
            let by = if flags.contains("--by") { "" } else { "--by class" };
            let report: Value =
                serde_json::from_str(&top(&prometheus, &format!("{flags} {by} -i {window} -o json"))?)?;
            let rows = report["rows"].as_array().context("no rows")?.iter();
            let averages: Vec<f64> =
                rows.filter_map(|row| row["avg"].as_f64()).filter(|avg| *avg > 0.0).collect();
            let svg = top(&prometheus, &format!("{flags} -i {window} -o svg"))?;
            ensure!(svg.len() < 300_000, "{flags}: {} bytes", svg.len());
            let paths = svg.split("<path class=\"layer").skip(1);
            let paths: Vec<&str> =
                paths.filter_map(|rest| rest.split(" d=\"").nth(1)?.split('"').next()).collect();
            let areas = paths.into_iter().map(area).collect::<Result<Vec<_>>>()?;
            ensure!(
                areas.len() == averages.len(),
                "{flags} {window}: {} layers, {} rows",
                areas.len(),
                averages.len()
            );
            // A place is a tenth of a unit of 248: thin layers are that far off.
            for (found, wanted) in shares(&areas).iter().zip(shares(&averages)) {
                ensure!(
                    (found - wanted).abs() <= 0.01 * wanted + 0.001,
                    "{flags} {window}: {found}, not {wanted}"
                );
            }
            ensure!(svg.contains("peak "), "{flags} {window}: no peak");
        }
    }
    Ok(())
}

/// The areas of a budget's picture are together what its line comes to, and its limit is where the axis has it.
#[test]
fn the_picture_of_a_budget_is_its_worst_line() -> Result<()> {
    let prometheus = serve("pictures-budget", &History::generate(&Spec { gaps: false, ..an_hour() }), &[])?;
    let budget = |format: &str| {
        let fixed = ["budget", "ran-du", "-i", "1h", "-T", "1748779207", "--prometheus", &prometheus.url];
        plugin().run(fixed.into_iter().chain(["--node", "node-002", "-o", format]))
    };
    let report: Value = serde_json::from_str(&budget("json")?.stdout)?;
    let line = &report["worst_moment"]["line"];
    let lines = report["lines"].as_array().context("no lines")?;
    let node = report["worst_moment"]["node"].as_str().context("no node")?;
    let steady = lines.iter().find(|of| of["statistic"] == "avg").context("no average")?;
    ensure!(steady["node"] == node, "the average and the maximum are of two nodes: {report}");
    let svg = budget("svg")?.stdout;
    let document = roxmltree::Document::parse(&svg)?;
    let numbers = document
        .descendants()
        .filter(|of| of.attribute("text-anchor") == Some("end") && of.attribute("x") == Some("47"));
    let highest: f64 = numbers.filter_map(|of| of.text()?.trim().parse().ok()).fold(0.0, f64::max);
    let of_class = |class: &'static str| {
        document.descendants().filter(move |of| of.attribute("class").is_some_and(|of| of.starts_with(class)))
    };
    let paths = of_class("layer").filter_map(|of| of.attribute("d"));
    let all: f64 = paths.map(area).collect::<Result<Vec<_>>>()?.iter().sum();
    let (found, is) = (all / (454.0 * 248.0) * highest, steady["is"].as_f64().context("not known")?);
    ensure!((found - is).abs() <= 0.01 * is, "{found}, not {is}, of {line}");
    let limit =
        of_class("limit").find_map(|of| of.attribute("y1")?.parse::<f64>().ok()).context("no limit")?;
    let wanted = lines
        .iter()
        .find(|of| of["line"] == *line)
        .and_then(|of| of["limit"].as_f64())
        .context("no limit")?;
    ensure!(((326.0 - limit) / 248.0 * highest - wanted).abs() <= 0.01 * wanted, "{limit} is not {wanted}");
    Ok(())
}

/// Both pictures of a comparison have the same rows, whose areas are their averages.
#[test]
fn the_picture_of_a_comparison_is_its_rows() -> Result<()> {
    let spec = Spec { duration_s: 2 * 3600, gaps: false, ..an_hour() };
    let prometheus = serve("pictures-compare", &History::generate(&spec), &[])?;
    let compare = |format: &str| {
        let fixed =
            ["compare", "1748775607/30m", "1748779207/30m", "--by", "class", "--prometheus", &prometheus.url];
        plugin().run(fixed.into_iter().chain(["-o", format]))
    };
    let report: Value = serde_json::from_str(&compare("json")?.stdout)?;
    let svg = compare("svg")?.stdout;
    let document = roxmltree::Document::parse(&svg)?;
    let paths = document.descendants().filter(|of| {
        of.has_tag_name("path") && of.attribute("class").is_some_and(|of| of.starts_with("layer"))
    });
    let areas = paths.filter_map(|of| of.attribute("d")).map(area).collect::<Result<Vec<_>>>()?;
    let mut rows: Vec<&Value> = report["rows"].as_array().context("no rows")?.iter().collect();
    let bigger = |row: &Value| row["a"].as_f64().unwrap_or(0.0).max(row["b"].as_f64().unwrap_or(0.0));
    rows.sort_by(|x, y| bigger(y).total_cmp(&bigger(x)));
    let averages = |side: &str| rows.iter().map(|row| row[side].as_f64().unwrap_or(0.0)).collect::<Vec<_>>();
    ensure!(areas.len() == 2 * rows.len(), "{} layers of {} rows", areas.len(), rows.len());
    // They are on one scale, so all of both are shares of one sum.
    let wanted = shares(&[averages("a"), averages("b")].concat());
    for (found, wanted) in shares(&areas).iter().zip(&wanted) {
        ensure!((found - wanted).abs() <= 0.01 * wanted + 0.001, "{found}, not {wanted}");
    }
    Ok(())
}
