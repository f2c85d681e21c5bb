//! Pods: rows of each, or of their namespaces or classes, and their totals.
use super::answers::{Key, Part, Samples};
use super::beats::Beats;
use super::nodes::{BATCH, NAMESPACES, PODS, Pod, Whereabouts, pod};
use super::question::{By, Question};
use super::rhythm::Rhythm;
use super::series;
use super::summed::{Subject, summed};
use crate::prometheus::{Grid, Series};
use crate::query::Cost;
use crate::query::Span;
use crate::query::promql::{self, At};
use crate::query::{self, Querier};
use crate::report::{Class, Steps};
use anyhow::Result;
use futures_util::future::try_join_all;
use std::collections::BTreeMap;
use tokio::task::yield_now;

/// Classes of pods.
const CLASSES: usize = 2;

/// Asks for everything about pods; none where the window holds no sample.
pub(super) async fn fetch(
    server: &Querier<'_>,
    question: &Question,
    span: Span,
    beats: Beats,
) -> Result<Option<Part>> {
    let sums = beats.of_sums(question);
    let grid = |rhythm: Option<Rhythm>| rhythm.and_then(|rhythm| rhythm.grid(span));
    let (Some(own), Some(own_grid), Some(grid)) = (beats.pods, grid(beats.pods), grid(sums.or(beats.pods)))
    else {
        return Ok(None);
    };
    let asker = Asker { server, question, span, rhythm: own, grid: own_grid };
    let rows = async {
        match (&question.filter.nodes, question.of_single_pods()) {
            _ if !question.shows_pods() => Ok(Some(Rows::default())),
            (None, true) => asker.each_pod().await.map(Some),
            (None, false) if !question.per_node => Ok(None),
            _ => asker.of_nodes().await.map(Some),
        }
    };
    let namespaces = later(Namespaces::find(server, question, grid, &beats, sums));
    let (rows, namespaces) = tokio::try_join!(rows, namespaces)?;
    let mut classes: BTreeMap<Class, Steps> = BTreeMap::new();
    for ((class, _), steps) in namespaces.others.iter().chain(&namespaces.exporters) {
        classes.entry(*class).or_insert_with(|| Steps::absent(query::points(grid))).add_all(steps);
    }
    let (rows, nodes) = rows.unwrap_or_else(|| (namespaces.rows(question, grid), BTreeMap::new()));
    let left_out = if question.filter.nodes.is_some() {
        let all = Steps::total(query::points(grid), classes.values());
        let shown = rows.values().filter_map(|samples| match samples {
            Samples::Each(steps) => Some(steps),
            Samples::Summed(_) => None, // with nodes to filter by, every sample was asked for
        });
        Some(all.less(&Steps::total(query::points(grid), shown)))
    } else {
        namespaces.left_out(question, grid)
    };
    Ok(Some(Part { grid, rows, nodes, classes, left_out }))
}

/// Questions that queue up behind those of everyone else, so that where pods were, which others wait for, is asked before
/// the groups and all else of pods after them: theirs take the longest.
async fn later<T>(questions: impl Future<Output = T>) -> T {
    yield_now().await;
    questions.await
}

/// Pods that are told together: a class, and the namespace, none where all of the class are.
type Together = (Class, Option<String>);

/// The pods of each namespace, or class, together.
struct Namespaces {
    /// Without the exporter's own.
    others: BTreeMap<Together, Steps>,
    /// The exporter's own alone.
    exporters: BTreeMap<Together, Steps>,
}

fn of_namespace(name: &str) -> Together {
    (Class::of_namespace(name), Some(name.to_owned()))
}

impl Namespaces {
    async fn find(
        server: &Querier<'_>,
        question: &Question,
        grid: Grid,
        beats: &Beats,
        sums: Option<Rhythm>,
    ) -> Result<Namespaces> {
        let ([others, monitoring], exporters) = (series::other_pods(), series::exporter_pods());
        let of_others = Cost::of(NAMESPACES, PODS).by(&others, "namespace");
        let [of_monitoring, of_exporters] =
            [&monitoring, &exporters].map(|pods| Cost::of(1, PODS).by(pods, "pod"));
        let others = |at: &At| promql::sum_by("namespace", &at.of(&others));
        let monitoring = |at: &At| promql::sum_by("namespace", &at.of(&monitoring));
        let exporters = |at: &At| promql::sum_by("namespace", &at.of(&exporters));
        let namespace = |series: &Series<'_>| of_namespace(series.label("namespace"));
        let single = server.range(&exporters, grid, of_exporters, namespace);
        if let Some(sums) = sums {
            let exporters = async {
                match beats.exporters(server, sums, grid).await? {
                    Some(steps) => Ok([(of_namespace(series::OWN_NAMESPACE), steps)].into()),
                    None => single.await,
                }
            };
            let others = async {
                if question.tells_namespaces() {
                    let each = |at: &At| at.of(series::NAMESPACE_SUMS);
                    return server.range(&each, grid, Cost::of(NAMESPACES, NAMESPACES), namespace).await;
                }
                let classes = |at: &At| series::sum_by_pod_class(&at.of(series::NAMESPACE_SUMS));
                let class = |series: &Series<'_>| (series::pod_class(series), None);
                server.range(&classes, grid, Cost::of(CLASSES, NAMESPACES), class).await
            };
            let (others, exporters) = tokio::try_join!(others, exporters)?;
            return Ok(Namespaces { others, exporters });
        }
        let (mut others, monitoring, exporters) = tokio::try_join!(
            server.range(&others, grid, of_others, namespace),
            server.range(&monitoring, grid, of_monitoring, namespace),
            single,
        )?;
        others.extend(monitoring);
        Ok(Namespaces { others, exporters })
    }

    /// All of them, and whether they have rows.
    fn shown<'a>(&'a self, question: &'a Question) -> impl Iterator<Item = (&'a Together, &'a Steps, bool)> {
        let filter = &question.filter;
        let has = |(class, namespace): &Together| match namespace {
            Some(namespace) => filter.has_namespace(namespace),
            None => filter.has_class(*class),
        };
        let others = self.others.iter().map(move |(of, steps)| (of, steps, has(of)));
        others.chain(self.exporters.iter().map(move |(of, steps)| (of, steps, filter.exporter && has(of))))
    }

    fn rows(&self, question: &Question, grid: Grid) -> BTreeMap<Key, Samples> {
        let mut rows: BTreeMap<Key, Steps> = BTreeMap::new();
        for ((class, namespace), steps, _) in self.shown(question).filter(|(_, _, shown)| *shown) {
            let namespace = namespace.clone().filter(|_| question.by != By::Class);
            let key = Key { namespace, ..Key::of_class(*class) };
            rows.entry(key).or_insert_with(|| Steps::absent(query::points(grid))).add_all(steps);
        }
        rows.into_iter().map(|(key, steps)| (key, Samples::Each(steps))).collect()
    }

    fn left_out(&self, question: &Question, grid: Grid) -> Option<Steps> {
        let hidden: Vec<&Steps> =
            self.shown(question).filter(|(_, _, shown)| !shown).map(|(_, steps, _)| steps).collect();
        (!hidden.is_empty()).then(|| Steps::total(query::points(grid), hidden))
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
    server: &'a Querier<'a>,
    question: &'a Question,
    span: Span,
    rhythm: Rhythm,
    grid: Grid,
}

/// Rows, and the last node of each pod.
type Rows = (BTreeMap<Key, Samples>, BTreeMap<Pod, String>);

impl Asker<'_> {
    /// The pods that can have rows at all.
    fn selector(&self) -> String {
        let namespace = self.question.filter.namespace.as_ref().map(|name| promql::equal("namespace", name));
        promql::select(series::PODS, &namespace.into_iter().collect::<Vec<_>>())
    }

    /// Every pod, summed up by the server: a pod's row is one series, so its extremes need no sum. Only pods that moved,
    /// where each node has rows, need their samples.
    async fn each_pod(&self) -> Result<Rows> {
        let question = self.question;
        let (selector, want) = (self.selector(), question.want());
        let cost = Cost::of(PODS, PODS).by(&selector, "namespace");
        let (span, grid, labels) = (self.span, self.grid, "namespace, pod");
        let surplus = self.rhythm.has_surplus(span);
        let subject = Subject { selector: &selector, labels, span, grid, surplus, cost };
        let shown = |pod: &Pod| question.filter.has_pod(&pod.0, &pod.1);
        let statistics = later(summed(self.server, subject, &want, pod));
        let ((mut whereabouts, parts), pods) = tokio::try_join!(self.parts_of_moved(), statistics)?;
        let ended: Vec<Pod> =
            pods.keys().filter(|pod| shown(pod) && !whereabouts.last.contains_key(*pod)).cloned().collect();
        if !question.per_node {
            whereabouts.add(self.server, self.span, &ended).await?;
        }
        let mut rows = parts;
        for (pod, figures) in pods.into_iter().filter(|(pod, _)| shown(pod)) {
            if question.per_node && whereabouts.moved.contains_key(&pod) {
                continue;
            }
            let node = question.per_node.then(|| whereabouts.last.get(&pod).map_or("", String::as_str));
            rows.insert(key(question.by, &pod.0, &pod.1, node), Samples::Summed(figures));
        }
        Ok((rows, whereabouts.last))
    }

    /// Where pods were, and, where each node has rows, the rows of those that moved.
    async fn parts_of_moved(&self) -> Result<(Whereabouts, BTreeMap<Key, Samples>)> {
        let question = self.question;
        let whereabouts = Whereabouts::find(self.server, self.span, question.per_node).await?;
        let shown = |pod: &&Pod| question.per_node && question.filter.has_pod(&pod.0, &pod.1);
        let moved: Vec<Pod> = whereabouts.moved.keys().filter(shown).cloned().collect();
        let batches = moved.chunks(BATCH).map(async |batch| {
            let selector = promql::select(series::PODS, &series::these(batch));
            let wanted = |pod: &Pod| batch.binary_search(pod).is_ok();
            self.split(&selector, batch.len(), wanted, &whereabouts).await
        });
        let parts = try_join_all(batches).await?.into_iter().flatten();
        let rows = parts.filter_map(|(key, steps)| self.row(key, steps)).collect();
        Ok((whereabouts, rows))
    }

    /// The row of a part of a pod. With a limit its samples are kept, which tell what of it is left out.
    fn row(&self, key: Key, steps: Steps) -> Option<(Key, Samples)> {
        if self.question.limit.is_some() {
            return Some((key, Samples::Each(steps)));
        }
        let figures = steps.figures(&self.question.quantiles(), self.question.course)?;
        Some((key, Samples::Summed(figures)))
    }

    /// Rows on some nodes, or each node's own, from every sample of every pod.
    async fn of_nodes(&self) -> Result<Rows> {
        let mut whereabouts = Whereabouts::find(self.server, self.span, true).await?;
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
        let query = |at: &At| promql::sum_by("namespace, pod", &at.of(selector));
        let mut rows: BTreeMap<Key, Steps> = BTreeMap::new();
        self.server
            .each(&query, grid, Cost::of(count, count).by(selector, "namespace"), |series| {
                let pod = pod(series);
                if !wanted(&pod) {
                    return;
                }
                for (node, samples) in whereabouts.split(&pod, &series.samples) {
                    if question.filter.has_node(node) {
                        let key = key(question.by, &pod.0, &pod.1, question.per_node.then_some(node));
                        query::add_samples(
                            rows.entry(key).or_insert_with(|| Steps::absent(query::points(grid))),
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
