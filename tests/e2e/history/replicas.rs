//! Two replicas of Prometheus, each with gaps of its own, behind the real Thanos, as `thanos-querier` asks them: what
//! `top` says of both is what the oracle says of the series that Thanos makes of both.

use super::{END_MS, HOUR_MS, LEVELS, Trial, names, spec, window};
use crate::serve::serve_with;
use crate::way_in::plugin;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Range;
use test_cluster::{Prometheus, Thanos};
use test_history::{History, Question, Series, Spec, metric};

const MINUTE_MS: i64 = 60_000;

/// When a replica has no samples, as ages; of one node, or of all.
type Gap = (Range<i64>, Option<&'static str>);

/// What each replica lacks: ten minutes of everything, and a node that the other one scraped all the time.
const GAPS: [[Gap; 2]; 2] = [
    [(30 * MINUTE_MS..40 * MINUTE_MS, None), (5 * MINUTE_MS..12 * MINUTE_MS, Some("node-001"))],
    [(45 * MINUTE_MS..48 * MINUTE_MS, None), (15 * MINUTE_MS..25 * MINUTE_MS, Some("node-002"))],
];

fn few(aggregates: bool) -> Spec {
    Spec { nodes: 4, silent: false, groups: 12, threads: 2, pods_per_node: 6, aggregates, ..spec() }
}

/// A replica: the history without its gaps.
fn replica(name: &str, number: usize, whole: &History) -> Result<Prometheus> {
    let mut history = whole.clone();
    for series in &mut history.series {
        let node = series.label("instance").to_owned();
        series.samples.retain(|(at, _)| {
            let missed = |(ages, of): &Gap| ages.contains(&(END_MS - at)) && of.is_none_or(|of| of == node);
            !GAPS[number].iter().any(missed)
        });
    }
    let config = Thanos::replica(&format!("prometheus-k8s-{number}"));
    serve_with(&format!("{name}-{number}"), &config, &history)
}

/// Both replicas, and Thanos before them.
fn replicas(name: &str, whole: &History) -> Result<(Thanos, [Prometheus; 2])> {
    let both = [replica(name, 0, whole)?, replica(name, 1, whole)?];
    let thanos = Thanos::start(&format!("{name}-thanos"), &[&both[0].bare, &both[1].bare])?;
    Ok((thanos, both))
}

/// Every sample that Thanos has of the history's series.
fn held(thanos: &Thanos, whole: &History) -> Result<History> {
    let mut all = BTreeMap::new();
    let mut metrics: Vec<_> = whole.series.iter().map(|series| series.metric).collect();
    metrics.sort_unstable();
    metrics.dedup();
    for metric in metrics {
        for found in thanos.series(&format!("{{__name__=\"{metric}\"}}[2h]"), END_MS as f64 / 1000.0)? {
            let mut labels: BTreeMap<String, String> = serde_json::from_value(found["metric"].clone())?;
            // The replicas' label is what they are taken for one by; the other one stays.
            ensure!(
                labels.remove("prometheus").is_some() && !labels.contains_key("prometheus_replica"),
                "{labels:?}"
            );
            let samples = found["values"].as_array().context("no values")?.iter().map(sample);
            let twice = all.insert(labels, samples.collect::<Result<Vec<_>>>()?);
            ensure!(twice.is_none(), "a series stands twice: {}", found["metric"]);
        }
    }
    let mut history = whole.clone();
    for series in &mut history.series {
        series.samples = all.remove(&labels(series)).unwrap_or_default();
    }
    ensure!(all.is_empty(), "series that nobody wrote: {:?}", all.keys());
    Ok(history)
}

fn labels(series: &Series) -> BTreeMap<String, String> {
    let own = series.labels.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    own.chain([("__name__".to_owned(), series.metric.to_owned())]).collect()
}

fn sample(pair: &Value) -> Result<(i64, f64)> {
    let seconds = pair[0].as_f64().context("no time")?;
    Ok(((seconds * 1000.0).round() as i64, pair[1].as_str().context("no value")?.parse()?))
}

#[test]
fn what_thanos_makes_of_two_replicas_agrees() -> Result<()> {
    for (name, aggregates) in [("replicas-raw", false), ("replicas-sums", true)] {
        let whole = History::generate(&few(aggregates));
        let (thanos, _replicas) = replicas(name, &whole)?;
        let held = held(&thanos, &whole)?;
        let count = |history: &History| -> usize {
            let busy = history.series.iter().filter(|series| series.metric == metric::BUSY);
            busy.map(|series| series.samples.len()).sum()
        };
        // Each gap is filled by the other replica, but for the few samples around a change from one to the other.
        ensure!(count(&held) * 100 > count(&whole) * 95, "{} of {}", count(&held), count(&whole));
        let mut trial = Trial::at(thanos.url.clone(), &held);
        for by in LEVELS {
            for per_node in [false, true] {
                let whole = Question { per_node, ..window(by, 0, HOUR_MS) };
                let part = Question { per_node, ..window(by, 10 * MINUTE_MS, HOUR_MS / 2) };
                let one = Question { nodes: names(&["node-001"]), ..whole.clone() };
                for question in [whole, part, one] {
                    trial.ask(&["json"], &question)?;
                }
            }
        }
        trial.verdict()?;
    }
    Ok(())
}

/// The report of a store that is lost says so; one of no store at all would be a cluster that uses nothing.
#[test]
fn stores_that_are_lost_are_told() -> Result<()> {
    let whole = History::generate(&few(true));
    let (mut thanos, _replicas) = replicas("lost", &whole)?;
    let end = (END_MS / 1000).to_string();
    let question = ["top", "-i", "20m", "-T", &end, "-o", "json", "--prometheus", &thanos.url.clone()];
    let both = plugin().run(question)?;
    ensure!(both.code == 0 && both.stderr.is_empty(), "{both:?}");
    thanos.lose(1)?;
    let one = plugin().run(question)?;
    let report: Value = serde_json::from_str(&one.stdout)?;
    ensure!(one.code == 0 && !report["rows"].as_array().context("no rows")?.is_empty(), "{one:?}");
    thanos.lose(0)?;
    let none = plugin().run(question)?;
    ensure!(none.code == 1 && none.stdout.is_empty(), "{none:?}");
    Ok(())
}
