//! A question in pieces has the answer that it has as a whole: on a real Prometheus that refuses anything bigger than a
//! few samples, and on one that is stopped, or killed and started again, while it is asked.

use std::fs;
use std::process::{Child, Command};
use std::thread::yield_now;

use serde_json::Value;
use test_cluster::{Outcome, Prometheus, Spec, directory, shared};
use test_history::History;

use crate::serve;
use crate::terminal::Terminal;
use crate::way_in::{assert_refused, plugin};

/// Tolerance of two reports of the same samples, for sums in another order.
const TOLERANCE: f64 = 1e-9;
/// Samples that a query may read: as many as an hour of three series, or the groups of all nodes at two steps.
const FEW: &str = "--query.max-samples=700";
/// Fewer than anywhere else: it lasts until somebody has found its middle, on a busy machine too.
pub(crate) const LEAST: &str = "--query.max-samples=150";
/// Queries after which a question is in its middle: its probe takes fewer, all of it more.
const MIDDLE: u64 = 24;

/// A server of an hour.
fn serve(name: &str, arguments: &[&str]) -> Prometheus {
    serve::serve(name, &History::generate(&serve::an_hour()), arguments).unwrap()
}

fn question<'a>(prometheus: &'a Prometheus, flags: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["top", "-T", "1748779207", "-i", "1h", "-o", "json", "--prometheus", &prometheus.url];
    [&fixed, flags].concat()
}

fn run_top(prometheus: &Prometheus, flags: &[&str]) -> Outcome {
    plugin().run(question(prometheus, flags)).unwrap()
}

fn report(outcome: &Outcome) -> Value {
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// Asserts that two reports are the same but for the server's address.
pub(crate) fn assert_same(case: &str, one: &Value, other: &Value) {
    let rows = |report: &Value| report["rows"].as_array().unwrap().clone();
    assert!(!rows(one).is_empty() && rows(one).len() == rows(other).len(), "{case}: not as many rows");
    let name = |row: &Value| {
        ["class", "namespace", "name", "node", "thread"].map(|field| row[field].to_string()).concat()
    };
    let sorted = |report: &Value| {
        let mut rows = rows(report);
        rows.sort_by_key(name);
        rows
    };
    for (one, other) in sorted(one).iter().zip(&sorted(other)) {
        assert_near(&format!("{case} {}", name(one)), one, other);
    }
    for field in ["kind", "nodes"] {
        assert_eq!(one["source"][field], other["source"][field], "{case} {field}");
    }
    for total in ["window", "classes", "busy", "unattributed", "excluded", "notes"] {
        assert_near(&format!("{case} {total}"), &one[total], &other[total]);
    }
}

fn assert_near(place: &str, one: &Value, other: &Value) {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => {
            let apart = a.as_f64().unwrap() - b.as_f64().unwrap();
            assert!(apart.abs() <= TOLERANCE, "{place}: {a} is not {b}");
        }
        (Value::Object(a), Value::Object(b)) => {
            assert!(a.keys().eq(b.keys()), "{place}: {one} is not {other}");
            a.iter().for_each(|(key, value)| assert_near(&format!("{place}.{key}"), value, &b[key]));
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{place}: {one} is not {other}");
            a.iter().zip(b).for_each(|(a, b)| assert_near(place, a, b));
        }
        _ => assert_eq!(one, other, "{place}"),
    }
}

#[test]
fn the_result_of_shards_is_that_of_the_whole() {
    let (whole, pieces) = (serve("whole", &[]), serve("pieces", &[FEW]));
    for flags in [
        "",
        "--by class",
        "--by namespace --per-node",
        "--by thread",
        "--per-node --percentiles p50,p99.9",
        "--by thread --per-node",
        "--percentiles p5,p95 -s p95 --limit 9",
        "--per-node --limit 5",
        "--node node-003,node-005",
        "--class kernel,workload --node node-006",
        "-n openshift-monitoring --include-exporter",
        "-S app-.* --class host,infra",
    ] {
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let before = (whole.bare.queries().unwrap(), pieces.bare.queries().unwrap());
        let (one, other) = (report(&run_top(&whole, &flags)), report(&run_top(&pieces, &flags)));
        assert_same(&flags.join(" "), &one, &other);
        let asked = (whole.bare.queries().unwrap() - before.0, pieces.bare.queries().unwrap() - before.1);
        assert!(asked.1 > 2 * asked.0, "{flags:?} was not asked in pieces: {asked:?} queries");
    }
}

/// A sample a millisecond after the window's start is in it, and so is each that is a millisecond after a cut.
#[test]
fn no_sample_falls_between_two_shards() {
    let samples = (0..=40).map(|step| {
        format!(
            "pod:container_cpu_usage:sum{{namespace=\"n\",pod=\"p\"}} 0.5 {}.125\n",
            1_699_999_399 + 15 * step
        )
    });
    let file = directory().unwrap().join("between.om");
    fs::write(&file, samples.collect::<String>() + "# EOF\n").unwrap();
    for (name, limit) in
        [("between-whole", "--query.max-samples=1000"), ("between-pieces", "--query.max-samples=8")]
    {
        let arguments = ["--storage.tsdb.retention.time=30y", limit];
        let spec = Spec { config: "{}", history: Some(&file), arguments: &arguments, ..Spec::default() };
        let prometheus = shared().start_prometheus(name, &spec).unwrap();
        let flags =
            ["top", "-T", "1699999999.124", "-i", "10m", "-o", "json", "--prometheus", &prometheus.url];
        let report = report(&plugin().run(flags).unwrap());
        assert_eq!(report["rows"][0]["avg"], 0.5, "{name}: {report:#}");
        assert_eq!(report["rows"][0]["present"], 1.0, "{name}: {report:#}");
    }
}

#[test]
fn less_time_than_it_takes_is_a_right_result_or_a_clear_error() {
    let right = report(&run_top(&serve("patient", &[]), &["--per-node"]));
    for (name, timeout) in [("hasty", "1ms"), ("hurried", "15ms"), ("brisk", "60ms")] {
        let prometheus = serve(name, &[&format!("--query.timeout={timeout}")]);
        let outcome = run_top(&prometheus, &["--per-node"]);
        if outcome.code == 0 {
            assert_same(timeout, &report(&outcome), &right);
        } else {
            let said = ["too much for", "shorten --interval", &prometheus.url];
            assert_refused(timeout, &outcome, &said);
        }
    }
}

/// Starts a query in many shards, and returns in the middle of it.
fn begin(prometheus: &Prometheus) -> Child {
    let before = prometheus.bare.queries().unwrap();
    let mut plugin = plugin().start(question(prometheus, &["--by", "thread", "--per-node"])).unwrap();
    await_middle(prometheus, before, || {
        assert!(plugin.try_wait().unwrap().is_none(), "it was done before its middle");
    });
    plugin
}

pub(crate) fn await_middle(prometheus: &Prometheus, before: u64, mut check: impl FnMut()) {
    while prometheus.bare.queries().unwrap() < before + MIDDLE {
        check();
        yield_now();
    }
}

fn end(plugin: Child) -> Outcome {
    let output = plugin.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Outcome { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

pub(crate) fn signal(name: &str, prometheus: &Prometheus) {
    assert!(Command::new("kill").args([name, &prometheus.bare.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_pause_in_the_middle_changes_nothing() {
    let (whole, prometheus) = (serve("unpaused", &[]), serve("paused", &[LEAST]));
    let mut plugin = begin(&prometheus);
    signal("-STOP", &prometheus);
    let stat = format!("/proc/{}/stat", prometheus.bare.id());
    while !fs::read_to_string(&stat).unwrap().contains(") T ") {
        yield_now();
    }
    assert!(plugin.try_wait().unwrap().is_none(), "it was done before the pause");
    signal("-CONT", &prometheus);
    let right = report(&run_top(&whole, &["--by", "thread", "--per-node"]));
    assert_same("a pause", &report(&end(plugin)), &right);
}

#[test]
fn a_stall_in_the_middle_is_reported() {
    let prometheus = serve("stalled", &[LEAST]);
    let plugin = begin(&prometheus);
    signal("-STOP", &prometheus);
    let outcome = end(plugin);
    signal("-CONT", &prometheus);
    assert_refused("a stall", &outcome, &["did not answer within 35 s", &prometheus.url]);
}

#[test]
fn a_death_in_the_middle_is_reported() {
    let mut prometheus = serve("killed", &[LEAST]);
    let right = report(&run_top(&serve("unkilled", &[]), &["--by", "thread", "--per-node"]));
    let plugin = begin(&prometheus);
    prometheus.bare.restart().unwrap();
    let outcome = end(plugin);
    // A question or two may have been asked between the lives.
    if outcome.code == 0 {
        assert_same("between two lives", &report(&outcome), &right);
    } else {
        assert_refused("a death", &outcome, &[&prometheus.url, "check"]);
    }
    let again = report(&run_top(&prometheus, &["--by", "thread", "--per-node"]));
    assert_same("after its death", &again, &right);
}

#[test]
fn a_wait_has_a_progress_bar_and_may_be_ended() {
    let prometheus = serve("bar", &[LEAST]);
    let binary = env!("CARGO_BIN_EXE_oc-interrogate");
    let flags = "top -T 1748779207 -i 1h --by thread --per-node";
    let page = directory().unwrap().join("bar.page");
    let run = format!("{binary} {flags} --prometheus {} >{}", prometheus.url, page.display());
    let terminal = Terminal::start((150, 5), &format!("trap : INT; {run}; echo ended $?; cat")).unwrap();
    // It goes no further than its middle, until somebody has looked.
    await_middle(&prometheus, 0, || {});
    signal("-STOP", &prometheus);
    let bar = |line: &String| {
        let told = ["querying Prometheus, ", " shards, about ", " s left ", " %"];
        told.iter().all(|words| line.contains(words)) && line.contains("[#")
    };
    terminal.await_lines("a bar", |lines| lines.iter().any(bar)).unwrap();
    terminal.press("C-c").unwrap();
    // 128 and the number of SIGINT, as a shell has it.
    terminal.await_lines("the end", |lines| lines.iter().any(|line| line.ends_with("ended 130"))).unwrap();
    signal("-CONT", &prometheus);
    assert_eq!(fs::read_to_string(&page).unwrap(), "");
}
