//! Tests of generated histories: they hold the hard cases.

use std::collections::BTreeSet;

use super::*;

fn spec() -> Spec {
    Spec {
        nodes: 20,
        gaps: true,
        groups: 60,
        threads: 3,
        pods_per_node: 20,
        movers: 7,
        namespaces: 12,
        interval_s: 15,
        pod_interval_s: 30,
        duration_s: 3600,
        end_ms: 1_736_942_400_000,
        seed: 1,
    }
}

fn series_of<'a>(history: &'a History, metric: &'static str) -> impl Iterator<Item = &'a Series> {
    history.series.iter().filter(move |series| series.metric == metric)
}

/// Returns whether a series begins late, ends early, and has a gap of several samples, against a full grid.
fn shape(series: &Series, spec: &Spec, interval_s: u32) -> (bool, bool, bool) {
    let step_ms = i64::from(interval_s) * 1000;
    let (first, last) = (series.samples[0].0, series.samples.last().unwrap().0);
    let begins = first - step_ms >= spec.end_ms - i64::from(spec.duration_s) * 1000;
    let ends = spec.end_ms - last >= step_ms;
    (begins, ends, series.samples.windows(2).any(|pair| pair[1].0 - pair[0].0 > 2 * step_ms))
}

#[test]
fn one_specification_is_one_history() {
    assert_eq!(History::generate(&spec()), History::generate(&spec()));
    assert_ne!(History::generate(&spec()), History::generate(&Spec { seed: 2, ..spec() }));
}

#[test]
fn all_samples_are_within_it_and_in_order() {
    let history = History::generate(&spec());
    for series in &history.series {
        assert!(series.samples[0].0 > spec().end_ms - 3_600_000, "{series:?}");
        assert!(series.samples.last().unwrap().0 <= spec().end_ms, "{series:?}");
        assert!(series.samples.is_sorted_by(|a, b| a.0 < b.0), "{series:?}");
    }
    let identities: BTreeSet<_> =
        history.series.iter().map(|series| (series.metric, &series.labels)).collect();
    assert_eq!(identities.len(), history.series.len(), "two series with the same labels");
}

#[test]
fn rates_and_sums_of_them_begin_end_and_flap() {
    let (spec, history) = (spec(), History::generate(&spec()));
    for (metric, interval_s) in [
        (metric::GROUP, 15),
        (metric::GROUP_SUM, 15),
        (metric::BUSY, 15),
        (metric::POD, 15),
        (metric::PLATFORM_POD, 30),
    ] {
        let shapes: Vec<_> =
            series_of(&history, metric).map(|series| shape(series, &spec, interval_s)).collect();
        let full = shapes.iter().filter(|shape| **shape == (false, false, false)).count();
        let counts = [
            full,
            shapes.iter().filter(|shape| shape.0).count(),
            shapes.iter().filter(|shape| shape.1).count(),
            shapes.iter().filter(|shape| shape.2).count(),
        ];
        let least = if metric == metric::BUSY { [1, 1, 0, 1] } else { [1, 1, 1, 1] };
        assert!(counts.iter().zip(least).all(|(count, least)| *count >= least), "{metric}: {counts:?}");
    }
    assert_eq!(series_of(&history, metric::BUSY).count(), 20);
    assert_eq!(series_of(&history, metric::GROUP_SUM).count(), 60);
    assert_eq!(series_of(&history, metric::PLATFORM_POD).count(), 400);
}

#[test]
fn sums_are_those_of_their_members() {
    let history = History::generate(&spec());
    for (sum, labels, member) in [
        (metric::GROUP_SUM, &["class", "groupname"][..], metric::GROUP),
        (metric::CLASS, &["class"], metric::CLASS_ON_NODE),
        (metric::CLUSTER_BUSY, &[], metric::BUSY),
        (metric::NAMESPACE, &["class", "namespace"], metric::POD),
        (metric::GROUP, &["instance", "class", "groupname"], metric::THREAD),
    ] {
        for sum in series_of(&history, sum) {
            let members = series_of(&history, member)
                .filter(|member| labels.iter().all(|label| member.label(label) == sum.label(label)));
            let mut members = members.peekable();
            if member == metric::THREAD && members.peek().is_none() {
                continue;
            }
            let mut total: BTreeMap<i64, f64> = BTreeMap::new();
            for (at, value) in members.flat_map(|member| &member.samples) {
                *total.entry(*at).or_default() += value;
            }
            assert_eq!(total.len(), sum.samples.len(), "{sum:?}");
            for ((at, total), (sum_at, value)) in total.iter().zip(&sum.samples) {
                assert!(at == sum_at && (total - value).abs() < 1e-9, "{sum:?} at {at}: {total}");
            }
        }
    }
}

#[test]
fn each_class_on_each_node_is_its_groups_or_its_pods() {
    let history = History::generate(&spec());
    for sum in series_of(&history, metric::CLASS_ON_NODE) {
        let groups = matches!(sum.label("class"), "host" | "kernel");
        let members = series_of(&history, if groups { metric::GROUP } else { metric::POD });
        let is_one =
            |of: &&Series| ["instance", "class"].iter().all(|label| of.label(label) == sum.label(label));
        let mut total: BTreeMap<i64, f64> = BTreeMap::new();
        for (at, value) in members.filter(is_one).flat_map(|member| &member.samples) {
            *total.entry(*at).or_default() += value;
        }
        assert_eq!(total.len(), sum.samples.len(), "{sum:?}");
        for ((at, total), (sum_at, value)) in total.iter().zip(&sum.samples) {
            assert!(at == sum_at && (total - value).abs() < 1e-9, "{sum:?} at {at}: {total}");
        }
    }
}

#[test]
fn half_of_the_groups_have_threads_and_nothing_else_changes_with_them() {
    let mut full = History::generate(&spec());
    let shapes: Vec<_> = series_of(&full, metric::THREAD).map(|series| shape(series, &spec(), 15)).collect();
    assert!(shapes.iter().any(|shape| shape.0) && shapes.iter().any(|shape| shape.2));
    let split: BTreeSet<_> = series_of(&full, metric::THREAD)
        .map(|series| (series.label("class"), series.label("groupname")))
        .collect();
    assert_eq!(split.len(), 30);
    assert!(split.contains(&("pod", "conmon")));
    assert!(split.contains(&("kernel", "both-1")) && !split.contains(&("host", "both-1")));
    full.series.retain(|series| series.metric != metric::THREAD);
    assert_eq!(History::generate(&Spec { threads: 0, ..spec() }), full);
}

#[test]
fn some_nodes_do_not_say_how_busy_they_are_while_their_groups_go_on() {
    let history = History::generate(&spec());
    let times = |series: &Series| series.samples.iter().map(|sample| sample.0).collect::<BTreeSet<_>>();
    let silent = series_of(&history, metric::BUSY).filter(|busy| {
        let node = busy.label("instance");
        let mut groups = series_of(&history, metric::GROUP).filter(|group| group.label("instance") == node);
        groups.any(|group| times(group).difference(&times(busy)).count() == 40)
    });
    assert_eq!(silent.count(), 2);
}

#[test]
fn pods_move_or_are_unknown_and_names_come_twice() {
    let history = History::generate(&spec());
    let mut nodes: BTreeMap<(&str, &str), Vec<&Series>> = BTreeMap::new();
    for info in series_of(&history, metric::POD_INFO) {
        nodes.entry((info.label("namespace"), info.label("pod"))).or_default().push(info);
    }
    for infos in nodes.values() {
        let mut times: Vec<_> = infos.iter().flat_map(|info| &info.samples).map(|sample| sample.0).collect();
        times.sort_unstable();
        assert!(times.is_sorted_by(|a, b| a < b), "on two nodes at once: {infos:?}");
    }
    assert!(nodes.values().filter(|infos| infos.len() == 2).count() > 20);
    let mut on: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for pod in series_of(&history, metric::POD).filter(|pod| pod.label("class") != "pod") {
        on.entry((pod.label("namespace"), pod.label("pod"))).or_default().insert(pod.label("instance"));
    }
    assert!(on.values().filter(|nodes| nodes.len() == 2).count() > 20);
    let pods: Vec<_> = series_of(&history, metric::PLATFORM_POD)
        .map(|pod| (pod.label("namespace"), pod.label("pod")))
        .collect();
    assert!(pods.iter().any(|pod| !nodes.contains_key(pod)));
    assert!(pods.iter().filter(|pod| pod.1 == "pod-7").count() == 2);
    let own = |pod: &&(&str, &str)| pod.0 == "openshift-monitoring" && pod.1.starts_with("process-exporter-");
    assert_eq!(pods.iter().filter(own).count(), 20);
    assert!(pods.contains(&("openshifty", "process-exporter-00000")));
    assert!(pods.contains(&("openshift-monitoring", "process-exporters-00000")));
}
