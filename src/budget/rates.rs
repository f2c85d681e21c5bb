//! Measurements before the exporter is installed: averages of the platform's own 5-minute rates, as `top` has them.
use super::facts::{Facts, Pod};
use super::measured::{Measured, Samples};
use super::report::Item;
use super::subject::{Each, Line, Of, Subject};
use crate::prometheus::{Series, Size};
use crate::query::{Querier, Span};
use crate::report::{Class, Row};
use crate::top::metric_names::PLATFORM_BUSY;
use crate::top::{By, Question, SourceChoice};
use anyhow::Result;
use std::collections::BTreeMap;

/// Averages of the platform's rates.
#[derive(Debug)]
pub(super) struct Rates {
    rows: Vec<Row>,
    /// Busy time of each node, cores.
    busy: BTreeMap<String, f64>,
    management: Vec<Pod>,
}

impl Rates {
    /// Fetches them for a window that the platform covers.
    pub(super) async fn fetch(
        querier: &Querier<'_>,
        window: Span,
        nodes: Option<Vec<String>>,
        facts: &Facts,
    ) -> Result<Rates> {
        let mut question = Question::of_all(SourceChoice::Platform, window.end, window.length(), By::Group);
        question.per_node = true;
        question.filter.nodes.clone_from(&nodes);
        let range = querier.ranges().text(window.length());
        let busy = format!("sum by (instance) (avg_over_time({PLATFORM_BUSY}[{range}]))");
        let read = |series: &[Series<'_>]| -> BTreeMap<String, f64> {
            let value = |series: &Series<'_>| Some((series.label("instance").to_owned(), series.value()?));
            series.iter().filter_map(value).collect()
        };
        let (report, mut busy) = tokio::try_join!(
            crate::top::report(querier, &question),
            querier.client().instant(&busy, window.end, Size::Many, read)
        )?;
        busy.retain(|node, _| nodes.as_ref().is_none_or(|nodes| nodes.contains(node)));
        Ok(Rates { rows: report.rows, busy, management: facts.management_pods() })
    }

    /// Iterates over the nodes.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &str> {
        self.busy.keys().map(String::as_str)
    }

    /// Measures a line.
    pub(super) fn measure(&self, line: &Line) -> Vec<Measured> {
        let subject = &line.subject;
        if subject.each.is_some() {
            let of = |row: &Row| {
                let item = match subject.each {
                    Some(Each::Pod) => Item {
                        namespace: row.namespace.clone(),
                        pod: Some(row.name.clone()),
                        ..Item::default()
                    },
                    _ => Item { class: Some(row.class), group: Some(row.name.clone()), ..Item::default() },
                };
                let node = row.node.clone().unwrap_or_default();
                Measured { node, item, samples: Samples::Rates(row.stats.avg), coverage: 1.0 }
            };
            return self.rows.iter().filter(|row| self.has(subject, row)).map(of).collect();
        }
        let measured = self.busy.iter().map(|(node, busy)| match self.sum(subject, node, *busy) {
            Ok(cores) => {
                let samples = Samples::Rates(cores);
                Measured { node: node.clone(), item: Item::default(), samples, coverage: 1.0 }
            }
            Err(why) => Measured::unknown(node, why),
        });
        measured.collect()
    }

    fn sum(&self, subject: &Subject, node: &str, busy: f64) -> Result<f64, &'static str> {
        const KERNEL: &str = "kernel threads are not known: `oc interrogate install` brings them";
        let on_node = |row: &&Row| row.node.as_deref() == Some(node);
        let sum = |rows: &dyn Fn(&Row) -> bool| -> f64 {
            self.rows.iter().filter(on_node).filter(|row| rows(row)).map(|row| row.stats.avg).sum()
        };
        match &subject.of {
            Of::Busy => Ok(busy),
            // What is neither of a workload: host, kernel, infra, and what no class accounts for.
            Of::Platform => Ok(busy - sum(&|row| self.class(row) == Class::Workload)),
            Of::Unattributed | Of::Reserved => Err(KERNEL),
            Of::Classes(classes) if classes.contains(&Class::Kernel) => Err(KERNEL),
            Of::Classes(_) => Ok(sum(&|row| self.has(subject, row))),
        }
    }

    fn has(&self, subject: &Subject, row: &Row) -> bool {
        match &row.namespace {
            Some(namespace) => subject.has_pod(self.class(row), namespace),
            None => subject.has_group(row.class, &row.name),
        }
    }

    /// Returns the class of a row: infra for pods that count as infra.
    fn class(&self, row: &Row) -> Class {
        let pod = row.namespace.clone().map(|namespace| (namespace, row.name.clone()));
        match pod.is_some_and(|pod| self.management.contains(&pod)) {
            true => Class::Infra,
            false => row.class,
        }
    }
}
