//! Host and kernel: rows of process groups, threads or classes, their totals, and the nodes' busy time.
use super::answers::{Groups, Key, Part, Samples};
use super::ask::{self, Server};
use super::platform;
use super::queries::{self, At};
use super::question::{By, Question};
use super::source::{Nodes, Source, Whose};
use crate::prometheus::{Grid, Series};
use crate::report::{Class, SourceKind, Steps};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

/// Series that one node's groups, or its threads, are taken for when an answer's size is judged.
const GROUPS_PER_NODE: usize = 100;
const THREADS_PER_NODE: usize = 500;

/// Each group over all nodes, or over some.
type Sums = BTreeMap<(Class, String), Steps>;

/// Asks for everything about host and kernel. Notes of nodes that did not answer are added.
pub(super) async fn fetch(
    server: &Server<'_>,
    question: &Question,
    source: &Source,
    notes: &mut Vec<String>,
) -> Result<Option<Groups>> {
    let Some(grid) = source.rhythm.grid(source.span) else { return Ok(None) };
    if source.whose == Whose::Platform {
        return platform::fetch(server, question, source, grid, notes).await.map(Some);
    }
    if source.whose == Whose::Predecessor {
        notes.push(
            "the series are those of the predecessor's exporter: no kernel threads, no busy time".to_owned(),
        );
    }
    let asker = Asker { server, question, source, grid };
    let nodes = source.nodes(server.client, grid, notes).await?;
    let (sums, busy, of_silent) = tokio::try_join!(asker.sums(), asker.busy(), asker.of_silent(&nodes))?;
    let mut classes: BTreeMap<Class, Steps> = BTreeMap::new();
    for ((class, _), steps) in &sums {
        classes.entry(*class).or_insert_with(|| Steps::absent(ask::points(grid))).add_all(steps);
    }
    let unattributed = busy.as_ref().map(|busy| {
        let counted = Steps::total(ask::points(grid), classes.values()).less(&of_silent);
        busy.less(&counted)
    });
    let rows = asker.rows(&sums, &classes, nodes.count).await?;
    let left_out = asker.left_out(&classes).await?;
    let part = Part { grid, rows, nodes: BTreeMap::new(), classes, left_out };
    Ok(Some(Groups { part, busy, unattributed, nodes: nodes.count, kind: SourceKind::Exporter }))
}

/// What all questions about groups share.
struct Asker<'a> {
    server: &'a Server<'a>,
    question: &'a Question,
    source: &'a Source,
    grid: Grid,
}

impl Asker<'_> {
    fn recorded_sums(&self) -> bool {
        self.source.whose == Whose::Exporter { sums: true }
    }

    /// Each group over all nodes, before any filter.
    async fn sums(&self) -> Result<Sums> {
        let name = if self.recorded_sums() { queries::GROUP_SUMS } else { queries::GROUPS };
        let query = |at: At| queries::sum_by("class, groupname", &at.of(name));
        self.server.range(&query, self.grid, GROUPS_PER_NODE, group).await
    }

    /// Busy time; none with the predecessor's exporter.
    async fn busy(&self) -> Result<Option<Steps>> {
        if self.source.whose == Whose::Predecessor {
            return Ok(None);
        }
        let query = |at: At| queries::sum_by("", &at.of(queries::BUSY));
        self.server.one(&query, self.grid).await.map(Some)
    }

    /// What groups used on nodes that did not tell their busy time at that step. Nodes that always did are not asked
    /// for, which leaves few, or none.
    async fn of_silent(&self, nodes: &Nodes) -> Result<Steps> {
        if self.source.whose == Whose::Predecessor {
            return Ok(Steps::absent(ask::points(self.grid)));
        }
        let known = [queries::none_of("instance", nodes.complete.iter().map(String::as_str))];
        let name = if self.recorded_sums() { queries::CLASS_SUMS } else { queries::GROUPS };
        let query = |at: At| {
            let groups = queries::sum_by("instance", &at.of(&queries::select(name, &known)));
            let busy = at.of(&queries::select(queries::BUSY, &known));
            queries::sum_by("", &format!("{groups} unless on (instance) {busy}"))
        };
        self.server.one(&query, self.grid).await
    }

    async fn rows(
        &self,
        sums: &Sums,
        classes: &BTreeMap<Class, Steps>,
        nodes: usize,
    ) -> Result<BTreeMap<Key, Samples>> {
        let (by, filter) = (self.question.by, &self.question.filter);
        let mut rows: BTreeMap<Key, Samples> = match (by, self.question.of_nodes()) {
            (By::Class | By::Namespace, false) => {
                let row =
                    |(class, steps): (&Class, &Steps)| (Key::of_class(*class), Samples::Each(steps.clone()));
                classes.iter().map(row).collect()
            }
            (By::Class | By::Namespace, true) => self.classes_of_nodes(nodes).await?,
            (By::Group, false) => of_sums(sums),
            (By::Group, true) => self.of_nodes(queries::GROUPS).await?,
            (By::Thread, _) => self.threads(sums).await?,
        };
        rows.retain(|key, _| filter.has_class(key.class));
        Ok(rows)
    }

    /// Selector of a metric on the nodes that have rows.
    fn select(&self, name: &str) -> String {
        let nodes = self.question.filter.nodes.as_ref();
        let matchers: Vec<String> = nodes
            .map(|nodes| queries::any_of("instance", nodes.iter().map(String::as_str)))
            .into_iter()
            .collect();
        queries::select(name, &matchers)
    }

    /// Classes on some nodes, together or each node its own.
    async fn classes_of_nodes(&self, nodes: usize) -> Result<BTreeMap<Key, Samples>> {
        // The predecessor's series have no class; its pods are told by the group's name.
        let (name, labels, series) = match self.source.whose {
            Whose::Exporter { sums: true } => (queries::CLASS_SUMS, "instance, class", nodes * 3),
            Whose::Exporter { .. } => (queries::GROUPS, "instance, class", nodes * 3),
            _ => (queries::GROUPS, "instance, class, groupname", nodes * GROUPS_PER_NODE),
        };
        let query = |at: At| queries::sum_by(labels, &at.of(&self.select(name)));
        let rows = self.server.range(&query, self.grid, series, |series| {
            let class = group(series).0;
            Key { node: self.node(series), ..Key::of_class(class) }
        });
        Ok(each(rows.await?))
    }

    /// Groups or threads on some nodes: together, from every sample; each node its own, as the server sums them up.
    async fn of_nodes(&self, name: &str) -> Result<BTreeMap<Key, Samples>> {
        let (selector, threads) = (self.select(name), name == queries::THREADS);
        let labels = if threads { "class, groupname, threadname" } else { "class, groupname" };
        let key = |series: &Series| {
            let (class, name) = group(series);
            let thread = threads.then(|| series.label("threadname").to_owned());
            Key { class, namespace: None, name, node: self.node(series), thread }
        };
        if self.question.per_node {
            let window = (self.source.span, self.grid);
            let labels = format!("instance, {labels}");
            let rows = self
                .server
                .summed(&selector, &labels, window, &self.question.quantiles(), self.question.present, key)
                .await?;
            return Ok(rows.into_iter().map(|(key, figures)| (key, Samples::Summed(figures))).collect());
        }
        let query = |at: At| queries::sum_by(labels, &at.of(&selector));
        let series = if threads { THREADS_PER_NODE } else { GROUPS_PER_NODE };
        Ok(each(self.server.range(&query, self.grid, series, key).await?))
    }

    /// Threads; and the groups that have none.
    async fn threads(&self, sums: &Sums) -> Result<BTreeMap<Key, Samples>> {
        let mut rows = self.of_nodes(queries::THREADS).await?;
        let groups =
            if self.question.of_nodes() { self.of_nodes(queries::GROUPS).await? } else { of_sums(sums) };
        let threaded: BTreeSet<Key> = rows.keys().map(|key| Key { thread: None, ..key.clone() }).collect();
        rows.extend(groups.into_iter().filter(|(key, _)| !threaded.contains(key)));
        Ok(rows)
    }

    fn node(&self, series: &Series) -> Option<String> {
        self.question.per_node.then(|| series.label("instance").to_owned())
    }

    /// What filters took out: classes as a whole, and other nodes' parts of the classes that have rows.
    async fn left_out(&self, classes: &BTreeMap<Class, Steps>) -> Result<Option<Steps>> {
        let filter = &self.question.filter;
        let counted = |class: &Class| *class != Class::Pod;
        let (shown, hidden): (Vec<_>, Vec<_>) = classes
            .iter()
            .filter(|(class, _)| counted(class))
            .partition(|(class, _)| filter.has_class(**class));
        let points = ask::points(self.grid);
        let mut left_out = Steps::total(points, hidden.iter().map(|(_, steps)| *steps));
        if filter.nodes.is_some() && !shown.is_empty() {
            let name = if self.recorded_sums() { queries::CLASS_SUMS } else { queries::GROUPS };
            let query = |at: At| queries::sum_by("class, groupname", &at.of(&self.select(name)));
            let here =
                self.server.range(&query, self.grid, GROUPS_PER_NODE, |series| group(series).0).await?;
            let here = here.iter().filter(|(class, _)| counted(class) && filter.has_class(**class));
            let here = Steps::total(points, here.map(|(_, steps)| steps));
            left_out.add_all(&Steps::total(points, shown.iter().map(|(_, steps)| *steps)).less(&here));
        } else if hidden.is_empty() {
            return Ok(None);
        }
        Ok(Some(left_out))
    }
}

/// Class and name of a series' group.
pub(super) fn group(series: &Series) -> (Class, String) {
    let name = series.label("groupname");
    (Class::of_group(series.labels.get("class").map(String::as_str), name), name.to_owned())
}

/// A row for each group over all nodes.
fn of_sums(sums: &Sums) -> BTreeMap<Key, Samples> {
    let row = |((class, name), steps): (&(Class, String), &Steps)| {
        (Key { name: name.clone(), ..Key::of_class(*class) }, Samples::Each(steps.clone()))
    };
    sums.iter().map(row).collect()
}

fn each(rows: BTreeMap<Key, Steps>) -> BTreeMap<Key, Samples> {
    rows.into_iter().map(|(key, steps)| (key, Samples::Each(steps))).collect()
}
