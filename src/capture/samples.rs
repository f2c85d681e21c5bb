//! Samples of a server, as they are: fetched by the hour and written series by series.
use super::ends::{Ends, Found, labels};
use super::selectors::{Needs, is_looked_back_for};
use super::text::write_series;
use crate::progress::Progress;
use crate::prometheus::{Client, Series, excess};
use crate::query::{Cost, Querier, Span};
use crate::time::Timestamp;
use crate::top::metric_names::{CLUSTER_BUSY, PLATFORM_PODS};
use anyhow::{Context, Result, bail};
use std::io::Write;
use std::time::Duration;

/// Length of a part of the window whose samples of one metric are held at once: an hour of 300 threads on 200 nodes is 230 MB.
const PART: Duration = Duration::from_secs(3600);
/// Number of series that a metric is taken for if the server counts none at the window's end.
const SERIES: usize = 500;
/// Metrics without both of which nothing can be reported.
const ROWS: [&str; 2] = [CLUSTER_BUSY, PLATFORM_PODS];

/// Numbers of what has been written.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Written {
    pub samples: u64,
    pub series: usize,
}

/// Writes all samples of a window: those of each metric by the hour, and apart the ends of those series that queries look back
/// for. Errors are those of the client, or of writing; or the server has nothing that can be reported.
pub(super) async fn write_window(
    client: &Client,
    window: Span,
    needs: &[Needs],
    out: &mut dyn Write,
    ends: &mut dyn Write,
) -> Result<Written> {
    let progress = Progress::start("querying Prometheus");
    let querier = Querier::new(client, &progress);
    querier.learn_dialect().await?;
    let (mut written, mut has_rows) = (Written::default(), false);
    for of in needs {
        for selector in of.selectors() {
            let metric = selector.split('{').next().unwrap_or(selector);
            let count = count(client, selector, window.end).await?;
            let mut of_series = is_looked_back_for(selector).then(Ends::default);
            let mut seen = 0;
            for part in window.split(PART) {
                let found = fetch(&querier, selector, part, count).await?;
                seen = seen.max(found.len());
                for (labels, samples) in &found {
                    write_series(metric, labels, samples, out).context("cannot write the samples")?;
                    written.samples += samples.len() as u64;
                }
                if let Some(of_series) = &mut of_series {
                    for (labels, at) in of_series.fetch(&querier, selector, part, &found).await? {
                        write_series(metric, &labels, &[(at, f64::NAN)], ends)
                            .context("cannot write the samples")?;
                    }
                }
            }
            written.series += seen;
            has_rows |= seen > 0 && ROWS.contains(&metric);
        }
        if *of == Needs::Rows && !has_rows {
            bail!(
                "nothing has samples in the window to {}: Prometheus may keep less, and `oc interrogate status` tells what is wrong",
                window.end
            );
        }
    }
    Ok(written)
}

/// Counts the series of a selector, about. A server that may not even count them is asked for few at once.
async fn count(client: &Client, selector: &str, at: Timestamp) -> Result<usize> {
    match client.one(&format!("count({selector})"), at).await {
        Ok(counted) => Ok(counted.map_or(SERIES, |count| count as usize).max(1)),
        Err(error) if excess(&error).is_some() => Ok(SERIES),
        Err(error) => Err(error),
    }
}

/// Fetches the samples of a part, in order.
async fn fetch(querier: &Querier<'_>, selector: &str, part: Span, count: usize) -> Result<Found> {
    let mut found = Found::new();
    let take = |response: &[Series<'_>]| {
        for series in response {
            found.entry(labels(series)).or_default().extend(series.samples.iter());
        }
    };
    querier.samples(selector, part, Cost::new(count, count), take).await?;
    for samples in found.values_mut() {
        samples.sort_by_key(|(at, _)| *at);
        samples.dedup_by_key(|(at, _)| *at);
    }
    Ok(found)
}

/// Writes the selectors of a must-gather, for a shell and for the second one that reads them: plain names, and selectors in
/// quotes within quotes. The outer ones are single, as an interactive shell expands `!` within double ones.
pub(super) fn matches(needs: &[Needs]) -> Vec<String> {
    let quoted = |selector: &&'static str| match selector.contains('{') {
        false => format!("--match={selector}"),
        true => format!("'--match=\"{}\"'", selector.replace('"', "\\\"")),
    };
    needs.iter().flat_map(|needs| needs.selectors()).map(|selector| quoted(&selector)).collect()
}

#[cfg(test)]
mod tests;
