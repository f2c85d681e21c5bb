//! Reasons why pods are not ready, and the remedies, from pods, events and nodes.
mod pod;

use super::resources::NAME;
use crate::prometheus::failure::one_line;
use crate::prometheus::null_is_empty;
use pod::{ContainerStatus, ObjectReference, Terminated};
pub(super) use pod::{Pod, Pods};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

const DESCRIBE: &str = "see oc -n openshift-monitoring describe pods";

/// A list of events.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Events {
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) items: Vec<Event>,
}

/// One event.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Event {
    reason: String,
    message: String,
    involved_object: ObjectReference,
}

/// Objects that the diagnosis has fetched.
#[derive(Debug, Default)]
pub(super) struct Observed {
    pub(super) pods: Vec<Pod>,
    /// Events of the DaemonSet and of the namespace's pods.
    pub(super) events: Vec<Event>,
    /// Nodes that should have a pod and are not ready.
    pub(super) nodes_down: BTreeSet<String>,
    /// Nodes that should have a pod and have none.
    pub(super) nodes_without_pod: BTreeSet<String>,
    /// Why the service CA issues no certificate.
    pub(super) certificate: Option<Problem>,
    /// Number of pods that should be there.
    pub(super) desired: usize,
    /// True if the wait is over. Pods that are only on their way are problems then.
    pub(super) timed_out: bool,
}

/// A problem and its remedy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// Begins with the nodes, if there are any.
    pub(crate) description: String,
    pub(crate) remedy: String,
}

impl Problem {
    pub(super) fn new(description: impl Into<String>, remedy: impl Into<String>) -> Problem {
        Problem { description: description.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.description, self.remedy)
    }
}

/// Returns the problems: one for each kind, with its nodes, its reason and its remedy.
pub(super) fn find_problems(observed: &Observed) -> Vec<Problem> {
    let mut found = BTreeMap::<Problem, BTreeSet<&str>>::new();
    for node in &observed.nodes_down {
        found.entry(node_down_problem()).or_default().insert(node);
    }
    for pod in observed.pods.iter().filter(|pod| !pod.is_ready() && !observed.nodes_down.contains(pod.node()))
    {
        let node = pod.node();
        if let Some(problem) = pod_problem(pod, observed) {
            found.entry(problem).or_default().insert(if node.is_empty() { &pod.metadata.name } else { node });
        }
    }
    let of_nodes = |(problem, nodes): (Problem, BTreeSet<&str>)| Problem {
        description: format!("{}: {}", list_names(nodes), problem.description),
        ..problem
    };
    // Independent of the pods: they may run with another certificate, which Prometheus refuses.
    let mut all: Vec<_> = observed.certificate.iter().cloned().collect();
    all.extend(found.into_iter().map(of_nodes));
    if observed.pods.len() < observed.desired {
        let mut without_pod =
            observed.nodes_without_pod.difference(&observed.nodes_down).map(String::as_str).peekable();
        let without_pod = without_pod.peek().is_some().then(|| list_names(without_pod));
        match (creation_problem(&observed.events), without_pod) {
            (Some(problem), None) => all.push(problem),
            (Some(problem), Some(nodes)) => {
                all.push(Problem { description: format!("{nodes}: {}", problem.description), ..problem })
            }
            (None, Some(nodes)) if observed.timed_out => all.push(Problem::new(
                format!("{nodes}: no pod has been made"),
                "see oc -n openshift-monitoring describe daemonset process-exporter",
            )),
            (None, _) => {}
        }
    }
    all
}

/// Largest number of nodes that a message names.
const MAX_NAMES: usize = 5;

/// Formats names: `node-1, node-2, node-3, node-4, node-5 and 3 more`. Empty if there are none.
pub(crate) fn list_names<'a>(nodes: impl IntoIterator<Item = &'a str>) -> String {
    let mut nodes = nodes.into_iter();
    let few = nodes.by_ref().take(MAX_NAMES).collect::<Vec<_>>().join(", ");
    match nodes.count() {
        0 => few,
        more => format!("{few} and {more} more"),
    }
}

/// Returns the problem of a node that is not ready.
fn node_down_problem() -> Problem {
    Problem::new(
        "the node is not ready, and is not waited for",
        "see oc get nodes; its pod starts when the node is ready",
    )
}

/// Returns why a pod is not ready, and the remedy. `None` if it is on its way.
fn pod_problem(pod: &Pod, observed: &Observed) -> Option<Problem> {
    if pod.is_deleting() {
        return observed.timed_out.then(|| Problem::new("its old pod has not ended yet", DESCRIBE));
    }
    if let Some(scheduled) = pod.condition("PodScheduled").filter(|condition| condition.status == "False") {
        let (reason, message) = (&scheduled.reason, one_line(&scheduled.message));
        return Some(Problem::new(
            format!("its pod finds no place ({reason}: {message})"),
            "make room on the node",
        ));
    }
    pod.containers()
        .find_map(container_problem)
        .or_else(|| volume_problem(pod, observed))
        .or_else(|| observed.timed_out.then(|| not_ready_problem(pod)))
}

/// Returns the problem of a pod that runs and fails its probe. The exporter never exits by itself without an error,
/// so the kubelet ended it.
fn not_ready_problem(pod: &Pod) -> Problem {
    match pod.containers().map(|container| container.restart_count).max() {
        Some(times) if times > 0 => Problem::new(
            format!(
                "its pod is not ready, and was ended {times} times, as the kubelet does when it gets no answer"
            ),
            format!("look whether the node is short of CPU, and {DESCRIBE}"),
        ),
        _ => Problem::new("its pod is not ready yet", DESCRIBE),
    }
}

/// Returns the problem of a container that cannot start, or that exits with an error.
fn container_problem(container: &ContainerStatus) -> Option<Problem> {
    let ContainerStatus { name, image, state, last_state, .. } = container;
    let ended =
        state.terminated.as_ref().or(last_state.terminated.as_ref()).filter(|ended| ended.exit_code != 0);
    let waiting = state.waiting.as_ref();
    let reason = waiting.map_or("", |waiting| waiting.reason.as_str());
    let message = waiting.map(|waiting| one_line(&waiting.message)).filter(|text| !text.is_empty());
    let detail = message.map(|text| format!(": {text}")).unwrap_or_default();
    match reason {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" | "ImageInspectError"
        | "RegistryUnavailable" | "SignatureValidationFailed" => Some(Problem::new(
            format!("the image {image} cannot be pulled ({reason}{detail})"),
            "check its name and the pull secret, or leave out --image",
        )),
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            Some(Problem::new(format!("container {name} cannot be made ({reason}{detail})"), DESCRIBE))
        }
        _ => ended.map(|Terminated { reason, message, exit_code }| {
            // The termination message is the end of the container's log.
            let last = message.lines().map(str::trim).rfind(|line| !line.is_empty()).map(one_line);
            let last = last.map(|line| format!(", its last words: {line}")).unwrap_or_default();
            let restarts = container.restart_count;
            let reason = if reason.is_empty() { "Error" } else { reason };
            Problem::new(
                format!("container {name} ends again and again ({reason}, exit code {exit_code}, {restarts} restarts{last})"),
                format!("see oc -n openshift-monitoring logs ds/{NAME} --all-containers --previous"),
            )
        }),
    }
}

/// Returns the problem of a volume that cannot be mounted.
fn volume_problem(pod: &Pod, observed: &Observed) -> Option<Problem> {
    let about =
        |event: &&Event| event.involved_object.name == pod.metadata.name && event.reason == "FailedMount";
    let event = observed.events.iter().rfind(about).filter(|_| !pod.has_volumes())?;
    let message = one_line(&event.message);
    let of_certificate = message.contains("process-exporter-tls");
    let remedy = if let Some(refused) = observed.certificate.as_ref().filter(|_| of_certificate) {
        &refused.remedy
    } else if of_certificate {
        "the serving certificate is missing, which the service CA issues: see oc get clusteroperator service-ca"
    } else if message.contains("metrics-client-ca") {
        "the client CA is missing, which the platform's monitoring publishes: see oc get clusteroperator monitoring"
    } else {
        DESCRIBE
    };
    Some(Problem::new(format!("its pod waits for a volume ({message})"), remedy))
}

/// Returns why the DaemonSet's controller cannot create pods.
fn creation_problem(events: &[Event]) -> Option<Problem> {
    let event =
        events.iter().rfind(|event| event.reason == "FailedCreate" && event.involved_object.name == NAME)?;
    let message = one_line(&event.message);
    // If the SCC is missing, the refusal calls it the required SCC.
    let constraints = ["security context constraint", "required SCC", "PodSecurity"];
    let remedy = if constraints.iter().any(|named| message.contains(named)) {
        "their security constraints are refused: see oc get scc process-exporter, and what else admits pods in openshift-monitoring"
    } else if message.contains("exceeded quota") {
        "raise the quota of openshift-monitoring"
    } else if message.contains("admission webhook") {
        "the cluster's own admission refuses them; on managed clusters ask their support"
    } else {
        "see oc -n openshift-monitoring describe daemonset process-exporter"
    };
    Some(Problem::new(format!("no pods can be made ({message})"), remedy))
}

#[cfg(test)]
mod tests;
