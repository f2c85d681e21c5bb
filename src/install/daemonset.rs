//! The exporter's DaemonSet: how far its rollout is.
use crate::prometheus::null_is_empty;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Annotation that counts a DaemonSet's templates, and the label by which the controller marks pods with that count.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";
pub(super) const POD_GENERATION: &str = "pod-template-generation";
/// Label that identifies a template by its content. A template that comes back has the same one again.
pub(super) const POD_HASH: &str = "controller-revision-hash";

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DaemonSet {
    metadata: Generation,
    status: DaemonSetStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Generation {
    generation: i64,
    #[serde(deserialize_with = "null_is_empty")]
    annotations: BTreeMap<String, String>,
    deletion_timestamp: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DaemonSetStatus {
    observed_generation: i64,
    desired_number_scheduled: usize,
    updated_number_scheduled: usize,
    number_ready: usize,
    number_available: usize,
}

impl DaemonSet {
    /// Returns the number of nodes whose pod is new and ready, and the number of nodes that should have one.
    pub(crate) fn ready(&self) -> (usize, usize) {
        let DaemonSetStatus { desired_number_scheduled, updated_number_scheduled, number_ready, .. } =
            self.status;
        (updated_number_scheduled.min(number_ready), desired_number_scheduled)
    }

    /// Returns true if the controller has observed the last change. A default DaemonSet, which no server sent, is not
    /// observed.
    pub(crate) fn is_observed(&self) -> bool {
        self.metadata.generation > 0 && self.status.observed_generation >= self.metadata.generation
    }

    /// Returns the generation of the template, which the newest pods carry. Empty if the server does not send it.
    pub(super) fn template_generation(&self) -> &str {
        self.metadata.annotations.get(TEMPLATE_GENERATION).map(String::as_str).unwrap_or_default()
    }

    /// Returns true if the controller counts the pods of all nodes as made from the current template.
    pub(super) fn is_updated(&self) -> bool {
        self.is_observed() && self.status.updated_number_scheduled == self.status.desired_number_scheduled
    }

    /// Returns true if it has been deleted and waits for its pods to end.
    pub(crate) fn is_deleting(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// Returns true if every node has the new pod, ready and available.
    pub(crate) fn is_rolled_out(&self) -> bool {
        let (ready, desired) = self.ready();
        self.is_observed() && ready == desired && self.status.number_available == desired
    }
}

#[cfg(test)]
mod tests {
    use super::DaemonSet;
    use serde_json::json;

    #[test]
    fn it_is_rolled_out_when_every_node_has_the_new_pod() {
        let daemonset = |status| {
            serde_json::from_value::<DaemonSet>(json!({"metadata": {"generation": 2}, "status": status}))
                .unwrap()
        };
        let all = json!({"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberReady": 3, "numberAvailable": 3});
        assert!(daemonset(all.clone()).is_rolled_out());
        assert!(!DaemonSet::default().is_observed(), "before the server has shown it");
        for (field, value) in [
            ("observedGeneration", 1),
            ("updatedNumberScheduled", 2),
            ("numberReady", 2),
            ("numberAvailable", 2),
        ] {
            let mut part = all.clone();
            part[field] = json!(value);
            assert!(!daemonset(part).is_rolled_out(), "{field}");
        }
    }
}
