//! Memory and the busy time of single CPUs, which the platform's own series have, whatever the source of the rest.
use super::facts::{Cpus, Facts, Pod, pod};
use super::measured::{Measured, Samples, steps_in};
use super::platform_metrics::{SLICES_MEMORY, infra, pods_memory};
use super::report::Item;
use super::subject::{Each, Line, Resource, Statistic, Subject, Sum};
use crate::prometheus::{Grid, Series, promql::literal};
use crate::query::{Cost, Querier, Span, Split, promql};
use crate::report::{Class, Steps};
use crate::top::metric_names::{cores_of, cpus_busy, these};
use anyhow::Result;
use std::collections::BTreeMap;
use std::time::Duration;

/// Distance of samples: the kubelet's scrape interval, and the usual one of node_exporter.
const MEMORY_STEP: Duration = Duration::from_secs(30);
const CPU_STEP: Duration = Duration::from_secs(15);
/// Numbers of nodes and pods that a cluster is taken for when the cost of a query is estimated.
const NODES: usize = 200;
const PODS: usize = 8000;
/// Number of CPUs that a node is taken for likewise.
const CPUS: usize = 64;

/// Window, and the nodes that are judged: `None` for all.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub window: Span,
    /// Length of the window that was asked for.
    pub asked: Duration,
    pub nodes: Option<Vec<String>>,
}

impl Scope {
    fn has(&self, node: &str) -> bool {
        self.nodes.as_ref().is_none_or(|nodes| nodes.iter().any(|one| one == node))
    }

    fn grid(&self, step: Duration) -> Grid {
        self.window.grid(step.min(self.window.length()))
    }

    /// Makes the measurement of a node by samples of its own.
    fn measured(&self, node: &str, steps: Steps, grid: Grid) -> Measured {
        let covered = steps.samples();
        Measured::of_steps(node, steps, grid, steps_in(self.asked, grid.step), covered)
    }
}

/// Measures a line of memory.
pub(super) async fn memory(
    querier: &Querier<'_>,
    scope: &Scope,
    line: &Line,
    facts: &Facts,
) -> Result<Vec<Measured>> {
    if line.subject.each == Some(Each::Pod) {
        return each_pod(querier, scope, line, facts).await;
    }
    let (subject, grid) = (&line.subject, scope.grid(MEMORY_STEP));
    let mut pods: BTreeMap<String, Steps> = BTreeMap::new();
    let management = facts.management_pods();
    for Selected { selector, exact } in pods_of(subject, &management) {
        let by = if exact { "node, namespace, pod" } else { "node" };
        let key = |series: &Series<'_>| (node(series), exact.then(|| pod(series)));
        let found = querier
            .raw_range(&format!("sum by ({by}) ({selector})"), grid, Cost::new(NODES, PODS), key)
            .await?;
        for ((node, of), steps) in found {
            if of.is_none_or(|pod| management.contains(&pod)) {
                pods.entry(node).or_insert_with(|| Steps::absent(grid.points())).add_all(&steps);
            }
        }
    }
    let mut nodes = pods;
    if subject.has_class(Class::Host) && subject.namespace.is_none() {
        let text = format!("sum by (node) ({SLICES_MEMORY})");
        let slices = querier.raw_range(&text, grid, Cost::new(NODES, 2 * NODES), node).await?;
        let absent = Steps::absent(grid.points());
        let with_pods = |(node, slices): (String, Steps)| {
            // The kubelet tells both at once: a step without the slices is not known, one without pods has none.
            let pods = nodes.get(&node).unwrap_or(&absent);
            let all = slices.with(pods);
            (node, all)
        };
        nodes = slices.into_iter().map(with_pods).collect();
    }
    let here = nodes.into_iter().filter(|(node, _)| scope.has(node));
    Ok(here.map(|(node, steps)| scope.measured(&node, steps, grid)).collect())
}

async fn each_pod(querier: &Querier<'_>, scope: &Scope, line: &Line, facts: &Facts) -> Result<Vec<Measured>> {
    let (management, grid) = (facts.management_pods(), scope.grid(MEMORY_STEP));
    let told = format!("count by (node) ({})", pods_memory(""));
    let told = querier.raw_range(&told, grid, Cost::new(NODES, PODS), node).await?;
    let asked = steps_in(scope.asked, grid.step);
    let coverage = |node: &str| told.get(node).map_or(0.0, |steps| (steps.samples() as f64 / asked).min(1.0));
    let mut all = Vec::new();
    for Selected { selector, exact } in pods_of(&line.subject, &management) {
        let query = |selector: &str, range: &str| match &line.statistic {
            Statistic::Avg => promql::statistic("avg", selector, range),
            Statistic::Max => promql::statistic("max", selector, range),
            Statistic::Percentile(percentile) => promql::quantile(percentile.share, selector, range),
        };
        let read = |response: &[Series<'_>]| {
            for series in response {
                let (node, pod) = (node(series), pod(series));
                let counts = scope.has(&node) && (!exact || management.contains(&pod));
                if let Some(value) = series.value().filter(|value| value.is_finite() && counts) {
                    let item = Item { namespace: Some(pod.0), pod: Some(pod.1), ..Item::default() };
                    let coverage = coverage(&node);
                    all.push(Measured { node, item, samples: Samples::Statistic(value), coverage });
                }
            }
        };
        querier.over(query, &selector, scope.window, (Split::Never, Cost::new(PODS, PODS)), read).await?;
    }
    Ok(all)
}

/// Selector of pods, and whether it selects a few more than it means.
struct Selected {
    selector: String,
    exact: bool,
}

/// Selects the pods of a subject: of the platform's namespaces, of all others, and those that count as the platform's.
fn pods_of(subject: &Subject, management: &[Pod]) -> Vec<Selected> {
    let namespace = subject.namespace.as_ref();
    let namespace = namespace.map_or_else(String::new, |only| format!(",namespace=~{}", literal(&only.text)));
    let select =
        |matchers: String, exact| Selected { selector: pods_memory(&(matchers + &namespace)), exact };
    let mut selected = Vec::new();
    if subject.has_class(Class::Infra) {
        selected.push(select(infra(false), false));
        if !management.is_empty() && !subject.has_class(Class::Workload) {
            let [namespaces, names] = these(management);
            selected.push(select(format!(",{namespaces},{names}"), true));
        }
    }
    if subject.has_class(Class::Workload) {
        selected.push(select(infra(true), false));
    }
    selected
}

/// Measures the busy time of some CPUs of each node, which are known by their numbers.
pub(super) async fn cpus_busy_on(
    querier: &Querier<'_>,
    scope: &Scope,
    nodes: &[(String, Cpus)],
) -> Result<Vec<Measured>> {
    let mut of_lists: BTreeMap<&Cpus, Vec<&str>> = BTreeMap::new();
    for (node, cpus) in nodes {
        of_lists.entry(cpus).or_default().push(node);
    }
    let grid = scope.grid(CPU_STEP);
    let mut all = Vec::new();
    for (cpus, nodes) in of_lists {
        let on = promql::any_of("instance", nodes.iter().copied());
        let selector = cpus_busy(&format!("{},{on}", cpus.matcher()));
        let text = cores_of(&selector);
        let cost = Cost::new(nodes.len(), nodes.len() * CPUS * 6);
        let range = querier.ranges().text(scope.window.length().max(Duration::from_secs(300)));
        let seen =
            format!("count by (instance) (count by (instance, cpu) (last_over_time({selector}[{range}])))");
        let (mut found, seen) = tokio::try_join!(
            querier.raw_range(&text, grid, cost, instance),
            querier.client().instant_by(&seen, scope.window.end, instance)
        )?;
        all.extend(nodes.iter().map(|node| {
            let seen = seen.get(*node).copied().unwrap_or_default();
            match found.remove(*node).filter(|_| seen >= cpus.least() as f64) {
                Some(steps) => scope.measured(node, steps, grid),
                None => {
                    let all = cpus.least();
                    Measured::unknown(
                        node,
                        format!("node_exporter tells {seen} of the {all} CPUs of the node"),
                    )
                }
            }
        }));
    }
    Ok(all)
}

/// Returns true if a line is of the platform's own series.
pub(super) fn measures(line: &Line) -> bool {
    line.subject.resource == Resource::Memory || matches!(line.subject.sum, Sum::Cpuset(_))
}

fn node(series: &Series<'_>) -> String {
    series.label("node").to_owned()
}

fn instance(series: &Series<'_>) -> String {
    series.label("instance").to_owned()
}
