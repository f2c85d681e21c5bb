//! Reports of a recording of three samples.
use super::{Counted, Question, Recording, Snapshot, Span};
use crate::report::{Class, Cpuset, Report, Row, SortBy, Stats};
use crate::time::Timestamp;
use crate::top::{By, Filter, Percentile};
use node_cpu::{ByAllowed, Cpu, CpuList, CpuSet, Pod};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1000 * seconds)
}

/// Steps of 1, 1 and 2 seconds. `sshd` uses 0.5, 0.5 and 2 CPU seconds; `once` 0.2 in the first step and ends in
/// the second; the pod comes in the second and use 1 and 1; and 0.1, 0 and -0.2 are nobody's.
fn recording(by: By) -> Recording {
    let begin = Instant::now();
    let snapshot = |seconds, groups: &[(Counted, &str, u64, bool)], busy: u64| {
        let key = |class: Counted, name: &str| (class, Arc::from(name));
        let cpu = |ms: u64| Cpu { user_us: ms * 1000, system_us: 0 };
        let mut snapshot = Snapshot::empty(begin + Duration::from_secs(seconds));
        snapshot.groups = groups.iter().map(|(class, name, ms, _)| (key(*class, name), cpu(*ms))).collect();
        let alive = groups.iter().filter(|group| group.3);
        snapshot.alive = alive.map(|(class, name, ..)| key(*class, name)).collect();
        snapshot.busy = [("user", busy * 1000)].into();
        // Each group has one thread name, and a rest that exited.
        for (class, name, ms, alive) in groups {
            let (class, group) = key(*class, name);
            let exited = (class, Arc::clone(&group), Arc::from("(exited)"));
            snapshot.threads.insert(exited, cpu(ms / 4));
            let main = (class, group, Arc::from("main"));
            snapshot.threads.insert(main.clone(), cpu(ms - ms / 4));
            snapshot.thread_counts.extend(alive.then_some((main, 1)));
        }
        snapshot
    };
    let host = Counted::Host;
    let web = |mut snapshot: Snapshot, ms: u64| {
        let pod = Pod { class: Counted::Workload, namespace: "shop".into(), name: "web".into() };
        snapshot.pods.insert(pod.clone(), Cpu { user_us: ms * 1000, system_us: 0 });
        snapshot.pods_alive.insert(pod);
        snapshot
    };
    let mut recording = Recording::new(snapshot(0, &[(host, "sshd", 0, true)], 0), by);
    recording.add(snapshot(1, &[(host, "sshd", 500, true), (host, "once", 200, true)], 800));
    let second = [(host, "sshd", 1000, true), (host, "once", 200, false)];
    recording.add(web(snapshot(2, &second, 2300), 1000));
    let third = [(host, "sshd", 3000, true), (host, "once", 200, false)];
    recording.add(web(snapshot(4, &third, 5100), 2000));
    recording
}

fn question() -> Question {
    Question {
        source: Default::default(),
        end: at(0),
        interval: Duration::from_secs(4),
        by: By::Group,
        per_node: false,
        filter: Filter::default(),
        percentiles: Vec::new(),
        present: true,
        trend: 0,
        at_peak: false,
        node_names: false,
        sets: Default::default(),
        sort: SortBy::Avg,
        limit: None,
    }
}

fn report(question: &Question) -> Report {
    recording(question.by).report(question, Some("laptop"), Span { start: at(0), end: at(4) }, SECOND)
}

/// Equal but for rounding.
fn assert_near(stats: Stats, avg: f64, min: f64, max: f64) {
    let apart = [stats.avg - avg, stats.min - min, stats.max - max];
    assert!(apart.iter().all(|difference| difference.abs() < 1e-9), "{stats:?} is not {avg} {min} {max}");
}

#[test]
fn averages_are_totals_and_extremes_are_of_the_steps() {
    let report = report(&question());
    let names: Vec<&str> = report.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["sshd", "web", "once"]);
    assert_near(report.rows[0].stats, 0.75, 0.5, 1.0);
    assert_near(report.rows[1].stats, 0.5, 0.5, 1.0);
    // A group that has ended has no samples, and so no minimum of zero.
    assert_near(report.rows[2].stats, 0.05, 0.2, 0.2);
    assert_eq!(
        report.rows.iter().map(|row| (row.present.unwrap() * 4.0).round()).collect::<Vec<_>>(),
        [4.0, 3.0, 1.0]
    );
    assert_near(report.classes[0].stats, 0.8, 0.5, 1.0);
    assert_near(report.busy.unwrap(), 1.275, 0.8, 1.5);
    assert_near(report.unattributed.unwrap(), -0.025, -0.1, 0.1);
    assert_eq!(report.excluded, Some(Stats::ZERO.into()));
}

#[test]
fn dropped_samples_are_in_no_report() {
    let mut recording = recording(By::Group);
    recording.keep_newest(1);
    assert_eq!(recording.length(), Duration::from_secs(2));
    let report = recording.report(&question(), None, Span { start: at(2), end: at(4) }, SECOND);
    let names: Vec<&str> = report.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["sshd", "web"]);
    assert_near(report.rows[0].stats, 1.0, 1.0, 1.0);
    assert_near(report.busy.unwrap(), 1.4, 1.4, 1.4);
}

#[test]
fn rows_that_are_filtered_out_are_excluded_step_by_step() {
    let host = Filter { classes: vec![Class::Host], ..Filter::default() };
    let elsewhere = Filter { nodes: Some(vec!["server".to_owned()]), ..Filter::default() };
    let here = Filter { nodes: Some(vec!["laptop".to_owned()]), ..Filter::default() };
    let shop = Filter { namespace: Some("shop".to_owned()), ..Filter::default() };
    let cases = [
        (Filter::default(), Some(1), &["sshd"][..], [0.55, 0.2, 1.0]),
        (host.clone(), None, &["sshd", "once"], [0.5, 0.0, 1.0]),
        (host, Some(1), &["sshd"], [0.55, 0.2, 1.0]),
        (elsewhere, None, &[], [1.3, 0.7, 1.5]),
        (here, Some(9), &["sshd", "web", "once"], [0.0, 0.0, 0.0]),
        (shop, None, &["web"], [0.8, 0.5, 1.0]),
    ];
    for (filter, limit, names, [avg, min, max]) in cases {
        let report = report(&Question { filter, limit, ..question() });
        assert_eq!(report.rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), names);
        let excluded = report.excluded.unwrap();
        let extremes = excluded.min.zip(excluded.max);
        assert_eq!(extremes.is_none(), limit.is_some(), "extremes are not known under a limit");
        let (low, high) = extremes.unwrap_or((min, max));
        assert_near(Stats { avg: excluded.avg, min: low, max: high }, avg, min, max);
        assert_eq!(report.classes.len(), 2, "totals are before any filter");
    }
}

#[test]
fn rows_of_threads_add_up_to_their_groups() {
    let report = report(&Question { by: By::Thread, ..question() });
    let row = |name: &str, thread: &str| {
        let named = |row: &&Row| row.name == name && row.thread.as_deref() == Some(thread);
        report.rows.iter().find(named).unwrap().stats.avg
    };
    assert!((row("sshd", "main") - 0.75 * 0.75).abs() < 1e-9);
    assert!((row("sshd", "(exited)") - 0.75 * 0.25).abs() < 1e-9);
    assert_eq!(report.rows.len(), 5, "two threads of two groups, and a pod");
    assert_near(report.classes[0].stats, 0.8, 0.5, 1.0);
    assert_near(report.unattributed.unwrap(), -0.025, -0.1, 0.1);
}

#[test]
fn a_row_of_a_class_is_the_sum_of_its_groups() {
    let percentiles = vec![Percentile { name: "p50".to_owned(), share: 0.5 }];
    let question = Question { by: By::Namespace, per_node: true, percentiles, ..question() };
    let report = report(&question);
    assert_eq!(report.rows.iter().map(|row| row.class).collect::<Vec<_>>(), [Class::Host, Class::Workload]);
    assert!(report.rows.iter().all(|row| row.name.is_empty() && row.node.as_deref() == Some("laptop")));
    assert_near(report.rows[0].stats, 0.8, 0.5, 1.0);
    let median = report.rows[0].percentiles.as_ref().and_then(|all| all.get("p50")).unwrap();
    assert!((median - 0.85).abs() < 1e-9, "{median}");
}

/// Parts by where they may run add up to their groups and pods, and a stray's are those that are not reserved.
#[test]
fn rows_of_sets_add_up_to_their_groups() {
    let begin = Instant::now();
    let group = (Counted::Host, Arc::from("sshd"));
    let pod = Pod { class: Counted::Infra, namespace: "openshift-x".into(), name: "p".into() };
    let cpus = Arc::new(CpuList::from_iter([0, 1]));
    let snapshot = |seconds, ms: u64| {
        let us = ms * 1000;
        let cpu = Cpu { user_us: 4 * us, system_us: 0 };
        let parts = ByAllowed { reserved_us: us, isolated_us: 0, any_us: 3 * us };
        let mut snapshot = Snapshot::empty(begin + Duration::from_secs(seconds));
        snapshot.groups = [(group.clone(), cpu)].into();
        snapshot.pods = [(pod.clone(), cpu)].into();
        snapshot.groups_by_allowed = [(group.clone(), parts)].into();
        snapshot.pods_by_allowed = [(pod.clone(), parts)].into();
        snapshot.busy = [("user", 8 * us)].into();
        let set = |name, cpu: u32, us| CpuSet {
            name,
            cpus: [cpu].into_iter().collect(),
            busy: [("user", us)].into(),
        };
        snapshot.cpu_sets = vec![set("isolated", 1, 2 * us), set("reserved", 0, 6 * us)];
        snapshot.pod_strays = [((pod.clone(), Arc::clone(&cpus)), 7)].into();
        snapshot
    };
    let mut recording = Recording::new(snapshot(0, 0), By::Cpuset);
    recording.add(snapshot(1, 100));
    recording.add(snapshot(2, 200));
    let report = recording.report(
        &Question { by: By::Cpuset, ..question() },
        None,
        Span { start: at(0), end: at(2) },
        Duration::from_secs(1),
    );
    let rows = report.rows.iter().map(|row| (row.name.as_str(), row.cpuset, row.stats.avg));
    let expected = [
        ("p", Some(Cpuset::Any), 0.3),
        ("sshd", Some(Cpuset::Any), 0.3),
        ("p", Some(Cpuset::Reserved), 0.1),
        ("sshd", Some(Cpuset::Reserved), 0.1),
    ];
    assert_eq!(
        rows.map(|(name, set, avg)| (name, set, (avg * 1e9).round() / 1e9)).collect::<Vec<_>>(),
        expected
    );
    let sets = report.cpusets.unwrap();
    let sets: Vec<_> = sets
        .iter()
        .map(|of| (of.cpuset, of.cpus.as_deref().unwrap(), of.stats.as_ref().unwrap().max))
        .collect();
    assert_eq!(sets, [(Cpuset::Reserved, "0", 0.6), (Cpuset::Isolated, "1", 0.2)]);
    let strays = report.strays.unwrap();
    let stray = &strays[0];
    assert_eq!(
        (strays.len(), stray.name.as_str(), stray.threads, stray.cpus.join(" ").as_str()),
        (1, "p", 7, "0-1")
    );
    assert!((stray.avg.unwrap() - 0.3).abs() < 1e-9);
}
