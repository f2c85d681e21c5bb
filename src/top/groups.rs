//! Host and kernel: the totals of process groups, and the nodes' busy time.
use super::answers::{Groups, Part};
use super::ask::{self, Server};
use super::group_rows::{Asker, CLASSES, GROUPS_PER_NODE, Sums, group};
use super::pieces::Load;
use super::platform;
use super::queries::{self, At};
use super::question::{By, Question};
use super::silent;
use super::source::{Recorded, Source, Whose};
use crate::report::{Class, SeriesKind, SourceKind, Steps};
use anyhow::Result;
use std::collections::BTreeMap;

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
    let (sums, busy, rest, own) =
        tokio::try_join!(asker.sums(), asker.busy(), asker.rest(), asker.own_rows())?;
    let mut classes: BTreeMap<Class, Steps> = BTreeMap::new();
    for ((class, _), steps) in &sums {
        classes.entry(*class).or_insert_with(|| Steps::absent(ask::points(grid))).add_all(steps);
    }
    let unattributed = busy.as_ref().map(|busy| match rest {
        Rest::Unattributed(steps) => steps,
        Rest::OfSilent(steps) => busy.less(&Steps::total(ask::points(grid), classes.values()).less(&steps)),
    });
    let rows = asker.rows(own, &sums, &classes).await?;
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

impl Asker<'_> {
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

    /// Each group over all nodes, before any filter; each class, by a group without a name, where no row is made of these.
    async fn sums(&self) -> Result<Sums> {
        let name = if self.recorded_sums() { queries::GROUP_SUMS } else { queries::GROUPS };
        let of_classes = matches!(self.question.by, By::Class | By::Namespace);
        let classes = of_classes || self.question.of_nodes() || self.recorded_rows();
        // The predecessor's groups have no class but by their names.
        let classes = classes && self.source.whose != Whose::Predecessor;
        let (labels, series) =
            if classes { ("class", CLASSES) } else { ("class, groupname", GROUPS_PER_NODE) };
        let query = |at: &At| queries::sum_by(labels, &at.of(name));
        let load = Load { answer: series, ..self.load(name) };
        self.server.range(&query, self.grid, load, group).await
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
