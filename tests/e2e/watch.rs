//! `top --watch`: on terminals of two sizes, this machine and a cluster; and in a pipe, each report that of a single
//! question, for new samples only.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use test_cluster::{Prometheus, Spec, check_report, directory, free_port, shared, until};
use test_history::{History, metric};

use crate::serve;
use crate::shards::{assert_same, signal};
use crate::terminal::Terminal;
use crate::way_in::plugin;

const PLUGIN: &str = env!("CARGO_BIN_EXE_oc-interrogate");
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Half an hour of three nodes, up to now.
fn generated() -> History {
    let end_ms = jiff::Timestamp::now().as_second() * 1000;
    let spec = test_history::Spec {
        nodes: 3,
        gaps: true,
        groups: 40,
        threads: 2,
        pods_per_node: 8,
        movers: 7,
        namespaces: 6,
        interval_s: 15,
        pod_interval_s: 30,
        duration_s: 1800,
        end_ms,
        seed: 11,
    };
    History::generate(&spec)
}

/// A Prometheus that holds it.
pub(crate) fn serve(name: &str) -> Result<Prometheus> {
    serve::serve(name, &generated(), &[])
}

/// Runs the plugin on a terminal, between two lines that tell how the terminal is.
fn on_terminal(size: (u16, u16), flags: &str) -> Result<Terminal> {
    Terminal::start(size, &format!("echo before; stty -g; {PLUGIN} top {flags}; echo ended $?; stty -g; cat"))
}

/// The terminal is as it was, and the program ended with a code.
fn assert_restored(terminal: &Terminal, code: i32) -> Result<Vec<String>> {
    let ended = format!("ended {code}");
    // The shell's last line comes after the one that it ended.
    let is_over =
        |lines: &[String]| lines.iter().skip_while(|line| **line != ended).any(|line| line.contains(':'));
    let lines = terminal.await_lines("the program to end", is_over)?;
    let states: Vec<&String> = lines.iter().filter(|line| line.matches(':').count() > 8).collect();
    ensure!(lines[0] == "before" && states.len() == 2 && states[0] == states[1], "{}", lines.join("\n"));
    Ok(lines)
}

/// Returns the line of the rows' header, once there is one.
fn header(lines: &[String]) -> Option<usize> {
    let words = ["NAME", "NOW", "AVG", "MIN", "MAX"];
    lines.iter().position(|line| words.iter().all(|word| line.contains(word)))
}

/// A column's figures, from top to bottom.
fn column(lines: &[String], name: &str) -> Result<Vec<f64>> {
    let header = header(lines).context("no header")?;
    let end = lines[header].find(name).context("no such column")? + name.len();
    let rows = lines[header + 1..lines.len() - 1].iter().filter(|line| !line.is_empty());
    rows.map(|row| {
        let cells: String = row.chars().take(end).collect();
        let cell = cells.rsplit("  ").next().unwrap_or_default().trim();
        cell.parse().with_context(|| format!("{cell:?} in {row:?}"))
    })
    .collect()
}

fn check_screen(lines: &[String], (columns, rows): (u16, u16), origin: &str) -> Result<()> {
    let page = lines.join("\n");
    ensure!(lines.len() == usize::from(rows) && lines[0].contains(origin), "{page}");
    ensure!(lines.iter().all(|line| line.chars().count() <= usize::from(columns)), "too wide:\n{page}");
    let bar = |class: &str| lines.iter().find(|line| line.starts_with(class)).map_or("", |line| line);
    ensure!(bar("busy").contains('█') && bar("host").contains(BLOCKS[7]), "no bars:\n{page}");
    let header = header(lines).context("no header")?;
    ensure!(lines[header + 1].ends_with(BLOCKS), "no course:\n{page}");
    ensure!(lines.last().is_some_and(|line| line.starts_with("q quit")), "{page}");
    let figures = column(lines, "AVG")?;
    ensure!(figures.len() > 3 && figures.is_sorted_by(|a, b| a >= b), "not by size:\n{page}");
    Ok(())
}

#[test]
fn this_machine_on_a_screen_that_sorts_resizes_and_ends() -> Result<()> {
    for (size, key) in [((80, 24), "q"), ((200, 50), "C-c")] {
        let terminal = on_terminal(size, "--local -w=200ms")?;
        // A course of a few samples.
        let has_course = |lines: &[String]| {
            let row = header(lines).and_then(|header| lines.get(header + 1));
            row.is_some_and(|row| row.chars().filter(|c| BLOCKS.contains(c)).count() > 4)
        };
        terminal.await_lines("a course", has_course)?;
        terminal.await_check("a screen", |lines| check_screen(lines, size, "local, "))?;
        let by = |lines: &[String], name: &str| {
            column(lines, name).is_ok_and(|figures| figures.len() > 3 && figures.is_sorted_by(|a, b| a >= b))
        };
        // From the average to the name: the biggest are no longer first. Then on to the maximum, and back.
        (0..2).try_for_each(|_| terminal.press("Left"))?;
        terminal.await_lines("rows by their name", |lines| header(lines).is_some() && !by(lines, "AVG"))?;
        (0..4).try_for_each(|_| terminal.press("Right"))?;
        terminal.await_lines("rows by their maximum", |lines| by(lines, "MAX"))?;
        (0..2).try_for_each(|_| terminal.press("Left"))?;
        terminal.resize(120, 30)?;
        let fits = |lines: &[String]| {
            lines.len() == 30
                && lines[29].starts_with("q quit")
                && header(lines).is_some()
                && by(lines, "AVG")
        };
        terminal.await_lines("the other size", fits)?;
        terminal.await_check("a screen", |lines| check_screen(lines, (120, 30), "local, "))?;
        // Back again: leaving the other screen, tmux 3.3 would mix a line of it into one that had another size.
        terminal.resize(size.0, size.1)?;
        terminal.await_lines("the first size", |lines| {
            lines.len() == usize::from(size.1) && header(lines).is_some()
        })?;
        terminal.press(key)?;
        assert_restored(&terminal, 0)?;
    }
    Ok(())
}

#[test]
fn a_cluster_on_a_screen() -> Result<()> {
    let prometheus = serve("screen")?;
    for size in [(80, 24), (200, 50)] {
        let terminal =
            on_terminal(size, &format!("-w=1s --percentiles p50 --prometheus {}", prometheus.url))?;
        terminal.await_check("a screen", |lines| check_screen(lines, size, "exporter, 3 nodes, "))?;
        terminal.press("q")?;
        assert_restored(&terminal, 0)?;
    }
    Ok(())
}

#[test]
fn a_terminal_is_given_back_however_it_ends() -> Result<()> {
    let size = (80, 24);
    let url = format!("http://127.0.0.1:{}", free_port());
    let lines = assert_restored(&on_terminal(size, &format!("-w --prometheus {url}"))?, 1)?;
    ensure!(lines.iter().any(|line| line.starts_with("error: Prometheus at")), "{lines:?}");

    let file = directory()?.join("watch.pid");
    let flags = "top --local -w=200ms";
    let inner = format!("sh -c 'echo $$ >{}; exec {PLUGIN} {flags}'", file.display());
    let terminal =
        Terminal::start(size, &format!("echo before; stty -g; {inner}; echo ended $?; stty -g; cat"))?;
    terminal.await_lines("rows", |lines| header(lines).is_some())?;
    let pid = fs::read_to_string(&file)?;
    ensure!(Command::new("kill").args(["-TERM", pid.trim()]).status()?.success());
    assert_restored(&terminal, 0)?;
    Ok(())
}

#[test]
fn in_a_pipe_each_report_is_that_of_a_single_question_for_new_samples_only() -> Result<()> {
    for (name, more) in [("pipe", &[][..]), ("pipe-platform", &["--source", "platform"])] {
        let prometheus = serve(name)?;
        for flags in [
            "",
            "--by thread --per-node",
            "--percentiles p50,p95 --limit 7",
            "--by namespace",
            "--by class --per-node",
            "--by class --node node-001",
        ] {
            let flags: Vec<&str> = flags.split_whitespace().chain(more.iter().copied()).collect();
            let fixed = ["top", "--watch=1s", "-i", "20m", "-o", "json", "--prometheus", &prometheus.url];
            let before = prometheus.bare.samples_read()?;
            let mut watch = plugin().start([&fixed, flags.as_slice()].concat())?;
            let stdout = watch.stdout.take().context("no standard output")?;
            let mut reports = serde_json::Deserializer::from_reader(stdout).into_iter::<Value>();
            let mut next = || reports.next().context("it ended")?.context("no report");
            let mut seen = vec![next()?];
            let first = prometheus.bare.samples_read()? - before;
            for _ in 0..3 {
                seen.push(next()?);
            }
            let others = prometheus.bare.samples_read()? - before - first;
            watch.kill()?;
            watch.wait()?;
            ensure!(2 * others < first, "{name} {flags:?}: {first} samples, then {others} for three reports");
            for mut report in seen {
                check_report("CpuReport", &report)?;
                let end = report["window"]["end"].as_str().context("no end")?.to_owned();
                let length = report["window"]["interval_seconds"].as_f64().context("no length")?;
                let fixed = [
                    "top",
                    "-T",
                    &end,
                    "-i",
                    &format!("{:.0}ms", length * 1000.0),
                    "-o",
                    "json",
                    "--prometheus",
                ];
                let outcome = plugin().run([&fixed, &[prometheus.url.as_str()][..], &flags].concat())?;
                ensure!(outcome.code == 0, "{}", outcome.stderr);
                let mut single: Value = serde_json::from_str(&outcome.stdout)?;
                // The window that was cut says so; the one that was asked for as it is does not.
                for report in [&mut report, &mut single] {
                    report["notes"] = Value::Null;
                    report["window"]["asked_seconds"] = Value::Null;
                }
                assert_same(&format!("{name} {flags:?} at {end}"), &report, &single);
            }
        }
    }
    Ok(())
}

/// On this cluster the pods' rule is evaluated only after the watch has begun.
#[test]
fn pods_that_had_no_samples_are_looked_for_again() -> Result<()> {
    let name = "pods-later";
    let (folder, file) = (directory()?.join("pods-later-rules"), directory()?.join("pods-later.om"));
    fs::create_dir(&folder)?;
    let mut history = generated();
    history.series.retain(|series| series.metric != metric::POD);
    history.write_openmetrics(fs::File::create(&file)?)?;
    let config = json!({"global": {"evaluation_interval": "1s"}, "rule_files": [folder.join("*.yml")]});
    let spec = Spec { config: &config.to_string(), history: Some(&file), ..Spec::default() };
    let prometheus = shared().start_prometheus(name, &spec)?;
    let mut watch = plugin().start([
        "top",
        "--watch=200ms",
        "-i",
        "20m",
        "-o",
        "json",
        "--prometheus",
        &prometheus.url,
    ])?;
    let stdout = watch.stdout.take().context("no standard output")?;
    let mut reports = serde_json::Deserializer::from_reader(stdout).into_iter::<Value>();
    let mut next = || -> Result<bool> {
        let report = reports.next().context("it ended")??;
        check_report("CpuReport", &report)?;
        let rows = report["rows"].as_array().context("no rows")?;
        ensure!(rows.iter().any(|row| row["class"] == "host"), "{report}");
        Ok(rows.iter().any(|row| row["name"] == "cart"))
    };
    ensure!(!next()?, "a pod too early");
    let pod = json!({"instance": "node-001", "class": "workload", "namespace": "shop", "pod": "cart"});
    let host = json!({"class": "host"});
    let rule = |name: &str, labels: &Value| json!({"record": name, "expr": "vector(0.5)", "labels": labels});
    let rules = [
        rule(metric::POD, &pod),
        rule(metric::GROUP_SUM, &json!({"class": "host", "groupname": "crio"})),
        rule(metric::CLASS, &host),
        rule(metric::NODES, &json!({})),
        rule(metric::CLUSTER_BUSY, &json!({})),
        rule(metric::UNATTRIBUTED, &json!({})),
    ];
    let groups = json!({"groups": [{"name": "all", "rules": rules}]});
    fs::write(folder.join("pods.yml"), groups.to_string())?;
    signal("-HUP", &prometheus);
    until("the pod to be found", Duration::from_secs(60), || {
        ensure!(next()?, "no pod");
        Ok(())
    })?;
    watch.kill()?;
    watch.wait()?;
    Ok(())
}

#[test]
fn in_a_pipe_this_machine_one_report_after_the_other() -> Result<()> {
    let script = format!(
        "{PLUGIN} top --local -w=100ms --limit 3 -o csv | head -n 20; {PLUGIN} top --local -w=100ms --limit 3 | head -n 60"
    );
    let output = Command::new("sh").args(["-c", &script]).output()?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(text.lines().count() == 80, "{text}");
    ensure!(text.lines().filter(|line| line.starts_with("class,")).count() == 1, "a header a table: {text}");
    ensure!(text.lines().filter(|line| line.starts_with("TOTAL")).count() > 1, "{text}");
    let said = String::from_utf8(output.stderr)?;
    let mut notes: Vec<&str> = said.lines().collect();
    ensure!(notes.iter().all(|line| line.starts_with("note: ")), "{said}");
    // Two programs, each of which says a note once.
    notes.sort_unstable();
    ensure!(notes.chunk_by(|a, b| a == b).all(|same| same.len() <= 2), "{said}");
    Ok(())
}
