//! A look at what keeps pods from becoming ready: the exporter's pods, events and nodes, as far as they may be seen.
use super::certificate;
use super::place::{DAEMON_SETS, NAME, NAMESPACE};
use super::preflight::nodes;
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
}

/// Looks. `desired`: how many pods there should be; `late`: what is on its way is now in the way. Errors: the login is
/// no longer good.
pub(crate) async fn look(server: &Server<'_>, desired: usize, late: bool) -> Result<Look> {
    let mut look = Look::default();
    let namespace = format!("/api/v1/namespaces/{NAMESPACE}");
    let pods = format!("{namespace}/pods?resourceVersion=0&labelSelector=app.kubernetes.io%2Fname%3D{NAME}");
    let mut scene = Scene { desired, late, ..Scene::default() };
    let pods = server.get::<trouble::Pods>(&pods, Part::Whole).await;
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
    let table = server.get::<Value>("/api/v1/nodes?includeObject=None&resourceVersion=0", Part::Table).await;
    scene.nodes_down = look.seen(table, "list nodes")?.map(|table| nodes_down(&table)).unwrap_or_default();
    if late && is_seen && scene.pods.len() < desired {
        scene.nodes_bare = nodes_bare(server, &mut look, &scene).await?;
    }
    // Pods that cannot be seen are not missing.
    look.troubles = if is_seen { trouble::all(&scene) } else { Vec::new() };
    Ok(look)
}

impl Look {
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

/// The nodes that the server's own table does not call ready: a line for each, whatever a node's size.
fn nodes_down(table: &Value) -> BTreeSet<String> {
    let columns = table.get("columnDefinitions").and_then(Value::as_array);
    let named = |name: &str| {
        columns?.iter().position(|column| column.get("name").and_then(Value::as_str) == Some(name))
    };
    let (Some(name), Some(status)) = (named("Name"), named("Status")) else { return BTreeSet::new() };
    let rows = table.get("rows").and_then(Value::as_array).into_iter().flatten();
    let down = rows.filter_map(|row| {
        let cells = row.get("cells")?.as_array()?;
        let is_ready = cells.get(status)?.as_str()?.split(',').any(|word| word == "Ready");
        (!is_ready).then(|| cells.get(name)?.as_str().map(str::to_owned))?
    });
    down.collect()
}

/// The nodes that the DaemonSet selects and that have none of the pods.
async fn nodes_bare(server: &Server<'_>, look: &mut Look, scene: &Scene) -> Result<BTreeSet<String>, Error> {
    if scene.pods.iter().any(|pod| pod.node().is_empty()) {
        // It has a place to go to, which is not known yet.
        return Ok(BTreeSet::new());
    }
    let set = server.get::<Value>(&DAEMON_SETS.path_of(NAME), Part::Whole).await;
    let Some(set) = look.seen(set, "get daemonsets.apps in openshift-monitoring")? else {
        return Ok(BTreeSet::new());
    };
    let selector = set.pointer("/spec/template/spec/nodeSelector").and_then(Value::as_object);
    let pairs = selector.into_iter().flatten();
    let selector: Vec<_> =
        pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
    let nodes = look.seen(nodes(server, &selector).await, "list nodes")?.unwrap_or_default();
    let has_pod = |name: &String| scene.pods.iter().any(|pod| pod.node() == name);
    Ok(nodes.into_iter().map(|node| node.name).filter(|name| !has_pod(name)).collect())
}
