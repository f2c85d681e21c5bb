//! A look at what keeps pods from becoming ready: the exporter's pods, events and nodes, as far as they may be seen.
use super::certificate;
use super::nodes;
use super::place::{DAEMON_SETS, NAME, NAMESPACE};
use super::set::Set;
use super::trouble::{self, Scene, Trouble};
use crate::cluster::{Failure, Part, Server};
use anyhow::{Error, Result};
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

/// Looks. `desired`: how many pods there should be; `late`: what is on its way is now in the way. Errors: the login is
/// no longer good.
pub(crate) async fn look(server: &Server<'_>, desired: usize, late: bool) -> Result<Look> {
    let mut look = Look::default();
    let namespace = format!("/api/v1/namespaces/{NAMESPACE}");
    let mut scene = Scene { desired, late, ..Scene::default() };
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
    let knows_nodes = down.is_some();
    scene.nodes_down = down.unwrap_or_default();
    let mut knows_missing = true;
    if is_seen && scene.pods.len() < desired && (late || !scene.nodes_down.is_empty()) {
        let bare = nodes_bare(server, &mut look, &scene).await?;
        knows_missing = bare.is_some();
        scene.nodes_bare = bare.unwrap_or_default();
    }
    if is_seen && knows_nodes && knows_missing {
        look.weigh(&scene);
    }
    // Pods that cannot be seen are not missing.
    look.troubles = if is_seen { trouble::all(&scene) } else { Vec::new() };
    Ok(look)
}

impl Look {
    /// Whether all that `set` still lacks is on nodes that are down.
    pub(crate) fn lacks_only_nodes_down(&self, set: &Set) -> bool {
        let (ready, desired) = set.ready();
        set.is_seen()
            && self.waiting == Some(0)
            && !self.nodes_down.is_empty()
            && desired.saturating_sub(ready) <= self.nodes_down.len()
    }

    /// Counts what may be waited for, and what may not.
    fn weigh(&mut self, scene: &Scene) {
        let is_down = |node: &str| scene.nodes_down.contains(node);
        let with_pod = scene.pods.iter().map(trouble::Pod::node);
        let bare = scene.nodes_bare.iter().map(String::as_str);
        self.nodes_down = with_pod.chain(bare).filter(|node| is_down(node)).map(str::to_owned).collect();
        let unready = scene.pods.iter().filter(|pod| !pod.is_ready() && !is_down(pod.node())).count();
        let bare = scene.nodes_bare.iter().filter(|node| !is_down(node)).count();
        self.waiting = Some(unready + bare);
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

/// The nodes that the DaemonSet selects and that have none of the pods; `None` if that is not known, or not yet.
async fn nodes_bare(
    server: &Server<'_>,
    look: &mut Look,
    scene: &Scene,
) -> Result<Option<BTreeSet<String>>, Error> {
    if scene.pods.iter().any(|pod| pod.node().is_empty()) {
        // It has a place to go to, which is not known yet.
        return Ok(None);
    }
    let set = server.get::<Value>(&DAEMON_SETS.path_of(NAME), Part::Whole).await;
    let Some(set) = look.seen(set, "get daemonsets.apps in openshift-monitoring")? else { return Ok(None) };
    let Some(mut bare) = look.seen(nodes::selected(server, &set).await, "list nodes")? else {
        return Ok(None);
    };
    bare.retain(|name| !scene.pods.iter().any(|pod| pod.node() == name));
    Ok(Some(bare))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Pods by node, and whether they are ready.
    fn scene(pods: &[(&str, bool)], down: &[&str], bare: &[&str]) -> Scene {
        let names = |all: &[&str]| all.iter().map(ToString::to_string).collect();
        let items = pods.iter().map(|&(node, is_ready)| {
            let status = if is_ready { "True" } else { "False" };
            json!({"spec": {"nodeName": node}, "status": {"conditions": [{"type": "Ready", "status": status}]}})
        });
        let pods: trouble::Pods =
            serde_json::from_value(json!({"items": items.collect::<Vec<_>>()})).unwrap();
        Scene { pods: pods.items, nodes_down: names(down), nodes_bare: names(bare), ..Scene::default() }
    }

    fn set(ready: usize, desired: usize) -> Set {
        serde_json::from_value(json!({"metadata": {"generation": 1}, "status": {"observedGeneration": 1,
            "desiredNumberScheduled": desired, "updatedNumberScheduled": ready, "numberReady": ready}}))
        .unwrap()
    }

    #[test]
    fn only_nodes_that_are_down_are_not_waited_for() {
        for (case, scene, set, expected) in [
            ("its pod is pending", scene(&[("a", true), ("b", false)], &["b"], &[]), set(1, 2), true),
            ("it has no pod", scene(&[("a", true)], &["b"], &["b"]), set(1, 2), true),
            ("its pod was ready", scene(&[("a", true), ("b", true)], &["b"], &[]), set(1, 2), true),
            ("another one waits", scene(&[("a", false), ("b", false)], &["b"], &[]), set(0, 2), false),
            ("another one has none", scene(&[("b", false)], &["b"], &["a"]), set(0, 2), false),
            (
                "another one has the old pod",
                scene(&[("a", true), ("b", false)], &["b"], &[]),
                set(0, 2),
                false,
            ),
            ("none is down", scene(&[("a", true)], &[], &[]), set(1, 2), false),
            ("it is not ours", scene(&[("a", false)], &["other"], &[]), set(0, 1), false),
        ] {
            let mut look = Look::default();
            look.weigh(&scene);
            assert_eq!(look.lacks_only_nodes_down(&set), expected, "{case}");
        }
        assert!(!Look::default().lacks_only_nodes_down(&set(0, 1)), "nothing is seen");
    }
}
