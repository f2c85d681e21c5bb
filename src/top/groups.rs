//! Host and kernel: rows of process groups, threads or classes, their totals, and the nodes' busy time.
use super::answers::{Groups, Key, Part, Samples};
use super::ask::{self, Server};
use super::pieces::Load;
use super::platform;
use super::queries::{self, At};
use super::question::{By, Question};
use super::silent;
use super::source::{Recorded, Source, Whose};
use super::summed::{Subject, summed};
use crate::prometheus::{Grid, Series};
use crate::report::{Class, SeriesKind, SourceKind, Steps};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

/// Series that one node's groups, or its threads, are taken for when an answer's size is judged.
const GROUPS_PER_NODE: usize = 100;
const THREADS_PER_NODE: usize = 500;
/// Host, kernel and pod.
const CLASSES: usize = 3;

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
    if question.of_nodes() || question.by == By::Thread {
        source.counted(server).await?; // how such questions are cut depends on the number of nodes
    }
    let (sums, busy, rest, of_nodes) =
        tokio::try_join!(asker.sums(), asker.busy(), asker.rest(), asker.rows_of_nodes())?;
    let mut classes: BTreeMap<Class, Steps> = BTreeMap::new();
    for ((class, _), steps) in &sums {
        classes.entry(*class).or_insert_with(|| Steps::absent(ask::points(grid))).add_all(steps);
    }
    let unattributed = busy.as_ref().map(|busy| match rest {
        Rest::Unattributed(steps) => steps,
        Rest::OfSilent(steps) => busy.less(&Steps::total(ask::points(grid), classes.values()).less(&steps)),
    });
    let rows = asker.rows(of_nodes, &sums, &classes).await?;
    let left_out = asker.left_out(&classes).await?;
    let part = Part { grid, rows, nodes: BTreeMap::new(), classes, left_out };
    let mut nodes = source.nodes(server, grid).await?;
    notes.append(&mut nodes.notes);
    let (nodes, series) = (nodes.count(), Some(asker.series()));
    Ok(Some(Groups { part, busy, unattributed, nodes, series, kind: SourceKind::Exporter }))
}

/// What busy time and groups do not share.
enum Rest {
    /// Busy time less groups, of the nodes that told both.
    Unattributed(Steps),
    /// Groups of nodes that did not tell their busy time at that step.
    OfSilent(Steps),
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
        matches!(self.source.whose, Whose::Exporter { sums: Recorded::Groups | Recorded::Cluster })
    }

    fn recorded_totals(&self) -> bool {
        self.source.whose == Whose::Exporter { sums: Recorded::Cluster }
    }

    /// What the rows are made of.
    fn series(&self) -> SeriesKind {
        let of_classes = matches!(self.question.by, By::Class | By::Namespace);
        let of_groups = self.question.by == By::Group && !self.question.of_nodes();
        let sums = self.recorded_sums() && (of_classes || of_groups);
        if sums { SeriesKind::Sums } else { SeriesKind::Raw }
    }

    /// Each group over all nodes, before any filter; where no row is of a group, each class, by a group without a name.
    async fn sums(&self) -> Result<Sums> {
        let name = if self.recorded_sums() { queries::GROUP_SUMS } else { queries::GROUPS };
        let classes = matches!(self.question.by, By::Class | By::Namespace) || self.question.of_nodes();
        // The predecessor's groups have no class but by their names.
        let classes = classes && self.source.whose != Whose::Predecessor;
        let labels = if classes { "class" } else { "class, groupname" };
        let query = |at: &At| queries::sum_by(labels, &at.of(name));
        self.server.range(&query, self.grid, self.load(name), group).await
    }

    /// What one answered series for each group costs that is read from a metric of groups.
    fn load<'b>(&self, metric: &'b str) -> Load<'b> {
        let nodes = self.source.size();
        match metric {
            queries::GROUP_SUMS => Load::of(GROUPS_PER_NODE, GROUPS_PER_NODE),
            queries::CLASS_SUMS => Load::of(GROUPS_PER_NODE, nodes * CLASSES).by(metric, "instance"),
            queries::THREADS => Load::of(THREADS_PER_NODE, nodes * THREADS_PER_NODE).by(metric, "instance"),
            _ => Load::of(GROUPS_PER_NODE, nodes * GROUPS_PER_NODE).by(metric, "instance"),
        }
    }

    /// Busy time; none with the predecessor's exporter.
    async fn busy(&self) -> Result<Option<Steps>> {
        if self.source.whose == Whose::Predecessor {
            return Ok(None);
        }
        if self.recorded_totals() {
            return self.recorded(queries::CLUSTER_BUSY).await.map(Some);
        }
        let query = |at: &At| queries::sum_by("", &at.of(queries::BUSY));
        let load = Load::of(1, self.source.size()).by(queries::BUSY, "instance");
        self.server.one(&query, self.grid, load).await.map(Some)
    }

    /// What it takes to tell busy time that no group accounts for.
    async fn rest(&self) -> Result<Rest> {
        if self.recorded_totals() {
            return self.recorded(queries::UNATTRIBUTED).await.map(Rest::Unattributed);
        }
        if self.source.whose == Whose::Predecessor {
            return Ok(Rest::OfSilent(Steps::absent(ask::points(self.grid))));
        }
        let nodes = &self.source.nodes(self.server, self.grid).await?;
        let used = if self.recorded_sums() {
            silent::compared(self.server, (queries::CLASS_SUMS, CLASSES), nodes, self.grid).await
        } else {
            let groups = (queries::GROUPS, GROUPS_PER_NODE);
            silent::used(self.server, groups, nodes, self.source.span, self.grid).await
        };
        used.map(Rest::OfSilent)
    }

    /// A recorded total: one series.
    async fn recorded(&self, name: &str) -> Result<Steps> {
        self.server.one(&|at: &At| queries::sum_by("", &at.of(name)), self.grid, Load::of(1, 1)).await
    }

    /// Rows on some nodes, or each node's own; none where nodes do not matter.
    async fn rows_of_nodes(&self) -> Result<Option<BTreeMap<Key, Samples>>> {
        if !self.question.of_nodes() {
            return Ok(None);
        }
        let rows = match self.question.by {
            By::Class | By::Namespace => self.classes_of_nodes(self.source.size()).await,
            By::Group | By::Thread => self.of_nodes(queries::GROUPS).await,
        };
        rows.map(Some)
    }

    async fn rows(
        &self,
        of_nodes: Option<BTreeMap<Key, Samples>>,
        sums: &Sums,
        classes: &BTreeMap<Class, Steps>,
    ) -> Result<BTreeMap<Key, Samples>> {
        let by = self.question.by;
        let mut rows = of_nodes.unwrap_or_else(|| match by {
            By::Class | By::Namespace => {
                let row =
                    |(class, steps): (&Class, &Steps)| (Key::of_class(*class), Samples::Each(steps.clone()));
                classes.iter().map(row).collect()
            }
            By::Group | By::Thread => of_sums(sums),
        });
        if by == By::Thread {
            // Groups keep their rows where they have no thread.
            let threads = self.of_nodes(queries::THREADS).await?;
            let threaded: BTreeSet<Key> =
                threads.keys().map(|key| Key { thread: None, ..key.clone() }).collect();
            rows.retain(|key, _| !threaded.contains(key));
            rows.extend(threads);
        }
        rows.retain(|key, _| self.question.filter.has_class(key.class));
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
            Whose::Exporter { .. } if self.recorded_sums() => {
                (queries::CLASS_SUMS, "instance, class", nodes * CLASSES)
            }
            Whose::Exporter { .. } => (queries::GROUPS, "instance, class", nodes * CLASSES),
            _ => (queries::GROUPS, "instance, class, groupname", nodes * GROUPS_PER_NODE),
        };
        let selector = self.select(name);
        let query = |at: &At| queries::sum_by(labels, &at.of(&selector));
        let load = Load { answer: series, ..self.load(name) }.by(&selector, "instance");
        let rows = self.server.range(&query, self.grid, load, |series| {
            let class = group(series).0;
            Key { node: self.node(series), ..Key::of_class(class) }
        });
        Ok(each(rows.await?))
    }

    /// Groups or threads on some nodes: together, from every sample; each node its own, as the server sums them up.
    async fn of_nodes(&self, name: &str) -> Result<BTreeMap<Key, Samples>> {
        let (selector, threads) = (self.select(name), name == queries::THREADS);
        let labels = if threads { "class, groupname, threadname" } else { "class, groupname" };
        let key = |series: &Series<'_>| {
            let (class, name) = group(series);
            let thread = threads.then(|| series.label("threadname").to_owned());
            Key { class, namespace: None, name, node: self.node(series), thread }
        };
        let load = self.load(name).by(&selector, "instance");
        if self.question.per_node {
            let labels = &format!("instance, {labels}");
            let load = Load { answer: load.read, ..load };
            let subject =
                Subject { selector: &selector, labels, span: self.source.span, grid: self.grid, load };
            let rows = summed(self.server, subject, &self.question.want(), key).await?;
            return Ok(rows.into_iter().map(|(key, figures)| (key, Samples::Summed(figures))).collect());
        }
        let query = |at: &At| queries::sum_by(labels, &at.of(&selector));
        Ok(each(self.server.range(&query, self.grid, load, key).await?))
    }

    fn node(&self, series: &Series<'_>) -> Option<String> {
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
            let selector = self.select(name);
            let query = |at: &At| queries::sum_by("class, groupname", &at.of(&selector));
            let load = self.load(name).by(&selector, "instance");
            let here = self.server.range(&query, self.grid, load, |series| group(series).0).await?;
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
pub(super) fn group(series: &Series<'_>) -> (Class, String) {
    let name = series.label("groupname");
    (Class::of_group(series.find("class"), name), name.to_owned())
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
