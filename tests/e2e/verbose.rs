//! `-v`: every request is a line on stderr, which curl repeats with the same result.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::process::Command;
use test_history::History;

use crate::serve::{an_hour, serve};
use crate::way_in::plugin;

/// Returns a line's number of series, if it has one, its bytes, and the command.
pub(crate) fn parse(line: &str) -> Result<(Option<usize>, usize, &str)> {
    let (head, command) = line.split_once(": curl ").context("no command")?;
    let part = |unit: &str| {
        let number = head.split(", ").find_map(|part| part.strip_suffix(unit));
        number.map(|number| number.trim().parse::<usize>()).transpose()
    };
    Ok((part(" series")?, part(" bytes")?.context("no bytes")?, command))
}

#[test]
fn curl_repeats_each_request() -> Result<()> {
    let prometheus = serve("verbose", &History::generate(&an_hour()), &[])?;
    let fixed = ["top", "-T", "1748779207", "-o", "json", "--prometheus", &prometheus.url];
    for flags in ["--at-peak", "--by workload --percentiles p95", "--source platform --per-node"] {
        let quiet = plugin().run(fixed.into_iter().chain(flags.split_whitespace()))?;
        let verbose = plugin().run(fixed.into_iter().chain(flags.split_whitespace()).chain(["-v"]))?;
        ensure!(verbose.code == 0, "{}", verbose.stderr);
        ensure!(verbose.stdout == quiet.stdout, "-v changed the report of {flags}");
        ensure!(!quiet.stderr.contains("request: "), "{}", quiet.stderr);
        let lines: Vec<&str> =
            verbose.stderr.lines().filter_map(|line| line.strip_prefix("request: ")).collect();
        ensure!(lines.len() > 5, "{flags}: {lines:?}");
        let mut with_series = 0;
        for line in lines {
            let (series, bytes, command) = parse(line).context(line.to_owned())?;
            let output = Command::new("sh").args(["-c", &format!("curl {command}")]).output()?;
            ensure!(output.status.success() && !output.stdout.is_empty(), "{line}: {output:?}");
            // The server's own state, such as its number of goroutines, is another each time.
            if let Some(series) = series {
                ensure!(output.stdout.len() == bytes, "{line}: {} bytes", output.stdout.len());
                let response: Value = serde_json::from_slice(&output.stdout)?;
                let found = response["data"]["result"].as_array().map_or(0, Vec::len);
                ensure!(found == series, "{line}: {found} series");
                with_series += 1;
            }
        }
        ensure!(with_series > 3, "{flags}: {with_series} lines have a number of series");
    }
    Ok(())
}
