//! A look at what keeps pods from becoming ready: the exporter's pods, events and nodes, as far as they may be seen.
use super::certificate;
use super::nodes;
use super::place::{DAEMON_SETS, NAME, NAMESPACE};
use super::set::Set;
use super::trouble::{self, Scene, Trouble};
use crate::cluster::{Failure, Part, Server};
use anyhow::Result;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;

/// What a look has found.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub(crate) troubles: Vec<Trouble>,
    /// The rights for want of which something stayed unseen.
    pub(crate) blind: Vec<&'static str>,
    /// The nodes that should have a pod and are not ready themselves: nobody can wait for theirs.
    pub(crate) nodes_down: BTreeSet<String>,
    /// Number of pods that are not ready, or not even there, on nodes that are. `None` if that is not seen.
    waiting: Option<usize>,
}

/// Looks. `late`: what is on its way is now in the way. Errors: the login is no longer good.
pub(crate) async fn look(server: &Server<'_>, set: &Set, late: bool) -> Result<Look> {
    let mut look = Look::default();
    let namespace = format!("/api/v1/namespaces/{NAMESPACE}");
    let mut scene = Scene { desired: set.ready().1, late, ..Scene::default() };
    let pods = server.get::<trouble::Pods>(&pods_path(), Part::Whole).await;
    let pods = look.seen(pods, "list pods in openshift-monitoring")?;
    let is_seen = pods.is_some();
    scene.pods = pods.unwrap_or_default().items;
    for (field, value) in [("involvedObject.name", NAME), ("reason", "FailedMount")] {
        let path = format!("{namespace}/events?fieldSelector={field}%3D{value}");
        let events = server.get::<trouble::Events>(&path, Part::Whole).await;
        let events = look.seen(events, "list events in openshift-monitoring")?;
        scene.events.extend(events.unwrap_or_default().items);
    }
    // Who may not see it is told so where the objects are.
    scene.certificate = match certificate::refusal(server).await {
        Err(Failure::LoggedOut(error)) => return Err(error),
        found => found.unwrap_or_default(),
    };
    let down = look.seen(nodes::down(server).await, "list nodes")?;
    scene.nodes_down = down.unwrap_or_default();
    if is_seen && (late || !scene.nodes_down.is_empty()) {
        let selected = look.selected(server).await?;
        look.weigh(&mut scene, selected.as_ref(), set);
    }
    // Pods that cannot be seen are not missing.
    look.troubles = if is_seen { trouble::all(&scene) } else { Vec::new() };
    Ok(look)
}

impl Look {
    /// Whether all that `set` still lacks is on nodes that are down.
    pub(crate) fn lacks_only_nodes_down(&self, set: &Set) -> bool {
        set.is_seen() && self.waiting == Some(0) && !self.nodes_down.is_empty()
    }

    /// The nodes that the DaemonSet selects; `None` if that is not seen.
    async fn selected(&mut self, server: &Server<'_>) -> Result<Option<BTreeSet<String>>> {
        let set = server.get::<Value>(&DAEMON_SETS.path_of(NAME), Part::Whole).await;
        let Some(set) = self.seen(set, "get daemonsets.apps in openshift-monitoring")? else {
            return Ok(None);
        };
        self.seen(nodes::selected(server, &set).await, "list nodes")
    }

    /// Counts what may be waited for, and what may not, node by node: the set's own numbers hold the pods of nodes that
    /// are down too, and pods that are ending.
    fn weigh(&mut self, scene: &mut Scene, selected: Option<&BTreeSet<String>>, set: &Set) {
        let Some(selected) = selected else {
            scene.nodes_down.retain(|node| scene.pods.iter().any(|pod| pod.node() == node));
            return;
        };
        scene.nodes_down.retain(|node| selected.contains(node));
        // What ends on a node that is not selected any longer is in nobody's way.
        scene.pods.retain(|pod| pod.node().is_empty() || selected.contains(pod.node()));
        let with = |is: &dyn Fn(&trouble::Pod) -> bool| -> BTreeSet<String> {
            scene.pods.iter().filter(|pod| is(pod)).map(|pod| pod.node().to_owned()).collect()
        };
        let any = with(&|_| true);
        let generation = set.template_generation();
        let hashes: BTreeSet<_> =
            scene.pods.iter().filter(|pod| pod.is_of(generation)).filter_map(trouble::Pod::hash).collect();
        let is_new = |pod: &trouble::Pod| {
            set.is_updated() || pod.is_of(generation) || pod.hash().is_some_and(|hash| hashes.contains(hash))
        };
        let good = with(&|pod| pod.is_ready() && is_new(pod) && !pod.is_ending());
        // A pod without a node has one to go to, which is not known yet.
        if !any.contains("") {
            scene.nodes_bare = selected.difference(&any).cloned().collect();
        }
        self.nodes_down.clone_from(&scene.nodes_down);
        self.waiting =
            Some(selected.difference(&good).filter(|node| !self.nodes_down.contains(*node)).count());
    }

    /// What there is to see; nothing where the server does not say: a look may be half blind.
    fn seen<T: DeserializeOwned>(
        &mut self,
        found: Result<T, Failure>,
        right: &'static str,
    ) -> Result<Option<T>> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(Failure::LoggedOut(error)) => Err(error),
            Err(failure) => {
                if failure.code() == 403 && !self.blind.contains(&right) {
                    self.blind.push(right);
                }
                Ok(None)
            }
        }
    }
}

/// The nodes of the exporter's pods, if there are pods and none of these nodes is ready; `None` otherwise, or if that is
/// not seen. Errors: the login is no longer good.
pub(super) async fn left_on_nodes_down(server: &Server<'_>) -> Result<Option<BTreeSet<String>>> {
    let mut look = Look::default();
    let pods = server.get::<trouble::Pods>(&pods_path(), Part::Whole).await;
    let pods = look.seen(pods, "list pods in openshift-monitoring")?;
    let Some(pods) = pods.filter(|pods| !pods.items.is_empty()) else { return Ok(None) };
    let Some(down) = look.seen(nodes::down(server).await, "list nodes")? else { return Ok(None) };
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

    /// A pod's node, its generation, and whether it is ready.
    type PodLine = (&'static str, &'static str, bool);

    fn scene(pods: &[PodLine], down: &[&str]) -> Scene {
        let items = pods.iter().map(|&(node, generation, is_ready)| {
            let status = if is_ready { "True" } else { "False" };
            let ends = (generation == "ending").then_some("2026-01-01T00:00:00Z");
            json!({"metadata": {"labels": {"pod-template-generation": generation}, "deletionTimestamp": ends},
                "spec": {"nodeName": node}, "status": {"conditions": [{"type": "Ready", "status": status}]}})
        });
        let pods: trouble::Pods =
            serde_json::from_value(json!({"items": items.collect::<Vec<_>>()})).unwrap();
        Scene { pods: pods.items, nodes_down: names(down), ..Scene::default() }
    }

    fn names(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(ToString::to_string).collect()
    }

    /// Nodes a and b are selected.
    #[test]
    fn only_nodes_that_are_down_are_not_waited_for() {
        let set: Set = serde_json::from_value(json!({"metadata": {"generation": 1, "annotations":
            {"deprecated.daemonset.template.generation": "2"}}, "status": {"observedGeneration": 1,
            "desiredNumberScheduled": 2, "updatedNumberScheduled": 1}}))
        .unwrap();
        let mut updated = set.clone();
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
            let mut look = Look::default();
            look.weigh(&mut scene(pods, down), Some(&names(&["a", "b"])), &set);
            assert_eq!(look.lacks_only_nodes_down(&set), *expected, "{case}");
        }
        let mut look = Look::default();
        look.weigh(&mut scene(&[], &["b"]), None, &set);
        assert!(!look.lacks_only_nodes_down(&set), "nothing is seen");
        // A template that came back: its first pods are new ones again, whatever their generation.
        updated =
            serde_json::from_value(json!({"metadata": {"generation": 1}, "status": {"observedGeneration": 1,
            "desiredNumberScheduled": 2, "updatedNumberScheduled": 2}}))
            .unwrap();
        look.weigh(&mut scene(&[("a", "1", true)], &["b"]), Some(&names(&["a", "b"])), &updated);
        assert!(look.lacks_only_nodes_down(&updated));
        let unseen: Set = serde_json::from_value(json!({"metadata": {"generation": 2}})).unwrap();
        look.weigh(&mut scene(&[("a", "2", true)], &["b"]), Some(&names(&["a", "b"])), &set);
        assert!(look.lacks_only_nodes_down(&set) && !look.lacks_only_nodes_down(&unseen));
    }
}
