//! Measurements before the exporter is installed: averages of the platform's own 5-minute rates, as `top` has them.
use super::facts::{Facts, Pod};
use super::measured::{Measured, Samples, steps_in};
use super::report::Item;
use super::subject::{Each, Line, Subject, Sum};
use crate::prometheus::{Grid, Series};
use crate::query::{Querier, Span};
use crate::report::{Class, Row};
use crate::top::metric_names::PLATFORM_BUSY;
use crate::top::{By, Question, SourceChoice};
use anyhow::Result;
use std::collections::BTreeMap;
use std::time::Duration;

const KERNEL: &str = "kernel threads are not known: `oc interrogate install` brings them";
const NO_PARTS: &str =
    "the platform's series do not tell where something may run: `oc interrogate install` brings that";

/// Averages of the platform's rates.
#[derive(Debug)]
pub(super) struct Rates {
    rows: Vec<Row>,
    /// Busy time of each node, cores, and the share of the window that was asked for of which it is known.
    busy: BTreeMap<String, (f64, f64)>,
    management: Vec<Pod>,
}

impl Rates {
    /// Fetches them for a window that the platform covers.
    pub(super) async fn fetch(
        querier: &Querier<'_>,
        (window, grid, asked): (Span, Grid, Duration),
        nodes: Option<Vec<String>>,
        facts: &Facts,
    ) -> Result<Rates> {
        let mut question = Question::of_all(SourceChoice::Platform, window.end, window.length(), By::Group);
        question.per_node = true;
        question.filter.nodes.clone_from(&nodes);
        let range = querier.ranges().text(window.length());
        let [busy, count] = ["avg", "count"]
            .map(|statistic| format!("sum by (instance) ({statistic}_over_time({PLATFORM_BUSY}[{range}]))"));
        let by_node = |series: &Series<'_>| series.label("instance").to_owned();
        let (report, busy, count) = tokio::try_join!(
            crate::top::report(querier, &question),
            querier.client().instant_by(&busy, window.end, by_node),
            querier.client().instant_by(&count, window.end, by_node)
        )?;
        let asked = steps_in(asked, grid.step);
        let coverage = |node: &str| (count.get(node).copied().unwrap_or_default() / asked).min(1.0);
        let here = |node: &str| nodes.as_ref().is_none_or(|nodes| nodes.iter().any(|one| one == node));
        let busy = busy.into_iter().filter(|(node, _)| here(node)).map(|(node, cores)| {
            let coverage = coverage(&node);
            (node, (cores, coverage))
        });
        let busy = busy.collect();
        Ok(Rates { rows: report.rows, busy, management: facts.management_pods() })
    }

    /// Iterates over the nodes.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &str> {
        self.busy.keys().map(String::as_str)
    }

    /// Measures a line.
    pub(super) fn measure(&self, line: &Line) -> Vec<Measured> {
        let subject = &line.subject;
        let unknown = |why: &str| self.nodes().map(|node| Measured::unknown(node, why)).collect();
        if subject.classes().contains(&Class::Kernel) || subject.sum == Sum::Unattributed {
            return unknown(KERNEL);
        }
        if subject.classes().contains(&Class::Pod) {
            return unknown("pods without a name are not known: `oc interrogate install` brings them");
        }
        let pods = matches!(subject.sum, Sum::Platform)
            || subject.has_class(Class::Infra)
            || subject.has_class(Class::Workload);
        if pods && !matches!(subject.sum, Sum::Busy) && self.rows.iter().any(is_unplaced) {
            return unknown("kube_pod_info does not tell on which nodes some pods are");
        }
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
                let coverage = self.busy.get(&node).map_or(0.0, |(_, coverage)| *coverage);
                Measured { node, item, samples: Samples::Rates(row.stats.avg), coverage }
            };
            return self.rows.iter().filter(|row| self.has(subject, row)).map(of).collect();
        }
        let measured =
            self.busy.iter().map(|(node, (busy, coverage))| match self.sum(subject, node, *busy) {
                Ok(cores) => {
                    let samples = Samples::Rates(cores);
                    Measured { node: node.clone(), item: Item::default(), samples, coverage: *coverage }
                }
                Err(why) => Measured::unknown(node, why),
            });
        measured.collect()
    }

    fn sum(&self, subject: &Subject, node: &str, busy: f64) -> Result<f64, &'static str> {
        let on_node = |row: &&Row| row.node.as_deref() == Some(node);
        let sum = |rows: &dyn Fn(&Row) -> bool| -> f64 {
            // Begins with a zero: a sum of nothing would be a negative one.
            self.rows.iter().filter(on_node).filter(|row| rows(row)).fold(0.0, |sum, row| sum + row.stats.avg)
        };
        let has_services = self.rows.iter().filter(on_node).any(|row| row.class == Class::Host);
        match &subject.sum {
            _ if !subject.on.is_empty() => Err(NO_PARTS),
            Sum::Busy => Ok(busy),
            // What is neither of a workload: host, kernel, infra, and what no class accounts for.
            Sum::Platform => Ok(busy - sum(&|row| self.class(row) == Class::Workload)),
            Sum::Unattributed | Sum::Cpuset(_) => Err(KERNEL),
            Sum::Classes(classes) if classes.contains(&Class::Host) && !has_services => {
                Err("the kubelet tells no services of the node")
            }
            Sum::Classes(_) => Ok(sum(&|row| self.has(subject, row))),
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

/// Returns true if a row is of a pod that is on no node, and used something.
fn is_unplaced(row: &Row) -> bool {
    row.namespace.is_some() && row.node.as_deref().unwrap_or_default().is_empty() && row.stats.max > 0.0
}
