//! The exporter's DaemonSet, as far as it tells how far it is.
use crate::prometheus::null_is_empty;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What the server counts a DaemonSet's templates by, and the controller's mark of it on pods.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";
pub(super) const POD_GENERATION: &str = "pod-template-generation";
/// The controller's mark of what a template says: a template that comes back has it again.
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
    /// Nodes whose pod is the new one and ready, and nodes that should have one.
    pub(crate) fn ready(&self) -> (usize, usize) {
        let DaemonSetStatus { desired_number_scheduled, updated_number_scheduled, number_ready, .. } =
            self.status;
        (updated_number_scheduled.min(number_ready), desired_number_scheduled)
    }

    /// Whether the controller has seen what was last asked of it; not of a set that nothing is known of yet.
    pub(crate) fn is_observed(&self) -> bool {
        self.metadata.generation > 0 && self.status.observed_generation >= self.metadata.generation
    }

    /// The generation of its template, which the newest pods carry; empty if the server does not tell.
    pub(super) fn template_generation(&self) -> &str {
        self.metadata.annotations.get(TEMPLATE_GENERATION).map(String::as_str).unwrap_or_default()
    }

    /// Whether the controller counts the pods of all nodes as made from its template.
    pub(super) fn is_updated(&self) -> bool {
        self.is_observed() && self.status.updated_number_scheduled == self.status.desired_number_scheduled
    }

    /// Whether somebody has deleted it, and it waits for its pods to end.
    pub(crate) fn is_deleting(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// Whether every node has the new pod, and it is ready.
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
    fn it_is_done_when_every_node_has_the_new_pod() {
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
