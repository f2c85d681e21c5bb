//! Objects of the cluster that a capture holds, where a must-gather has them: its version, its nodes, and what partitions these.
use crate::cluster::{Cluster, Failure, Part, Server};
use anyhow::Result;
use serde_json::{Value, json};

/// Objects of a kind, and what is kept of each: what else they hold, such as annotations, is nobody's business here.
struct Kind {
    /// Path of the API that lists them.
    path: &'static str,
    /// Folder that a must-gather has them in.
    folder: &'static str,
    /// Version of the API, and kind.
    names: [&'static str; 2],
    /// Fields that are kept whole, besides the name; `[]` stands for each item of a list.
    fields: &'static [&'static str],
}

const KINDS: [Kind; 4] = [
    Kind {
        path: "/apis/config.openshift.io/v1/clusterversions",
        folder: "cluster-scoped-resources/config.openshift.io/clusterversions",
        names: ["config.openshift.io/v1", "ClusterVersion"],
        fields: &[
            "spec.clusterID",
            "spec.channel",
            "status.desired.version",
            "status.history.[].state",
            "status.history.[].version",
            "status.history.[].startedTime",
            "status.history.[].completionTime",
        ],
    },
    Kind {
        path: "/apis/config.openshift.io/v1/infrastructures",
        folder: "cluster-scoped-resources/config.openshift.io/infrastructures",
        names: ["config.openshift.io/v1", "Infrastructure"],
        fields: &[
            "status.platform",
            "status.controlPlaneTopology",
            "status.infrastructureTopology",
            "status.cpuPartitioning",
        ],
    },
    Kind {
        path: "/apis/performance.openshift.io/v2/performanceprofiles",
        folder: "cluster-scoped-resources/performance.openshift.io/performanceprofiles",
        names: ["performance.openshift.io/v2", "PerformanceProfile"],
        fields: &[
            "spec.cpu",
            "spec.nodeSelector",
            "spec.workloadHints",
            "spec.globallyDisableIrqLoadBalancing",
            "spec.realTimeKernel",
        ],
    },
    Kind {
        path: "/api/v1/nodes",
        folder: "cluster-scoped-resources/core/nodes",
        names: ["v1", "Node"],
        fields: &["metadata.labels", "status.capacity", "status.allocatable", "status.nodeInfo"],
    },
];

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
    for kind in &KINDS {
        if let Err(error) = list(&server, kind, &mut found).await {
            found.notes.push(format!("not captured: {error:#}"));
        }
    }
    found
}

async fn list(server: &Server<'_>, kind: &Kind, found: &mut ClusterObjects) -> Result<()> {
    let path = kind.path;
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
        found
            .files
            .push((format!("{}/{name}.yaml", kind.folder), serde_yaml::to_string(&kind.kept_of(object))?));
    }
    Ok(())
}

/// Returns true if a name can be a file's: what a server says goes into no other folder.
fn is_file(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\'])
}

impl Kind {
    /// Returns an object's name and those of its fields that are kept.
    fn kept_of(&self, object: &Value) -> Value {
        let [version, kind] = self.names;
        let mut kept = json!({"apiVersion": version, "kind": kind});
        for field in ["metadata.name"].iter().chain(self.fields) {
            let path: Vec<&str> = field.split('.').collect();
            copy(object, &mut kept, &path);
        }
        kept
    }
}

/// Copies a field, if it is there, into an object that has the fields before it.
fn copy(from: &Value, to: &mut Value, path: &[&str]) {
    match (path, from) {
        ([], _) => *to = from.clone(),
        (["[]", rest @ ..], Value::Array(items)) => {
            if !to.is_array() {
                *to = json!([]);
            }
            let Some(list) = to.as_array_mut() else { return };
            list.resize(items.len(), Value::Null);
            items.iter().zip(list).for_each(|(from, to)| copy(from, to, rest));
        }
        ([name, rest @ ..], Value::Object(fields)) => {
            let Some(field) = fields.get(*name) else { return };
            if !to.is_object() {
                *to = json!({});
            }
            let Some(into) = to.as_object_mut() else { return };
            copy(field, into.entry(*name).or_insert(Value::Null), rest);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{KINDS, is_file};
    use serde_json::{Value, json};

    fn kept_of(kind: &str, object: &Value) -> Value {
        KINDS.iter().find(|one| one.names[1] == kind).unwrap().kept_of(object)
    }

    /// Red if anything but the fields that are listed is kept.
    #[test]
    fn what_is_not_listed_stays() {
        let metadata = json!({"name": "a", "labels": {"x": "y"}, "annotations": {"x": "SECRET"}, "managedFields": ["SECRET"],
            "uid": "SECRET"});
        let node = json!({"metadata": metadata, "spec": {"providerID": "SECRET"},
            "status": {"capacity": {"cpu": "4"}, "images": ["SECRET"], "addresses": ["SECRET"]}});
        let version = json!({"metadata": metadata,
            "spec": {"clusterID": "c", "channel": "stable", "upstream": "SECRET", "signatureStores": ["SECRET"]},
            "status": {"desired": {"version": "4.20.1", "image": "SECRET"}, "conditions": ["SECRET"], "history": [
                {"state": "Completed", "version": "4.20.1", "image": "SECRET", "startedTime": "t"},
                {"version": "4.19.2", "acceptedRisks": "SECRET"}]}});
        let infrastructure = json!({"metadata": metadata, "spec": {"cloudConfig": "SECRET"},
            "status": {"platform": "None", "cpuPartitioning": "AllNodes", "apiServerURL": "SECRET",
                "platformStatus": {"type": "SECRET"}}});
        let profile = json!({"metadata": metadata, "status": "SECRET",
            "spec": {"cpu": {"reserved": "0"}, "nodeSelector": {"x": ""}, "additionalKernelArgs": ["SECRET"], "net": "SECRET"}});
        for (kind, object, expected) in [
            (
                "Node",
                node,
                json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a", "labels": {"x": "y"}},
                    "status": {"capacity": {"cpu": "4"}}}),
            ),
            (
                "ClusterVersion",
                version,
                json!({"apiVersion": "config.openshift.io/v1", "kind": "ClusterVersion", "metadata": {"name": "a"},
                    "spec": {"clusterID": "c", "channel": "stable"},
                    "status": {"desired": {"version": "4.20.1"}, "history": [
                        {"state": "Completed", "version": "4.20.1", "startedTime": "t"}, {"version": "4.19.2"}]}}),
            ),
            (
                "Infrastructure",
                infrastructure,
                json!({"apiVersion": "config.openshift.io/v1", "kind": "Infrastructure", "metadata": {"name": "a"},
                    "status": {"platform": "None", "cpuPartitioning": "AllNodes"}}),
            ),
            (
                "PerformanceProfile",
                profile,
                json!({"apiVersion": "performance.openshift.io/v2", "kind": "PerformanceProfile", "metadata": {"name": "a"},
                    "spec": {"cpu": {"reserved": "0"}, "nodeSelector": {"x": ""}}}),
            ),
        ] {
            assert_eq!(kept_of(kind, &object), expected);
        }
    }

    #[test]
    fn fields_of_another_shape_are_skipped() {
        let odd = json!({"metadata": {"name": "a"}, "spec": "SECRET", "status": {"history": {"state": "SECRET"}, "desired": []}});
        let kept = kept_of("ClusterVersion", &odd);
        assert!(kept["metadata"]["name"] == "a" && !kept.to_string().contains("SECRET"), "{kept}");
    }

    #[test]
    fn a_name_leads_into_no_other_folder() {
        assert!(is_file("node-1.example"));
        for name in ["", ".", "..", "a/b", "..\\x"] {
            assert!(!is_file(name), "{name}");
        }
    }
}
