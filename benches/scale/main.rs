//! Time and memory of `top` on big clusters: 1000 nodes for an hour and a day, 50 nodes for a week. Each report
//! is compared with the expected one. See ../README.md.

#![allow(clippy::indexing_slicing, reason = "a panic is how benches fail")]

#[path = "../top/measure.rs"]
mod measure;
#[path = "../server.rs"]
mod server;
#[path = "../spread.rs"]
mod spread;
#[path = "../verdict.rs"]
mod verdict;

use std::io::{Write, stdout};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use measure::{peak_memory, run, timed};
use serde_json::Value;
use server::{END_MS, Server, hour_of};
use spread::Spread;
use test_history::{By, Expected, History, Key, Question, Series, Spec, expected, metric};
use verdict::{conclude, verdict};

const HOUR_MS: i64 = 3_600_000;
/// Pods of a node.
const PODS: usize = 20;
/// Times everything is run, after once that is not counted.
const ROUNDS: usize = 5;
/// Seconds that totals of 1000 nodes take at most for a day, and milliseconds for an hour in which no node was silent.
const A_DAY: f64 = 2.0;
const AN_HOUR_MS: f64 = 100.0;
/// Seconds that the default view of an hour of 1000 nodes takes at most, and that of a week of 50 nodes, with its MiB.
const DEFAULT: f64 = 2.0;
const A_WEEK: f64 = 30.0;
const A_WEEK_MIB: f64 = 128.0;
const CASES: [(&[&str], By); 3] = [
    (&["--by", "class"], By::Class),
    (&["--by", "namespace"], By::Namespace),
    (&["--class", "host,kernel"], By::Group),
];

fn main() -> ExitCode {
    // reqwest wants one for plain HTTP too. There is none yet that this could fail for.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let out = &mut stdout().lock();
    let outcome = many_nodes(out, false).and_then(|fine| {
        let gaps = many_nodes(out, true)?;
        Ok(long_time(out)? & gaps & fine)
    });
    conclude(outcome, out)
}

/// 1000 nodes, of which three in seven were silent for a part, or none: an hour of all series, and of the sums that the
/// rules keep a day.
fn many_nodes(out: &mut impl Write, gaps: bool) -> Result<bool> {
    writeln!(
        out,
        "1000 nodes, of which {}",
        if gaps { "429 were silent for a part" } else { "none was silent" }
    )?;
    let hour = History::generate(&Spec { gaps, ..hour_of(1000, PODS) });
    // Each node's series are of one hour, but its busy time, which tells whether it answered, and the pods of the exporter's
    // namespace, of which its own are excluded.
    let of_nodes = [metric::GROUP, metric::THREAD, metric::POD, metric::PLATFORM_POD, metric::POD_INFO];
    let days = (0..4).map(|part| {
        let hours = part * 6..part * 6 + 6;
        let of_a_day = |series: &Series| {
            let own = series.metric == metric::POD && series.label("namespace") == "openshift-monitoring";
            own || !of_nodes.contains(&series.metric)
        };
        let mut history = repeat(&hour, hours, of_a_day);
        if part == 0 {
            history.series.extend(repeat(&hour, 0..1, |series| !of_a_day(series)).series);
        }
        history
    });
    let server = Server::start(days)?;
    let mut fine = true;
    for (flags, by) in CASES {
        let name = flags.join(" ");
        let times = |interval: &str| -> Result<Vec<f64>> {
            let arguments = top(&server, interval, flags);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            (0..=ROUNDS).map(|_| timed(|| run(&arguments))).skip(1).collect()
        };
        let day = Spread::from_figures(times("24h")?)?;
        fine &= verdict(out, &format!("1000 nodes, {name}, 24 h, s"), &day, A_DAY)?;
        let short = Spread::from_figures(times("1h")?)?.scaled(1000.0);
        let what = format!("1000 nodes, {name}, 1 h, ms");
        if gaps {
            writeln!(out, "{what}: {short}")?;
        } else {
            fine &= verdict(out, &what, &short, AN_HOUR_MS)?;
        }
        let asked = Question { classes: classes(flags), ..Question::new(END_MS - HOUR_MS, END_MS, by) };
        let right = expected(&hour, &asked)?;
        for interval in ["24h", "1h"] {
            right_or_not(&top(&server, interval, flags), &right)
                .with_context(|| format!("{name}, {interval}"))?;
        }
    }
    let right = expected(&hour, &Question::new(END_MS - HOUR_MS, END_MS, By::Group))?;
    let mib = right_or_not(&top(&server, "1h", &[]), &right).context("the default view")?;
    let seconds = Spread::from_figures(
        (0..ROUNDS).map(|_| timed(|| run_all(&top(&server, "1h", &[])))).collect::<Result<_>>()?,
    )?;
    fine &= verdict(out, "1000 nodes, the default view, 1 h, s", &seconds, DEFAULT)?;
    writeln!(out, "  {} rows, right, {mib:.0} MiB", right.rows.len())?;
    longest(out, &[&server])?;
    Ok(fine)
}

/// 50 nodes: a week, whose hours are all the same, so that its figures are those of one.
fn long_time(out: &mut impl Write) -> Result<bool> {
    let hour = History::generate(&hour_of(50, PODS));
    let parts = (0..14).map(|part| repeat(&hour, part * 12..part * 12 + 12, |_| true));
    let server = Server::start(parts)?;
    let right = expected(&hour, &Question::new(END_MS - HOUR_MS, END_MS, By::Group))?;
    let mut fine = true;
    for flags in [&[][..], &["--per-node"]] {
        let arguments = top(&server, "7d", flags);
        let seconds = timed(|| run_all(&arguments))?;
        let mib =
            if flags.is_empty() { right_or_not(&arguments, &right)? } else { peak_memory(&arguments)?.0 };
        fine &= seconds <= A_WEEK && mib <= A_WEEK_MIB;
        writeln!(
            out,
            "50 nodes, 7 d, top {}: {seconds:.1} s, {mib:.0} MiB; at most {A_WEEK} and {A_WEEK_MIB}",
            flags.join(" ")
        )?;
    }
    longest(out, &[&server])?;
    Ok(fine)
}

/// Some of an hour's series as they are and as they would have been in the hours before, if all were the same.
fn repeat(hour: &History, hours: std::ops::Range<i64>, keep: impl Fn(&Series) -> bool) -> History {
    let mut history = hour.clone();
    history.series.retain(keep);
    for series in &mut history.series {
        let before = |hour: i64| series.samples.iter().map(move |(at, value)| (at - hour * HOUR_MS, *value));
        series.samples = hours.clone().rev().flat_map(before).collect();
    }
    history
}

fn classes(flags: &[&str]) -> Vec<String> {
    let value = flags.iter().skip_while(|flag| **flag != "--class").nth(1);
    value.map(|value| value.split(',').map(str::to_owned).collect()).unwrap_or_default()
}

/// Arguments that ask a server for a window that ends with its history.
fn top(server: &Server, interval: &str, flags: &[&str]) -> Vec<String> {
    let end = (END_MS / 1000).to_string();
    let fixed = ["top", "--prometheus", &server.bare.url, "-T", &end, "-i", interval];
    fixed.into_iter().chain(flags.iter().copied()).map(str::to_owned).collect()
}

fn run_all(arguments: &[String]) -> Result<()> {
    run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Fails where rows are not as they must be; the most memory that it took, MiB.
fn right_or_not(arguments: &[String], expected: &Expected) -> Result<f64> {
    let (mib, text) = peak_memory(&[arguments, &["-o".to_owned(), "json".to_owned()]].concat())?;
    let report: Value = serde_json::from_str(&text)?;
    let rows = report["rows"].as_array().context("no rows")?;
    ensure!(rows.len() == expected.rows.len(), "{} rows, not {}", rows.len(), expected.rows.len());
    for row in rows {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let (class, namespace, name) = (text("class"), text("namespace"), text("name"));
        let (workload_type, thread, node) = (String::new(), String::new(), String::new());
        let key = Key { class, namespace, name, workload_type, thread, node };
        let stat = expected.rows.get(&key).with_context(|| format!("{key:?} is too much"))?.stat;
        for (name, expected) in [("avg", stat.avg), ("min", stat.min), ("max", stat.max)] {
            let found = row[name].as_f64().context("no number")?;
            ensure!((found - expected).abs() <= 1e-6, "{name} of {key:?} is {found}, not {expected}");
        }
    }
    Ok(mib)
}

/// Returns the time of the longest query, by the servers' own histograms.
fn longest(out: &mut impl Write, servers: &[&Server]) -> Result<()> {
    let mut counts: Vec<(f64, f64)> = Vec::new();
    for server in servers {
        let text = server.client.get(format!("{}/metrics", server.bare.url)).send()?.text()?;
        for line in text.lines().filter(|line| line.contains("handler=\"/api/v1/query")) {
            let Some((_, rest)) = line.split_once("prometheus_http_request_duration_seconds_bucket{") else {
                continue;
            };
            let bound =
                rest.split("le=\"").nth(1).and_then(|rest| rest.split('"').next()).context("no bound")?;
            let (bound, count) =
                (bound.parse()?, line.rsplit(' ').next().context("no count")?.parse::<f64>()?);
            match counts.iter_mut().find(|(known, _)| *known == bound) {
                Some((_, sum)) => *sum += count,
                None => counts.push((bound, count)),
            }
        }
    }
    let all = counts.iter().map(|(_, count)| *count).fold(0.0, f64::max);
    let within = counts
        .iter()
        .filter(|(_, count)| *count == all)
        .map(|(bound, _)| *bound)
        .fold(f64::INFINITY, f64::min);
    writeln!(out, "  {all} queries, each within {within} s")?;
    Ok(())
}
