//! Pods: rows of each, or of their namespaces or classes, and their totals.
use super::answers::{Key, Part, Samples};
use super::ask::{self, Server};
use super::nodes::{Pod, Whereabouts, pod};
use super::queries::{self, At};
use super::question::{By, Question};
use super::rhythm::{Rhythm, Span};
use crate::prometheus::{Client, Grid, Series};
use crate::report::{Class, Steps};
use anyhow::Result;
use std::collections::BTreeMap;

/// The platform's evaluation interval, milliseconds: assumed where a single sample tells none.
const STEP: i64 = 30_000;
/// Series that are taken for a cluster's pods and namespaces when an answer's size is judged, before it is known.
const PODS: usize = 8000;
/// Pods that one query names; keeps its text short.
const BATCH: usize = 500;
const NAMESPACES: usize = 100;

/// Asks for everything about pods; none where the window holds no sample.
pub(super) async fn fetch(server: &Server<'_>, question: &Question, span: Span) -> Result<Option<Part>> {
    let Some((rhythm, sums)) = rhythm(server.client, question, span).await? else { return Ok(None) };
    let Some(grid) = rhythm.grid(span) else { return Ok(None) };
    let namespaces = Namespaces::find(server, grid, sums).await?;
    let mut classes: BTreeMap<Class, Steps> = BTreeMap::new();
    for (namespace, steps) in namespaces.others.iter().chain(&namespaces.exporters) {
        let class = Class::of_namespace(namespace);
        classes.entry(class).or_insert_with(|| Steps::absent(ask::points(grid))).add_all(steps);
    }
    let asker = Asker { server, question, span, grid };
    let each = matches!(question.by, By::Group | By::Thread);
    let (rows, nodes) = match (&question.filter.nodes, each) {
        (None, true) => asker.each_pod().await?,
        (None, false) if !question.per_node => (namespaces.rows(question, grid), BTreeMap::new()),
        _ => asker.of_nodes().await?,
    };
    let left_out = if question.filter.nodes.is_some() {
        let all = Steps::total(ask::points(grid), classes.values());
        let shown = rows.values().filter_map(|samples| match samples {
            Samples::Each(steps) => Some(steps),
            Samples::Summed(_) => None, // with nodes to filter by, every sample was asked for
        });
        Some(all.less(&Steps::total(ask::points(grid), shown)))
    } else {
        namespaces.left_out(question, grid)
    };
    Ok(Some(Part { grid, rows, nodes, classes, left_out }))
}

/// When samples were taken, and whether they are the sums of namespaces: where these cover the window as well as the pods,
/// and no row is made of single pods' samples, which are of other times. Pods that the server sums up are not.
async fn rhythm(client: &Client, question: &Question, span: Span) -> Result<Option<(Rhythm, bool)>> {
    let mut pods = Rhythm::find(client, queries::SOME_PODS, span, STEP).await?;
    if pods.is_none() {
        pods = Rhythm::find(client, queries::PODS, span, STEP).await?;
    }
    if let (Some(pods), false) = (pods, question.of_nodes()) {
        let sums = Rhythm::find(client, queries::NAMESPACE_SUMS, span, STEP).await?;
        if let Some(sums) = sums.filter(|sums| sums.step == pods.step && sums.samples >= pods.samples) {
            return Ok(Some((sums, true)));
        }
    }
    Ok(pods.map(|pods| (pods, false)))
}

/// The pods of each namespace together.
struct Namespaces {
    /// Without the exporter's own.
    others: BTreeMap<String, Steps>,
    /// The exporter's own alone.
    exporters: BTreeMap<String, Steps>,
}

impl Namespaces {
    async fn find(server: &Server<'_>, grid: Grid, sums: bool) -> Result<Namespaces> {
        let by_namespace = |pods: String| move |at: At| queries::sum_by("namespace", &at.of(&pods));
        let [others, monitoring] = queries::other_pods().map(by_namespace);
        let exporters = by_namespace(queries::exporter_pods());
        let namespace = |series: &Series| series.label("namespace").to_owned();
        if sums {
            let others = |at: At| at.of(queries::NAMESPACE_SUMS);
            let (others, exporters) = tokio::try_join!(
                server.range(&others, grid, NAMESPACES, namespace),
                server.range(&exporters, grid, 1, namespace),
            )?;
            return Ok(Namespaces { others, exporters });
        }
        let (mut others, monitoring, exporters) = tokio::try_join!(
            server.range(&others, grid, NAMESPACES, namespace),
            server.range(&monitoring, grid, 1, namespace),
            server.range(&exporters, grid, 1, namespace),
        )?;
        others.extend(monitoring);
        Ok(Namespaces { others, exporters })
    }

    /// All of them, and whether they have rows.
    fn shown<'a>(&'a self, question: &'a Question) -> impl Iterator<Item = (&'a String, &'a Steps, bool)> {
        let filter = &question.filter;
        let others = self.others.iter().map(|(name, steps)| (name, steps, filter.has_namespace(name)));
        let shown = |name: &str| filter.exporter && filter.has_namespace(name);
        others.chain(self.exporters.iter().map(move |(name, steps)| (name, steps, shown(name))))
    }

    fn rows(&self, question: &Question, grid: Grid) -> BTreeMap<Key, Samples> {
        let mut rows: BTreeMap<Key, Steps> = BTreeMap::new();
        for (namespace, steps, _) in self.shown(question).filter(|(_, _, shown)| *shown) {
            let key = key(question.by, namespace, "", None);
            rows.entry(key).or_insert_with(|| Steps::absent(ask::points(grid))).add_all(steps);
        }
        rows.into_iter().map(|(key, steps)| (key, Samples::Each(steps))).collect()
    }

    fn left_out(&self, question: &Question, grid: Grid) -> Option<Steps> {
        let hidden: Vec<&Steps> =
            self.shown(question).filter(|(_, _, shown)| !shown).map(|(_, steps, _)| steps).collect();
        (!hidden.is_empty()).then(|| Steps::total(ask::points(grid), hidden))
    }
}

/// The key of a pod's row, or of the row that it is a part of.
fn key(by: By, namespace: &str, pod: &str, node: Option<&str>) -> Key {
    Key {
        class: Class::of_namespace(namespace),
        namespace: (by != By::Class).then(|| namespace.to_owned()),
        name: if matches!(by, By::Group | By::Thread) { pod.to_owned() } else { String::new() },
        node: node.map(str::to_owned),
        thread: None,
    }
}

/// What the questions about single pods share.
struct Asker<'a> {
    server: &'a Server<'a>,
    question: &'a Question,
    span: Span,
    grid: Grid,
}

/// Rows, and the last node of each pod.
type Rows = (BTreeMap<Key, Samples>, BTreeMap<Pod, String>);

impl Asker<'_> {
    /// The pods that can have rows at all.
    fn selector(&self) -> String {
        let namespace = self.question.filter.namespace.as_ref().map(|name| queries::equal("namespace", name));
        queries::select(queries::PODS, &namespace.into_iter().collect::<Vec<_>>())
    }

    /// Every pod, summed up by the server: a pod's row is one series, so its extremes need no sum. Only pods that moved,
    /// where each node has rows, need their samples.
    async fn each_pod(&self) -> Result<Rows> {
        let (question, window) = (self.question, (self.span, self.grid));
        let (selector, quantiles) = (self.selector(), question.quantiles());
        let (pods, whereabouts) = tokio::try_join!(
            self.server.summed(&selector, "namespace, pod", window, &quantiles, question.present, pod),
            Whereabouts::find(self.server.client, self.span, question.per_node),
        )?;
        let mut rows = BTreeMap::new();
        let mut moved: Vec<Pod> = Vec::new();
        for (pod, figures) in &pods {
            let (namespace, name) = (pod.0.as_str(), pod.1.as_str());
            if !question.filter.has_pod(namespace, name) {
                continue;
            }
            if question.per_node && whereabouts.moved.contains_key(pod) {
                moved.push(pod.clone());
                continue;
            }
            let node = question.per_node.then(|| whereabouts.last.get(pod).map_or("", String::as_str));
            rows.insert(key(question.by, namespace, name, node), Samples::Summed(figures.clone()));
        }
        for batch in moved.chunks(BATCH) {
            let selector = queries::select(queries::PODS, &queries::these(batch));
            let wanted = |pod: &Pod| moved.binary_search(pod).is_ok();
            let split = self.split(&selector, batch.len(), wanted, &whereabouts).await?;
            rows.extend(split.into_iter().map(|(key, steps)| (key, Samples::Each(steps))));
        }
        Ok((rows, whereabouts.last))
    }

    /// Rows on some nodes, or each node's own, from every sample of every pod.
    async fn of_nodes(&self) -> Result<Rows> {
        let mut whereabouts = Whereabouts::find(self.server.client, self.span, true).await?;
        let wanted = |pod: &Pod| self.question.filter.has_pod(&pod.0, &pod.1);
        let rows = self.split(&self.selector(), PODS, wanted, &whereabouts).await?;
        // Of a pod that moved, only what it used on these nodes is in its row.
        for (pod, moves) in &whereabouts.moved {
            let here = moves.iter().rev().find(|(_, node)| self.question.filter.has_node(node));
            whereabouts.last.extend(here.map(|(_, node)| (pod.clone(), node.clone())));
        }
        Ok((rows.into_iter().map(|(key, steps)| (key, Samples::Each(steps))).collect(), whereabouts.last))
    }

    /// The samples of some pods, each added to the row of the node that the pod was on.
    async fn split(
        &self,
        selector: &str,
        count: usize,
        wanted: impl Fn(&Pod) -> bool,
        whereabouts: &Whereabouts,
    ) -> Result<BTreeMap<Key, Steps>> {
        let (question, grid) = (self.question, self.grid);
        let query = |at: At| queries::sum_by("namespace, pod", &at.of(selector));
        let mut rows: BTreeMap<Key, Steps> = BTreeMap::new();
        self.server
            .each(&query, grid, count, |series| {
                let pod = pod(series);
                if !wanted(&pod) {
                    return;
                }
                for (node, samples) in whereabouts.split(&pod, &series.samples) {
                    if question.filter.has_node(node) {
                        let key = key(question.by, &pod.0, &pod.1, question.per_node.then_some(node));
                        ask::put(
                            rows.entry(key).or_insert_with(|| Steps::absent(ask::points(grid))),
                            grid,
                            samples,
                        );
                    }
                }
            })
            .await?;
        Ok(rows)
    }
}
