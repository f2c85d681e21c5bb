use super::{Evaluator, Store};
use crate::openmetrics;
use crate::time::Timestamp;
use std::time::Duration;

const TEXT: &str = "\
g{class=\"host\",groupname=\"crio\",instance=\"a\"} 0.5 15\n\
g{class=\"host\",groupname=\"crio\",instance=\"a\"} 0.25 30\n\
g{class=\"host\",groupname=\"crio\",instance=\"b\"} 1 15\n\
g{class=\"host\",groupname=\"crio\",instance=\"b\"} NaN 30\n\
g{class=\"kernel\",groupname=\"rcu\",instance=\"a\"} 0.125 30\n\
sets{instance=\"b\"} 1 30\n\
ready{node=\"a\"} 0 30\n\
nodes{node=\"a\",role=\"x\"} 1 30\n\
nodes{node=\"b\",role=\"y\"} 1 30\n\
# EOF\n";

fn evaluator() -> Evaluator {
    let contents = openmetrics::read(TEXT.as_bytes(), |_, _| true).unwrap();
    Evaluator::new(Store::new(contents.series))
}

fn at(seconds: f64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// Evaluates at 15 and 30 s, with a lookback of 15 s, and writes what comes of it.
fn range(query: &str) -> Vec<String> {
    let lookback = Some(Duration::from_secs(15));
    let mut all: Vec<String> = evaluator()
        .range(query, &[at(15.0), at(30.0)], lookback)
        .unwrap()
        .into_iter()
        .map(|series| {
            let labels: Vec<String> = series.labels.into_iter().map(|(a, b)| format!("{a}={b}")).collect();
            let samples: Vec<String> =
                series.samples.iter().map(|(at, value)| format!("{value}@{}", at.as_seconds())).collect();
            format!("{} {}", labels.join(","), samples.join(" "))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn sums_are_by_labels_and_a_series_that_ended_has_none() {
    assert_eq!(range("sum by (class) (g)"), ["class=host 1.5@15 0.25@30", "class=kernel 0.125@30"]);
    assert_eq!(range("sum(g)"), [" 1.5@15 0.375@30"]);
    assert_eq!(range("max by (instance) (g{class=~\"host|kernel\",groupname!=\"rcu\"})").len(), 2);
    assert_eq!(range("count(g > 0.2)"), [" 2@15 1@30"]);
    assert_eq!(range("topk(1, count_over_time(g[1m]))").len(), 1);
    assert_eq!(range("sum(max_over_time(g[15s]) > -Inf < Inf)"), [" 1.5@15 0.375@30"]);
}

#[test]
fn sets_of_series_are_matched_by_labels() {
    assert_eq!(range("count by (node) (nodes) unless on (node) (ready == 0)"), ["node=b 1@30"]);
    assert_eq!(range("sum by (instance) (sets or (g unless on (instance) sets))").len(), 2);
    assert_eq!(
        range("sum by (instance) (g) - sum by (instance) (sets)"),
        [] as [&str; 0],
        "nothing at the same time"
    );
    assert_eq!(range("nodes and on (node) ready"), ["__name__=nodes,node=a,role=x 1@30"]);
    assert_eq!(range("max by (node) (nodes) - max by (node) (ready)"), ["node=a 1@30"]);
}

#[test]
fn raw_samples_and_values_of_labels_are_those_of_a_window() {
    let evaluator = evaluator();
    let samples = evaluator.instant("g{instance=\"b\"}[30s]", at(30.0)).unwrap();
    assert_eq!(samples.len(), 1);
    assert_eq!(samples[0].samples, [(at(15.0), 1.0)]);
    assert_eq!(samples[0].labels["__name__"], "g");
    let values = |end: f64| evaluator.label_values("instance", "g", (at(0.0), at(end))).unwrap();
    assert_eq!((values(14.0).len(), values(15.0)), (0, vec!["a".to_owned(), "b".to_owned()]));
    let most = evaluator.instant("max_over_time(sum by (class) (g)[20s:5s])", at(30.0)).unwrap();
    assert_eq!(most.iter().map(|series| series.samples[0].1).collect::<Vec<_>>(), [1.5, 0.125]);
    let newest = evaluator.instant("max(timestamp(g))", at(40.0)).unwrap();
    assert_eq!(newest[0].samples, [(at(40.0), 30.0)]);
}

#[test]
fn what_no_query_of_this_program_holds_is_refused() {
    for query in [
        "g offset 1m",
        "stddev(g)",
        "absent(g)",
        "g @ 5",
        "label_replace(g, \"a\", \"b\", \"c\", \"d\")",
        "g %",
    ] {
        assert!(evaluator().range(query, &[at(30.0)], None).is_err(), "{query}");
    }
}
