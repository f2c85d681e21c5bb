//! The kinds of objects that are installed, and their API paths.
use serde_json::Value;

/// Namespace of the exporter, which is the platform's own monitoring.
pub(crate) const NAMESPACE: &str = "openshift-monitoring";
/// Namespace where the console looks for dashboards.
pub(crate) const DASHBOARDS: &str = "openshift-config-managed";
/// Name of every object except payloads and the dashboard.
pub(crate) const NAME: &str = "process-exporter";
/// Labels that only our objects carry together.
pub(crate) const LABELS: [(&str, &str); 2] =
    [("app.kubernetes.io/name", NAME), ("app.kubernetes.io/managed-by", MANAGER)];
/// Value of the label `managed-by`.
pub(crate) const MANAGER: &str = "oc-interrogate";
/// Label selector of our objects, escaped for a URL.
pub(crate) const OURS: &str =
    "app.kubernetes.io/name%3Dprocess-exporter,app.kubernetes.io/managed-by%3Doc-interrogate";

/// One kind in one namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resource {
    /// Empty for the core group.
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    /// `None` if the kind is not namespaced.
    pub(crate) namespace: Option<&'static str>,
}

const fn resource(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    namespace: Option<&'static str>,
) -> Resource {
    Resource { group, version, kind, plural, namespace }
}

const HERE: Option<&str> = Some(NAMESPACE);
pub(crate) const CONFIG_MAPS: Resource = resource("", "v1", "ConfigMap", "configmaps", HERE);
pub(crate) const DAEMON_SETS: Resource = resource("apps", "v1", "DaemonSet", "daemonsets", HERE);
pub(crate) const SERVICES: Resource = resource("", "v1", "Service", "services", HERE);
pub(crate) const CONSTRAINTS: Resource =
    resource("security.openshift.io", "v1", "SecurityContextConstraints", "securitycontextconstraints", None);

/// All kinds and namespaces of our objects, in the order in which they are applied: dependencies first.
pub(crate) const RESOURCES: [Resource; 11] = [
    CONSTRAINTS,
    resource("", "v1", "ServiceAccount", "serviceaccounts", HERE),
    resource("rbac.authorization.k8s.io", "v1", "Role", "roles", HERE),
    resource("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", HERE),
    CONFIG_MAPS,
    SERVICES,
    resource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", HERE),
    DAEMON_SETS,
    resource("monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors", HERE),
    resource("monitoring.coreos.com", "v1", "PrometheusRule", "prometheusrules", HERE),
    resource("", "v1", "ConfigMap", "configmaps", Some(DASHBOARDS)),
];

impl Resource {
    /// Returns the kind and namespace of an object. `None` if we install no such object.
    pub(crate) fn of_object(object: &Value) -> Option<Resource> {
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
        let (kind, namespace) = (text("/kind")?, text("/metadata/namespace"));
        RESOURCES.into_iter().find(|resource| resource.kind == kind && resource.namespace == namespace)
    }

    /// Returns the path of the list.
    pub(crate) fn list_path(&self) -> String {
        let root = match self.group {
            "" => format!("/api/{}", self.version),
            group => format!("/apis/{group}/{}", self.version),
        };
        match self.namespace {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{}", self.plural),
            None => format!("{root}/{}", self.plural),
        }
    }

    /// Returns the path of an object.
    pub(crate) fn object_path(&self, name: &str) -> String {
        format!("{}/{name}", self.list_path())
    }

    /// Returns an object's name as kubectl prints it, with its namespace unless that is `NAMESPACE`.
    pub(crate) fn object_title(&self, name: &str) -> String {
        let kind = self.kind.to_lowercase();
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        match self.namespace {
            Some(namespace) if namespace != NAMESPACE => format!("{kind}{group}/{name} in {namespace}"),
            _ => format!("{kind}{group}/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CONSTRAINTS, DAEMON_SETS, RESOURCES, Resource};
    use serde_json::json;

    #[test]
    fn paths_and_names_are_the_servers() {
        let paths: Vec<_> = RESOURCES.iter().map(Resource::list_path).collect();
        assert_eq!(paths.first().unwrap(), "/apis/security.openshift.io/v1/securitycontextconstraints");
        assert_eq!(paths.last().unwrap(), "/api/v1/namespaces/openshift-config-managed/configmaps");
        assert_eq!(DAEMON_SETS.object_title("x"), "daemonset.apps/x");
        assert_eq!(RESOURCES[10].object_title("x"), "configmap/x in openshift-config-managed");
        let object = json!({"kind": "SecurityContextConstraints", "metadata": {"name": "x"}});
        assert_eq!(Resource::of_object(&object), Some(CONSTRAINTS));
        assert_eq!(
            Resource::of_object(&json!({"kind": "ConfigMap", "metadata": {"namespace": "default"}})),
            None
        );
    }
}
