//! Diagnosis of a rollout: fetches the exporter's pods, events and nodes, as far as the user may see them.
use super::daemonset::DaemonSet;
use super::nodes;
use super::pod_problems::{self, Observed, Problem};
use super::resources::{DAEMON_SETS, NAME, NAMESPACE};
use super::serving_certificate;
use crate::cluster::{Failure, Part, Server};
use anyhow::Result;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;

/// Reasons why a rollout is not complete.
#[derive(Debug, Default)]
pub(crate) struct Diagnosis {
    pub(crate) problems: Vec<Problem>,
    /// Rights that the user lacks to see everything.
    pub(crate) missing_rights: Vec<&'static str>,
    /// Nodes that should have a pod and are not ready themselves. Nobody can wait for their pods.
    pub(crate) nodes_down: BTreeSet<String>,
    /// Number of ready nodes without a ready pod. `None` if the user may not see it.
    waiting: Option<usize>,
}

/// Fetches and diagnoses. With `timed_out`, pods that are only on their way count as problems too. Errors if the
/// login has expired.
pub(crate) async fn diagnose(
    server: &Server<'_>,
    daemonset: &DaemonSet,
    timed_out: bool,
) -> Result<Diagnosis> {
    let mut diagnosis = Diagnosis::default();
    let namespace = format!("/api/v1/namespaces/{NAMESPACE}");
    let mut observed = Observed { desired: daemonset.ready().1, timed_out, ..Observed::default() };
    let pods = server.get::<pod_problems::Pods>(&pods_path(), Part::Whole).await;
    let pods = diagnosis.visible(pods, "list pods in openshift-monitoring")?;
    let sees_pods = pods.is_some();
    observed.pods = pods.unwrap_or_default().items;
    for (field, value) in [("involvedObject.name", NAME), ("reason", "FailedMount")] {
        let path = format!("{namespace}/events?fieldSelector={field}%3D{value}");
        let events = server.get::<pod_problems::Events>(&path, Part::Whole).await;
        let events = diagnosis.visible(events, "list events in openshift-monitoring")?;
        observed.events.extend(events.unwrap_or_default().items);
    }
    // A user without this right learns it from the check of the objects.
    observed.certificate = match serving_certificate::fetch_refusal(server).await {
        Err(Failure::LoggedOut(error)) => return Err(error),
        found => found.unwrap_or_default(),
    };
    let down = diagnosis.visible(nodes::fetch_not_ready(server).await, "list nodes")?;
    observed.nodes_down = down.unwrap_or_default();
    if sees_pods && (timed_out || !observed.nodes_down.is_empty()) {
        let selected = diagnosis.fetch_selected_nodes(server).await?;
        diagnosis.count_waiting(&mut observed, selected.as_ref(), daemonset);
    }
    // Pods that the user may not see are not missing.
    diagnosis.problems = if sees_pods { pod_problems::find_problems(&observed) } else { Vec::new() };
    Ok(diagnosis)
}

impl Diagnosis {
    /// Returns true if all nodes that `daemonset` still lacks are down.
    pub(crate) fn misses_only_nodes_down(&self, daemonset: &DaemonSet) -> bool {
        daemonset.is_observed() && self.waiting == Some(0) && !self.nodes_down.is_empty()
    }

    /// Fetches the nodes that the DaemonSet selects. `None` if the user may not see them.
    async fn fetch_selected_nodes(&mut self, server: &Server<'_>) -> Result<Option<BTreeSet<String>>> {
        let daemonset = server.get::<Value>(&DAEMON_SETS.object_path(NAME), Part::Whole).await;
        let Some(daemonset) = self.visible(daemonset, "get daemonsets.apps in openshift-monitoring")? else {
            return Ok(None);
        };
        self.visible(nodes::fetch_selected(server, &daemonset).await, "list nodes")
    }

    /// Counts node by node which pods can be waited for. The DaemonSet's own numbers do not do: they include pods of
    /// nodes that are down, and pods that are being deleted.
    fn count_waiting(
        &mut self,
        observed: &mut Observed,
        selected: Option<&BTreeSet<String>>,
        daemonset: &DaemonSet,
    ) {
        let Some(selected) = selected else {
            observed.nodes_down.retain(|node| observed.pods.iter().any(|pod| pod.node() == node));
            return;
        };
        observed.nodes_down.retain(|node| selected.contains(node));
        // Pods that end on nodes that are no longer selected hold nothing up.
        observed.pods.retain(|pod| pod.node().is_empty() || selected.contains(pod.node()));
        let with = |is: &dyn Fn(&pod_problems::Pod) -> bool| -> BTreeSet<String> {
            observed.pods.iter().filter(|pod| is(pod)).map(|pod| pod.node().to_owned()).collect()
        };
        let any = with(&|_| true);
        let generation = daemonset.template_generation();
        let hashes: BTreeSet<_> = observed
            .pods
            .iter()
            .filter(|pod| pod.is_of_generation(generation))
            .filter_map(pod_problems::Pod::hash)
            .collect();
        let is_new = |pod: &pod_problems::Pod| {
            daemonset.is_updated()
                || pod.is_of_generation(generation)
                || pod.hash().is_some_and(|hash| hashes.contains(hash))
        };
        let good = with(&|pod| pod.is_ready() && is_new(pod) && !pod.is_deleting());
        // A pod that is not scheduled yet belongs to one of these nodes, and it is not known to which.
        if !any.contains("") {
            observed.nodes_without_pod = selected.difference(&any).cloned().collect();
        }
        self.nodes_down.clone_from(&observed.nodes_down);
        self.waiting =
            Some(selected.difference(&good).filter(|node| !self.nodes_down.contains(*node)).count());
    }

    /// Returns what the server sent, or `None` if it sent nothing, so that a diagnosis may be incomplete. Errors if the
    /// login has expired.
    fn visible<T: DeserializeOwned>(
        &mut self,
        found: Result<T, Failure>,
        right: &'static str,
    ) -> Result<Option<T>> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(Failure::LoggedOut(error)) => Err(error),
            Err(failure) => {
                if failure.code() == 403 && !self.missing_rights.contains(&right) {
                    self.missing_rights.push(right);
                }
                Ok(None)
            }
        }
    }
}

/// Fetches the nodes of the exporter's pods. `None` if there are no pods, if one of the nodes is ready, or if the
/// user may not see them. Errors if the login has expired.
pub(super) async fn fetch_nodes_if_all_down(server: &Server<'_>) -> Result<Option<BTreeSet<String>>> {
    let mut diagnosis = Diagnosis::default();
    let pods = server.get::<pod_problems::Pods>(&pods_path(), Part::Whole).await;
    let pods = diagnosis.visible(pods, "list pods in openshift-monitoring")?;
    let Some(pods) = pods.filter(|pods| !pods.items.is_empty()) else { return Ok(None) };
    let Some(down) = diagnosis.visible(nodes::fetch_not_ready(server).await, "list nodes")? else {
        return Ok(None);
    };
    let nodes: BTreeSet<_> = pods.items.iter().map(|pod| pod.node().to_owned()).collect();
    Ok(Some(nodes).filter(|nodes| nodes.is_subset(&down)))
}

fn pods_path() -> String {
    format!(
        "/api/v1/namespaces/{NAMESPACE}/pods?resourceVersion=0&labelSelector=app.kubernetes.io%2Fname%3D{NAME}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Node of a pod, generation of its template (or `ending`), and whether it is ready.
    type PodLine = (&'static str, &'static str, bool);

    fn observed(pods: &[PodLine], down: &[&str]) -> Observed {
        let items = pods.iter().map(|&(node, generation, is_ready)| {
            let status = if is_ready { "True" } else { "False" };
            let ends = (generation == "ending").then_some("2026-01-01T00:00:00Z");
            json!({"metadata": {"labels": {"pod-template-generation": generation}, "deletionTimestamp": ends},
                "spec": {"nodeName": node}, "status": {"conditions": [{"type": "Ready", "status": status}]}})
        });
        let pods: pod_problems::Pods =
            serde_json::from_value(json!({"items": items.collect::<Vec<_>>()})).unwrap();
        Observed { pods: pods.items, nodes_down: names(down), ..Observed::default() }
    }

    fn names(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(ToString::to_string).collect()
    }

    /// Nodes a and b are selected.
    #[test]
    fn only_nodes_that_are_down_are_not_waited_for() {
        let daemonset: DaemonSet =
            serde_json::from_value(json!({"metadata": {"generation": 1, "annotations":
            {"deprecated.daemonset.template.generation": "2"}}, "status": {"observedGeneration": 1,
            "desiredNumberScheduled": 2, "updatedNumberScheduled": 1}}))
            .unwrap();
        let mut updated = daemonset.clone();
        assert!(!updated.is_updated());
        let cases: &[(&str, &[PodLine], &[&str], bool)] = &[
            ("its pod is pending", &[("a", "2", true), ("b", "2", false)], &["b"], true),
            ("it has no pod", &[("a", "2", true)], &["b"], true),
            ("its pod was ready", &[("a", "2", true), ("b", "2", true)], &["b"], true),
            ("its old pod cannot end", &[("a", "2", true), ("b", "ending", false)], &["b"], true),
            ("all are", &[("a", "2", false)], &["a", "b"], true),
            ("another one waits", &[("a", "2", false), ("b", "2", false)], &["b"], false),
            ("another one has none", &[("b", "2", false)], &["b"], false),
            ("another one's has no place yet", &[("", "2", false), ("b", "2", false)], &["b"], false),
            ("another one has the old pod", &[("a", "1", true), ("b", "2", false)], &["b"], false),
            ("another one's pod ends", &[("a", "ending", true), ("b", "2", false)], &["b"], false),
            ("none is down", &[("a", "2", true)], &[], false),
            ("it is not ours", &[("a", "2", true), ("b", "2", false)], &["other"], false),
            ("a pod is left on it", &[("a", "2", true), ("other", "ending", false)], &["other"], false),
        ];
        for (case, pods, down, expected) in cases {
            let mut diagnosis = Diagnosis::default();
            diagnosis.count_waiting(&mut observed(pods, down), Some(&names(&["a", "b"])), &daemonset);
            assert_eq!(diagnosis.misses_only_nodes_down(&daemonset), *expected, "{case}");
        }
        let mut diagnosis = Diagnosis::default();
        diagnosis.count_waiting(&mut observed(&[], &["b"]), None, &daemonset);
        assert!(!diagnosis.misses_only_nodes_down(&daemonset), "nothing is seen");
        // The template of an earlier generation came back: its pods count as new, whatever their generation.
        updated =
            serde_json::from_value(json!({"metadata": {"generation": 1}, "status": {"observedGeneration": 1,
            "desiredNumberScheduled": 2, "updatedNumberScheduled": 2}}))
            .unwrap();
        diagnosis.count_waiting(
            &mut observed(&[("a", "1", true)], &["b"]),
            Some(&names(&["a", "b"])),
            &updated,
        );
        assert!(diagnosis.misses_only_nodes_down(&updated));
        let unseen: DaemonSet = serde_json::from_value(json!({"metadata": {"generation": 2}})).unwrap();
        diagnosis.count_waiting(
            &mut observed(&[("a", "2", true)], &["b"]),
            Some(&names(&["a", "b"])),
            &daemonset,
        );
        assert!(diagnosis.misses_only_nodes_down(&daemonset) && !diagnosis.misses_only_nodes_down(&unseen));
    }
}
