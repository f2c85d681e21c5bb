//! A pod as the API server sends it: the fields that a diagnosis needs.
use crate::install::daemonset::{POD_GENERATION, POD_HASH};
use crate::prometheus::null_is_empty;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A list of pods.
#[derive(Debug, Default, Deserialize)]
pub(in super::super) struct Pods {
    #[serde(deserialize_with = "null_is_empty")]
    pub(in super::super) items: Vec<Pod>,
}

/// One pod.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Pod {
    pub(super) metadata: PodMetadata,
    pub(super) spec: PodSpec,
    pub(super) status: PodStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodMetadata {
    pub(super) name: String,
    #[serde(deserialize_with = "null_is_empty")]
    labels: BTreeMap<String, String>,
    deletion_timestamp: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ObjectReference {
    pub(super) name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodSpec {
    pub(super) node_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodStatus {
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) conditions: Vec<Condition>,
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) init_container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Condition {
    pub(super) r#type: String,
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContainerStatus {
    pub(super) name: String,
    pub(super) image: String,
    /// Empty until the container has been created for the first time.
    #[serde(rename = "containerID")]
    pub(super) container_id: String,
    pub(super) restart_count: u32,
    pub(super) state: ContainerState,
    pub(super) last_state: ContainerState,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContainerState {
    pub(super) waiting: Option<Waiting>,
    pub(super) terminated: Option<Terminated>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Waiting {
    pub(super) reason: String,
    pub(super) message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Terminated {
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) exit_code: i32,
}

impl Pod {
    /// Returns its node's name. Empty until it is scheduled.
    pub(in super::super) fn node(&self) -> &str {
        &self.spec.node_name
    }

    pub(super) fn condition(&self, name: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.r#type == name)
    }

    pub(in super::super) fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|condition| condition.status == "True")
    }

    /// Returns true if it was made from the template of this generation.
    pub(in super::super) fn is_of_generation(&self, generation: &str) -> bool {
        self.metadata.labels.get(POD_GENERATION).is_some_and(|own| own == generation)
    }

    /// Returns the controller's hash of its template. `None` if there is none.
    pub(in super::super) fn hash(&self) -> Option<&str> {
        self.metadata.labels.get(POD_HASH).map(String::as_str)
    }

    /// Returns true if it has been deleted and has not ended yet.
    pub(in super::super) fn is_deleting(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    pub(super) fn containers(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.status.init_container_statuses.iter().chain(&self.status.container_statuses)
    }

    /// Returns true if all its volumes are mounted. An event that says otherwise is older.
    pub(super) fn has_volumes(&self) -> bool {
        match self.condition("PodReadyToStartContainers") {
            Some(condition) => condition.status == "True",
            // Kubernetes before 1.29 does not set this condition.
            None => self.containers().any(|container| !container.container_id.is_empty()),
        }
    }
}
