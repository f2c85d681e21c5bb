//! Service account of the service CA, and its rights.

use anyhow::Result;
use serde_json::json;

use crate::api::Api;

/// Namespace and name of its service account.
pub(super) const ACCOUNT: (&str, &str) = ("openshift-service-ca", "service-ca");
const ROLE: &str = "system:openshift:controller:service-ca";

/// Makes the service account and its rights, those of the real one as far as they are of use here.
pub(super) fn make(api: &Api) -> Result<()> {
    let (namespace, name) = ACCOUNT;
    let rbac = "rbac.authorization.k8s.io";
    let rule =
        |resource: &str, verbs: &[&str]| json!({"apiGroups": [""], "resources": [resource], "verbs": verbs});
    let rules = [
        rule("secrets", &["get", "list", "watch", "create", "update", "patch"]),
        rule("services", &["get", "list", "watch", "update", "patch"]),
        rule("configmaps", &["get", "list", "watch", "update"]),
    ];
    let path = format!("/api/v1/namespaces/{namespace}");
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
    let user = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
    let version = format!("{rbac}/v1");
    let role =
        json!({"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": ROLE}, "rules": rules});
    let binding = json!({"apiVersion": version, "kind": "ClusterRoleBinding", "metadata": {"name": ROLE},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": ROLE},
        "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": name}]});
    for (path, object) in [
        (path.clone(), space),
        (format!("{path}/serviceaccounts/{name}"), user),
        (format!("/apis/{version}/clusterroles/{ROLE}"), role),
        (format!("/apis/{version}/clusterrolebindings/{ROLE}"), binding),
    ] {
        api.apply(&path, &object.to_string())?;
    }
    Ok(())
}
