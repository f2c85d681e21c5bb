//! Samples of a client that are written and read again answer as the client.
use super::{PART, write_window};
use crate::capture::selectors::{Needs, is_looked_back_for};
use crate::evaluate::{Evaluated, Evaluator, Store};
use crate::openmetrics::{self, Labels, Series};
use crate::prometheus::Client;
use crate::query::Span;
use crate::time::Timestamp;
use std::time::Duration;

const INTERVAL: i64 = 30_000;
const MINUTES: i64 = 130;

/// A series with samples and ends: ages are minutes before the window's end, and those of ends are of the first sample that it
/// lacks.
fn series(metric: &str, name: &str, ages: &[(i64, i64)], ended: bool) -> Series {
    let mut samples: Vec<(Timestamp, f64)> = Vec::new();
    for (newest, oldest) in ages.iter().rev() {
        let (first, after) = (-oldest * 60_000, -newest * 60_000);
        let times = (first..after).step_by(INTERVAL as usize);
        samples.extend(times.map(|at| (time(at), 1.0)));
        samples.extend((ended && *newest > 0).then(|| (time(after), f64::NAN)));
    }
    let labels: Labels =
        ["node", "instance"].into_iter().map(|label| (label.to_owned(), name.to_owned())).collect();
    Series { metric: metric.to_owned(), labels, samples }
}

fn time(after_end: i64) -> Timestamp {
    Timestamp::from_millis(1_748_779_207_000 + after_end)
}

fn evaluator(series: Vec<Series>, ends: Vec<Series>) -> Evaluator {
    let mut store = Store::new(series);
    store.add_ends(ends);
    Evaluator::new(store)
}

fn written(all: Vec<Series>) -> (String, String) {
    let client = Client::of_file("a test", evaluator(all, Vec::new()));
    let window = Span::ending(time(0), Duration::from_secs(60 * MINUTES as u64));
    let (mut out, mut ends) = (Vec::new(), Vec::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(write_window(&client, window, &Needs::ALL, &mut out, &mut ends)).unwrap();
    [out, ends].map(|text| String::from_utf8(text).unwrap()).into()
}

fn read(text: &str) -> Vec<Series> {
    openmetrics::read(text.as_bytes(), |_, _| true).unwrap().series
}

fn metric(selector: &str) -> &str {
    selector.split('{').next().unwrap()
}

/// In the middle of a part, at its border and just before it, after a gap, and twice; and a gap that is no end.
fn all(metric: &str) -> Vec<Series> {
    vec![
        series(metric, "stays", &[(0, MINUTES)], true),
        series(metric, "middle", &[(90, MINUTES)], true),
        series(metric, "border", &[(70, MINUTES)], true),
        series(metric, "before", &[(71, MINUTES)], true),
        series(metric, "after", &[(69, MINUTES)], true),
        series(metric, "returns", &[(0, 67), (70, MINUTES)], true),
        series(metric, "twice", &[(0, 20), (22, 24), (26, MINUTES)], true),
        series(metric, "gap", &[(0, 20), (23, 68), (72, MINUTES)], false),
    ]
}

/// Red if a selector is missing from those that are looked back for, or if nothing is handed on from part to part.
#[test]
fn what_has_ended_is_not_looked_back_for() {
    for selector in Needs::ALL.into_iter().flat_map(Needs::selectors).filter(|one| is_looked_back_for(one)) {
        let metric = metric(selector);
        let mut series = all(metric);
        for one in &mut series {
            let more = [("resource", "cpu"), ("condition", "Ready"), ("status", "true")];
            one.labels.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        let server = evaluator(series.clone(), Vec::new());
        let rows = "cluster:namedprocess_node_cpu_rate:sum";
        series.push(self::series(rows, "", &[(0, MINUTES)], true));
        let (samples, ends) = written(series);
        let file = evaluator(read(&samples), read(&ends));
        let times: Vec<Timestamp> =
            (1..(MINUTES - 1) * 4).rev().map(|quarter| time(quarter * -15_000)).collect();
        for query in [format!("count({metric})"), format!("count by (node) ({metric})")] {
            let [expected, found] = [&server, &file].map(|one| one.range(&query, &times, None).unwrap());
            let counts = |all: &[Evaluated]| -> Vec<_> {
                all.iter().flat_map(|one| one.samples.clone()).collect::<Vec<_>>()
            };
            let (expected, found) = (counts(&expected), counts(&found));
            let first = expected.iter().zip(&found).find(|(expected, found)| expected != found);
            assert_eq!((first, found.len()), (None, expected.len()), "{query}\n{ends}");
            assert!(expected.len() > 100, "{query}");
        }
    }
}

#[test]
fn what_counts_nodes_is_looked_back_for() {
    for metric in ["kube_node_info", "kube_node_status_allocatable", "kube_node_status_condition"] {
        let selectors: Vec<_> = Needs::ALL.into_iter().flat_map(Needs::selectors).collect();
        let of: Vec<_> = selectors.into_iter().filter(|selector| self::metric(selector) == metric).collect();
        assert!(of.len() == 1 && is_looked_back_for(of[0]), "{metric}: {of:?}");
    }
}

/// Red if a metric is held for the whole window: then all of a series comes at once.
#[test]
fn each_metric_is_written_part_by_part() {
    let rows = series("cluster:namedprocess_node_cpu_rate:sum", "", &[(0, MINUTES)], true);
    for selector in Needs::ALL.into_iter().flat_map(Needs::selectors).filter(|one| is_looked_back_for(one)) {
        let metric = metric(selector);
        let mut all = ["a", "b"].map(|name| series(metric, name, &[(0, MINUTES)], true));
        for one in &mut all {
            let more = [("resource", "cpu"), ("condition", "Ready"), ("status", "true")];
            one.labels.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        let (samples, _) = written([&all[..], std::slice::from_ref(&rows)].concat());
        let lines = samples.lines().filter(|line| line.starts_with(metric));
        let times: Vec<f64> = lines.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
        let furthest = times.iter().zip(&times[1..]).map(|(a, b)| a - b).fold(0.0, f64::max);
        assert!(times.len() > 500 && furthest < PART.as_secs_f64(), "{metric}: back by {furthest} s");
    }
}

/// The distance of samples of two servers that follow each other is no interval.
#[test]
fn ends_are_found_beside_a_pair_of_samples_that_is_close() {
    let mut stays = series("kube_node_info", "stays", &[(0, MINUTES)], true);
    let close = stays.samples[10].0 + Duration::from_millis(3);
    stays.samples.insert(11, (close, 1.0));
    let ended = series("kube_node_info", "ended", &[(90, MINUTES)], true);
    let rows = series("cluster:namedprocess_node_cpu_rate:sum", "", &[(0, MINUTES)], true);
    let (_, ends) = written(vec![stays, ended, rows]);
    let ends = read(&ends);
    assert_eq!((ends.len(), ends[0].samples[0].0), (1, time(-90 * 60_000)));
}
