//! The oracle on a history small enough to work out by hand: rows, window and totals.

use super::*;

use crate::Series;

/// Times in seconds, for reading.
pub(super) fn series(
    metric: &'static str,
    labels: &[(&'static str, &str)],
    samples: &[(i64, f64)],
) -> Series {
    Series {
        metric,
        labels: labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        samples: samples.iter().map(|(s, value)| (s * 1000, *value)).collect(),
    }
}

pub(super) fn group(instance: &str, class: &str, name: &str, samples: &[(i64, f64)]) -> Series {
    series(metric::GROUP, &[("instance", instance), ("class", class), ("groupname", name)], samples)
}

pub(super) fn pod(node: &str, class: &str, namespace: &str, name: &str, samples: &[(i64, f64)]) -> Series {
    let labels = [("instance", node), ("class", class), ("namespace", namespace), ("pod", name)];
    series(metric::POD, &labels, samples)
}

/// Samples are at 15, 30, 45 and 60 s; node b tells how busy it is from 30 s on.
pub(super) fn tiny() -> History {
    History {
        interval_s: 15,
        pod_interval_s: 30,
        series: vec![
            group("a", "host", "kubelet", &[(15, 1.0), (30, 2.0), (45, 3.0), (60, 2.0)]),
            group("b", "host", "kubelet", &[(30, 4.0), (45, 0.0)]),
            group("b", "host", "conmon", &[(45, 0.5)]),
            group("a", "kernel", "kworker", &[(60, 1.0)]),
            group("a", "pod", "conmon", &[(15, 2.0), (30, 2.0), (45, 2.0), (60, 2.0)]),
            series(metric::BUSY, &[("instance", "a")], &[(15, 4.0), (30, 4.0), (45, 6.0), (60, 5.0)]),
            series(metric::BUSY, &[("instance", "b")], &[(30, 5.0), (45, 1.0), (60, 1.0)]),
            // The first and the last sample are outside of what the busy time covers.
            pod("b", "workload", "app", "web", &[(-15, 64.0), (15, 1.0), (30, 1.0)]),
            pod("a", "workload", "app", "web", &[(45, 3.0), (60, 3.0), (75, 64.0)]),
            pod("a", "workload", "logging", "web", &[(30, 1.0)]),
            pod("a", "infra", "openshift-etcd", "etcd", &[(45, 2.0), (60, 2.0)]),
            pod(
                "a",
                "infra",
                "openshift-monitoring",
                "process-exporter-x",
                &[(15, 0.5), (30, 0.5), (45, 0.5), (60, 0.5)],
            ),
            pod("b", "workload", "openshifty", "process-exporter-y", &[(60, 0.25)]),
            pod("a", "pod", "", "(exited)", &[(15, 0.25)]),
            pod("b", "pod", "", "(exited)", &[(60, 0.25)]),
            // No row: it is nothing.
            pod("a", "pod", "", "(starting)", &[(15, 0.0), (30, 0.0), (45, 0.0), (60, 0.0)]),
        ],
    }
}

fn expected_rows(start_s: i64, end_s: i64, by: By, skip: &[&str]) -> Expected {
    let skip_namespaces = skip.iter().map(|pattern| (*pattern).to_owned()).collect();
    let question = Question::new(start_s * 1000, end_s * 1000, by);
    expected(&tiny(), &Question { skip_namespaces, ..question }).unwrap()
}

/// Rows as lines: class, namespace, name, thread, node that it is of: avg min max present node that it was last on.
pub(super) fn lines(expected: &Expected) -> Vec<String> {
    let line = |(key, row): (&Key, &Row)| {
        let Stat { avg, min, max } = row.stat;
        let of = [&*key.class, &key.namespace, &key.name, &key.thread, &key.node]
            .map(|it| if it.is_empty() { "-" } else { it });
        let node = row.node.as_deref().unwrap_or("-");
        format!("{}: {avg} {min} {max} {} {node}", of.join(" "), row.present)
    };
    expected.rows.iter().map(line).collect()
}

pub(super) fn stat(avg: f64, min: f64, max: f64) -> Stat {
    Stat { avg, min, max }
}

#[test]
fn rows_by_group() {
    let rows = [
        // 0.5 x 15/60, one step of four; a host's conmon is a row, the pods' is none
        "host - conmon - -: 0.125 0.5 0.5 0.25 -",
        // The steps 1, 2 + 4, 3 + 0, 2: 12 x 15/60
        "host - kubelet - -: 3 1 6 1 -",
        // 1 x 15/60
        "kernel - kworker - -: 0.25 1 1 0.25 -",
        // 4 x 15/60, two steps of four
        "infra openshift-etcd etcd - -: 1 2 2 0.5 a",
        // On both nodes
        "pod - (exited) - -: 0.125 0.25 0.25 0.5 -",
        // (1 + 1 + 3 + 3) x 15/60; first on b, then a
        "workload app web - -: 2 1 3 1 a",
        // 1 x 15/60; the other namespace's web is another
        "workload logging web - -: 0.25 1 1 0.25 a",
        // 0.25 x 15/60; the exporter's own pods are in openshift-monitoring alone
        "workload openshifty process-exporter-y - -: 0.0625 0.25 0.25 0.25 b",
    ];
    let mut rows = rows.map(str::to_owned);
    rows.sort();
    assert_eq!(lines(&expected_rows(0, 60, By::Group, &[])), rows);
}

#[test]
fn rows_by_namespace_and_class() {
    // The host's steps 1, 6, 3.5, 2: 12.5 x 15/60
    let namespaces = [
        "host - - - -: 3.125 1 6 1 -",
        "infra openshift-etcd - - -: 1 2 2 0.5 -",
        "kernel - - - -: 0.25 1 1 0.25 -",
        "pod - - - -: 0.125 0 0.25 1 -",
        "workload app - - -: 2 1 3 1 -",
        "workload openshifty - - -: 0.0625 0.25 0.25 0.25 -",
    ];
    assert_eq!(lines(&expected_rows(0, 60, By::Namespace, &["log.*"])), namespaces);
    // The workload's steps 1, 1 + 1, 3, 3.25: 9.25 x 15/60; without logging 1, 1, 3, 3.25: 8.25 x 15/60. A regex that
    // matches a part of a name leaves nothing out.
    let all = "workload - - - -: 2.3125 1 3.25 1 -";
    let skipped = "workload - - - -: 2.0625 1 3.25 1 -";
    for (skip, workload) in [(&[][..], all), (&["logging", "none"], skipped), (&["log", "ap|we"], all)] {
        let rows = expected_rows(0, 60, By::Class, skip);
        let classes = [
            "host - - - -: 3.125 1 6 1 -",
            "infra - - - -: 1 2 2 0.5 -",
            "kernel - - - -: 0.25 1 1 0.25 -",
            "pod - - - -: 0.125 0 0.25 1 -",
            workload,
        ];
        assert_eq!(lines(&rows), classes, "{skip:?}");
    }
}

#[test]
fn totals() {
    let totals = expected_rows(0, 60, By::Group, &["logging"]);
    // infra with the exporter's own pod: 0.5, 0.5, 2.5, 2.5: 6 x 15/60; workload with logging
    let classes = [
        ("host", stat(3.125, 1.0, 6.0)),
        ("infra", stat(1.5, 0.5, 2.5)),
        ("kernel", stat(0.25, 1.0, 1.0)),
        ("pod", stat(0.125, 0.0, 0.25)),
        ("workload", stat(2.3125, 1.0, 3.25)),
    ];
    assert_eq!(totals.classes, BTreeMap::from(classes.map(|(class, stat)| (class.to_owned(), stat))));
    // The steps 4, 9, 7, 6: 26 x 15/60
    assert_eq!(totals.busy, stat(6.5, 4.0, 9.0));
    // 15 s: a 4 - 1 - 0.5 - 0.25. 30 s: a 4 - 2 - 1 - 0.5, b 5 - 4 - 1. 45 s: a 6 - 3 - 3 - 2 - 0.5, b 1 - 0 - 0.5.
    // 60 s: a 5 - 2 - 1 - 3 - 2 - 0.5, b 1 - 0.25 - 0.25. The steps 2.25, 0.5, -2, -3: -2.25 x 15/60
    assert_eq!(totals.unattributed, stat(-0.5625, -3.0, 2.25));
    // The steps 0.5, 0.5 + 1, 0.5, 0.5: 3 x 15/60
    assert_eq!(totals.excluded, stat(0.75, 0.5, 1.5));
    // A node without busy time has nothing unattributed: 4, 4, 7, 6: 21 x 15/60; 2.25, 0.5, -2, -3.
    let mut history = tiny();
    let of_b = |series: &&mut Series| series.metric == metric::BUSY && series.label("instance") == "b";
    history.series.iter_mut().find(of_b).unwrap().samples.remove(0);
    let silent = expected(&history, &Question::new(0, 60_000, By::Group)).unwrap();
    assert_eq!((silent.busy, silent.unattributed), (stat(5.25, 4.0, 7.0), stat(-0.5625, -3.0, 2.25)));
    assert_eq!(silent.classes, totals.classes);
    // After 50 s there is no logging: 0.5 x 15/10
    assert_eq!(expected_rows(50, 60, By::Group, &["logging"]).excluded, stat(0.75, 0.5, 0.5));
}

#[test]
fn the_window_is_cut_to_what_the_exporter_covers() {
    // Asked, cut: the first sample is of 15 s and begins at 0 s; the last of 60 s holds for less than 15 s more.
    for (asked, cut) in [
        ((0, 60), (0, 60)),
        ((-90, 60), (0, 60)),
        ((0, 74), (0, 74)),
        ((0, 75), (0, 60)),
        ((-90, 200), (0, 60)),
        ((15, 45), (15, 45)),
        ((20, 50), (20, 50)),
        ((100, 200), (100, 200)),
    ] {
        let expected = expected_rows(asked.0, asked.1, By::Group, &[]);
        assert_eq!((expected.start_ms, expected.end_ms), (cut.0 * 1000, cut.1 * 1000), "{asked:?}");
    }
    // The busy time alone shows that the exporter was there.
    let mut history = tiny();
    history.series.retain(|series| series.metric == metric::BUSY);
    let cut = expected(&history, &Question::new(-90_000, 200_000, By::Group)).unwrap();
    assert_eq!((cut.start_ms, cut.end_ms), (0, 60_000));
    // All classes alike: the pod's samples of -15 s and 75 s are outside.
    assert_eq!(lines(&expected_rows(-90, 200, By::Group, &[])), lines(&expected_rows(0, 60, By::Group, &[])));
    // A sample at the start is outside, one at the end inside: 30 s and 45 s, (6 + 3.5) x 15/30
    assert_eq!(expected_rows(15, 45, By::Class, &[]).classes.get("host"), Some(&stat(4.75, 3.5, 6.0)));
    // A window that nothing covers has no rows.
    assert_eq!(expected_rows(100, 200, By::Class, &[]).rows, BTreeMap::new());
}

#[test]
fn a_pattern_that_is_no_regex_is_an_error() {
    let question = Question::new(0, 60_000, By::Class);
    assert!(expected(&tiny(), &Question { skip_namespaces: vec!["(".into()], ..question }).is_err());
}
