//! Measurements by the exporter's rules: sums of whole classes from their totals, others by a query of their own.
use super::facts::{Facts, pod};
use super::measured::{Measured, Samples, steps_in};
use super::report::{Item, Part};
use super::selectors::Selectors;
use super::subject::{Each, Line, Statistic, Subject};
use super::totals::{NodeTotals, Totals, steps_before};
use crate::prometheus::{Grid, Series};
use crate::query::promql::{self, At};
use crate::query::{Cost, Querier, Span, Split};
use crate::report::{Class, Cpuset, Steps};
use crate::top::metric_names::{BUSY, CLASS_COUNT, CLASSES_ON_NODES, CPUSETS, GROUPS, PODS};
use anyhow::Result;
use std::collections::BTreeMap;
use std::time::Duration;

/// Numbers of groups and pods that a node is taken for when the cost of a query is estimated.
const GROUPS_PER_NODE: usize = 100;
const PODS_PER_NODE: usize = 50;

const ONE_SET: &str = "the node isolates no CPUs by its kernel's command line, as a PerformanceProfile would";

/// The exporter's series in a window.
#[derive(Debug)]
pub(super) struct Exporter<'a> {
    querier: &'a Querier<'a>,
    window: Span,
    grid: Grid,
    selectors: Selectors,
    count: usize,
    pub totals: Totals,
}

impl<'a> Exporter<'a> {
    /// Fetches the totals. `count`: number of nodes, for the costs.
    pub(super) async fn fetch(
        querier: &'a Querier<'a>,
        (window, grid, asked): (Span, Grid, Duration),
        nodes: Option<Vec<String>>,
        count: usize,
        facts: &Facts,
    ) -> Result<Exporter<'a>> {
        let before = steps_before(grid.step);
        let wider = Grid { start: grid.start - grid.step * before as u32, ..grid };
        let management = facts.management_pods();
        let selectors = Selectors { nodes, management };
        let (classes, busy) =
            (selectors.select(CLASSES_ON_NODES, Vec::new()), selectors.select(BUSY, Vec::new()));
        let (pods, management) = (selectors.management_pods(), &selectors.management);
        let classes_text = |at: &At| promql::sum_by("instance, class", &at.select(&classes));
        let busy_text = |at: &At| promql::sum_by("instance", &at.select(&busy));
        let pods_text = |at: &At| promql::sum_by("instance, namespace, pod", &at.select(&pods));
        let cost = |each: usize| Cost::new(count * each, count * each);
        let of_pods = async {
            match management.is_empty() {
                true => Ok(BTreeMap::new()),
                false => {
                    querier.range(&pods_text, wider, cost(1), |series| (node(series), pod(series))).await
                }
            }
        };
        let (classes, busy, pods) = tokio::try_join!(
            querier.range(&classes_text, wider, cost(CLASS_COUNT), |series| {
                (node(series), Class::of_label(series.label("class")))
            }),
            querier.range(&busy_text, wider, cost(1), node),
            of_pods,
        )?;
        let mut all: BTreeMap<String, NodeTotals> = BTreeMap::new();
        let absent = || NodeTotals::absent(wider.points());
        for ((node, class), steps) in classes {
            all.entry(node).or_insert_with(absent).class(class).add_all(&steps);
        }
        for (node, steps) in busy {
            all.entry(node).or_insert_with(absent).busy.add_all(&steps);
        }
        for ((node, pod), steps) in pods {
            if management.contains(&pod) {
                all.entry(node).or_insert_with(absent).management.add_all(&steps);
            }
        }
        let totals = Totals::new(&all, grid, steps_in(asked, grid.step), before);
        Ok(Exporter { querier, window, grid, selectors, count, totals })
    }

    /// Measures a line.
    pub(super) async fn measure(&self, line: &Line) -> Result<Vec<Measured>> {
        let subject = &line.subject;
        match subject.each {
            _ if subject.is_whole() => Ok(self.totals.measure(&subject.sum)),
            None => self.sums(subject).await,
            Some(Each::Group) => {
                self.each(&line.statistic, &self.selectors.groups(subject), GROUPS_PER_NODE, of_group, |_| {
                    true
                })
                .await
            }
            Some(Each::Pod) => {
                let mut all = Vec::new();
                for (selector, is_management) in self.selectors.pods(subject) {
                    let keep =
                        |item: &Item| is_management.is_none_or(|is| self.selectors.is_management(item) == is);
                    all.extend(self.each(&line.statistic, &selector, PODS_PER_NODE, of_pod, keep).await?);
                }
                Ok(all)
            }
        }
    }

    /// Adds the samples to the measurement of one pod or group.
    pub(super) async fn add_samples(&self, subject: &Subject, measured: &mut Measured) -> Result<()> {
        let Item { class, group, namespace, pod } = &measured.item;
        let label =
            |name: &str, value: &Option<String>| value.as_ref().map(|value| promql::equal(name, value));
        let class = class.map(|class| promql::equal("class", class.as_str()));
        let named = [label("groupname", group), label("namespace", namespace), label("pod", pod), class];
        let mut matchers: Vec<String> = named.into_iter().flatten().collect();
        matchers.push(promql::equal("instance", &measured.node));
        let name = if subject.each == Some(Each::Group) { GROUPS } else { PODS };
        let selector = promql::select(name, &matchers);
        let steps = self.by_node(&selector, 1).await?.remove(&measured.node);
        let steps = steps.unwrap_or_else(|| Steps::absent(self.grid.points()));
        let covered = self.totals.covered(&measured.node);
        measured.samples =
            Measured::of_steps(&measured.node, steps, self.grid, self.totals.asked, covered).samples;
        Ok(())
    }

    /// Fetches the parts of a subject on a node at a step.
    pub(super) async fn parts(&self, subject: &Subject, node: &str, step: usize) -> Result<Vec<Part>> {
        let at = self.grid.start + self.grid.step * step as u32;
        let grid = Grid { start: at, end: at, step: self.grid.step };
        let on_node = promql::equal("instance", node);
        let [groups, pods] = [GROUPS, PODS].map(|name| promql::select(name, std::slice::from_ref(&on_node)));
        let groups_text = |at: &At| promql::sum_by("class, groupname", &at.select(&groups));
        let pods_text = |at: &At| promql::sum_by("class, namespace, pod", &at.select(&pods));
        let (groups, pods) = tokio::try_join!(
            self.querier.range(&groups_text, grid, Cost::new(GROUPS_PER_NODE, GROUPS_PER_NODE), of_group),
            self.querier.range(&pods_text, grid, Cost::new(PODS_PER_NODE, PODS_PER_NODE), |series| {
                (Class::of_label(series.label("class")), pod(series))
            }),
        )?;
        let mut parts = Vec::new();
        for (item, steps) in groups {
            let (Some(class), Some(name)) = (item.class, item.group) else { continue };
            // The group of all pods is the pods once more.
            if class != Class::Pod && subject.has_group(class, &name) {
                parts.extend(steps.at(0).map(|cores| Part {
                    class: Some(class),
                    namespace: None,
                    name,
                    cores,
                }));
            }
        }
        for ((class, pod), steps) in pods {
            let class = if self.selectors.management.contains(&pod) { Class::Infra } else { class };
            if subject.has_pod(class, &pod.0) {
                let (namespace, name) = pod;
                let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
                parts.extend(steps.at(0).map(|cores| Part { class: Some(class), namespace, name, cores }));
            }
        }
        Ok(parts)
    }

    /// Measures the busy time of a set of CPUs as the nodes' command lines tell it, on partitioned nodes.
    pub(super) async fn busy_of(&self, cpuset: Cpuset) -> Result<Vec<Measured>> {
        let selector = self.selectors.select(CPUSETS, vec![promql::equal("cpuset", cpuset.as_str())]);
        let nodes = self.by_node(&selector, 1).await?;
        let measured = nodes.into_iter().map(|(node, steps)| {
            let covered = steps.samples();
            Measured::of_steps(&node, steps, self.grid, self.totals.asked, covered)
        });
        Ok(measured.collect())
    }

    /// Measures a sum of some groups or pods on each node.
    async fn sums(&self, subject: &Subject) -> Result<Vec<Measured>> {
        let mut sums: BTreeMap<String, Steps> = BTreeMap::new();
        let mut add = |node: String, steps: &Steps| {
            sums.entry(node).or_insert_with(|| Steps::absent(self.grid.points())).add_all(steps);
        };
        let has_groups = [Class::Host, Class::Kernel].iter().any(|class| subject.classes().contains(class));
        if subject.group.is_some() || has_groups && !subject.on.is_empty() {
            let groups = self.by_node(&self.selectors.groups(subject), GROUPS_PER_NODE).await?;
            groups.into_iter().for_each(|(node, steps)| add(node, &steps));
        }
        for (selector, is_management) in self.selectors.pods(subject) {
            let text = |at: &At| promql::sum_by("instance, namespace, pod", &at.select(&selector));
            let cost =
                Cost::new(self.count * PODS_PER_NODE, self.count * PODS_PER_NODE).by(&selector, "instance");
            let pods =
                self.querier.range(&text, self.grid, cost, |series| (node(series), pod(series))).await?;
            for ((node, pod), steps) in pods {
                if is_management.is_none_or(|is| self.selectors.management.contains(&pod) == is) {
                    add(node, &steps);
                }
            }
        }
        let absent = Steps::absent(self.grid.points());
        let partitioned = match subject.on.is_empty() {
            true => BTreeMap::new(),
            false => self.by_node(&self.selectors.select(CPUSETS, Vec::new()), 2).await?,
        };
        let of = |node: &str| {
            if !subject.on.is_empty() && !partitioned.contains_key(node) {
                return Measured::unknown(node, ONE_SET);
            }
            let steps = sums.get(node).unwrap_or(&absent).clone();
            Measured::of_steps(node, steps, self.grid, self.totals.asked, self.totals.covered(node))
        };
        Ok(self.totals.nodes().map(of).collect())
    }

    /// Fetches the samples of series, added up by node.
    async fn by_node(&self, selector: &str, per_node: usize) -> Result<BTreeMap<String, Steps>> {
        let text = |at: &At| promql::sum_by("instance", &at.select(selector));
        let cost = Cost::new(self.count, self.count * per_node).by(selector, "instance");
        self.querier.range(&text, self.grid, cost, node).await
    }

    /// Fetches the statistic of each series of a selector.
    async fn each(
        &self,
        statistic: &Statistic,
        selector: &str,
        per_node: usize,
        item: impl Fn(&Series<'_>) -> Item,
        keep: impl Fn(&Item) -> bool,
    ) -> Result<Vec<Measured>> {
        let mut values: BTreeMap<(String, Item), f64> = BTreeMap::new();
        let read = |response: &[Series<'_>]| {
            for series in response {
                let (Some(value), of) = (series.value().filter(|value| value.is_finite()), item(series))
                else {
                    continue;
                };
                if keep(&of) {
                    let slot = values.entry((node(series), of)).or_insert(0.0);
                    *slot = if *statistic == Statistic::Avg { *slot + value } else { slot.max(value) };
                }
            }
        };
        let query = |selector: &str, range: &str| match statistic {
            Statistic::Avg => promql::statistic("sum", selector, range),
            Statistic::Max => promql::statistic("max", selector, range),
            Statistic::Percentile(percentile) => promql::quantile(percentile.share, selector, range),
        };
        let split = if matches!(statistic, Statistic::Percentile(_)) { Split::Never } else { Split::Label };
        let series = self.count * per_node;
        let cost = Cost::new(series, series).by(selector, "instance");
        self.querier.over(query, selector, self.window, (split, cost), read).await?;
        let measured = values.into_iter().map(|((node, item), value)| {
            let covered = self.totals.covered(&node) as f64;
            let coverage = (covered / self.totals.asked).min(1.0);
            let samples = match statistic {
                _ if covered == 0.0 => Samples::Unknown("the node told no totals in this window".to_owned()),
                Statistic::Avg => Samples::Statistic(value / covered),
                _ => Samples::Statistic(value),
            };
            Measured { node, item, samples, coverage }
        });
        Ok(measured.collect())
    }
}

fn node(series: &Series<'_>) -> String {
    series.label("instance").to_owned()
}

fn of_group(series: &Series<'_>) -> Item {
    let class = Some(Class::of_label(series.label("class")));
    Item { class, group: Some(series.label("groupname").to_owned()), ..Item::default() }
}

fn of_pod(series: &Series<'_>) -> Item {
    let (namespace, pod) = pod(series);
    Item { namespace: Some(namespace), pod: Some(pod), ..Item::default() }
}
