//! A written history through the real promtool into a real Prometheus, and back: sample by sample, and as what PromQL
//! makes of it, where PromQL can say what a report must.

use std::io::{BufRead, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use test_history::{By, History, Question, Row, Spec, expected, metric};

const END_MS: i64 = 1_736_942_400_000;

fn spec() -> Spec {
    Spec {
        nodes: 4,
        gaps: true,
        groups: 12,
        threads: 2,
        pods_per_node: 8,
        movers: 7,
        namespaces: 5,
        interval_s: 15,
        pod_interval_s: 30,
        duration_s: 1800,
        end_ms: END_MS,
        seed: 7,
    }
}

#[test]
fn prometheus_has_every_sample_as_it_was_generated() -> Result<()> {
    let history = History::generate(&spec());
    let prometheus = Prometheus::start("every-sample", &history)?;
    let mut metrics: Vec<_> = history.series.iter().map(|series| series.metric).collect();
    metrics.sort_unstable();
    metrics.dedup();
    ensure!(metrics.len() == 15, "the history has the metrics {metrics:?}");
    for metric in metrics {
        let query = format!("{{__name__=\"{metric}\"}}[1800s]");
        let mut read = read_back(&prometheus.query(&query, END_MS)?)?;
        let generated = history.series.iter().filter(|series| series.metric == metric);
        let mut generated: Vec<_> = generated
            .map(|series| {
                // A label without a value is none.
                let labels = series.labels.iter().filter(|(_, value)| !value.is_empty());
                let mut labels = labels.map(|(k, v)| ((*k).to_owned(), v.clone())).collect::<Vec<_>>();
                labels.sort();
                (labels, series.samples.clone())
            })
            .collect();
        generated.sort_by(|a, b| a.0.cmp(&b.0));
        read.sort_by(|a, b| a.0.cmp(&b.0));
        ensure!(read == generated, "{metric} reads back differently");
    }
    Ok(())
}

#[test]
fn the_oracle_says_what_promql_says() -> Result<()> {
    let history = History::generate(&spec());
    let prometheus = Prometheus::start("promql", &history)?;
    // A row of one series needs no sum: rows of a node, and rows that a rule has summed.
    let host = "{class!=\"pod\"}";
    for (by, per_node, metric, labels, interval_s) in [
        (By::Group, true, metric::GROUP, ["class", "", "groupname", "", "instance"], 15),
        (By::Thread, true, metric::THREAD, ["class", "", "groupname", "threadname", "instance"], 15),
        (By::Class, true, metric::CLASS_ON_NODE, ["class", "", "", "", "instance"], 15),
        (By::Group, false, metric::GROUP_SUM, ["class", "", "groupname", "", ""], 15),
        (By::Group, true, metric::POD, ["class", "namespace", "pod", "", "instance"], 15),
    ] {
        // On no beat; the first half of some series is outside of it.
        let (window_s, end_ms) = (600, END_MS - 301_000);
        let question = Question {
            per_node,
            percentiles: vec![95.0],
            include_exporter: true,
            ..Question::new(end_ms - window_s * 1000, end_ms, by)
        };
        let expected = expected(&history, &question)?;
        let mut compared = 0;
        for (function, figure) in [
            ("sum_over_time(", (|row| row.stat.avg) as fn(&Row) -> f64),
            ("min_over_time(", |row| row.stat.min),
            ("max_over_time(", |row| row.stat.max),
            ("count_over_time(", |row| row.present),
            ("quantile_over_time(0.95, ", |row| row.percentiles.first().copied().unwrap_or(f64::NAN)),
        ] {
            let answer = prometheus.query(&format!("{function}{metric}{host}[{window_s}s])"), end_ms)?;
            for series in answer.as_array().context("no list of series")? {
                let value: f64 = series["value"][1].as_str().context("a series without a value")?.parse()?;
                let share = f64::from(interval_s) / window_s as f64;
                let value = match function {
                    "sum_over_time(" | "count_over_time(" => value * share,
                    _ => value,
                };
                let row = expected.rows.iter().find(|(key, _)| {
                    let found = [&key.class, &key.namespace, &key.name, &key.thread, &key.node];
                    let same = |(label, found): (&str, &String)| {
                        label.is_empty() || series["metric"][label] == **found
                    };
                    labels.into_iter().zip(found).all(same)
                });
                let (key, row) = row.with_context(|| format!("no row for {series}"))?;
                ensure!(
                    (figure(row) - value).abs() < 1e-9,
                    "{function}{key:?}: {} is not {value}",
                    figure(row)
                );
                compared += 1;
            }
        }
        ensure!(compared > 20, "{metric}: only {compared} figures");
    }
    Ok(())
}

/// Labels by name, and samples.
type Raw = (Vec<(String, String)>, Vec<(i64, f64)>);

/// The series of a query's answer.
fn read_back(answer: &Value) -> Result<Vec<Raw>> {
    let mut all = Vec::new();
    for series in answer.as_array().context("no list of series")? {
        let labels = series.get("metric").and_then(Value::as_object).context("a series without labels")?;
        let labels = labels.iter().filter(|(name, _)| *name != "__name__");
        let labels =
            labels.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
        let mut samples = Vec::new();
        for pair in series.get("values").and_then(Value::as_array).context("a series without samples")? {
            let (at, value) = (pair.get(0).and_then(Value::as_f64), pair.get(1).and_then(Value::as_str));
            let at_ms = (at.context("a sample without a time")? * 1000.0).round() as i64;
            samples.push((at_ms, value.context("a sample without a value")?.parse()?));
        }
        all.push((labels.collect(), samples));
    }
    Ok(all)
}

/// A Prometheus on a free port, which ends with this value, or with this process however that ends.
struct Prometheus {
    url: String,
    shell: Child,
    promtool: PathBuf,
}

impl Prometheus {
    /// One that holds a history, in a folder of this name.
    fn start(name: &str, history: &History) -> Result<Prometheus> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let text = folder.join("history.om");
        history.write_openmetrics(BufWriter::new(std::fs::File::create(&text)?))?;
        let tools = tools()?;
        let promtool = tools.join("promtool");
        run(Command::new(&promtool)
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .arg(&text)
            .arg(folder.join("data")))?;
        std::fs::write(folder.join("prometheus.yml"), "{}\n")?;
        // The shell ends Prometheus when its standard input, held by this process, closes. A Ctrl-C is for this process.
        let mut shell = Command::new("bash")
            .args(["-c", "trap '' INT; \"$@\" & cat; kill $!; wait $!", "prometheus"])
            .arg(tools.join("prometheus"))
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--log.format=json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut log = BufReader::new(shell.stderr.take().context("no standard error")?);
        let mut prometheus = Prometheus { url: String::new(), shell, promtool };
        let (mut line, mut said, mut ready) = (String::new(), String::new(), false);
        // Two of its goroutines say these two, in whichever order.
        while !ready || prometheus.url.is_empty() {
            line.clear();
            ensure!(log.read_line(&mut line)? > 0, "prometheus ended: {said}");
            said.push_str(&line);
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            let field = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
            match field("msg") {
                "Listening on" => prometheus.url = format!("http://{}", field("address")),
                "Server is ready to receive web requests." => ready = true,
                _ => {}
            }
        }
        // It goes on to log, and must not come to wait for a reader.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Ok(prometheus)
    }

    /// The result of an instant query.
    fn query(&self, query: &str, at_ms: i64) -> Result<Value> {
        let time = format!("--time={}", at_ms as f64 / 1000.0);
        let answer = run(Command::new(&self.promtool).args([
            "query",
            "instant",
            "--format=json",
            &time,
            &self.url,
            query,
        ]))?;
        serde_json::from_str(&answer).with_context(|| answer.clone())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait(); // it can only fail where nothing is left to wait for
    }
}

/// The folder of the real tools, built when they are not yet.
fn tools() -> Result<PathBuf> {
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/build");
    Ok(PathBuf::from(run(Command::new(build).args(["prometheus", "promtool"]))?.trim()))
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
