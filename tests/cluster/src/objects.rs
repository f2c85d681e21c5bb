//! Objects that OpenShift would have made: namespaces, roles, the Route, and the ingress CA where clients look for it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::api::Api;
use crate::logins::{Login, group};
use crate::namespace::tool;
use crate::wait::until;

/// The Route's own path.
pub(crate) const ROUTE: &str =
    "/apis/route.openshift.io/v1/namespaces/openshift-monitoring/routes/prometheus-k8s";

/// The ConfigMap that every logged-in user may read.
const CONSOLE: &str = "console-public";

/// Namespaces with labels and annotations: the platform's, a workload's, and one that is infra by annotation only.
const NAMESPACES: [(&str, &str, &str); 5] = [
    ("openshift-monitoring", r#"{"openshift.io/cluster-monitoring": "true"}"#, "{}"),
    ("openshift-config-managed", "{}", "{}"),
    ("openshift-logging", "{}", "{}"),
    ("ptp-management", "{}", r#"{"workload.openshift.io/allowed": "management"}"#),
    ("shop", "{}", "{}"),
];

/// Makes all of them but the Route, and waits until the roles hold.
pub(crate) fn apply(api: &Api, ingress_ca: &Path) -> Result<()> {
    for (name, labels, annotations) in NAMESPACES {
        let text = format!(
            r#"{{"apiVersion": "v1", "kind": "Namespace",
                 "metadata": {{"name": "{name}", "labels": {labels}, "annotations": {annotations}}}}}"#
        );
        api.apply(&format!("/api/v1/namespaces/{name}"), &text)?;
    }
    publish(api, "default-ingress-cert", "ca-bundle.crt", &fs::read_to_string(ingress_ca)?)?;
    publish_defaults(api)?;
    roles(api)?;
    serve(api, "route.openshift.io", "v1", "routes")?;
    // The door remembers a refusal for half a minute: it must not ask before the roles hold.
    until("the roles to hold", Duration::from_secs(30), || ensure_viewer_may_query(api))
}

/// Has the API server serve a kind, by its real definition; it is served in `version` when this returns.
pub(crate) fn serve(api: &Api, group: &str, version: &str, plural: &str) -> Result<()> {
    let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.{group}");
    api.apply(&path, &fs::read_to_string(tool(&format!("{plural}.crd.yaml"))?)?)?;
    until(&format!("{plural} to be served"), Duration::from_secs(30), || {
        api.get(&format!("/apis/{group}/{version}/{plural}"))
    })
    .map(drop)
}

/// Makes what tests change: the console's address, and the login page's certificate, here none.
pub(crate) fn publish_defaults(api: &Api) -> Result<()> {
    publish(api, CONSOLE, "consoleURL", "https://console-openshift-console.apps.test.example")?;
    publish(api, "oauth-serving-cert", "ca-bundle.crt", "")
}

/// Makes a ConfigMap of `openshift-config-managed`.
pub(crate) fn publish(api: &Api, name: &str, key: &str, text: &str) -> Result<()> {
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {key: text},
    });
    api.apply(&published(name), &map.to_string())
}

/// The path of a ConfigMap of `openshift-config-managed`.
pub(crate) fn published(name: &str) -> String {
    format!("/api/v1/namespaces/openshift-config-managed/configmaps/{name}")
}

/// Makes the Route, admitted under `host`.
pub(crate) fn route(api: &Api, host: &str) -> Result<()> {
    api.apply(
        ROUTE,
        &json!({
            "apiVersion": "route.openshift.io/v1", "kind": "Route", "metadata": {"name": "prometheus-k8s"},
            "spec": {
                "path": "/api",
                "port": {"targetPort": "web"},
                "tls": {"termination": "reencrypt", "insecureEdgeTerminationPolicy": "Redirect"},
                "to": {"kind": "Service", "name": "prometheus-k8s", "weight": 100},
                "wildcardPolicy": "None",
            },
        })
        .to_string(),
    )?;
    admit(api, host, true)
}

/// Has the router admit the Route under `host`, or refuse it.
pub(crate) fn admit(api: &Api, host: &str, admitted: bool) -> Result<()> {
    let (status, reason) = if admitted { ("True", None) } else { ("False", Some("HostAlreadyClaimed")) };
    let mut condition =
        json!({"type": "Admitted", "status": status, "lastTransitionTime": "2026-01-01T00:00:00Z"});
    if let (Some(reason), Some(fields)) = (reason, condition.as_object_mut()) {
        fields.insert("reason".into(), reason.into());
    }
    let ingress = json!([{
        "host": host,
        "routerName": "default",
        "routerCanonicalHostname": "router-default.apps.test.example",
        "wildcardPolicy": "None",
        "conditions": [condition],
    }]);
    api.merge(&format!("{ROUTE}/status"), &json!({"status": {"ingress": ingress}}))
}

fn roles(api: &Api) -> Result<()> {
    cluster_role(
        api,
        "cluster-monitoring-view",
        &json!([
            {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
            {"apiGroups": ["monitoring.coreos.com"], "resources": ["prometheuses/api"], "resourceNames": ["k8s"],
             "verbs": ["get", "create"]},
        ]),
    )?;
    bind_cluster_role(api, "cluster-monitoring-view", group::QUERY)?;
    bind_cluster_role(api, "system:auth-delegator", group::REVIEW)?;
    let routes = json!([{"apiGroups": ["route.openshift.io"], "resources": ["routes"], "verbs": ["get"]}]);
    role(api, "openshift-monitoring", "route-reader", &routes, group::ROUTE)?;
    let reading = |map: &str| json!([{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [map], "verbs": ["get"]}]);
    let managed = "openshift-config-managed";
    role(api, managed, "ingress-ca-reader", &reading("default-ingress-cert"), group::CA)?;
    role(api, managed, "login-ca-reader", &reading("oauth-serving-cert"), group::LOGIN_CA)?;
    role(api, "openshift-monitoring", "root-ca-reader", &reading("kube-root-ca.crt"), group::ROOT_CA)?;
    role(api, managed, CONSOLE, &reading(CONSOLE), "system:authenticated")
}

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const RBAC_VERSION: &str = "rbac.authorization.k8s.io/v1";

fn cluster_role(api: &Api, name: &str, rules: &Value) -> Result<()> {
    let role = json!({"apiVersion": RBAC_VERSION, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules});
    api.apply(&format!("{RBAC}/clusterroles/{name}"), &role.to_string())
}

fn bind_cluster_role(api: &Api, role: &str, group: &str) -> Result<()> {
    let binding = binding("ClusterRoleBinding", "ClusterRole", role, group);
    api.apply(&format!("{RBAC}/clusterrolebindings/{group}"), &binding.to_string())
}

fn role(api: &Api, namespace: &str, name: &str, rules: &Value, group: &str) -> Result<()> {
    let role =
        json!({"apiVersion": RBAC_VERSION, "kind": "Role", "metadata": {"name": name}, "rules": rules});
    api.apply(&format!("{RBAC}/namespaces/{namespace}/roles/{name}"), &role.to_string())?;
    let binding = binding("RoleBinding", "Role", name, group);
    api.apply(&format!("{RBAC}/namespaces/{namespace}/rolebindings/{group}"), &binding.to_string())
}

fn binding(kind: &str, role_kind: &str, role: &str, group: &str) -> Value {
    json!({
        "apiVersion": RBAC_VERSION, "kind": kind, "metadata": {"name": group},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}],
    })
}

fn ensure_viewer_may_query(api: &Api) -> Result<()> {
    let review = api.create(
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        &json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {
                "user": Login::Viewer.name(), "groups": [group::QUERY],
                "resourceAttributes": {
                    "namespace": "openshift-monitoring", "verb": "get", "group": "monitoring.coreos.com",
                    "resource": "prometheuses", "subresource": "api", "name": "k8s",
                },
            },
        }),
    )?;
    ensure!(
        review.pointer("/status/allowed") == Some(&Value::Bool(true)),
        "the viewer may not query: {review}"
    );
    Ok(())
}
