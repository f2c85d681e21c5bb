//! Names of OpenShift's own Prometheus.

/// Namespace of Prometheus, its route and its pods.
pub(super) const NAMESPACE: &str = "openshift-monitoring";
/// Name of the route. A pod's name is this, a dash and the pod's number.
pub(super) const ROUTE: &str = "prometheus-k8s";
