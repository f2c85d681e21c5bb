//! Memory and the busy time of single CPUs, which the platform's own series have, whatever the source of the rest.
use super::facts::{Facts, Pod, Reserved};
use super::measured::{Measured, Samples};
use super::report::Item;
use super::subject::{Each, Line, Of, Statistic, Subject};
use crate::prometheus::{Grid, Series};
use crate::query::promql::{self, At};
use crate::query::{Cost, Querier, Span, Split};
use crate::report::{Class, Steps};
use anyhow::Result;
use std::collections::BTreeMap;
use std::time::Duration;

/// Working set of the host's services. What the kernel has for itself is in none.
const SLICES: &str = "container_memory_working_set_bytes{id=~\"/(system|ovs)[.]slice\"";
/// Working set of each pod.
const PODS: &str = "container_memory_working_set_bytes{container=\"\",pod!=\"\"";
/// Namespaces of the platform, as [`Class::of_namespace`] has them.
const INFRA: &str = "openshift|openshift-.*|kube-.*|default";
/// Distance of samples: the kubelet's scrape interval, and the usual one of node_exporter.
const MEMORY_STEP: Duration = Duration::from_secs(30);
const CPU_STEP: Duration = Duration::from_secs(15);
/// Range that holds two samples at the longest usual scrape interval.
const LOOKBACK: &str = "2m";
/// Numbers of nodes and pods that a cluster is taken for when the cost of a query is estimated.
const NODES: usize = 200;
const PODS_OF_ALL: usize = 8000;

/// Window, and the nodes that are judged: `None` for all.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub window: Span,
    pub nodes: Option<Vec<String>>,
}

impl Scope {
    fn has(&self, node: &str) -> bool {
        self.nodes.as_ref().is_none_or(|nodes| nodes.iter().any(|one| one == node))
    }

    fn grid(&self, step: Duration) -> Grid {
        self.window.grid(step.min(self.window.length()))
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
    let subject = &line.subject;
    let grid = scope.grid(MEMORY_STEP);
    let mut nodes: BTreeMap<String, Steps> = BTreeMap::new();
    let mut add = |of: BTreeMap<String, Steps>| {
        for (node, steps) in of.into_iter().filter(|(node, _)| scope.has(node)) {
            nodes.entry(node).or_insert_with(|| Steps::absent(grid.points())).add_all(&steps);
        }
    };
    if subject.has_class(Class::Host) && subject.namespace.is_none() {
        let text = |_: &At| format!("sum by (node) (last_over_time({SLICES}}}[{LOOKBACK}]))");
        add(querier.range(&text, grid, Cost::of(NODES, 2 * NODES), node).await?);
    }
    let management = facts.management_pods();
    for selector in pods_of(subject, &management) {
        let exact = selector.contains("pod=~");
        let by = if exact { "node, namespace, pod" } else { "node" };
        let text = |_: &At| format!("sum by ({by}) (last_over_time({selector}[{LOOKBACK}]))");
        let key = |series: &Series<'_>| (node(series), exact.then(|| pod(series)));
        let pods = querier.range(&text, grid, Cost::of(NODES, PODS_OF_ALL), key).await?;
        let counts = |of: &Option<Pod>| of.as_ref().is_none_or(|pod| management.contains(pod));
        pods.into_iter()
            .filter(|((_, of), _)| counts(of))
            .for_each(|((node, _), steps)| add([(node, steps)].into()));
    }
    let expected = scope.window.length().div_duration_f64(grid.step);
    let measured = nodes.into_iter().map(|(node, steps)| {
        let covered = steps.samples();
        Measured::of_steps(&node, steps, grid, expected, covered)
    });
    Ok(measured.collect())
}

async fn each_pod(querier: &Querier<'_>, scope: &Scope, line: &Line, facts: &Facts) -> Result<Vec<Measured>> {
    let mut all = Vec::new();
    let management = facts.management_pods();
    for selector in pods_of(&line.subject, &management) {
        let query = |selector: &str, range: &str| match &line.statistic {
            Statistic::Avg => promql::statistic("avg", selector, range),
            Statistic::Max => promql::statistic("max", selector, range),
            Statistic::Percentile(percentile) => promql::quantile(percentile.share, selector, range),
        };
        let exact = selector.contains("pod=~");
        let read = |response: &[Series<'_>]| {
            for series in response {
                let (node, pod) = (node(series), pod(series));
                let counts = scope.has(&node) && (!exact || management.contains(&pod));
                if let Some(value) = series.value().filter(|value| value.is_finite() && counts) {
                    let item = Item { namespace: Some(pod.0), pod: Some(pod.1), ..Item::default() };
                    all.push(Measured { node, item, samples: Samples::Statistic(value), coverage: 1.0 });
                }
            }
        };
        let cost = Cost::of(PODS_OF_ALL, PODS_OF_ALL);
        querier.over(query, &selector, scope.window, (Split::Never, cost), read).await?;
    }
    Ok(all)
}

/// Selects the pods of a subject: of the platform's namespaces, of all others, and those that count as the platform's.
fn pods_of(subject: &Subject, management: &[Pod]) -> Vec<String> {
    let namespace = subject
        .namespace
        .as_ref()
        .map(|only| format!(",namespace=~{}", crate::prometheus::promql::literal(&only.text)));
    let namespace = namespace.unwrap_or_default();
    let mut selectors = Vec::new();
    if subject.has_class(Class::Infra) {
        selectors.push(format!("{PODS},namespace=~\"{INFRA}\"{namespace}}}"));
        if !management.is_empty() && !subject.has_class(Class::Workload) {
            let [namespaces, names] = crate::top::metric_names::these(management);
            selectors.push(format!("{PODS},{namespaces},{names}{namespace}}}"));
        }
    }
    if subject.has_class(Class::Workload) {
        selectors.push(format!("{PODS},namespace!~\"{INFRA}\"{namespace}}}"));
    }
    selectors
}

/// Measures the busy time of the reserved CPUs on some nodes.
pub(super) async fn reserved_busy(
    querier: &Querier<'_>,
    scope: &Scope,
    reserved: &Reserved,
    nodes: &[String],
) -> Result<Vec<Measured>> {
    let mut of_lists: BTreeMap<Option<Vec<u32>>, Vec<&str>> = BTreeMap::new();
    for node in nodes {
        let list = reserved.of(node).map(|list| list.iter().collect());
        of_lists.entry(list).or_default().push(node);
    }
    let grid = scope.grid(CPU_STEP);
    let expected = scope.window.length().div_duration_f64(grid.step);
    let mut all = Vec::new();
    for (list, nodes) in of_lists {
        let Some(list) = list else {
            all.extend(nodes.iter().map(|node| Measured::unknown(node, reserved.why())));
            continue;
        };
        let cpus: Vec<String> = list.iter().map(u32::to_string).collect();
        let cpus = promql::any_of("cpu", cpus.iter().map(String::as_str));
        let on = promql::any_of("instance", nodes.iter().copied());
        let text = |_: &At| {
            format!(
                "sum by (instance) (irate(node_cpu_seconds_total{{mode!~\"idle|iowait|steal\",{cpus},{on}}}[{LOOKBACK}]))"
            )
        };
        let cost = Cost::of(nodes.len(), nodes.len() * list.len() * 6);
        let mut found =
            querier.range(&text, grid, cost, |series| series.label("instance").to_owned()).await?;
        all.extend(nodes.iter().map(|node| match found.remove(*node) {
            Some(steps) => {
                let covered = steps.samples();
                Measured::of_steps(node, steps, grid, expected, covered)
            }
            None => Measured::unknown(node, "node_exporter has no series of its CPUs in this window"),
        }));
    }
    Ok(all)
}

/// Returns true if a sum is of the platform's own series.
pub(super) fn measures(line: &Line) -> bool {
    line.subject.resource == super::subject::Resource::Memory || line.subject.of == Of::Reserved
}

fn node(series: &Series<'_>) -> String {
    series.label("node").to_owned()
}

fn pod(series: &Series<'_>) -> Pod {
    (series.label("namespace").to_owned(), series.label("pod").to_owned())
}
