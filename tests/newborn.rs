//! A unit that lives a few seconds, through two real Prometheus of different rhythms: both must find all of its CPU in
//! their samples, in its own row or, what it used before both had seen that, in `(starting)`; for Prometheus takes no increase
//! from a series' first sample, and the slower one may never scrape while the unit is alive.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::time::Duration;
use test_cluster::{Bare, Cgroups, Spec, free_port, program, start, until};

/// CPU seconds that the unit uses, in as many seconds.
const USES: f64 = 3.0;
/// CPU seconds that may be missing or too many: a hundredth of what is used, and far below a scrape's share of it.
const BOUND: f64 = 0.03;
const GROUP: &str = "newborn";
const UNIT: &str = "system.slice/newborn.service";

#[test]
fn all_of_a_short_life_is_in_the_samples_of_both() -> Result<()> {
    let Some(tree) = Cgroups::new("newborn")? else { return Ok(()) };
    tree.make("system.slice")?;
    let port = free_port();
    let arguments =
        [format!("--web.listen-address=127.0.0.1:{port}"), format!("--cgroupfs={}", tree.root().display())];
    let _exporter = start("newborn-exporter", program("process-exporter")?, &arguments)?;
    let scrapers = [scraper("fast", port, "1s")?, scraper("slow", port, "7s")?];
    for scraper in &scrapers {
        until("two scrapes", Duration::from_secs(60), || {
            let scrapes = samples(scraper, "namedprocess_exporter_passes_total")?;
            ensure!(scrapes.first().is_some_and(|scrapes| scrapes.len() >= 2), "{scrapes:?}");
            Ok(())
        })?;
    }

    let load = tree.load(UNIT, 1.0, 50)?;
    until("the unit to have worked", Duration::from_secs(60), || {
        let used = tree.used(UNIT)?;
        ensure!(used >= USES, "{used} s used");
        Ok(())
    })?;
    drop(load);
    let truth = tree.used(UNIT)?;
    tree.remove(UNIT)?;

    for scraper in &scrapers {
        let series = until("all of its CPU to be scraped", Duration::from_secs(60), || {
            let query = format!(
                "namedprocess_namegroup_cpu_seconds_total{{class=\"host\",groupname=~\"{GROUP}|[(]starting[)]\"}}"
            );
            let series = samples(scraper, &query)?;
            let last: f64 = series.iter().filter_map(|samples| samples.last()).sum();
            ensure!(last >= truth - BOUND, "{last} of {truth} s, in {series:?}");
            Ok(series)
        })?;
        ensure!(series.len() == 4, "user and system of both, and not {series:?}");
        let increase: f64 = series.iter().map(|samples| samples[samples.len() - 1] - samples[0]).sum();
        ensure!((increase - truth).abs() <= BOUND, "{increase} of {truth} s by increase, in {series:?}");
    }
    Ok(())
}

fn scraper(name: &str, target: u16, interval: &str) -> Result<Bare> {
    let config = format!(
        "global: {{scrape_interval: {interval}, scrape_timeout: 1s}}\n\
         scrape_configs: [{{job_name: exporter, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]\n"
    );
    Bare::start(name, &Spec { config: &config, ..Spec::default() })
}

/// The raw samples of all series that a selector finds, of each from the oldest on.
fn samples(prometheus: &Bare, selector: &str) -> Result<Vec<Vec<f64>>> {
    let series = prometheus.series(&format!("{selector}[10m]"), None)?;
    let value = |sample: &Value| Ok(sample[1].as_str().context("no value")?.parse()?);
    series.iter().map(|one| one["values"].as_array().into_iter().flatten().map(value).collect()).collect()
}
