//! The cluster's nodes: which run the exporter, which are excluded and why, which are down.
use super::pod_problems::list_names;
use super::preflight::{Metadata, PartialObjectList};
use crate::cluster::{Failure, Part, Server};
use anyhow::{Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Labels that the kubelet sets, and the label of virtual-kubelet.
const ARCHITECTURE: &str = "kubernetes.io/arch";
const LINUX: (&str, &str) = ("kubernetes.io/os", "linux");
const VIRTUAL: (&str, &str) = ("type", "virtual-kubelet");

/// Linux nodes that a node selector matches.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    /// Names by CPU architecture, without virtual nodes.
    by_architecture: BTreeMap<String, BTreeSet<String>>,
    virtual_nodes: BTreeSet<String>,
    /// Names of nodes without the label that tells their architecture.
    unlabelled: BTreeSet<String>,
}

impl Nodes {
    /// Fetches the nodes that match `selector`. Errors if the server refuses.
    pub(super) async fn fetch(server: &Server<'_>, selector: &[(String, String)]) -> Result<Nodes> {
        let linux = [(LINUX.0.to_owned(), LINUX.1.to_owned())];
        let all = fetch_nodes(server, &[selector, &linux].concat()).await;
        Ok(Nodes::from_metadata(
            all.map_err(|failure| failure.during("listing the nodes", "ask for the right to list nodes"))?,
        ))
    }

    fn from_metadata(all: Vec<Metadata>) -> Nodes {
        let mut nodes = Nodes::default();
        for Metadata { name, mut labels, .. } in all {
            if is_virtual(&labels) {
                nodes.virtual_nodes.insert(name);
            } else if let Some(architecture) = labels.remove(ARCHITECTURE) {
                nodes.by_architecture.entry(architecture).or_default().insert(name);
            } else {
                nodes.unlabelled.insert(name);
            }
        }
        nodes
    }

    /// Returns the number of nodes that could run the exporter.
    pub(super) fn len(&self) -> usize {
        self.by_architecture.values().map(BTreeSet::len).sum::<usize>() + self.unlabelled.len()
    }

    /// Returns the CPU architectures of these nodes. Errors if there are none.
    pub(super) fn architectures(&self) -> Result<BTreeSet<String>> {
        if self.by_architecture.is_empty() {
            bail!("no Linux node matches: check --node-selector, or the cluster's nodes with oc get nodes");
        }
        Ok(self.by_architecture.keys().cloned().collect())
    }

    /// Returns a line for each kind of excluded node. `bundled` holds the architectures of the exporters in the
    /// payload, `None` if an image holds the exporter.
    pub(super) fn exclusion_lines(&self, bundled: Option<&BTreeSet<&str>>) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.virtual_nodes.is_empty() {
            lines.push(format!(
                "left out: {}: a virtual node (label type=virtual-kubelet) has no kernel to measure; choose others with --node-selector KEY=VALUE",
                list_names(self.virtual_nodes.iter().map(String::as_str))
            ));
        }
        if bundled.is_some() && !self.unlabelled.is_empty() {
            lines.push(format!(
                "left out: {}: no label kubernetes.io/arch says which exporter it takes: see whether its kubelet runs, which sets it",
                list_names(self.unlabelled.iter().map(String::as_str))
            ));
        }
        for (architecture, names) in &self.by_architecture {
            if bundled.is_some_and(|bundled| !bundled.contains(architecture.as_str())) {
                lines.push(format!(
                    "left out: {}: no exporter for {architecture} came along; give one with --exporter FILE, or choose other nodes with --node-selector KEY=VALUE",
                    list_names(names.iter().map(String::as_str))
                ));
            }
        }
        lines
    }
}

fn is_virtual(labels: &BTreeMap<String, String>) -> bool {
    labels.get(VIRTUAL.0).is_some_and(|kind| kind == VIRTUAL.1)
}

/// Fetches the nodes that have all labels of `selector`: from the server's cache and metadata alone, so that the
/// response is small for a thousand nodes.
async fn fetch_nodes(server: &Server<'_>, selector: &[(String, String)]) -> Result<Vec<Metadata>, Failure> {
    let list = server.get::<PartialObjectList>("/api/v1/nodes?resourceVersion=0", Part::MetadataList).await?;
    let has = |node: &Metadata, key: &String, value| node.labels.get(key) == Some(value);
    let chosen = |node: &Metadata| selector.iter().all(|(key, value)| has(node, key, value));
    Ok(list.items.into_iter().map(|partial| partial.metadata).filter(chosen).collect())
}

/// Fetches the names of the nodes that our DaemonSet selects, by its node selector and its node affinity.
pub(super) async fn fetch_selected(
    server: &Server<'_>,
    daemonset: &Value,
) -> Result<BTreeSet<String>, Failure> {
    let pod = |pointer: &str| daemonset.pointer(&format!("/spec/template/spec/{pointer}"));
    let selector = pod("nodeSelector").and_then(Value::as_object);
    let pairs = selector.into_iter().flatten();
    let selector: Vec<_> =
        pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
    let expressions = pod(
        "affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchExpressions",
    );
    let expressions = expressions.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let all = fetch_nodes(server, &selector).await?;
    let fits = |node: &Metadata| expressions.iter().all(|expression| is_met(expression, &node.labels));
    Ok(all.into_iter().filter(fits).map(|node| node.name).collect())
}

/// Returns true if labels match an expression of a node affinity. Operators that our DaemonSet does not use always
/// match.
fn is_met(expression: &Value, labels: &BTreeMap<String, String>) -> bool {
    let text = |field: &str| expression.get(field).and_then(Value::as_str).unwrap_or_default();
    let values = expression.get("values").and_then(Value::as_array);
    let label = labels.get(text("key"));
    let is_listed = label.is_some_and(|label| values.into_iter().flatten().any(|value| value == label));
    match text("operator") {
        "In" => is_listed,
        "NotIn" => !is_listed,
        _ => true,
    }
}

/// Fetches the names of the nodes that are not ready. The server's table has one line a node, whatever the node's
/// size.
pub(super) async fn fetch_not_ready(server: &Server<'_>) -> Result<BTreeSet<String>, Failure> {
    let path = "/api/v1/nodes?includeObject=None&resourceVersion=0";
    Ok(parse_not_ready(&server.get::<Value>(path, Part::Table).await?))
}

fn parse_not_ready(table: &Value) -> BTreeSet<String> {
    let columns = table.get("columnDefinitions").and_then(Value::as_array);
    let column = |name: &str| {
        columns?.iter().position(|column| column.get("name").and_then(Value::as_str) == Some(name))
    };
    let (Some(name), Some(status)) = (column("Name"), column("Status")) else { return BTreeSet::new() };
    let rows = table.get("rows").and_then(Value::as_array).into_iter().flatten();
    let down = rows.filter_map(|row| {
        let cells = row.get("cells")?.as_array()?;
        let is_ready = cells.get(status)?.as_str()?.split(',').any(|word| word == "Ready");
        (!is_ready).then(|| cells.get(name)?.as_str().map(str::to_owned))?
    });
    down.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str, labels: &[(&str, &str)]) -> Metadata {
        let labels: BTreeMap<&str, &str> = labels.iter().copied().collect();
        serde_json::from_value(json!({"name": name, "labels": labels})).unwrap()
    }

    #[test]
    fn excluded_nodes_are_named_with_their_reason() {
        let nodes = Nodes::from_metadata(vec![
            node("a", &[(ARCHITECTURE, "amd64")]),
            node("v-1", &[(ARCHITECTURE, "amd64"), VIRTUAL]),
            node("v-2", &[VIRTUAL]),
            node("w", &[]),
            node("z", &[(ARCHITECTURE, "s390x")]),
        ]);
        assert_eq!(nodes.architectures().unwrap().into_iter().collect::<Vec<_>>(), ["amd64", "s390x"]);
        let lines = nodes.exclusion_lines(Some(&BTreeSet::from(["amd64"])));
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("left out: v-1, v-2: a virtual node"), "{lines:?}");
        assert!(lines[1].starts_with("left out: w: no label kubernetes.io/arch"), "{lines:?}");
        assert!(lines[2].starts_with("left out: z: no exporter for s390x"), "{lines:?}");
        assert_eq!(nodes.exclusion_lines(None).len(), 1, "an image may hold every architecture");
        let none = Nodes::from_metadata(vec![node("v", &[VIRTUAL])]).architectures();
        assert!(none.unwrap_err().to_string().contains("check --node-selector"));
    }

    #[test]
    fn expressions_are_met_as_the_scheduler_meets_them() {
        let labels = |value: &str| BTreeMap::from([("k".to_owned(), value.to_owned())]);
        let expression = |operator| json!({"key": "k", "operator": operator, "values": ["a", "b"]});
        for (operator, labels, expected) in [
            ("In", labels("a"), true),
            ("In", labels("c"), false),
            ("In", BTreeMap::new(), false),
            ("NotIn", labels("b"), false),
            ("NotIn", labels("c"), true),
            ("NotIn", BTreeMap::new(), true),
            ("Exists", BTreeMap::new(), true),
        ] {
            assert_eq!(is_met(&expression(operator), &labels), expected, "{operator} {labels:?}");
        }
    }

    #[test]
    fn nodes_are_down_that_the_table_does_not_call_ready() {
        let table = json!({
            "columnDefinitions": [{"name": "Name"}, {"name": "Status"}],
            "rows": [
                {"cells": ["a", "Ready"]}, {"cells": ["b", "NotReady"]}, {"cells": ["c", "Ready,SchedulingDisabled"]},
                {"cells": ["d", "Unknown"]}, {"cells": []}, {},
            ],
        });
        assert_eq!(parse_not_ready(&table).into_iter().collect::<Vec<_>>(), ["b", "d"]);
        assert!(parse_not_ready(&json!({})).is_empty());
    }
}
