//! Reports for tests, one of each shape.
use crate::report::{
    Class, ClassTotal, Cpuset, CpusetBusy, Excluded, Peak, Percentiles, Report, Row, Source, SourceKind,
    Stats, Stray, Window,
};

fn stats(avg: f64, min: f64, max: f64) -> Stats {
    Stats { avg, min, max }
}

fn window() -> Window {
    let end: jiff::Timestamp = "2026-02-02T02:00:00Z".parse().unwrap();
    Window {
        start: end - jiff::SignedDuration::from_hours(1),
        end,
        interval_seconds: 3600.0,
        asked_seconds: None,
        step_seconds: 15.0,
    }
}

fn source() -> Source {
    Source {
        url: Some("https://prometheus.example/".to_owned()),
        cluster_nodes: Some(4),
        replica: Some("prometheus-k8s-1".to_owned()),
        ..Source::new(SourceKind::Exporter, 3)
    }
}

/// Returns a row of a class, with nothing that a question has to ask for.
fn row(class: Class, namespace: Option<&str>, name: &str, stats: Stats) -> Row {
    Row {
        class,
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        workload_type: None,
        node: None,
        thread: None,
        cpuset: None,
        stats,
        percentiles: None,
        present: None,
        at_peak: None,
        trend: Vec::new(),
    }
}

/// Returns two rows with percentiles and a trend, one of them with a hostile name, of a window that was cut.
pub(super) fn hostile() -> Report {
    let mut report = Report::new(Window { asked_seconds: Some(7200.0), ..window() }, source());
    let host = stats(1.25, 0.5, 2.0);
    let percentile = |value| Some(Percentiles(vec![("p95".to_owned(), value)]));
    let pod = row(Class::Workload, Some("shop"), "a \"b\",\n\u{1b}[1mc", stats(0.5, 0.25, 0.75));
    let common = |row| Row { present: Some(1.0), trend: vec![0.5, f64::NAN, 2.0], ..row };
    report.rows = vec![
        Row {
            thread: Some("crio-worker".to_owned()),
            percentiles: percentile(1.9),
            ..common(row(Class::Host, None, "crio", host))
        },
        Row { node: Some("node-1".to_owned()), percentiles: percentile(0.7), ..common(pod) },
    ];
    report.classes = vec![ClassTotal { class: Class::Host, stats: host }];
    report.unattributed = Some(stats(-0.001, -0.25, 0.125));
    report.busy = Some(stats(1.749, 1.0, 12.5));
    report.excluded = Some(Stats::ZERO.into());
    report.percentiles = vec!["p95".to_owned()];
    report
}

/// Returns rows of every class, all totals and two notes.
pub(super) fn groups() -> Report {
    let mut report = Report::new(window(), source());
    let pod = |class, namespace, name, node: &str, stats| Row {
        node: Some(node.to_owned()),
        ..row(class, Some(namespace), name, stats)
    };
    report.rows = vec![
        pod(Class::Infra, "openshift-monitoring", "prometheus-k8s-0", "node-2", stats(2.5, 1.75, 4.125)),
        row(Class::Host, None, "kubelet", stats(1.25, 1.0, 2.0)),
        row(Class::Host, None, "crio", stats(0.75, 0.5, 1.5)),
        pod(Class::Workload, "shop", "cart-0", "node-1", stats(0.5, 0.25, 0.75)),
        row(Class::Kernel, None, "ksoftirqd", stats(0.125, 0.0, 0.25)),
        row(Class::Kernel, None, "irq", stats(0.0625, 0.0625, 0.0625)),
        // Placed nowhere any more.
        pod(Class::Workload, "shop", "migrate-28391", "", stats(0.0004, 0.0, 0.9)),
    ];
    totals(&mut report);
    report.notes = vec![
        "1 of 4 nodes has no series: node-4".to_owned(),
        "pods are 5-minute rates: their peaks are lower than they were".to_owned(),
    ];
    report
}

/// Adds the totals.
fn totals(report: &mut Report) {
    let total = |class, avg, min, max| ClassTotal { class, stats: stats(avg, min, max) };
    report.classes = vec![
        total(Class::Host, 2.0, 1.5, 3.5),
        total(Class::Kernel, 0.1875, 0.0625, 0.3125),
        total(Class::Infra, 3.0, 2.0, 5.0),
        total(Class::Workload, 0.5004, 0.25, 1.5),
    ];
    report.unattributed = Some(stats(0.0621, 0.0, 0.5));
    report.busy = Some(stats(6.0, 4.0, 10.0));
    report.excluded = Some(stats(0.5, 0.25, 0.875).into());
}

/// Returns a report `--by class`.
pub(super) fn classes() -> Report {
    let mut report = Report::new(window(), source());
    totals(&mut report);
    report.rows = report.classes.iter().map(|total| row(total.class, None, "", total.stats)).collect();
    report.excluded = Some(Stats::ZERO.into());
    report
}

/// Returns a report `--by namespace`.
pub(super) fn namespaces() -> Report {
    let mut report = Report::new(window(), source());
    report.rows = vec![
        row(Class::Infra, Some("openshift-monitoring"), "", stats(2.5, 1.75, 4.125)),
        row(Class::Host, None, "", stats(2.0, 1.5, 3.5)),
        row(Class::Workload, Some("shop"), "", stats(0.5004, 0.25, 1.5)),
        row(Class::Kernel, None, "", stats(0.1875, 0.0625, 0.3125)),
    ];
    totals(&mut report);
    report
}

/// Returns a report `--by thread`.
pub(super) fn threads() -> Report {
    let mut report = groups();
    for row in report.rows.iter_mut().filter(|row| row.class == Class::Host) {
        row.thread = Some(format!("{}-main", row.name));
    }
    report
}

/// Returns a report `--per-node`.
pub(super) fn per_node() -> Report {
    let mut report = groups();
    let on_node = |number: usize, row: &Row| Row { node: Some(format!("node-{number}")), ..row.clone() };
    let split = |row: &Row| match row.node {
        None => (1..=2).map(|number| on_node(number, row)).collect(),
        Some(_) => vec![row.clone()],
    };
    report.rows = report.rows.iter().flat_map(split).collect();
    report
}

/// Returns a report with rows that are nothing in three decimals, and some that are so but for one figure.
pub(super) fn small() -> Report {
    let mut report = groups();
    let tiny = |name: &str, figures| row(Class::Host, None, name, figures);
    report.rows.extend([
        tiny("chronyd", stats(0.0004, 0.0, 0.0004)),
        tiny("auditd", stats(-0.0004, -0.0004, 0.0)),
        tiny("rpcbind", stats(0.0, 0.0, 0.0005)),
    ]);
    report
}

/// Returns a report `--by workload`, with a pod that has no owner.
pub(super) fn workloads() -> Report {
    let mut report = groups();
    let types = [("prometheus-k8s", "statefulset"), ("cart", "deployment")];
    let of_pods = report.rows.iter_mut().filter(|row| row.namespace.is_some());
    for (row, (name, of)) in of_pods.zip(types) {
        row.name = name.to_owned();
        (row.workload_type, row.node) = (Some(of.to_owned()), None);
    }
    report.of_workloads = true;
    report
}

/// Returns a report with the column of the peak, of which a limit cut some.
pub(super) fn at_peak() -> Report {
    let mut report = groups();
    report.rows.truncate(2);
    for (row, cores) in report.rows.iter_mut().zip([4.125, 1.5]) {
        row.at_peak = Some(cores);
    }
    report.excluded = Some(Excluded { avg: 1.0, min: None, max: None, at_peak: Some(0.75) });
    report.peak =
        Some(Peak { time: report.window.start + jiff::SignedDuration::from_secs(900), cores: 6.375 });
    report
}

/// Returns a report without rows, whose totals are not known.
pub(super) fn nothing() -> Report {
    let url = Some("https://prometheus.example/".to_owned());
    Report::new(window(), Source { url, ..Source::new(SourceKind::Platform, 0) })
}

/// Returns a report as `--watch` has it, with the trend of each row.
pub(super) fn with_trends(report: Report) -> Report {
    let trend = |row: &Row| (0..60).map(|part| row.stats.max * f64::from(part % 20 + 1) / 20.0).collect();
    let rows = report.rows.iter().map(|row| Row { trend: trend(row), ..row.clone() }).collect();
    Report { rows, ..report }
}

/// Returns a report `--local`, of less than ten seconds.
pub(super) fn local() -> Report {
    let start = window().end - jiff::SignedDuration::from_millis(2_504);
    let window = Window { start, interval_seconds: 2.504, step_seconds: 1.0, ..window() };
    let mut report = groups();
    report.window = window;
    report.source = Source::new(SourceKind::Local, 1);
    report.rows.retain(|row| matches!(row.class, Class::Host | Class::Kernel));
    report.rows.push(row(Class::Pod, Some("shop"), "cart-0", stats(0.5, 0.25, 0.75)));
    report.classes.retain(|total| matches!(total.class, Class::Host | Class::Kernel));
    report.classes.push(ClassTotal { class: Class::Pod, stats: stats(3.5004, 2.25, 6.5) });
    report.excluded = Some(Stats::ZERO.into());
    report.notes.clear();
    report
}

/// Returns rows by set of CPUs of a node that is partitioned, with the sets and what strays.
pub(super) fn cpusets() -> Report {
    let mut report = groups();
    report.of_cpusets = true;
    let part = |row, cpuset| Row { cpuset: Some(cpuset), ..row };
    report.rows = vec![
        part(row(Class::Workload, Some("app"), "du-0", stats(1.5, 1.25, 1.75)), Cpuset::Isolated),
        part(row(Class::Host, None, "crio", stats(0.5, 0.25, 1.0)), Cpuset::Reserved),
        part(row(Class::Host, None, "tool", stats(0.25, 0.0, 0.5)), Cpuset::Any),
        row(Class::Host, None, "sshd", stats(0.125, 0.0, 0.25)),
    ];
    let busy = |cpuset, cpus: &str, stats| CpusetBusy {
        cpuset,
        cpus: Some(cpus.to_owned()),
        node: None,
        stats: Some(stats),
    };
    report.cpusets = Some(vec![
        busy(Cpuset::Reserved, "0-1,52-53", stats(0.75, 0.5, 1.0)),
        busy(Cpuset::Isolated, "2-51,54-103", stats(1.5, 1.25, 1.75)),
    ]);
    let stray = |class, namespace: Option<&str>, name: &str, avg| Stray {
        class,
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        node: None,
        nodes: 2,
        threads: 5,
        cpus: vec!["0-103".to_owned(), "2".to_owned()],
        avg: Some(avg),
        why: Stray::why(class),
    };
    report.strays = Some(vec![
        stray(Class::Host, None, "tool", 0.25),
        stray(Class::Infra, Some("openshift-x"), "p", 0.125),
        stray(Class::Kernel, None, "kworker", 0.0001),
    ]);
    report
}
