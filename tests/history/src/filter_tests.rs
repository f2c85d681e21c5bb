//! The oracle on a history small enough to work out by hand: rows for each node and thread, and what is left out.

use super::tests::{group, lines, pod, series, stat, tiny};
use super::*;

fn expected_rows(by: By, change: impl FnOnce(&mut Question)) -> Expected {
    let mut question = Question::new(0, 60_000, by);
    change(&mut question);
    expected(&tiny(), &question).unwrap()
}

fn names(all: &[&str]) -> Vec<String> {
    all.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn each_node_has_its_rows() {
    let groups = [
        // 0.5 x 15/60
        "host - conmon - b: 0.125 0.5 0.5 0.25 -",
        // (1 + 2 + 3 + 2) x 15/60 and (4 + 0) x 15/60
        "host - kubelet - a: 2 1 3 1 -",
        "host - kubelet - b: 1 0 4 0.5 -",
        "infra openshift-etcd etcd - a: 1 2 2 0.5 -",
        "kernel - kworker - a: 0.25 1 1 0.25 -",
        "pod - (exited) - a: 0.0625 0.25 0.25 0.25 -",
        "pod - (exited) - b: 0.0625 0.25 0.25 0.25 -",
        "workload app web - a: 1.5 3 3 0.5 -",
        "workload app web - b: 0.5 1 1 0.5 -",
        "workload logging web - a: 0.25 1 1 0.25 -",
        "workload openshifty process-exporter-y - b: 0.0625 0.25 0.25 0.25 -",
    ];
    assert_eq!(lines(&expected_rows(By::Group, |question| question.per_node = true)), groups);
    let classes = [
        "host - - - a: 2 1 3 1 -",
        // The steps 4, 0 + 0.5: 4.5 x 15/60
        "host - - - b: 1.125 0.5 4 0.5 -",
        "infra - - - a: 1 2 2 0.5 -",
        "kernel - - - a: 0.25 1 1 0.25 -",
        // With (starting), which is nothing
        "pod - - - a: 0.0625 0 0.25 1 -",
        "pod - - - b: 0.0625 0.25 0.25 0.25 -",
        // The steps 1, 3, 3 and 1, 1, 0.25
        "workload - - - a: 1.75 1 3 0.75 -",
        "workload - - - b: 0.5625 0.25 1 0.75 -",
    ];
    assert_eq!(lines(&expected_rows(By::Class, |question| question.per_node = true)), classes);
    let namespaces = lines(&expected_rows(By::Namespace, |question| question.per_node = true));
    assert_eq!(namespaces.len(), 10);
    assert!(namespaces.contains(&"workload app - - b: 0.5 1 1 0.5 -".to_owned()));
}

/// The platform's own series: a pod every 30 s, and where it was seen.
#[test]
fn by_the_platform_a_pod_is_where_it_was_seen_last() {
    let info = |node: &str, at_s: &[i64]| {
        let samples: Vec<_> = at_s.iter().map(|at| (*at, 1.0)).collect();
        series(metric::POD_INFO, &[("namespace", "app"), ("pod", "web"), ("node", node)], &samples)
    };
    let web = series(metric::PLATFORM_POD, &[("namespace", "app"), ("pod", "web")], &[(20, 1.0), (50, 3.0)]);
    let busy = series(metric::PLATFORM_BUSY, &[("instance", "b")], &[(20, 4.0), (50, 4.0)]);
    let mut history = tiny();
    history.series.extend([web, busy, info("b", &[-20, 40])]);
    let question =
        Question { per_node: true, source: Source::Platform, ..Question::new(0, 60_000, By::Group) };
    // Before it is first seen it is where it is seen first; what was seen before the window says nothing.
    let found = expected(&history, &question).unwrap();
    assert_eq!(lines(&found), ["workload app web - b: 2 1 3 1 -"]);
    assert_eq!((found.busy, found.unattributed), (stat(4.0, 4.0, 4.0), stat(2.0, 1.0, 3.0)));
    // A sample at the time of a sighting is of the node of that sighting.
    history.series.push(info("c", &[50]));
    let rows = ["workload app web - b: 0.5 1 1 0.5 -", "workload app web - c: 1.5 3 3 0.5 -"];
    assert_eq!(lines(&expected(&history, &question).unwrap()), rows);
}

#[test]
fn only_some_nodes_with_the_parts_that_are_on_them() {
    // A pod's node is the last one of those asked for.
    let a = [
        "host - kubelet - -: 2 1 3 1 -",
        "infra openshift-etcd etcd - -: 1 2 2 0.5 a",
        "kernel - kworker - -: 0.25 1 1 0.25 -",
        "pod - (exited) - -: 0.0625 0.25 0.25 0.25 -",
        "workload app web - -: 1.5 3 3 0.5 a",
        "workload logging web - -: 0.25 1 1 0.25 a",
    ];
    assert_eq!(lines(&expected_rows(By::Group, |question| question.nodes = names(&["a", "none"]))), a);
    let only_b = expected_rows(By::Group, |question| question.nodes = names(&["b"]));
    let b = [
        "host - conmon - -: 0.125 0.5 0.5 0.25 -",
        "host - kubelet - -: 1 0 4 0.5 -",
        "pod - (exited) - -: 0.0625 0.25 0.25 0.25 -",
        "workload app web - -: 0.5 1 1 0.5 b",
        "workload openshifty process-exporter-y - -: 0.0625 0.25 0.25 0.25 b",
    ];
    assert_eq!(lines(&only_b), b);
    // All of it 2.75, 8.5, 9, 9, less 1, 5, 0.5, 0.5: 22.25 x 15/60
    assert_eq!(only_b.excluded, stat(5.5625, 1.75, 8.5));
    assert_eq!(only_b.classes, expected_rows(By::Group, |_| {}).classes);
    let class = expected_rows(By::Class, |question| question.nodes = names(&["b"]));
    let rows = [
        "host - - - -: 1.125 0.5 4 0.5 -",
        "pod - - - -: 0.0625 0.25 0.25 0.25 -",
        "workload - - - -: 0.5625 0.25 1 0.75 -",
    ];
    assert_eq!(lines(&class), rows);
    assert_eq!(class.excluded, only_b.excluded);
}

#[test]
fn pods_only_named_like_the_exporters_are_not_its() {
    let mut history = tiny();
    let names = ["process-exporters-x", "process-exporter", "my-process-exporter-x", "process-exporter-z"];
    for name in names {
        history.series.push(pod("a", "infra", "openshift-monitoring", name, &[(45, 1.0)]));
    }
    let question =
        Question { namespace: Some("openshift-monitoring".into()), ..Question::new(0, 60_000, By::Group) };
    let rows: Vec<_> = expected(&history, &question).unwrap().rows.into_keys().map(|key| key.name).collect();
    assert_eq!(rows, ["my-process-exporter-x", "process-exporter", "process-exporters-x"]);
}

#[test]
fn only_some_classes() {
    for (classes, include_exporter, rows, excluded) in [
        // 1 + 0.5 + 0.25, 2 + 0.5, 3 + 0.5, 3.25 + 0.5 + 0.25: 11.75 x 15/60
        (&["host", "kernel", "infra"][..], false, 3, stat(2.9375, 1.75, 4.0)),
        // 1 + 0.25, 6, 3.5, 2 + 1 + 0.25: 14 x 15/60
        (&["infra", "workload"], true, 2, stat(3.5, 1.25, 6.0)),
        // 2.5, 8.5, 9, 8.75: 28.75 x 15/60
        (&["pod"], false, 1, stat(7.1875, 2.5, 9.0)),
        (&[], true, 5, stat(0.0, 0.0, 0.0)),
    ] {
        let found = expected_rows(By::Class, |question| {
            question.classes = names(classes);
            question.include_exporter = include_exporter;
        });
        assert_eq!((found.rows.len(), found.excluded), (rows, excluded), "{classes:?}");
    }
    let infra = expected_rows(By::Class, |question| {
        question.classes = names(&["infra"]);
        question.include_exporter = true;
    });
    // 0.5, 0.5, 2.5, 2.5: 6 x 15/60
    assert_eq!(lines(&infra), ["infra - - - -: 1.5 0.5 2.5 1 -"]);
}

#[test]
fn only_one_namespace() {
    let app = expected_rows(By::Group, |question| question.namespace = Some("app".into()));
    assert_eq!(lines(&app), ["workload app web - -: 2 1 3 1 a"]);
    // 1.75, 7.5, 6, 6: 21.25 x 15/60
    assert_eq!(app.excluded, stat(5.3125, 1.75, 7.5));
    // A name, no regex; the exporter's own pods stay out.
    for namespace in ["ap.", "openshift-monitoring"] {
        assert_eq!(
            lines(&expected_rows(By::Group, |question| question.namespace = Some(namespace.into()))).len(),
            0
        );
    }
}

#[test]
fn only_the_biggest() {
    let largest = |limit| expected_rows(By::Group, |question| question.limit = Some(limit));
    let two = ["host - kubelet - -: 3 1 6 1 -", "workload app web - -: 2 1 3 1 a"];
    assert_eq!(lines(&largest(2)), two);
    // 2.75 - 2, 8.5 - 7, 9 - 6, 9 - 5: 9.25 x 15/60
    assert_eq!(largest(2).excluded, stat(2.3125, 0.75, 4.0));
    // (exited) and conmon both have 0.125.
    let keys = |limit| largest(limit).rows.into_keys().map(|key| key.name).collect::<Vec<_>>();
    assert_eq!(keys(6), ["kubelet", "etcd", "kworker", "(exited)", "web", "web"]);
    assert_eq!(keys(8).len(), 8);
    assert_eq!(largest(8), largest(9));
    assert_eq!(largest(0).rows.len(), 0);
}

#[test]
fn percentiles_of_the_steps_there_are() {
    let found = expected_rows(By::Group, |question| question.percentiles = vec![50.0, 95.0]);
    let of = |name: &str| &found.rows.iter().find(|(key, _)| key.name == name).unwrap().1.percentiles;
    // 1, 2, 3, 6: rank 1.5, and 2.85: 3 + 0.85 x 3
    let close =
        |found: &[f64], expected: [f64; 2]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(close(of("kubelet"), [2.5, 5.55]), "{:?}", of("kubelet"));
    assert!(close(of("etcd"), [2.0, 2.0]), "{:?}", of("etcd"));
}

#[test]
fn threads_where_there_are_any() {
    let thread = |node: &str, class: &str, name: &str, thread: &str, samples: &[(i64, f64)]| {
        let labels = [("instance", node), ("class", class), ("groupname", name), ("threadname", thread)];
        series(metric::THREAD, &labels, samples)
    };
    let mut history = tiny();
    history.series.extend([
        thread("a", "host", "kubelet", "main", &[(15, 1.0), (30, 1.0), (45, 2.0), (60, 2.0)]),
        thread("a", "host", "kubelet", "(exited)", &[(30, 1.0), (45, 1.0)]),
        thread("b", "host", "kubelet", "main", &[(30, 4.0), (45, 0.0)]),
        thread("a", "pod", "conmon", "main", &[(15, 2.0)]),
        // Not of this window.
        thread("a", "kernel", "kworker", "main", &[(75, 2.0)]),
        // It is of another class, without threads.
        group("a", "kernel", "kubelet", &[(60, 0.5)]),
    ]);
    let mut question = Question::new(0, 60_000, By::Thread);
    let by_thread = expected(&history, &question).unwrap();
    let rows = [
        "host - conmon - -: 0.125 0.5 0.5 0.25 -",
        // 1 + 1 at 30 s and 45 s: 2 x 15/60
        "host - kubelet (exited) -: 0.5 1 1 0.5 -",
        // The steps 1, 1 + 4, 2 + 0, 2: 10 x 15/60
        "host - kubelet main -: 2.5 1 5 1 -",
        "infra openshift-etcd etcd - -: 1 2 2 0.5 a",
        "kernel - kubelet - -: 0.125 0.5 0.5 0.25 -",
        "kernel - kworker - -: 0.25 1 1 0.25 -",
        "pod - (exited) - -: 0.125 0.25 0.25 0.5 -",
        "workload app web - -: 2 1 3 1 a",
        "workload logging web - -: 0.25 1 1 0.25 a",
        "workload openshifty process-exporter-y - -: 0.0625 0.25 0.25 0.25 b",
    ];
    assert_eq!(lines(&by_thread), rows);
    // The exporter's own pod alone.
    assert_eq!(by_thread.excluded, stat(0.5, 0.5, 0.5));
    question.per_node = true;
    question.classes = names(&["host"]);
    let rows = [
        "host - conmon - b: 0.125 0.5 0.5 0.25 -",
        "host - kubelet (exited) a: 0.5 1 1 0.5 -",
        // 6 x 15/60 and 4 x 15/60
        "host - kubelet main a: 1.5 1 2 1 -",
        "host - kubelet main b: 1 0 4 0.5 -",
    ];
    assert_eq!(lines(&expected(&history, &question).unwrap()), rows);
}
