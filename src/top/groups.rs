//! Host and kernel: the totals of process groups, and the nodes' busy time.
use super::answers::{Groups, Part};
use super::group_rows::{Asker, CLASSES, GROUPS_PER_NODE, Sums, group};
use super::platform;
use super::question::{By, Question};
use super::series;
use super::silent;
use super::source::{Recorded, Source, Whose};
use crate::prometheus::{Grid, Series};
use crate::query::Cost;
use crate::query::promql::{self, At};
use crate::query::{self, Querier};
use crate::report::{Class, SeriesKind, SourceKind, Steps};
use anyhow::Result;
use std::cell::Cell;
use std::collections::BTreeMap;

/// Asks for everything about host and kernel. Notes of nodes that did not answer are added.
pub(super) async fn fetch(
    server: &Querier<'_>,
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
    let asked = fetch_from(server, question, source, grid, notes).await?;
    if asked.is_some() {
        return Ok(asked);
    }
    fetch_from(server, question, &source.without_sums(), grid, notes).await
}

/// The same from one source; none where its recorded sums turn out not to be there.
async fn fetch_from(
    server: &Querier<'_>,
    question: &Question,
    source: &Source,
    grid: Grid,
    notes: &mut Vec<String>,
) -> Result<Option<Groups>> {
    let asker = Asker { server, question, source, grid };
    if question.of_nodes() || question.by == By::Thread {
        source.counted(server).await?; // how such questions are cut depends on the number of nodes
    }
    let (sums, busy, rest, own, keeps_classes) =
        tokio::try_join!(asker.sums(), asker.busy(), asker.rest(), asker.own_rows(), asker.keeps_classes())?;
    let found = Steps::total(query::points(grid), sums.values()).samples();
    let lacks_steps = asker.recorded_sums() && source.steps().is_some_and(|steps| found < steps);
    if lacks_steps || !keeps_classes {
        return Ok(None);
    }
    let mut classes: BTreeMap<Class, Steps> = BTreeMap::new();
    for ((class, _), steps) in &sums {
        classes.entry(*class).or_insert_with(|| Steps::absent(query::points(grid))).add_all(steps);
    }
    let unattributed = busy.as_ref().map(|busy| match rest {
        Rest::Unattributed(steps) => steps,
        Rest::OfSilent(steps) => busy.less(&Steps::total(query::points(grid), classes.values()).less(&steps)),
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
        let name = if self.recorded_sums() { series::GROUP_SUMS } else { series::GROUPS };
        let of_classes = matches!(self.question.by, By::Class | By::Namespace);
        let classes = of_classes || self.question.of_nodes() || self.recorded_rows();
        // Those of an exporter that knows no classes, as the predecessor's, have none but by their names.
        let classes = classes && self.source.whose != Whose::Predecessor;
        if classes {
            let classless = Cell::new(false);
            let class = |series: &Series<'_>| {
                classless.set(classless.get() || series.find("class").is_none());
                group(series)
            };
            let query = |at: &At| promql::sum_by("class", &at.of(name));
            let cost = Cost { returned: CLASSES, ..self.cost(name) };
            let sums = self.server.range(&query, self.grid, cost, class).await?;
            if !classless.get() {
                return Ok(sums);
            }
        }
        self.each_group(name).await
    }

    /// Whether the recorded sums of classes on each node cover the window, where any of it is made of them.
    async fn keeps_classes(&self) -> Result<bool> {
        let of_classes = matches!(self.question.by, By::Class | By::Namespace);
        let of_nodes = self.question.filter.nodes.is_some() || self.question.of_nodes() && of_classes;
        let needs = self.recorded_sums() && (of_nodes || !self.recorded_totals());
        if needs { self.source.keeps(self.server, (series::CLASS_SUMS, CLASSES)).await } else { Ok(true) }
    }

    /// Busy time; none with the predecessor's exporter.
    async fn busy(&self) -> Result<Option<Steps>> {
        if self.source.whose == Whose::Predecessor {
            return Ok(None);
        }
        if self.recorded_totals() {
            return self.source.total(self.server, series::CLUSTER_BUSY, self.grid).await.map(Some);
        }
        let query = |at: &At| promql::sum_by("", &at.of(series::BUSY));
        let cost = Cost::of(1, self.source.size()).by(series::BUSY, "instance");
        self.server.one(&query, self.grid, cost).await.map(Some)
    }

    /// What it takes to tell busy time that no group accounts for.
    async fn rest(&self) -> Result<Rest> {
        if self.recorded_totals() {
            let unattributed = self.source.total(self.server, series::UNATTRIBUTED, self.grid);
            return unattributed.await.map(Rest::Unattributed);
        }
        if self.source.whose == Whose::Predecessor {
            return Ok(Rest::OfSilent(Steps::absent(query::points(self.grid))));
        }
        let nodes = &self.source.nodes(self.server, self.grid).await?;
        let used = if self.recorded_sums() {
            silent::compared(self.server, (series::CLASS_SUMS, CLASSES), nodes, self.grid).await
        } else {
            let groups = (series::GROUPS, GROUPS_PER_NODE);
            silent::used(self.server, groups, nodes, self.source.span, self.grid).await
        };
        used.map(Rest::OfSilent)
    }

    /// What filters took out: classes as a whole, and other nodes' parts of the classes that have rows.
    async fn left_out(&self, classes: &BTreeMap<Class, Steps>) -> Result<Option<Steps>> {
        let filter = &self.question.filter;
        let counted = |class: &Class| *class != Class::Pod;
        let (shown, hidden): (Vec<_>, Vec<_>) = classes
            .iter()
            .filter(|(class, _)| counted(class))
            .partition(|(class, _)| filter.has_class(**class));
        let points = query::points(self.grid);
        let mut left_out = Steps::total(points, hidden.iter().map(|(_, steps)| *steps));
        if filter.nodes.is_some() && !shown.is_empty() {
            let name = if self.recorded_sums() { series::CLASS_SUMS } else { series::GROUPS };
            let selector = self.select(name);
            let query = |at: &At| promql::sum_by("class, groupname", &at.of(&selector));
            let cost = self.cost(name).by(&selector, "instance");
            let here = self.server.range(&query, self.grid, cost, |series| group(series).0).await?;
            let here = here.iter().filter(|(class, _)| counted(class) && filter.has_class(**class));
            let here = Steps::total(points, here.map(|(_, steps)| steps));
            left_out.add_all(&Steps::total(points, shown.iter().map(|(_, steps)| *steps)).less(&here));
        } else if hidden.is_empty() {
            return Ok(None);
        }
        Ok(Some(left_out))
    }
}
