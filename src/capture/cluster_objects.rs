//! Objects of the cluster that a capture holds, where a must-gather has them: its version, its nodes, and what partitions these.
use crate::cluster::{Cluster, Failure, Part, Server};
use anyhow::Result;
use serde_json::{Map, Value, json};

/// Objects, or what is listed: the path of the API, and the folder that a must-gather has them in.
const PATHS: [(&str, &str); 4] = [
    (
        "/apis/config.openshift.io/v1/clusterversions",
        "cluster-scoped-resources/config.openshift.io/clusterversions",
    ),
    (
        "/apis/config.openshift.io/v1/infrastructures",
        "cluster-scoped-resources/config.openshift.io/infrastructures",
    ),
    (
        "/apis/performance.openshift.io/v2/performanceprofiles",
        "cluster-scoped-resources/performance.openshift.io/performanceprofiles",
    ),
    ("/api/v1/nodes", NODES),
];
const NODES: &str = "cluster-scoped-resources/core/nodes";

/// Files by their path, and notes on what could not be read, a sentence each.
#[derive(Debug, Default)]
pub(super) struct ClusterObjects {
    pub files: Vec<(String, String)>,
    pub notes: Vec<String>,
}

/// Fetches the objects. What cannot be read is a note.
pub(super) async fn fetch(cluster: &Cluster) -> ClusterObjects {
    let mut found = ClusterObjects::default();
    let server = match cluster.server().await {
        Ok(server) => server,
        Err(error) => {
            found.notes.push(format!("no objects of the cluster are captured: {error:#}"));
            return found;
        }
    };
    for (path, folder) in PATHS {
        if let Err(error) = list(&server, (path, folder), &mut found).await {
            found.notes.push(format!("not captured: {error:#}"));
        }
    }
    found
}

async fn list(server: &Server<'_>, (path, folder): (&str, &str), found: &mut ClusterObjects) -> Result<()> {
    let list: Option<Value> = server
        .get_opt(path, Part::Whole)
        .await
        .map_err(|failure: Failure| failure.during(&format!("listing {path}"), "a cluster reader may"))?;
    let items = list.as_ref().and_then(|list| list.get("items")).and_then(Value::as_array);
    for object in items.into_iter().flatten() {
        let Some(name) =
            object.pointer("/metadata/name").and_then(Value::as_str).filter(|name| is_file(name))
        else {
            continue;
        };
        let kept = if folder == NODES { node(object) } else { without_managers(object) };
        found.files.push((format!("{folder}/{name}.yaml"), serde_yaml::to_string(&kept)?));
    }
    Ok(())
}

/// Returns true if a name can be a file's: what a server says goes into no other folder.
fn is_file(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\'])
}

/// Returns what is needed of a node: what images it has and what its annotations hold is nobody's business here.
fn node(object: &Value) -> Value {
    let at = |pointer: &str| object.pointer(pointer).cloned().unwrap_or(Value::Null);
    let metadata = json!({"name": at("/metadata/name"), "labels": at("/metadata/labels")});
    let status =
        ["capacity", "allocatable", "nodeInfo"].map(|name| (name.to_owned(), at(&format!("/status/{name}"))));
    json!({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": Map::from_iter(status)})
}

fn without_managers(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    object
}

#[cfg(test)]
mod tests {
    use super::{is_file, node};
    use serde_json::json;

    #[test]
    fn of_a_node_its_labels_and_cpus_are_kept() {
        let object = json!({
            "metadata": {"name": "a", "labels": {"x": "y"}, "annotations": {"secret": "1"}},
            "status": {"capacity": {"cpu": "4"}, "images": [1], "addresses": ["10.0.0.1"]},
        });
        let kept = node(&object);
        assert_eq!(
            (&kept["metadata"]["labels"]["x"], &kept["status"]["capacity"]["cpu"]),
            (&json!("y"), &json!("4"))
        );
        let text = kept.to_string();
        assert!(!text.contains("secret") && !text.contains("images") && !text.contains("10.0.0.1"), "{text}");
    }

    #[test]
    fn a_name_leads_into_no_other_folder() {
        assert!(is_file("node-1.example"));
        for name in ["", ".", "..", "a/b", "..\\x"] {
            assert!(!is_file(name), "{name}");
        }
    }
}
