//! Rows of pods. By the exporter a pod is a series on each node that it was on, and by the platform one series, placed on
//! nodes by another.
use super::placement::{BATCH, Placement, pod};
use super::statistics::{from_server, is_spoilt, statistics};
use super::{Fetch, Pod};
use crate::prometheus::Series;
use crate::query::promql::{self, At};
use crate::query::{Cost, Query, add_samples};
use crate::report::{Class, Cpuset, Figures, Steps};
use crate::time::Timestamp;
use crate::top::key::{Key, Samples};
use crate::top::metric_names;
use crate::top::plan::{Form, Planned};
use anyhow::Result;
use futures_util::future::try_join_all;
use std::collections::BTreeMap;

/// Labels that tell a pod on a node.
const LABELS: &str = "class, namespace, pod, instance";

/// Rows, and the last node of each pod.
type Rows = (BTreeMap<Key, Samples>, BTreeMap<Pod, String>);

impl Fetch<'_> {
    /// Fetches the statistics of each pod on each node. A pod that was on several nodes, and whose row is not of one of them,
    /// is fetched again from its samples, as is one with a sample that is no finite number.
    pub(super) async fn pods_of_exporter(&self, query: &Planned) -> Result<Rows> {
        let shown = |pod: &Pod| self.plan.filter.has_pod(&pod.0, &pod.1);
        let on_node = |series: &Series<'_>| {
            (pod(series), Class::of_label(series.label("class")), series.label("instance").to_owned())
        };
        if matches!(query.form, Form::Each(_) | Form::Parts(..)) {
            let text = |at: &At| query.text(at);
            return self.pods_of_samples((&text, query.cost()), shown).await;
        }
        let each = |selector: &str, at: &At| promql::sum_by(LABELS, &at.select(selector));
        if self.querier.has_cache() {
            let text = |at: &At| each(&query.selector, at);
            return self.pods_of_samples((&text, query.cost()), shown).await;
        }
        let subject = self.subject(query, "");
        let series = from_server(self.querier, subject, &self.plan.want, &on_node).await?;
        let mut pods: BTreeMap<Pod, Vec<(Class, String, Figures)>> = BTreeMap::new();
        for ((pod, class, node), figures) in series.into_iter().filter(|((pod, ..), _)| shown(pod)) {
            pods.entry(pod).or_default().push((class, node, figures));
        }
        let (mut rows, mut nodes, mut again) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for (pod, parts) in pods {
            let several = parts.len() > 1 && !self.plan.per_node;
            if several || parts.iter().any(|(.., figures)| is_spoilt(figures)) {
                again.push(pod);
                continue;
            }
            for (class, node, figures) in parts {
                let of = self.plan.per_node.then_some(node.as_str());
                rows.insert(self.owners.key(class, &pod, of), Samples::Statistics(figures));
                nodes.insert(pod.clone(), node);
            }
        }
        let batches = again.chunks(BATCH).map(async |batch| {
            let these = metric_names::these(batch);
            let selector = these.iter().fold(query.selector.clone(), |all, one| promql::and(&all, Some(one)));
            let cost = Cost::new(2 * batch.len(), 2 * batch.len());
            let wanted = |pod: &Pod| batch.binary_search(pod).is_ok();
            let text = |at: &At| each(&selector, at);
            self.pods_of_samples((&text, cost), wanted).await
        });
        for (more, on) in try_join_all(batches).await? {
            rows.extend(more);
            nodes.extend(on);
        }
        Ok((rows, nodes))
    }

    /// Fetches the samples of some pods on each node, and adds up those of one row.
    async fn pods_of_samples(
        &self,
        (text, cost): (&Query<'_>, Cost<'_>),
        wanted: impl Fn(&Pod) -> bool,
    ) -> Result<Rows> {
        let mut rows: BTreeMap<Key, Steps> = BTreeMap::new();
        let mut last: BTreeMap<Pod, (Timestamp, String)> = BTreeMap::new();
        let take = |series: &Series<'_>| {
            let (pod, node) = (pod(series), series.label("instance"));
            let Some((newest, _)) = series.samples.last().filter(|_| wanted(&pod)) else { return };
            let of = self.plan.per_node.then_some(node);
            let cpuset = Cpuset::of_label(series.label("cpuset"));
            let key = Key { cpuset, ..self.owners.key(Class::of_label(series.label("class")), &pod, of) };
            let steps = rows.entry(key).or_insert_with(|| Steps::absent(self.plan.grid.points()));
            add_samples(steps, self.plan.grid, &series.samples);
            let known = last.entry(pod).or_insert_with(|| (*newest, node.to_owned()));
            if *newest > known.0 {
                *known = (*newest, node.to_owned());
            }
        };
        self.querier.each(text, self.plan.grid, cost, take).await?;
        let rows = rows.into_iter().map(|(key, steps)| (key, Samples::Each(steps))).collect();
        Ok((rows, last.into_iter().map(|(pod, (_, node))| (pod, node)).collect()))
    }

    /// Fetches the statistics of each pod by the platform, and its last node; or the samples, if rows are of workloads.
    pub(super) async fn pods_of_platform(&self, query: &Planned) -> Result<Rows> {
        let shown = |pod: &Pod| self.plan.filter.has_pod(&pod.0, &pod.1);
        if let Form::Each(_) = query.form {
            let text = |at: &At| query.text(at);
            let key = |series: &Series<'_>| {
                let pod = pod(series);
                shown(&pod).then(|| self.owners.key(Class::of_namespace(&pod.0), &pod, None))
            };
            let rows = self.querier.range(&text, self.plan.grid, query.cost(), key).await?;
            let rows = rows.into_iter().filter_map(|(key, steps)| Some((key?, Samples::Each(steps))));
            return Ok((rows.collect(), BTreeMap::new()));
        }
        let subject = self.subject(query, "namespace, pod");
        let (mut placement, pods) = tokio::try_join!(
            Placement::fetch(self.querier, self.plan.window, false),
            statistics(self.querier, subject, &self.plan.want, pod)
        )?;
        let gone: Vec<Pod> =
            pods.keys().filter(|pod| shown(pod) && !placement.last.contains_key(*pod)).cloned().collect();
        placement.add(self.querier, self.plan.window, &gone).await?;
        let rows = pods.into_iter().filter(|(pod, _)| shown(pod)).map(|(pod, figures)| {
            let class = Class::of_namespace(&pod.0);
            (self.owners.key(class, &pod, None), Samples::Statistics(figures))
        });
        Ok((rows.collect(), placement.last))
    }

    /// Fetches the samples of each pod by the platform, each added to the row of the node that the pod was on.
    pub(super) async fn placed_pods(&self, query: &Planned) -> Result<Rows> {
        let mut placement = Placement::fetch(self.querier, self.plan.window, true).await?;
        let Form::Each(labels) = &query.form else { return Ok(Rows::default()) };
        let text = |at: &At| promql::sum_by(labels, &at.select(&query.selector));
        let mut rows: BTreeMap<Key, Steps> = BTreeMap::new();
        let take = |series: &Series<'_>| {
            let pod = pod(series);
            if !self.plan.filter.has_pod(&pod.0, &pod.1) {
                return;
            }
            for (node, samples) in placement.split(&pod, &series.samples) {
                if self.plan.filter.has_node(node) {
                    let of = self.plan.per_node.then_some(node);
                    let key = self.owners.key(Class::of_namespace(&pod.0), &pod, of);
                    let steps = rows.entry(key).or_insert_with(|| Steps::absent(self.plan.grid.points()));
                    add_samples(steps, self.plan.grid, samples);
                }
            }
        };
        self.querier.each(&text, self.plan.grid, query.cost(), take).await?;
        // A pod that moved is shown on the last of these nodes that it was on.
        for (pod, moves) in &placement.rescheduled {
            let here = moves.iter().rev().find(|(_, node)| self.plan.filter.has_node(node));
            placement.last.extend(here.map(|(_, node)| (pod.clone(), node.clone())));
        }
        Ok((rows.into_iter().map(|(key, steps)| (key, Samples::Each(steps))).collect(), placement.last))
    }
}
