//! Tests of the running program: its flags, its responses over HTTP, its end.

use crate::certs::Authority;
use flate2::read::GzDecoder;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) address: String,
    /// First line of its log.
    pub(crate) line: String,
    stderr: BufReader<ChildStderr>,
}

/// Waits until `condition` is true, and checks it again and again.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "in vain: {what}");
        std::thread::yield_now();
    }
}

impl Program {
    pub(crate) fn start(args: &[&str]) -> Program {
        Program::run(Command::new(env!("CARGO_BIN_EXE_process-exporter")).args(args))
    }

    /// Starts a command that ends in the program and its flags.
    pub(crate) fn run(command: &mut Command) -> Program {
        command.args(["--web.listen-address", "127.0.0.1:0"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut line).unwrap();
        let address = line.strip_prefix("process-exporter: listening on ").expect(&line);
        let address = address.split(',').next().unwrap().to_owned();
        Program { child, address, line, stderr }
    }

    /// Returns the next line that the program writes for the journal.
    pub(crate) fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).unwrap();
        line
    }

    /// Returns the whole response to one request.
    pub(crate) fn request(&self, request: &str) -> String {
        String::from_utf8(self.request_with(request, "")).unwrap()
    }

    /// Returns the whole response to one request with more headers, each a line of its own.
    pub(crate) fn request_with(&self, request: &str, headers: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        // Sent in one write, because a server may refuse a request after its first part, without waiting for the rest.
        let request = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).unwrap();
        response
    }

    pub(crate) fn metrics(&self) -> String {
        let response = self.request("GET /metrics");
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{head}");
        body.to_owned()
    }
}

impl Program {
    /// Returns the metrics of a pass that began after the call. Scrapes at the same time share a pass.
    pub(crate) fn fresh_metrics(&self) -> String {
        let pass_count = |text: &str| Program::value(text, "namedprocess_exporter_passes_total");
        let mut text = self.metrics();
        let shared = pass_count(&text);
        while pass_count(&text) <= shared {
            text = self.metrics();
        }
        text
    }

    /// Returns the value of a series. Panics if it is missing.
    pub(crate) fn value(text: &str, series: &str) -> f64 {
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.expect(series).parse().unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn paths_and_methods() {
    let program = Program::start(&[]);
    assert!(program.line.contains(", counting by "), "{}", program.line);
    let cases = [
        ("GET /healthz", "HTTP/1.1 200"),
        ("GET /metrics?name=x", "HTTP/1.1 200"),
        ("GET /", "HTTP/1.1 404"),
        ("GET /metrics/", "HTTP/1.1 404"),
        ("POST /nowhere", "HTTP/1.1 404"),
        ("POST /metrics", "HTTP/1.1 405"),
        ("DELETE /healthz", "HTTP/1.1 405"),
        ("HEAD /healthz", "HTTP/1.1 200"),
        ("HEAD /metrics", "HTTP/1.1 200"),
        ("nonsense", "HTTP/1.1 400"),
    ];
    for (request, want) in cases {
        let response = program.request(request);
        assert!(response.starts_with(want), "{request}: {response}");
    }
    let long = |bytes: usize| program.request(&format!("GET /healthz?{}", "x".repeat(bytes)));
    assert!(long(8000).starts_with("HTTP/1.1 200"));
    assert!(long(8200).starts_with("HTTP/1.1 4"), "{}", long(8200));
    assert!(program.request("PUT /metrics").contains("allow: GET, HEAD\r\n"));
    let moved = Program::start(&["--web.telemetry-path", "/other"]);
    assert!(moved.request("GET /other").starts_with("HTTP/1.1 200"));
    assert!(moved.request("GET /metrics").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_head_request_gets_no_body_and_runs_no_pass() {
    let program = Program::start(&[]);
    let pass_count = |text: &str| Program::value(text, "namedprocess_exporter_passes_total");
    for _ in 0..3 {
        let head = program.request("HEAD /metrics");
        assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
        assert_eq!(head.matches("\r\n\r\n").count(), 1, "{head}");
        assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{head}");
    }
    assert_eq!(pass_count(&program.metrics()), 1.0);
}

#[test]
fn gzip_is_sent_if_the_client_accepts_it() {
    let program = Program::start(&[]);
    let response = |headers| {
        let response = program.request_with("GET /metrics", headers);
        let at = response.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        (String::from_utf8(response[..at + 2].to_vec()).unwrap(), response[at + 4..].to_vec())
    };
    let families = |text: &str| {
        let lines = text.lines().filter(|line| line.starts_with("# TYPE "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let plain = families(&program.metrics());
    for headers in ["Accept-Encoding: gzip\r\n", "Accept-Encoding: br\r\naccept-encoding: *;q=0.1\r\n"] {
        let (head, body) = response(headers);
        assert!(head.contains("\r\ncontent-encoding: gzip\r\n"), "{head}");
        assert!(head.contains("\r\nvary: Accept-Encoding\r\n"), "{head}");
        let mut text = String::new();
        GzDecoder::new(&*body).read_to_string(&mut text).unwrap();
        assert_eq!(families(&text), plain);
        assert!(body.len() < text.len() / 4, "{} of {} bytes", body.len(), text.len());
    }
    for headers in ["", "Accept-Encoding: gzip;q=0\r\n", "Accept-Encoding: deflate\r\n"] {
        let (head, body) = response(headers);
        assert!(!head.contains("content-encoding"), "{head}");
        assert_eq!(families(&String::from_utf8(body).unwrap()), plain);
    }
}

#[test]
fn the_start_time_is_exported() {
    let program = Program::start(&[]);
    let text = program.metrics();
    let stat = fs::read_to_string("/proc/stat").unwrap();
    let boot: f64 = stat.lines().find_map(|line| line.strip_prefix("btime ")).unwrap().parse().unwrap();
    // Field 22 is the start in ticks since boot, the 20th after the name.
    let stat = fs::read_to_string(format!("/proc/{}/stat", program.pid())).unwrap();
    let ticks = stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap().parse::<f64>().unwrap();
    let forked = boot + ticks / rustix::param::clock_ticks_per_second() as f64;
    let started = Program::value(&text, "process_start_time_seconds");
    // The start time is exact to the kernel's tick. The program reads it a moment after the fork.
    assert!(started >= forked - 0.01, "started at {started}, forked at {forked}");
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    assert!(started <= boot + now.tv_sec as f64 + 1.0, "started at {started}, and now is {now:?} of {boot}");
}

#[test]
fn promtool_reports_no_problem() {
    let program = Program::start(&[]);
    program.metrics();
    let text = program.metrics();
    for metric in [
        r#"namedprocess_namegroup_cpu_seconds_total{class="kernel",groupname="(interrupts)",mode="system"}"#,
        r#"namedprocess_node_cpu_seconds_total{mode="user"}"#,
        r#"namedprocess_scrape_errors_total{reason="other"}"#,
        r#"namedprocess_exporter_method{method=""#,
    ] {
        assert!(text.contains(metric), "{metric} is missing in\n{text}");
    }
    let mut check = Command::new(promtool());
    check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut check = check.spawn().unwrap();
    check.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = check.wait_with_output().unwrap();
    let report = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    // The name stays despite promtool's advice on suffixes, because users' queries have used it for years.
    let ours = report.lines().filter(|line| !line.starts_with("namedprocess_namegroup_thread_count "));
    let ours: Vec<&str> = ours.collect();
    assert!(ours.is_empty() && (status.success() || !report.is_empty()), "{report}");
}

/// Returns the path of promtool, and builds it from its pinned source if it is missing.
fn promtool() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tools/build");
    let Output { status, stdout, stderr } = Command::new(script).arg("promtool").output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    Path::new(String::from_utf8(stdout).unwrap().trim_end()).join("promtool")
}

#[test]
fn a_signal_ends_the_program_with_success() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut program = Program::start(&[]);
        program.metrics();
        kill_process(Pid::from_child(&program.child), signal).unwrap();
        assert_eq!(program.child.wait().unwrap().code(), Some(0), "{signal:?}");
    }
}

#[test]
fn all_threads_have_the_name_that_queries_filter_on() {
    let program = Program::start(&[]);
    program.metrics();
    let tasks = fs::read_dir(format!("/proc/{}/task", program.child.id())).unwrap();
    let names: Vec<String> =
        tasks.map(|task| fs::read_to_string(task.unwrap().path().join("comm")).unwrap()).collect();
    assert!(names.len() > 1 && names.iter().all(|name| name == "process-exporte\n"), "{names:?}");
}

#[test]
fn an_error_is_one_line() {
    let taken = Program::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (Authority::new("one").server(), Authority::new("other").server());
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (cert, key, wrong) = (file("cert", &one.cert), file("key", &one.key), file("wrong", &other.key));
    let (empty, cut) = (file("empty", ""), file("cut", &one.key[..60]));
    let tls =
        |cert: &str, key: &str| ["--web.tls-cert", cert, "--web.tls-key", key].map(str::to_owned).to_vec();
    let with = |mut args: Vec<String>, more: &[&str]| {
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        args
    };
    let none = Vec::new;
    let cases = [
        (with(none(), &["--cgroupfs", "/proc"]), 1, "/proc is no cgroup v2 tree"),
        (with(none(), &["--procfs", "/nowhere"]), 1, "/nowhere"),
        (with(none(), &["--web.listen-address", &taken.address]), 1, "cannot listen on 127.0.0.1:"),
        (with(none(), &["--web.listen-address", "node:9256"]), 1, "cannot listen on node:9256: give another"),
        (with(none(), &["--config.path", "/nowhere"]), 1, "cannot use the config /nowhere: "),
        (tls("/nowhere", &key), 1, "cannot read /nowhere"),
        (tls(&cert, "/nowhere"), 1, "cannot read /nowhere"),
        (tls(&empty, &key), 1, "empty: it must be PEM"),
        (tls(&cert, &cert), 1, "no private key is in "),
        (tls(&cert, &cut), 1, "cut: its PEM has no end"),
        (tls(&cert, &wrong), 1, "cannot be used together"),
        (with(tls(&cert, &key), &["--web.client-ca", &key]), 1, "key: it must be PEM"),
        (with(none(), &["--web.telemetry-path", "metrics"]), 2, "must begin with /"),
        (with(none(), &["--threads=perhaps"]), 2, "--threads"),
        (with(none(), &["--web.tls-cert", &cert]), 2, "--web.tls-key"),
        (with(none(), &["--web.tls-key", &key]), 2, "--web.tls-cert"),
        (with(none(), &["--web.client-ca", &cert]), 2, "--web.tls-cert"),
        (with(tls(&cert, &key), &["--web.client-cn", "a"]), 2, "--web.client-ca"),
    ];
    for (args, code, want) in cases {
        let Output { status, stdout, stderr } =
            Command::new(env!("CARGO_BIN_EXE_process-exporter")).args(&args).output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(want) && stdout.is_empty(), "{args:?}: {stderr}");
        assert!(code == 2 || stderr.lines().count() == 1, "{args:?}: {stderr}");
        assert!(!stderr.contains(&one.key[40..60]), "a key has been printed: {stderr}");
    }
}
