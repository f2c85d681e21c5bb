//! Clusters without this exporter's series: what the platform itself keeps, and nothing.
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fmt::Write as _;
use test_cluster::{Outcome, Plugin, Prometheus, shared};

use crate::serve::{serve_text, store};

/// The end of the histories, Unix seconds; all are ten minutes long.
const END: u32 = 1_700_000_000;
const LENGTH: u32 = 600;

/// One metric's samples in OpenMetrics text: label sets, each with a value for a time.
fn metric(text: &mut String, name: &str, step: u32, series: &[(&str, &dyn Fn(u32) -> f64)]) {
    // All samples are gauges to the text format; the server does not keep a type with them.
    writeln!(text, "# TYPE {name} unknown").unwrap();
    for (labels, value) in series {
        for at in (END - LENGTH..=END).filter(|at| (END - at).is_multiple_of(step)) {
            writeln!(text, "{name}{{{labels}}} {} {at}", value(at)).unwrap();
        }
    }
}

fn top(prometheus: &Prometheus, arguments: &[&str]) -> Result<Outcome> {
    let end = END.to_string();
    let mut ask = vec!["top", "--prometheus", &prometheus.url];
    for (flag, value) in [("-T", end.as_str()), ("-i", "5m")] {
        if !arguments.contains(&flag) {
            ask.extend([flag, value]);
        }
    }
    Plugin::new(env!("CARGO_BIN_EXE_oc-interrogate"))?.run(ask.iter().chain(arguments))
}

fn report(prometheus: &Prometheus, arguments: &[&str]) -> Result<Value> {
    let outcome = top(prometheus, &[arguments, &["-o", "json"]].concat())?;
    ensure!(outcome.code == 0, "{}: {}", outcome.code, outcome.stderr);
    Ok(serde_json::from_str(&outcome.stdout)?)
}

/// Class, node and name of each row, and its average in hundredths of a core.
fn rows(report: &Value) -> Vec<(String, i64)> {
    let rows = report["rows"].as_array().unwrap();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
    let name = |row: &Value| format!("{} {} {}", text(row, "class"), text(row, "node"), text(row, "name"));
    rows.iter().map(|row| (name(row), (row["avg"].as_f64().unwrap() * 100.0).round() as i64)).collect()
}

fn row(name: &str, hundredths: i64) -> (String, i64) {
    (name.to_owned(), hundredths)
}

fn pods(text: &mut String) {
    metric(
        text,
        "pod:container_cpu_usage:sum",
        30,
        &[
            (r#"namespace="openshift-etcd",pod="etcd-0""#, &|_| 0.25),
            (r#"namespace="shop",pod="cart""#, &|_| 0.5),
        ],
    );
    metric(text, "kube_pod_info", 30, &[(r#"namespace="shop",pod="cart",node="n1""#, &|_| 1.0)]);
}

#[test]
fn the_platforms_own_series_stand_in() -> Result<()> {
    let mut text = String::new();
    metric(
        &mut text,
        "container_cpu_usage_seconds_total",
        30,
        &[
            (r#"node="n1",id="/system.slice/crio.service""#, &|at| 0.1 * f64::from(at)),
            (r#"node="n2",id="/system.slice/crio.service""#, &|at| 0.2 * f64::from(at)),
            (r#"node="n1",id="/ovs.slice/ovs-vswitchd.service""#, &|at| 0.05 * f64::from(at)),
            // Inside of one above, and of pods: counted there.
            (r#"node="n1",id="/system.slice/crio.service/below""#, &|at| 0.07 * f64::from(at)),
            (r#"node="n1",id="/kubepods.slice/kubepods-pod1.slice""#, &|at| 0.5 * f64::from(at)),
        ],
    );
    metric(
        &mut text,
        "instance:node_cpu:rate:sum",
        30,
        &[(r#"instance="n1""#, &|_| 1.0), (r#"instance="n2""#, &|_| 0.5)],
    );
    pods(&mut text);
    let prometheus = serve_text("platform", &text)?;

    let all = report(&prometheus, &[])?;
    ensure!(all["source"]["kind"] == "platform" && all["source"]["nodes"] == 2, "{}", all["source"]);
    let expected = [
        row("workload n1 cart", 50),
        row("host - crio", 30),
        row("infra  etcd-0", 25),
        row("host - ovs-vswitchd", 5),
    ];
    ensure!(rows(&all) == expected, "{:?}", rows(&all));
    let avg = |name: &str| all[name]["avg"].as_f64().context(name.to_owned());
    ensure!((avg("busy")? - 1.5).abs() < 1e-9, "busy {}", all["busy"]);
    // 1.5 - 0.35 of the host - 0.75 of pods.
    ensure!((avg("unattributed")? - 0.4).abs() < 1e-9, "unattributed {}", all["unattributed"]);

    let nodes = report(&prometheus, &["--per-node", "--class", "host"])?;
    let expected = [row("host n2 crio", 20), row("host n1 crio", 10), row("host n1 ovs-vswitchd", 5)];
    ensure!(rows(&nodes) == expected, "{:?}", rows(&nodes));
    ensure!((nodes["excluded"]["avg"].as_f64().unwrap() - 0.75).abs() < 1e-9, "{}", nodes["excluded"]);
    let one = report(&prometheus, &["--node", "n2", "--by", "class"])?;
    ensure!(rows(&one) == [row("host - ", 20)], "{:?}", rows(&one));

    let table = top(&prometheus, &[])?;
    ensure!(table.stderr.contains("oc interrogate install"), "no word of what is missing: {}", table.stderr);
    Ok(())
}

#[test]
fn the_platform_has_no_threads_and_short_windows_say_so() -> Result<()> {
    let mut text = String::new();
    metric(&mut text, "instance:node_cpu:rate:sum", 30, &[(r#"instance="n1""#, &|_| 1.0)]);
    pods(&mut text);
    let prometheus = serve_text("platform-short", &text)?;
    let threads = report(&prometheus, &["--by", "thread"])?;
    ensure!(
        rows(&threads) == [row("workload n1 cart", 50), row("infra  etcd-0", 25)],
        "{:?}",
        rows(&threads)
    );
    ensure!(threads["notes"].to_string().contains("no series of threads"), "{}", threads["notes"]);

    // Windows that are shorter than the samples are apart say so.
    let short = report(&prometheus, &["-i", "17s"])?;
    ensure!(short["window"]["step_seconds"] == 30.0, "{}", short["window"]);
    ensure!(
        short["notes"].to_string().contains("a single sample in this window: they are 30s apart"),
        "{}",
        short["notes"]
    );
    let before = (END - 3).to_string();
    let none = report(&prometheus, &["-T", &before, "-i", "5s"])?;
    ensure!(none["rows"] == json!([]), "{}", none["rows"]);

    // Columns are those that were asked for, each once, also where there are no rows.
    let csv = top(&prometheus, &["-o", "csv", "--percentiles", "p50,50,p95", "--limit", "0"])?;
    ensure!(csv.stdout == "class,namespace,name,node,thread,avg,min,max,p50,p95\n", "{}", csv.stdout);
    Ok(())
}

#[test]
fn nothing_at_all_is_an_empty_report_that_says_so() -> Result<()> {
    let report = report(shared().prometheus(), &[])?;
    ensure!(report["rows"] == json!([]) && report["busy"].is_null(), "{report}");
    ensure!(report["notes"].to_string().contains("no rows: nothing has samples"), "{}", report["notes"]);
    let table = top(shared().prometheus(), &[])?;
    ensure!(table.code == 0 && table.stderr.contains("no rows"), "{table:?}");
    Ok(())
}

/// Pods are summed up by the server, which is not to take the samples between two steps for more of them.
#[test]
fn pods_of_two_intervals_count_each_step_once() -> Result<()> {
    let pod =
        |namespace, pod| format!("pod:container_cpu_usage:sum{{namespace=\"{namespace}\",pod=\"{pod}\"}}");
    let pods = [pod("openshift-monitoring", "prometheus-k8s-0"), pod("shop", "cart")];
    for (name, window, parts) in
        [("slower", "5m", [(15, 200..400), (30, 0..200)]), ("faster", "3m", [(30, 60..400), (15, 0..60)])]
    {
        let both = |pod: &String| parts.clone().map(|(step, ages)| (pod.clone(), step, ages, 0.5));
        let prometheus = store(&format!("pods-{name}"), pods.iter().flat_map(both));
        let rows = rows(&report(&prometheus, &["--percentiles", "50", "-i", window])?);
        let all = [row("workload  cart", 50), row("infra  prometheus-k8s-0", 50)];
        ensure!(rows == all, "{name}: {rows:?}");
    }
    Ok(())
}
