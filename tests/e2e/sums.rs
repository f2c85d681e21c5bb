//! Recorded sums of groups that are not one series each with one sample at each step: what the server would make of their
//! samples is not what the contract says, so every one of them is asked for.

use std::ops::Range;

use serde_json::Value;

use crate::serve::store;
use crate::way_in::plugin;

/// Labels of groups, and their cores.
type Groups<'a> = &'a [(&'a str, f64)];

/// Ten minutes of one node and its groups over all nodes: of which class, and name, with how many cores; sampled at these
/// distances at these ages, seconds.
fn report(name: &str, groups: Groups<'_>, samples: &[(u32, Range<u32>)], flags: &[&str]) -> Value {
    report_of(name, (groups, groups), samples, flags)
}

/// The same of groups on the node, and of the recorded sums of groups.
fn report_of(
    name: &str,
    (groups, sums): (Groups<'_>, Groups<'_>),
    samples: &[(u32, Range<u32>)],
    flags: &[&str],
) -> Value {
    let mut series = Vec::new();
    for (labels, cores) in groups {
        series.push((format!("namedprocess_namegroup_cpu_rate{{instance=\"a\",{labels}}}"), *cores));
    }
    for (labels, cores) in sums {
        series.push((format!("class_groupname:namedprocess_namegroup_cpu_rate:sum{{{labels}}}"), *cores));
    }
    series.push(("instance:namedprocess_node_cpu_rate:sum{instance=\"a\"}".to_owned(), 2.0));
    for (metric, value) in [("rate:sum", 2.0), ("rate:count", 1.0), ("unattributed_rate:sum", 0.5)] {
        series.push((format!("cluster:namedprocess_node_cpu_{metric}"), value));
    }
    let all = series.into_iter().flat_map(|(series, value)| {
        samples.iter().map(move |(step, ages)| (series.clone(), *step, ages.clone(), value))
    });
    let prometheus = store(name, all);
    let asked = ["top", "-T", "1700000000", "-i", "10m", "-o", "json", "--prometheus", &prometheus.url];
    let outcome = plugin().run(asked.iter().chain(flags)).unwrap();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// Average and minimum of a row, and the average of its class, to a thousandth.
fn figures(report: &Value, name: &str) -> [i64; 3] {
    let find = |list: &str, field: &str, value: &str| {
        report[list].as_array().unwrap().iter().find(|entry| entry[field] == value).unwrap().clone()
    };
    let (row, class) = (find("rows", "name", name), find("classes", "class", "host"));
    [&row["avg"], &row["min"], &class["avg"]].map(|value| (value.as_f64().unwrap() * 1000.0).round() as i64)
}

#[test]
fn a_window_with_two_intervals_counts_each_step_once() {
    let groups = [(r#"class="host",groupname="crio""#, 0.5)];
    for (name, samples) in
        [("one-interval", &[(30, 0..600)][..]), ("two-intervals", &[(15, 450..600), (30, 0..450)])]
    {
        for (flags, series) in [(&[][..], "sums"), (&["--per-node", "--percentiles", "50"], "raw")] {
            let report = report(&format!("{name}-{series}"), &groups, samples, flags);
            assert_eq!(report["window"]["step_seconds"], 30.0, "{name}");
            assert_eq!(report["source"]["series"], series, "{name}");
            assert_eq!(figures(&report, "crio"), [500, 500, 500], "{name} {series}");
        }
    }
}

/// As the predecessor's exporter has them: its pods' monitors are told by their name, all else is the host's.
#[test]
fn groups_without_a_class_add_to_those_with_one() {
    let groups = [
        (r#"class="host",groupname="crio""#, 0.5),
        (r#"groupname="crio""#, 0.25),
        (r#"groupname="conmon""#, 0.125),
    ];
    for flags in [&[][..], &["--percentiles", "50"]] {
        let report = report(&format!("classless-{}", flags.len()), &groups, &[(15, 0..600)], flags);
        assert_eq!(report["source"]["series"], "sums", "{flags:?}");
        assert_eq!(figures(&report, "crio"), [750, 750, 750], "{flags:?}");
    }
}

/// Nor are they told by a class that they do not have where rows are of classes.
#[test]
fn classes_of_groups_without_one_are_told_by_their_names() {
    let groups = [
        (r#"class="host",groupname="crio""#, 0.5),
        (r#"groupname="crio""#, 0.25),
        (r#"groupname="conmon""#, 0.125),
    ];
    let report = report("classless-classes", &groups, &[(15, 0..600)], &["--by", "class"]);
    assert_eq!(figures(&report, ""), [750, 750, 750], "{report}");
}

/// A store may keep the totals of all nodes, which cover the window, and not the sums of groups, or less of these.
#[test]
fn totals_do_not_stand_for_sums_of_groups_that_are_not_there() {
    let groups = [(r#"class="host",groupname="crio""#, 0.5), (r#"class="kernel",groupname="rcu""#, 0.25)];
    for flags in [&[][..], &["--by", "class"], &["--class", "host,kernel"], &["--per-node"]] {
        let name = format!("totals-alone-{}", flags.concat().replace(',', "-"));
        let report = report_of(&name, (&groups, &[]), &[(15, 0..600)], flags);
        assert_eq!(report["source"]["series"], "raw", "{flags:?}");
        let name = if flags == ["--by", "class"] { "" } else { "crio" };
        assert_eq!(figures(&report, name), [500, 500, 500], "{flags:?}: {report}");
        assert_eq!(report["unattributed"]["avg"], 1.25, "{flags:?}");
    }
}
