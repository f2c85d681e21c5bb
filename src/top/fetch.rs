//! From a question to the answers: finds the source's rhythm and cover, then asks for the figures.
use super::answers::{Answers, Exporter, Pod, Pods};
use super::question::{By, Question};
use super::rhythm::{Rhythm, Span};
use super::time::{show_duration, show_time};
use super::{nodes, queries};
use crate::prometheus::{Client, Grid, Series};
use crate::report::{Class, Steps};
use anyhow::Result;
use std::collections::BTreeMap;

/// Distances that are assumed where a single sample tells none: the exporter's scrape interval and the platform's
/// evaluation interval, milliseconds.
const EXPORTER_STEP: i64 = 15_000;
const POD_STEP: i64 = 30_000;
/// Points that one query asks for; Prometheus refuses more than 11,000.
const POINTS: i64 = 10_000;

/// Asks everything that the question needs.
pub(super) async fn answers(client: &Client, question: &Question) -> Result<Answers> {
    let asked = Span { start: question.end - question.interval, end: question.end };
    let (mut notes, mut span, mut exporter) = (Vec::new(), asked, None);
    if let Some((selector, rhythm)) = source(client, asked).await? {
        let cover = Cover::of(client, selector, rhythm, asked).await?;
        span = cover.span;
        notes.extend(cover.note(asked));
        exporter = exporter_part(client, selector, rhythm, &cover, &mut notes).await?;
    }
    let pods = match Rhythm::find(client, queries::PODS, span, POD_STEP).await? {
        Some(rhythm) => pods_part(client, question, rhythm, span).await?,
        None => None,
    };
    Ok(Answers { span, exporter, pods, notes })
}

/// The exporter's series that tell its rhythm: ours, or the predecessor's; none where there is neither.
async fn source(client: &Client, span: Span) -> Result<Option<(&'static str, Rhythm)>> {
    for selector in [queries::BUSY, queries::PREDECESSOR] {
        if let Some(rhythm) = Rhythm::find(client, selector, span, EXPORTER_STEP).await? {
            return Ok(Some((selector, rhythm)));
        }
    }
    Ok(None)
}

/// Which part of a window the exporter's series cover.
struct Cover {
    span: Span,
    /// Steps without a sample of any node, between the first and the last with one.
    holes: usize,
}

impl Cover {
    async fn of(client: &Client, selector: &str, rhythm: Rhythm, asked: Span) -> Result<Cover> {
        let Some(grid) = rhythm.grid(asked) else { return Ok(Cover { span: asked, holes: 0 }) };
        let present = one(&range(client, &queries::present(selector, rhythm.step), grid).await?, grid);
        let there: Vec<i64> = (0..present.count())
            .filter(|step| present.at(*step).is_some())
            .map(|step| grid.start + step as i64 * grid.step)
            .collect();
        let (Some(first), Some(last)) = (there.first(), there.last()) else {
            return Ok(Cover { span: asked, holes: 0 });
        };
        // A sample stands for the step before it. The window keeps its ends where the next sample would be outside.
        let start = asked.start.max(first - rhythm.step);
        let end = if asked.end - last >= rhythm.step { *last } else { asked.end };
        let steps = ((last - first) / rhythm.step) as usize + 1;
        Ok(Cover { span: Span { start, end }, holes: steps - there.len() })
    }

    fn note(&self, asked: Span) -> Option<String> {
        (self.span != asked).then(|| {
            format!(
                "the window was cut to what the exporter's series cover, {} of {}: {} to {}",
                show_duration(self.span.length()),
                show_duration(asked.length()),
                show_time(self.span.start),
                show_time(self.span.end),
            )
        })
    }
}

async fn exporter_part(
    client: &Client,
    selector: &str,
    rhythm: Rhythm,
    cover: &Cover,
    notes: &mut Vec<String>,
) -> Result<Option<Exporter>> {
    let Some(grid) = rhythm.grid(cover.span) else { return Ok(None) };
    let (step, window, has_busy) = (rhythm.step, cover.span.length(), selector == queries::BUSY);
    let (busy_query, unattributed_query) = (queries::busy(step), queries::unattributed(step));
    let (group_query, node_query) = (queries::groups(step), queries::samples_by_node(selector, window));
    let (groups, nodes, totals) = tokio::try_join!(
        range(client, &group_query, grid),
        client.instant(&node_query, cover.span.end),
        async {
            if !has_busy {
                return Ok(None);
            }
            let busy = range(client, &busy_query, grid);
            let unattributed = range(client, &unattributed_query, grid);
            let (busy, unattributed) = tokio::try_join!(busy, unattributed)?;
            Ok(Some((one(&busy, grid), one(&unattributed, grid))))
        },
    )?;
    let steps = points(grid);
    if cover.holes > 0 {
        notes.push(format!("no node answered at {} of {steps} samples", cover.holes));
    }
    notes.extend(silent_nodes(&nodes, steps));
    if !has_busy {
        notes.push(
            "the series are those of the predecessor's exporter: no busy time, no kernel threads".to_owned(),
        );
    }
    let (busy, unattributed) = totals.unzip();
    let groups = keyed(&groups, grid, |series| {
        let name = series.label("groupname");
        (Class::of_group(series.labels.get("class").map(String::as_str), name), name.to_owned())
    });
    Ok(Some(Exporter { step, first: grid.start, groups, busy, unattributed, nodes: nodes.len() }))
}

/// The nodes that did not answer for a part of the window, in one sentence.
fn silent_nodes(nodes: &[Series], steps: usize) -> Option<String> {
    let silent: Vec<String> = nodes
        .iter()
        .filter_map(|node| {
            let samples = node.samples.first()?.1;
            let share = samples / steps as f64;
            (samples < steps as f64).then(|| format!("{} ({:.1} %)", node.label("instance"), share * 100.0))
        })
        .collect();
    (!silent.is_empty()).then(|| {
        format!(
            "nodes that answered for a part of the window only, left out of busy for the rest: {}",
            silent.join(", ")
        )
    })
}

async fn pods_part(client: &Client, question: &Question, rhythm: Rhythm, span: Span) -> Result<Option<Pods>> {
    let Some(grid) = rhythm.grid(span) else { return Ok(None) };
    let [others, monitoring] = queries::namespaces(rhythm.step);
    let own = queries::exporter_pods(rhythm.step);
    let (others, monitoring, own, each) = tokio::try_join!(
        range(client, &others, grid),
        range(client, &monitoring, grid),
        range(client, &own, grid),
        async { if question.by == By::Group { each_pod(client, span).await } else { Ok(Vec::new()) } },
    )?;
    let namespace = |series: &Series| series.label("namespace").to_owned();
    let mut namespaces = keyed(&others, grid, namespace);
    namespaces.extend(keyed(&monitoring, grid, namespace));
    Ok(Some(Pods {
        step: rhythm.step,
        first: grid.start,
        namespaces,
        exporters: keyed(&own, grid, namespace),
        each,
        steps: points(grid),
    }))
}

/// Every pod's statistics, computed by the server: a pod's row is one series, so its extremes need no sum.
async fn each_pod(client: &Client, span: Span) -> Result<Vec<Pod>> {
    let [sum, min, max, count] =
        ["sum", "min", "max", "count"].map(|name| queries::pods(name, span.length()));
    let (sum, min, max, count, mut nodes) = tokio::try_join!(
        client.instant(&sum, span.end),
        client.instant(&min, span.end),
        client.instant(&max, span.end),
        client.instant(&count, span.end),
        nodes::of_pods(client, span),
    )?;
    let key = |series: &Series| (series.label("namespace").to_owned(), series.label("pod").to_owned());
    let figures = |answer: &[Series]| -> BTreeMap<(String, String), f64> {
        answer.iter().filter_map(|series| Some((key(series), series.samples.first()?.1))).collect()
    };
    let (min, max, count) = (figures(&min), figures(&max), figures(&count));
    Ok(figures(&sum)
        .into_iter()
        .filter_map(|(key, sum)| {
            let (min, max, samples) = (*min.get(&key)?, *max.get(&key)?, *count.get(&key)?);
            let node = nodes.remove(&key).unwrap_or_default();
            Some(Pod { namespace: key.0, name: key.1, node, sum, min, max, samples })
        })
        .collect())
}

/// A range query in pieces that the server does not refuse for their number of points.
async fn range(client: &Client, query: &str, grid: Grid) -> Result<Vec<Series>> {
    let mut whole = Vec::new();
    let mut start = grid.start;
    while start <= grid.end {
        let end = grid.end.min(start + (POINTS - 1) * grid.step);
        whole.extend(client.range(query, Grid { start, end, step: grid.step }).await?);
        start = end + grid.step;
    }
    Ok(whole)
}

fn points(grid: Grid) -> usize {
    ((grid.end - grid.start) / grid.step) as usize + 1
}

/// The answer's series by a key, each on the grid; series of one key (and pieces of one series) are added.
fn keyed<K: Ord>(answer: &[Series], grid: Grid, key: impl Fn(&Series) -> K) -> BTreeMap<K, Steps> {
    let mut map = BTreeMap::new();
    for series in answer {
        let steps = map.entry(key(series)).or_insert_with(|| Steps::absent(points(grid)));
        for (at, value) in &series.samples {
            if let Ok(step) = usize::try_from((at - grid.start) / grid.step) {
                steps.add(step, *value);
            }
        }
    }
    map
}

/// The one series of an answer without labels; absent throughout where there is none.
fn one(answer: &[Series], grid: Grid) -> Steps {
    keyed(answer, grid, |_| ()).remove(&()).unwrap_or_else(|| Steps::absent(points(grid)))
}
