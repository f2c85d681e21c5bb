//! A question is planned once: on the same samples it sends the same queries each time, by the server's own log of them.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use test_cluster::directory;
use test_history::History;

use crate::serve::{an_hour, serve_with};
use crate::way_in::plugin;

/// Number of times that each question is asked.
const TIMES: usize = 4;

/// Returns the queries that were logged after the first `known` lines, and the number of lines.
fn logged(file: &Path, known: usize) -> Result<(Vec<String>, usize)> {
    let text = fs::read_to_string(file)?;
    let mut queries = Vec::new();
    for line in text.lines().skip(known) {
        let entry: Value = serde_json::from_str(line)?;
        queries.push(entry["params"].to_string());
    }
    queries.sort();
    Ok((queries, text.lines().count()))
}

#[test]
fn the_same_question_sends_the_same_queries() -> Result<()> {
    let log = directory()?.join("plan.log");
    let config = json!({"global": {"query_log_file": log}}).to_string();
    let prometheus = serve_with("plan", &config, &History::generate(&an_hour()))?;
    let mut known = 0;
    for flags in [
        "",
        "--by class",
        "--by thread --per-node --percentiles p95",
        "-S app-.* --node node-003,node-005",
        "--at-peak",
        "--by workload",
        "--source platform",
        "--source platform --per-node --limit 5",
    ] {
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let fixed = ["top", "-T", "1748779207", "-i", "1h", "-o", "json", "--prometheus", &prometheus.url];
        let mut first = None;
        for _ in 0..TIMES {
            let outcome = plugin().run([&fixed, flags.as_slice()].concat())?;
            ensure!(outcome.code == 0, "{flags:?}: {}", outcome.stderr);
            let (queries, lines) = logged(&log, known)?;
            known = lines;
            ensure!(queries.len() > 2, "{flags:?}: {queries:?}");
            let first = first.get_or_insert_with(|| queries.clone());
            let other = queries.iter().zip(&*first).find(|(query, first)| query != first);
            ensure!(
                *first == queries,
                "{flags:?}: {} queries, then {}: {other:?}",
                first.len(),
                queries.len()
            );
        }
        first.context("never asked")?;
    }
    Ok(())
}
