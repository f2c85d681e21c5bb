//! `capture` of a Prometheus that scrapes: where a series goes away, the file's ends as the server's does.

use super::json;
use crate::way_in::plugin;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use test_cluster::{Spec, directory, shared, until};

/// Two nodes, of which one may be gone.
fn exposition(has_both: bool) -> String {
    let mut text = String::new();
    for metric in ["kube_node_info", "kube_node_status_allocatable", "kube_node_status_condition"] {
        for node in if has_both { &["a", "b"][..] } else { &["a"] } {
            let labels = match metric {
                "kube_node_info" => "",
                "kube_node_status_allocatable" => ",resource=\"management_workload_openshift_io_cores\"",
                _ => ",condition=\"Ready\",status=\"true\"",
            };
            text += &format!("{metric}{{node=\"{node}\"{labels}}} 1\n");
        }
    }
    text + "instance:node_cpu:rate:sum{instance=\"a\"} 1\n\
            pod:container_cpu_usage:sum{namespace=\"n\",pod=\"p\"} 0.5\n"
}

/// Serves a text to whoever asks, until this process ends. Returns the port.
fn expose(text: Arc<Mutex<String>>) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            let lines = BufReader::new(&stream).lines();
            lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
            let text = text.lock().unwrap().clone();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close";
            let _ = write!(&stream, "{head}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        }
    });
    Ok(port)
}

/// Red if the ends of one of these are not captured: the file then counts the node that is gone for five minutes.
#[test]
fn a_node_that_is_gone_is_gone_in_the_file() -> Result<()> {
    let text = Arc::new(Mutex::new(exposition(true)));
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs: [{{job_name: kube-state-metrics, honor_labels: true, \
         static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]\n",
        expose(text.clone())?
    );
    let prometheus =
        shared().start_prometheus("captured-scraped", &Spec { config: &config, ..Spec::default() })?;
    let await_samples = |query: &str| {
        until(query, Duration::from_secs(60), || {
            let series = prometheus.bare.series(query, None)?;
            ensure!(!series.is_empty(), "nothing yet");
            Ok(series)
        })
    };
    await_samples("count_over_time(kube_node_info{node=\"b\"}[1m]) > 8")?;
    *text.lock().unwrap() = exposition(false);
    // It is gone, and others have had a few more samples since: what is captured ends after that.
    await_samples("count(kube_node_info) == 1")?;
    let gone = await_samples("max(timestamp(kube_node_info))")?;
    let gone = gone[0]["value"][1].as_str().context("no time")?.to_owned();
    let last = await_samples(&format!("max(timestamp(kube_node_info)) > {gone} + 4"))?;
    let end: f64 = last[0]["value"][1].as_str().context("no time")?.parse()?;
    let end = format!("{}", end.floor());
    let folder = directory()?.join("captured-scraped");
    fs::create_dir_all(&folder)?;
    let file = folder.join("case.tar.gz").display().to_string();
    let outcome =
        plugin().run(["capture", "-i", "1m", "-T", &end, "--prometheus", &prometheus.url, &file])?;
    ensure!(outcome.code == 0, "{}", outcome.stderr);
    let report = |from: [&str; 2]| {
        json(
            &[&["top", "--source", "platform", "--by", "namespace", "-i", "10s", "-T", &end][..], &from]
                .concat(),
        )
    };
    let (live, replayed) = (report(["--prometheus", &prometheus.url])?, report(["--from", &file])?);
    for report in [&live, &replayed] {
        ensure!(report["source"]["nodes"] == 1, "{}", report["source"]);
    }
    let ends = std::process::Command::new("tar")
        .args(["-xOzf", &file, "--wildcards", "*/ends.openmetrics"])
        .output()?
        .stdout;
    let ends = String::from_utf8(ends)?;
    for metric in ["kube_node_info", "kube_node_status_allocatable", "kube_node_status_condition"] {
        let of = ends.lines().filter(|line| line.starts_with(&format!("{metric}{{")));
        let nodes: Vec<bool> = of.map(|line| line.contains("node=\"b\"")).collect();
        ensure!(nodes == [true], "{metric}: {ends}");
    }
    Ok(())
}
