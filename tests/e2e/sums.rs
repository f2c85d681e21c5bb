//! Which source answers, for which part of the window: what the exporter's rules cover, and what the platform's series do.

use serde_json::Value;
use test_cluster::{Outcome, Prometheus};

use crate::serve::{Stored, store, totals};
use crate::way_in::plugin;

fn top(prometheus: &Prometheus, flags: &[&str]) -> Outcome {
    let fixed = ["top", "-T", "1700000000", "-i", "10m", "-o", "json", "--prometheus", &prometheus.url];
    plugin().run(fixed.iter().chain(flags)).unwrap()
}

fn report(prometheus: &Prometheus, flags: &[&str]) -> Value {
    let outcome = top(prometheus, flags);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// One node and its group `crio`, by the exporter's rules, at these distances at these ages, seconds.
fn exporter(samples: &[(u32, std::ops::Range<u32>)]) -> Vec<Stored> {
    let of = |(step, ages): &(u32, std::ops::Range<u32>)| {
        let group = "namedprocess_namegroup_cpu_rate";
        let mut all = totals(*step, ages.clone(), 1.0, 2.0, &[("host", 0.5)]);
        for (series, value) in [
            (format!("{group}{{instance=\"a\",class=\"host\",groupname=\"crio\"}}"), 0.5),
            (format!("class_groupname:{group}:sum{{class=\"host\",groupname=\"crio\"}}"), 0.5),
            ("instance_class:namedprocess_cpu_rate:sum{instance=\"a\",class=\"host\"}".to_owned(), 0.5),
            ("instance:namedprocess_node_cpu_rate:sum{instance=\"a\"}".to_owned(), 2.0),
        ] {
            all.push((series, *step, ages.clone(), value));
        }
        all
    };
    samples.iter().flat_map(of).collect()
}

fn platform() -> Vec<Stored> {
    let pod = "pod:container_cpu_usage:sum{namespace=\"shop\",pod=\"cart\"}".to_owned();
    let busy = "instance:node_cpu:rate:sum{instance=\"a\"}".to_owned();
    vec![(pod, 30, 0..900, 0.25), (busy, 30, 0..900, 1.5)]
}

/// Average and minimum of a row, and the average of the host, to a thousandth.
fn figures(report: &Value, name: &str) -> [i64; 3] {
    let find = |list: &str, field: &str, value: &str| {
        report[list].as_array().unwrap().iter().find(|entry| entry[field] == value).unwrap().clone()
    };
    let (row, class) = (find("rows", "name", name), find("classes", "class", "host"));
    [&row["avg"], &row["min"], &class["avg"]].map(|value| (value.as_f64().unwrap() * 1000.0).round() as i64)
}

#[test]
fn a_window_with_two_intervals_is_cut_to_the_newest() {
    for (name, samples, step, length) in [
        ("one-interval", &[(30, 0..600)][..], 30.0, 600.0),
        ("slower", &[(15, 450..600), (30, 0..450)], 30.0, 450.0),
        ("faster", &[(30, 150..600), (15, 0..150)], 15.0, 150.0),
        ("just-now", &[(30, 30..600), (15, 0..30)], 15.0, 45.0),
    ] {
        let prometheus = store(&format!("intervals-{name}"), exporter(samples));
        for flags in
            [&["--source", "exporter"][..], &["--source=exporter", "--per-node", "--percentiles", "50"]]
        {
            let report = report(&prometheus, flags);
            assert_eq!(report["window"]["step_seconds"], step, "{name}: {report:#}");
            let covered = report["window"]["interval_seconds"].as_f64().unwrap();
            assert!((covered - length).abs() <= 30.0, "{name}: {covered} s");
            assert_eq!(figures(&report, "crio"), [500, 500, 500], "{name}");
            let told = report["notes"].to_string().contains("the interval between samples changed");
            assert_eq!(told, name != "one-interval", "{name}: {}", report["notes"]);
        }
    }
}

#[test]
fn the_exporter_is_the_source_if_it_covers_the_window_or_has_ten_samples_in_it() {
    for (name, ages, kind) in
        [("all", 0..600, "exporter"), ("enough", 0..150, "exporter"), ("few", 0..120, "platform")]
    {
        let prometheus =
            store(&format!("choice-{name}"), exporter(&[(15, ages)]).into_iter().chain(platform()));
        let chosen = report(&prometheus, &[]);
        assert_eq!(chosen["source"]["kind"], kind, "{name}: {}", chosen["notes"]);
        let both = chosen["notes"].to_string().contains("cover 2m of the window and the platform's 10m");
        assert_eq!(both, name == "few", "{}", chosen["notes"]);
        assert_eq!(report(&prometheus, &["--source", "exporter"])["source"]["kind"], "exporter", "{name}");
        let other = report(&prometheus, &["--source", "platform"]);
        assert_eq!((&other["source"]["kind"], &other["busy"]["avg"]), (&"platform".into(), &1.5.into()));
    }
    // Without any other the few answer, and those of a time that has none say so.
    let alone = store("choice-alone", exporter(&[(15, 0..60)]));
    assert_eq!(report(&alone, &[])["source"]["kind"], "exporter");
}

/// Somebody scrapes the exporter, and its rules are not there: nothing is made of that but a word of what helps.
#[test]
fn scraped_series_without_rules_are_no_source() {
    let scraped =
        ("namedprocess_node_cpu_seconds_total{instance=\"a\",mode=\"user\"}".to_owned(), 15, 0..600, 5.0);
    let alone = top(&store("scraped-alone", [scraped.clone()]), &[]);
    assert_eq!(alone.code, 1, "{}", alone.stdout);
    for said in ["evaluates none of its rules", "oc interrogate status", "oc interrogate install"] {
        assert!(alone.stderr.contains(said), "{}", alone.stderr);
    }
    let beside = report(&store("scraped-beside", platform().into_iter().chain([scraped])), &[]);
    assert_eq!(beside["source"]["kind"], "platform");
}
