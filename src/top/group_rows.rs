//! Rows of process groups, threads or classes, made of the samples that the totals are made of, or asked for by
//! themselves; and what those questions and the ones about totals share.
use super::answers::{Key, Samples};
use super::question::{By, Question};
use super::series;
use super::source::{Recorded, Source, Whose};
use super::summed::{Subject, summed};
use crate::prometheus::{Grid, Series};
use crate::query::Cost;
use crate::query::Querier;
use crate::query::promql::{self, At};
use crate::report::{Class, Steps};
use anyhow::Result;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

/// Series that one node's groups, or its threads, are taken for when an answer's size is judged.
pub(super) const GROUPS_PER_NODE: usize = 100;
const THREADS_PER_NODE: usize = 500;
/// Host, kernel and pod.
pub(super) const CLASSES: usize = 3;

/// Each group over all nodes, or over some.
pub(super) type Sums = BTreeMap<(Class, String), Steps>;

/// What all questions about groups share.
pub(super) struct Asker<'a> {
    pub server: &'a Querier<'a>,
    pub question: &'a Question,
    pub source: &'a Source,
    pub grid: Grid,
}

impl Asker<'_> {
    /// Whether the recorded sums of groups and classes cover the window.
    pub(super) fn recorded_sums(&self) -> bool {
        matches!(self.source.whose, Whose::Exporter { sums: Recorded::Groups | Recorded::Cluster })
    }

    /// Whether the recorded sums of groups are rows as they are, which the server can sum up.
    pub(super) fn recorded_rows(&self) -> bool {
        self.recorded_sums() && self.source.has_regular_sums()
    }

    /// What one answered series for each group costs that is read from a metric of groups.
    pub(super) fn cost<'b>(&self, metric: &'b str) -> Cost<'b> {
        let nodes = self.source.size();
        match metric {
            series::GROUP_SUMS => Cost::of(GROUPS_PER_NODE, GROUPS_PER_NODE),
            series::CLASS_SUMS => Cost::of(GROUPS_PER_NODE, nodes * CLASSES).by(metric, "instance"),
            series::THREADS => Cost::of(THREADS_PER_NODE, nodes * THREADS_PER_NODE).by(metric, "instance"),
            _ => Cost::of(GROUPS_PER_NODE, nodes * GROUPS_PER_NODE).by(metric, "instance"),
        }
    }

    /// Rows on some nodes, or each node's own, or of single series; none where they are made of the totals' samples.
    pub(super) async fn own_rows(&self) -> Result<Option<BTreeMap<Key, Samples>>> {
        let rows = match self.question.by {
            By::Group | By::Thread if self.question.of_nodes() => self.of_nodes(series::GROUPS).await,
            By::Group | By::Thread if self.recorded_rows() && self.has_rows() => self.recorded_groups().await,
            By::Class | By::Namespace if self.question.of_nodes() => {
                self.classes_of_nodes(self.source.size()).await
            }
            _ => return Ok(None),
        };
        rows.map(Some)
    }

    /// Whether any row can be of a group.
    fn has_rows(&self) -> bool {
        [Class::Host, Class::Kernel, Class::Pod]
            .into_iter()
            .any(|class| self.question.filter.has_class(class))
    }

    /// Each group over all nodes, from every sample.
    pub(super) async fn each_group(&self, name: &str) -> Result<Sums> {
        let query = |at: &At| promql::sum_by("class, groupname", &at.of(name));
        self.server.range(&query, self.grid, self.cost(name), group).await
    }

    /// The same of recorded sums, as the server sums them up where each group has one.
    async fn recorded_groups(&self) -> Result<BTreeMap<Key, Samples>> {
        let selector = series::GROUP_SUMS;
        let cost = self.cost(selector).by(selector, "groupname");
        let (span, grid, labels) = (self.source.span, self.grid, "class, groupname");
        let subject = Subject { selector, labels, span, grid, surplus: false, cost };
        let (seen, one_each) = (RefCell::new(BTreeSet::new()), Cell::new(true));
        let key = |series: &Series<'_>| {
            let key = group(series);
            let first = seen.borrow_mut().insert(key.clone());
            one_each.set(one_each.get() && first && series.find("class").is_some());
            key
        };
        let rows = summed(self.server, subject, &self.question.want(), key).await?;
        if !one_each.get() {
            return self.each_group(selector).await.map(|sums| of_sums(&sums));
        }
        let row = |((class, name), figures)| (Key { name, ..Key::of_class(class) }, Samples::Summed(figures));
        Ok(rows.into_iter().map(row).collect())
    }

    /// All rows, of which `own` were asked for by themselves.
    pub(super) async fn rows(
        &self,
        own: Option<BTreeMap<Key, Samples>>,
        sums: &Sums,
        classes: &BTreeMap<Class, Steps>,
    ) -> Result<BTreeMap<Key, Samples>> {
        let by = self.question.by;
        let mut rows = own.unwrap_or_else(|| match by {
            By::Class | By::Namespace => {
                let row =
                    |(class, steps): (&Class, &Steps)| (Key::of_class(*class), Samples::Each(steps.clone()));
                classes.iter().map(row).collect()
            }
            By::Group | By::Thread => of_sums(sums),
        });
        if by == By::Thread {
            // Groups keep their rows where they have no thread.
            let threads = self.of_nodes(series::THREADS).await?;
            let threaded: BTreeSet<Key> =
                threads.keys().map(|key| Key { thread: None, ..key.clone() }).collect();
            rows.retain(|key, _| !threaded.contains(key));
            rows.extend(threads);
        }
        rows.retain(|key, _| self.question.filter.has_class(key.class));
        Ok(rows)
    }

    /// Selector of a metric on the nodes that have rows.
    pub(super) fn select(&self, name: &str) -> String {
        let nodes = self.question.filter.nodes.as_ref();
        let matchers: Vec<String> = nodes
            .map(|nodes| promql::any_of("instance", nodes.iter().map(String::as_str)))
            .into_iter()
            .collect();
        promql::select(name, &matchers)
    }

    /// Classes on some nodes, together or each node its own.
    async fn classes_of_nodes(&self, nodes: usize) -> Result<BTreeMap<Key, Samples>> {
        // The predecessor's series have no class; its pods are told by the group's name.
        let (name, labels, series) = match self.source.whose {
            Whose::Exporter { .. } if self.recorded_sums() => {
                (series::CLASS_SUMS, "instance, class", nodes * CLASSES)
            }
            Whose::Exporter { .. } => (series::GROUPS, "instance, class", nodes * CLASSES),
            _ => (series::GROUPS, "instance, class, groupname", nodes * GROUPS_PER_NODE),
        };
        let selector = self.select(name);
        let query = |at: &At| promql::sum_by(labels, &at.of(&selector));
        let cost = Cost { returned: series, ..self.cost(name) }.by(&selector, "instance");
        let rows = self.server.range(&query, self.grid, cost, |series| {
            let class = group(series).0;
            Key { node: self.node(series), ..Key::of_class(class) }
        });
        Ok(each(rows.await?))
    }

    /// Groups or threads on some nodes: together, from every sample; each node its own, as the server sums them up.
    async fn of_nodes(&self, name: &str) -> Result<BTreeMap<Key, Samples>> {
        let (selector, threads) = (self.select(name), name == series::THREADS);
        let labels = if threads { "class, groupname, threadname" } else { "class, groupname" };
        let key = |series: &Series<'_>| {
            let (class, name) = group(series);
            let thread = threads.then(|| series.label("threadname").to_owned());
            Key { class, namespace: None, name, node: self.node(series), thread }
        };
        let cost = self.cost(name).by(&selector, "instance");
        if self.question.per_node {
            let labels = &format!("instance, {labels}");
            let cost = Cost { returned: cost.read, ..cost };
            let (span, grid, surplus) = (self.source.span, self.grid, self.source.has_surplus());
            let subject = Subject { selector: &selector, labels, span, grid, surplus, cost };
            let rows = summed(self.server, subject, &self.question.want(), key).await?;
            return Ok(rows.into_iter().map(|(key, figures)| (key, Samples::Summed(figures))).collect());
        }
        let query = |at: &At| promql::sum_by(labels, &at.of(&selector));
        Ok(each(self.server.range(&query, self.grid, cost, key).await?))
    }

    fn node(&self, series: &Series<'_>) -> Option<String> {
        self.question.per_node.then(|| series.label("instance").to_owned())
    }
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

/// Class and name of a series' group.
pub(super) fn group(series: &Series<'_>) -> (Class, String) {
    let name = series.label("groupname");
    (Class::of_group(series.find("class"), name), name.to_owned())
}
