//! Two replicas of Prometheus behind the real Thanos, as `thanos-querier` asks them. If both have everything, `top` says of
//! both what it says of one. If each has gaps of its own, these are filled by the other, but for the two or three samples
//! that Thanos leaves out after a change from one to the other; which ones depends on where a query begins.

use super::{END_MS, HOUR_MS, LEVELS, Trial, names, spec, window};
use crate::serve::serve_with;
use crate::way_in::plugin;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::ops::Range;
use test_cluster::{Prometheus, Thanos};
use test_history::{By, History, Key, Question, Spec, Stat, expected};

const MINUTE_MS: i64 = 60_000;

/// When a replica has no samples, as ages; of one node, or of all.
type Gap = (Range<i64>, Option<&'static str>);

/// Gaps of each replica: ten minutes of everything, and a node that the other one scraped all the time.
const GAPS: [[Gap; 2]; 2] = [
    [(30 * MINUTE_MS..40 * MINUTE_MS, None), (5 * MINUTE_MS..12 * MINUTE_MS, Some("node-001"))],
    [(45 * MINUTE_MS..48 * MINUTE_MS, None), (15 * MINUTE_MS..25 * MINUTE_MS, Some("node-002"))],
];

/// Samples that changes from one replica to the other may cost, of 240: three each, at four of them.
const LOST: f64 = 12.0;

fn few() -> Spec {
    Spec { nodes: 4, gaps: false, groups: 12, threads: 2, pods_per_node: 6, ..spec() }
}

/// A replica: the history, with its gaps or without.
fn replica(name: &str, number: usize, whole: &History, gaps: bool) -> Result<Prometheus> {
    let mut history = whole.clone();
    for series in &mut history.series {
        let node = series.label("instance").to_owned();
        series.samples.retain(|(at, _)| {
            let missed = |(ages, of): &Gap| ages.contains(&(END_MS - at)) && of.is_none_or(|of| of == node);
            !(gaps && GAPS[number].iter().any(missed))
        });
    }
    let config = Thanos::replica(&format!("prometheus-k8s-{number}"));
    serve_with(&format!("{name}-{number}"), &config, &history)
}

/// Both replicas, and Thanos before them.
fn replicas(name: &str, whole: &History, gaps: bool) -> Result<(Thanos, [Prometheus; 2])> {
    let both = [replica(name, 0, whole, gaps)?, replica(name, 1, whole, gaps)?];
    let thanos = Thanos::start(&format!("{name}-thanos"), &[&both[0].bare, &both[1].bare])?;
    Ok((thanos, both))
}

fn questions() -> impl Iterator<Item = Question> {
    let levels = LEVELS.into_iter().flat_map(|by| [(by, false), (by, true)]);
    levels.flat_map(|(by, per_node)| {
        let whole = Question { per_node, ..window(by, 0, HOUR_MS) };
        let part = Question { per_node, ..window(by, 10 * MINUTE_MS, HOUR_MS / 2) };
        let one = Question { nodes: names(&["node-001"]), ..whole.clone() };
        [whole, part, one]
    })
}

#[test]
fn two_replicas_behind_thanos_are_one() -> Result<()> {
    let whole = History::generate(&few());
    let (thanos, _both) = replicas("replicas", &whole, false)?;
    let mut trial = Trial::at(thanos.url.clone(), &whole);
    for question in questions() {
        trial.check(&["json"], &question)?;
    }
    trial.verdict()
}

#[test]
fn the_gaps_of_one_replica_are_filled_by_the_other() -> Result<()> {
    {
        let whole = History::generate(&few());
        let (thanos, both) = replicas("gaps", &whole, true)?;
        let expected = expected(&whole, &window(By::Group, 0, HOUR_MS))?;
        let busy = |url: &str| figure(&report(url)?["busy"]["avg"]);
        let at_most =
            |avg: f64, stat: &Stat| avg - stat.avg < 1e-6 && stat.avg - avg <= LOST / 240.0 * stat.max;
        let report = report(&thanos.url)?;
        for (class, stat) in &expected.classes {
            let found = report["classes"].as_array().context("no classes")?.iter();
            let found = found.filter(|found| found["class"] == **class).collect::<Vec<_>>();
            ensure!(
                found.len() == 1 && at_most(figure(&found[0]["avg"])?, stat),
                "{class}: {found:?}, not {stat:?}"
            );
        }
        let rows = report["rows"].as_array().context("no rows")?;
        ensure!(rows.len() == expected.rows.len(), "{} rows, not {}", rows.len(), expected.rows.len());
        for row in rows {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            let key = Key {
                class: text("class"),
                namespace: text("namespace"),
                name: text("name"),
                workload_type: String::new(),
                thread: String::new(),
                node: String::new(),
            };
            let stat = &expected.rows.get(&key).with_context(|| format!("nobody wrote {row}"))?.stat;
            ensure!(at_most(figure(&row["avg"])?, stat), "{row}, not {stat:?}");
        }
        ensure!(at_most(busy(&thanos.url)?, &expected.busy), "busy: {}", report["busy"]);
        // Each of them alone tells less: what is seen above is of both.
        for replica in &both {
            let alone = busy(&replica.url)?;
            ensure!(alone < busy(&thanos.url)?, "{alone} of one replica");
        }
    }
    Ok(())
}

fn report(url: &str) -> Result<Value> {
    let end = END_MS as f64 / 1000.0;
    let question = ["top", "-i", "1h", "-T", &end.to_string(), "-o", "json", "--prometheus", url];
    let done = plugin().run(question)?;
    ensure!(done.code == 0, "{}", done.stderr);
    Ok(serde_json::from_str(&done.stdout)?)
}

fn figure(value: &Value) -> Result<f64> {
    value.as_f64().with_context(|| format!("{value} is no number"))
}

/// The other store still tells everything.
#[test]
fn a_store_that_is_lost_is_made_up_for_by_the_other() -> Result<()> {
    let whole = History::generate(&few());
    let (mut thanos, _both) = replicas("lost", &whole, false)?;
    thanos.lose(1)?;
    let mut trial = Trial::at(thanos.url.clone(), &whole);
    trial.check(&["json"], &window(By::Group, 0, HOUR_MS))?;
    trial.verdict()
}

/// Nothing is known then, which is not the same as nothing being there.
#[test]
fn all_stores_lost_is_an_error_with_the_cause() -> Result<()> {
    let whole = History::generate(&few());
    let (mut thanos, _both) = replicas("all-lost", &whole, false)?;
    thanos.lose(1)?;
    thanos.lose(0)?;
    let end = END_MS as f64 / 1000.0;
    let done = plugin().run(["top", "-T", &end.to_string(), "--prometheus", &thanos.url])?;
    ensure!(done.code == 1 && done.stdout.is_empty(), "{done:?}");
    let expected = format!("error: {} has no data, since none of its stores answers (", thanos.url);
    ensure!(done.stderr.contains(&expected), "{}", done.stderr);
    Ok(())
}
