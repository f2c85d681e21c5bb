//! Servers that are no Prometheus, or a Prometheus on a bad day: real ones where they can be brought to it, otherwise a
//! socket that says what real servers never say.

use std::io::{BufRead, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _};
use std::thread;

use serde_json::Value;
use test_cluster::{Certificate, Login, Outcome, Spec, free_port, shared};

use crate::way_in::{assert_refused, cluster, history, logged_in, plugin, prometheus, run_top};

const TOKEN: &str = "sha256~never-to-be-shown";

/// The address of a server that answers every connection by `say`, once it has read a request.
fn server(say: impl Fn(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // The client may have gone.
            if read_request(&mut BufReader::new(&stream)).is_some() {
                say(&mut stream);
            }
        }
    });
    url
}

fn read_request(reader: &mut impl BufRead) -> Option<()> {
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line).ok()? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        line.clear();
    }
    reader.take(length).read_to_end(&mut Vec::new()).ok()?;
    Some(())
}

/// Starts a server with a fixed response. `head`: status and more headers.
fn saying(head: &str, body: &str) -> String {
    let length = body.len();
    let answer = format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    // The client may have gone.
    server(move |stream| drop(stream.write_all(answer.as_bytes())))
}

fn top_at(url: &str) -> Outcome {
    run_top(&plugin(), &["--prometheus", url, "--token", TOKEN])
}

const PAGE: &str = "<!DOCTYPE html>\n<html><body>Application is not available \u{1b}[2J</body></html>";
const ADDRESS: &str = "--prometheus URL";

#[test]
fn what_stands_in_front_of_prometheus() {
    for (head, body, said) in [
        ("401 Unauthorized", "Unauthorized", ["the token was refused (401)", "oc login"]),
        ("403 Forbidden", "no", ["this user may not query", "cluster-monitoring-view"]),
        ("404 Not Found", "404 page not found", ["has no query API (404)", "without, /api/v1"]),
        ("407 Proxy Authentication Required", PAGE, ["status 407", "check"]),
        (
            "429 Too Many Requests",
            "slow\u{1b}[2J down\r\nplease",
            ["status 429 (slow [2J down please)", "check"],
        ),
        (
            "500 Internal Server Error",
            "Authorization error (boom)",
            ["status 500 (Authorization error (boom))", "check"],
        ),
        ("502 Bad Gateway", PAGE, ["status 502", "check"]),
        ("204 No Content", "", ["is not a Prometheus API", ADDRESS]),
        ("200 OK", PAGE, ["a web page instead of JSON", ADDRESS]),
        ("400 Bad", "Authorization: Bearer sha256~never-to-be-shown", ["Bearer (the token)", "check"]),
    ] {
        let url = saying(head, body);
        assert_refused(head, &top_at(&url), &[said[0], said[1], &url]);
    }
}

/// The router's own response: HTTP/1.0, with a page that ends with the connection.
fn router(head: &str, body: &str) -> String {
    let more = "Cache-Control: private, max-age=0, no-cache, no-store\r\nConnection: close\r\nContent-Type: text/html";
    let answer = format!("HTTP/1.0 {head}\r\nPragma: no-cache\r\n{more}\r\n\r\n{body}");
    server(move |stream| drop(stream.write_all(answer.as_bytes())))
}

#[test]
fn the_router_without_a_backend() {
    let page = format!("<html>\n  <head>\n{}</head>\n{PAGE}", "    <style>body {}</style>\n".repeat(100));
    for (head, said) in [
        ("503 Service Unavailable", ["the router has nothing behind", "(503)"]),
        ("504 Gateway Time-out", ["(504)", "shorten --interval"]),
        ("404 Error", ["has no query API (404)", "without, /api/v1"]),
    ] {
        let url = router(head, &page);
        let outcome = top_at(&url);
        assert_refused(head, &outcome, &[said[0], said[1], &url]);
        assert!(
            !outcome.stderr.contains('<') && !outcome.stderr.contains("Application"),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn what_is_no_response_of_prometheus() {
    let series = |series: &str| {
        format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{series}]}}}}"#)
    };
    for (case, body, said) in [
        ("nothing", String::new(), ["is not a Prometheus API", ADDRESS]),
        ("a word", "pong".into(), ["is not a Prometheus API", ADDRESS]),
        (
            "of another API",
            r#"{"kind":"Status","status":"Failure","code":403}"#.into(),
            ["an object without series", ADDRESS],
        ),
        ("a number", "7".into(), ["is not a Prometheus API", ADDRESS]),
        ("without data", r#"{"status":"success"}"#.into(), ["an object without series", ADDRESS]),
        ("a list as data", r#"{"status":"success","data":[]}"#.into(), ["is not a Prometheus API", ADDRESS]),
        (
            "a scalar",
            r#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}"#.into(),
            ["is not a Prometheus API", ADDRESS],
        ),
        (
            "labels that are numbers",
            series(r#"{"metric":{"a":1},"value":[1,"2"]}"#),
            ["is not a Prometheus API", ADDRESS],
        ),
        (
            "a value that is none",
            series(r#"{"metric":{},"value":[1,"two"]}"#),
            ["is not a Prometheus API", ADDRESS],
        ),
        (
            "a value without quotes",
            series(r#"{"metric":{},"value":[1,2]}"#),
            ["is not a Prometheus API", ADDRESS],
        ),
        (
            "a time that is none",
            series(r#"{"metric":{},"value":["now","2"]}"#),
            ["is not a Prometheus API", ADDRESS],
        ),
        ("half a sample", series(r#"{"metric":{},"value":[1]}"#), ["is not a Prometheus API", ADDRESS]),
        (
            "truncated JSON",
            series(r#"{"metric":{},"value":[1,"2"]}"#)[..50].into(),
            ["broke off after 50 bytes", "shorten --interval"],
        ),
        ("nested without end", "[".repeat(100_000), ["is not a Prometheus API", ADDRESS]),
        (
            "an error of Prometheus",
            r#"{"status":"error","errorType":"bad_data","error":"1:3: \u001b[2J\nparse error"}"#.into(),
            ["refused the query (bad_data: 1:3: [2J parse error)", "log"],
        ),
        (
            "a timeout of Prometheus",
            r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#.into(),
            ["too much", "shorten --interval"],
        ),
    ] {
        let url = saying("200 OK\r\nContent-Type: application/json", &body);
        assert_refused(case, &top_at(&url), &[said[0], said[1], &url]);
    }
}

#[test]
fn what_is_no_http() {
    let say = |words: &'static [u8]| server(move |stream| drop(stream.write_all(words)));
    for (case, url, said) in [
        ("silence and the end", say(b""), "check"),
        ("another protocol", say(b"SSH-2.0-OpenSSH_9.9\r\n"), "check"),
        ("half a header", say(b"HTTP/1.1 200 OK\r\nContent-Le"), "check"),
        (
            "half a body",
            say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"status\":"),
            "broke off after 10 bytes",
        ),
        (
            "half of a chunk",
            say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{\"status\":"),
            "broke off after 10 bytes",
        ),
        (
            "no gzip",
            say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nnever"),
            "again",
        ),
    ] {
        assert_refused(case, &top_at(&url), &[said, &url]);
    }
}

#[test]
fn http_and_https_taken_for_each_other() {
    let (plain, (_, _door)) = (prometheus(), cluster());
    let tls = plain.url.replace("http://", "https://");
    let outcome = run_top(&logged_in(Login::Viewer), &["--prometheus", &tls]);
    assert_refused("https to http", &outcome, &[&tls, "answered without TLS", "check the port"]);
    let address = (plain.host.as_str(), 443).to_socket_addrs().unwrap().next().unwrap();
    let url = format!("http://{address}");
    assert_refused("http to https", &top_at(&url), &[&url, "speaks TLS only", "use its https address"]);
    let name = format!("http://{}", plain.host);
    let outcome = run_top(&logged_in(Login::Viewer), &["--prometheus", &name, "--token", TOKEN]);
    assert_refused("not of this machine", &outcome, &[&name, "gets no token", "https"]);
}

#[test]
fn a_redirect_is_reported_and_not_followed() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let target = format!("http://{}", other.local_addr().unwrap());
    for status in
        ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let url = saying(&format!("{status}\r\nLocation: {target}/login?state={TOKEN}#x"), "");
        let redirects = format!("redirects to {target}/login");
        assert_refused(status, &top_at(&url), &[&url, &redirects, "no redirect is followed", ADDRESS]);
    }
    assert_refused("to nowhere", &top_at(&saying("302 Found", "")), &["redirects (302)", ADDRESS]);
    assert_eq!(other.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "somebody followed");
}

#[test]
fn a_response_without_end_is_refused() {
    let url = server(|stream| {
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"status\":";
        let spaces = [b' '; 1 << 16];
        let mut sent = stream.write_all(head.as_bytes());
        while sent.is_ok() {
            sent = stream.write_all(&spaces);
        }
    });
    assert_refused("spaces", &top_at(&url), &[&url, "larger than", "shorten --interval"]);
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    // Accepted by the kernel, and by nobody else.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    assert_refused("mute", &top_at(&url), &[&url, "did not answer within 35 s", "shorten --interval"]);
}

#[test]
fn what_prometheus_warns_of_is_handed_on() {
    let empty = r#"{"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["half of it\u001b[2J\nis missing"]}"#;
    let outcome = top_at(&saying("200 OK", empty));
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let notes = report["notes"].as_array().unwrap();
    assert!(notes.iter().any(|note| note == "half of it [2J is missing"), "{notes:?}");
}

#[test]
fn a_real_prometheus_at_its_limit() {
    let arguments = &["--storage.tsdb.retention.time=30y", "--query.max-samples=1"];
    let spec = Spec { config: "{}", history: Some(history()), arguments, ..Spec::default() };
    let prometheus = shared().start_prometheus("few-samples", &spec).unwrap();
    let said = ["too much", "too many samples", &prometheus.url, "shorten --interval"];
    assert_refused("--query.max-samples", &top_at(&prometheus.url), &said);
}

#[test]
fn a_real_door_without_prometheus_behind_it() {
    let (cluster, door) = cluster();
    let closed = format!("http://127.0.0.1:{}", free_port());
    let gateway = cluster.start_gateway("empty.apps.test.example", &closed, Certificate::Good).unwrap();
    door.lead_to_host(&gateway.host).unwrap();
    let outcome = run_top(&logged_in(Login::Viewer), &[]);
    assert_refused(
        "502",
        &outcome,
        &[&gateway.host, "status 502", "check the address, and that Prometheus is running"],
    );
}
