//! `budget` agrees with an independent computation (tests/history) to 1e-6: every line of every profile on every node.

mod alerts;
mod ends;
mod odd;
mod profiles;
pub(crate) mod sites;

use crate::serve::{END_MS, serve};
use crate::way_in::plugin;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sites::{HISTORIES, Site, all, sites};
use std::collections::{BTreeMap, BTreeSet};
use test_cluster::Outcome;

const HOUR_MS: i64 = 3_600_000;
const PROFILES: [&str; 4] = ["ran-du", "ran-du-standard", "reserved-cpus", "system-reserved"];

fn budget(url: &str, flags: &[&str]) -> Result<Outcome> {
    let end = format!("{}", END_MS as f64 / 1000.0);
    let fixed = ["budget", "--prometheus", url, "-T", &end];
    plugin().run(fixed.iter().chain(flags))
}

fn report(url: &str, flags: &[&str]) -> Result<Value> {
    let flags = [flags, &["-o", "json"]].concat();
    let outcome = budget(url, &flags)?;
    let report: Value = serde_json::from_str(&outcome.stdout).with_context(|| outcome.stderr.clone())?;
    let code = match report["verdict"].as_str() {
        Some("kept") => 0,
        Some("exceeded") => 3,
        _ => 1,
    };
    ensure!(outcome.code == code, "{} is no exit code of {}: {flags:?}", outcome.code, report["verdict"]);
    Ok(report)
}

/// 30 histories of three nodes each: some are kept, some exceeded, some lack what would tell.
#[test]
fn verdicts_agree_in_30_histories() -> Result<()> {
    let sites = sites();
    let prometheus = serve("budgets", &all(&sites), &[])?;
    let mut seen: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut disagreements = Vec::new();
    for site in &sites {
        let nodes = site.nodes.join(",");
        for profile in PROFILES {
            let mut flags = vec![profile, "-i", "1h", "--per-node", "--node", &nodes];
            flags.extend(site.reserved_list.iter().flat_map(|list| ["--reserved", list]));
            let report = report(&prometheus.url, &flags)?;
            seen.entry(profile)
                .or_default()
                .insert(report["verdict"].as_str().unwrap_or_default().to_owned());
            let outcome = agree(site, profile, &report);
            disagreements
                .extend(outcome.err().map(|error| format!("{} {profile}: {error:#}", site.nodes[0])));
        }
    }
    ensure!(disagreements.is_empty(), "{} disagree:\n{}", disagreements.len(), disagreements.join("\n"));
    assert_eq!(sites.len(), HISTORIES);
    for profile in PROFILES {
        let all = ["exceeded", "kept", "unknown"].map(str::to_owned).into();
        assert_eq!(seen[profile], all, "{profile} has not come out each way");
    }
    Ok(())
}

/// Compares each line on each node, then what the worst moment is made of.
fn agree(site: &Site, profile: &str, report: &Value) -> Result<()> {
    let expected = site.expected(profile);
    let lines = report["lines"].as_array().context("no lines")?;
    ensure!(lines.len() == expected.len(), "{} lines, not {}", lines.len(), expected.len());
    for (line, wanted) in lines.iter().zip(&expected) {
        let empty = Vec::new();
        let nodes = line["nodes"].as_array().unwrap_or(&empty);
        let name = &line["line"];
        ensure!(
            nodes.len() == wanted.len(),
            "{name}: {} judged, not {}: {nodes:?}",
            nodes.len(),
            wanted.len()
        );
        for node in nodes {
            let place =
                ["node", "namespace", "pod"].map(|key| node[key].as_str().unwrap_or_default().to_owned());
            let wanted = wanted.get(&place).with_context(|| format!("{name}: {place:?} is too much"))?;
            ensure!(node["verdict"] == wanted.verdict(), "{name}: {node} is not {wanted:?}");
            let figures = [("is", wanted.is), ("limit", wanted.limit), ("left", wanted.left())];
            for (key, figure) in figures {
                let found = node[key].as_f64();
                let close = match (found, figure) {
                    (Some(found), Some(figure)) => (found - figure).abs() <= 1e-6 * figure.abs().max(1.0),
                    (found, figure) => found.is_none() && figure.is_none(),
                };
                ensure!(close, "{name}: {key} of {place:?} is {found:?}, not {figure:?}");
            }
            if let Some(above) = wanted.above_seconds {
                ensure!(node["above_seconds"] == above, "{name}: {node} was above it for {above} s");
            }
        }
        let verdict = wanted.values().map(sites::Wanted::verdict);
        let verdict = ["exceeded", "unknown"].into_iter().find(|one| verdict.clone().any(|of| of == *one));
        let verdict = if wanted.is_empty() { "unknown" } else { verdict.unwrap_or("kept") };
        ensure!(line["verdict"] == verdict, "{name} is {}, not {verdict}", line["verdict"]);
    }
    let Some(moment) = report.get("worst_moment") else { return Ok(()) };
    let parts = moment["parts"].as_array().context("no parts")?;
    let sum: f64 = parts.iter().filter_map(|part| part["cores"].as_f64()).sum();
    let cores = moment["cores"].as_f64().context("no cores")?;
    ensure!((sum - cores).abs() <= 1e-6, "the worst moment's parts are {sum}, not {cores}");
    let highest = site.highest(profile, &moment["line"], &moment["node"])?;
    ensure!((highest - cores).abs() <= 1e-6, "the worst moment is {cores}, and not the highest, {highest}");
    Ok(())
}

/// One node of 200 has a burst: it alone exceeds, and is the one that is shown.
#[test]
fn one_bad_node_among_200_is_the_one_that_is_printed() -> Result<()> {
    let (history, bad, burst_ms) = sites::with_a_bad_node(200);
    let prometheus = serve("bad-node", &history, &[])?;
    let file = sites::file(
        "bad-node",
        "lines:\n- {of: platform, statistic: max, limit: 4}\n- {of: platform, statistic: avg, limit: 3}\n",
    )?;
    let report = report(&prometheus.url, &["-f", &file, "-i", "1h"])?;
    let (line, average) = (&report["lines"][0], &report["lines"][1]);
    assert_eq!((&line["judged"], &line["exceeded"], &line["unknown"]), (&200.into(), &1.into(), &0.into()));
    assert_eq!((&line["node"], &line["verdict"]), (&bad.as_str().into(), &"exceeded".into()));
    assert_eq!((&average["verdict"], &average["exceeded"]), (&"kept".into(), &0.into()));
    let at: jiff::Timestamp = line["highest_at"].as_str().context("no time")?.parse()?;
    assert_eq!(at.as_millisecond(), burst_ms);
    assert_eq!(report["worst_moment"]["node"], bad);
    let table = budget(&prometheus.url, &["-f", &file, "-i", "1h"])?;
    assert!(table.stdout.contains("exceeded on 1 of 200 nodes, 15s above it"), "{}", table.stdout);
    Ok(())
}

/// Lines of regular expressions, of each group and of each pod, and of sums of several classes.
#[test]
fn lines_of_a_file_agree() -> Result<()> {
    let sites = sites();
    let site = sites.iter().find(|site| !site.management.is_empty()).context("no site")?;
    let prometheus = serve("budget-lines", &all(&sites[..6]), &[])?;
    let file = sites::file(
        "lines",
        "lines:
- {name: groups, of: host, group: 'unit-1.*', statistic: max, limit: 10}
- {name: namespaces, of: infra, namespace: 'openshift-.*', statistic: p95, limit: 10}
- {name: both, of: [infra, workload], statistic: avg, limit: 10}
- {name: each group, of: [host, kernel], each: group, statistic: avg, limit: 10}
- {name: each pod, of: workload, each: pod, statistic: max, limit: 10}
- {name: busy, of: busy, statistic: p50, limit: 1000m}
",
    )?;
    let nodes = site.nodes.join(",");
    let report = report(&prometheus.url, &["-f", &file, "-i", "1h", "--per-node", "--node", &nodes])?;
    let wanted = site.lines();
    for (line, wanted) in report["lines"].as_array().context("no lines")?.iter().zip(wanted) {
        let found = line["nodes"].as_array().context("no nodes")?;
        assert_eq!(found.len(), wanted.len(), "{}", line["line"]);
        for node in found {
            let place = ["node", "class", "group", "namespace", "pod"];
            let place = place.map(|key| node[key].as_str().unwrap_or_default()).join("/");
            let is = node["is"].as_f64().context("no figure")?;
            let wanted = wanted.get(&place).with_context(|| format!("{}: {place}", line["line"]))?;
            assert!((is - wanted).abs() <= 1e-6, "{} {place}: {is}, not {wanted}", line["line"]);
        }
    }
    Ok(())
}

/// Before the exporter is installed averages are known, and what 5-minute rates cannot tell is unknown.
#[test]
fn the_platform_alone_has_averages_and_no_maximum() -> Result<()> {
    let spec = test_history::Spec { nodes: 3, groups: 12, gaps: false, ..crate::serve::an_hour() };
    let history = test_history::History::generate(&spec);
    let prometheus = serve("budget-platform", &history, &[])?;
    let flags = ["-i", "30m", "--source", "platform", "--per-node", "--reserved", "0-1"];
    let of = |profile: &str| report(&prometheus.url, &[&[profile], &flags[..]].concat());
    let ran_du = of("ran-du")?;
    let lines = ran_du["lines"].as_array().context("no lines")?;
    assert!(lines[0]["nodes"][0]["is"].is_f64(), "{lines:?}");
    assert_eq!(lines[1]["verdict"], "unknown");
    assert!(lines[1].to_string().contains("5-minute rates tell no max"), "{}", lines[1]);
    let kernel = of("system-reserved")?;
    assert!(kernel.to_string().contains("kernel threads are not known"), "{kernel}");
    Ok(())
}
