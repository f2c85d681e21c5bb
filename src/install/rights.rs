//! The rights that an installation needs: all are checked at once, and the roles that grant missing ones are printed.
use super::console::Console;
use super::options::Intent;
use super::resources::{
    CONFIG_MAPS, CONSTRAINTS, DAEMON_SETS, DASHBOARDS, NAME, NAMESPACE, RESOURCES, Resource,
};
use crate::cluster::{Failure, Server};
use anyhow::{Result, bail};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const RBAC: &str = "rbac.authorization.k8s.io/v1";
/// Largest number of concurrent reviews.
const AT_ONCE: usize = 10;
/// Name of the printed role and of its binding.
const ROLE: &str = "oc-interrogate-install";

/// One verb on one resource, or on one object of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Right {
    group: &'static str,
    resource: &'static str,
    verb: &'static str,
    namespace: Option<&'static str>,
    /// Name of the object. `None` if the right is for all of them.
    name: Option<&'static str>,
}

const fn cluster_wide(group: &'static str, resource: &'static str, verb: &'static str) -> Right {
    Right { group, resource, verb, namespace: None, name: None }
}

fn on_resource(resource: Resource, verb: &'static str) -> Right {
    // Payloads are ConfigMaps too, with names of their own.
    let name = match resource.namespace {
        Some(DASHBOARDS) => Some("process-exporter-dashboard"),
        _ if resource == CONFIG_MAPS => None,
        _ => Some(NAME),
    };
    Right { name, namespace: resource.namespace, ..cluster_wide(resource.group, resource.plural, verb) }
}

/// Returns the rights that a run needs.
fn required_rights(intent: &Intent) -> Vec<Right> {
    let in_namespace = |right: Right| Right { namespace: Some(NAMESPACE), ..right };
    // RBAC counts a namespace as inside of itself.
    let namespace =
        |name| Right { name: Some(name), namespace: Some(name), ..cluster_wide("", "namespaces", "get") };
    let mut rights = vec![namespace(NAMESPACE), namespace(DASHBOARDS)];
    if intent.reads_nodes || intent.waits {
        rights.push(cluster_wide("", "nodes", "list"));
    }
    if intent.reads_nodes {
        rights.push(Right { name: Some("node-exporter"), ..on_resource(DAEMON_SETS, "get") });
    }
    for resource in RESOURCES {
        rights.extend(["get", "create", "patch"].map(|verb| on_resource(resource, verb)));
        if intent.replaces && resource != CONFIG_MAPS {
            rights.push(on_resource(resource, "delete"));
        }
    }
    // RBAC requires this of a user who grants it to the exporter.
    rights.push(on_resource(CONSTRAINTS, "use"));
    // Payloads of other versions are deleted.
    rights.extend(["list", "delete"].map(|verb| on_resource(CONFIG_MAPS, verb)));
    if intent.waits {
        rights.push(on_resource(DAEMON_SETS, "watch"));
        // The wait prints what keeps a pod from becoming ready.
        rights.push(in_namespace(cluster_wide("", "pods", "list")));
        rights.push(in_namespace(cluster_wide("", "events", "list")));
    }
    rights
}

impl Right {
    /// Returns the right itself if the user lacks it.
    async fn if_missing(self, server: &Server<'_>) -> Result<Option<Right>, Failure> {
        let attributes = json!({"group": self.group, "resource": self.resource,
            "verb": self.verb, "namespace": self.namespace.unwrap_or_default(), "name": self.name.unwrap_or_default()});
        let granted = fetch_allowed(server, &attributes).await?;
        Ok((!granted).then_some(self))
    }
}

async fn fetch_allowed(server: &Server<'_>, attributes: &Value) -> Result<bool, Failure> {
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes}});
    let answer = server.review(REVIEWS, &review).await?;
    Ok(answer.pointer("/status/allowed") == Some(&Value::Bool(true)))
}

/// Checks every right. Errors if some are missing: prints each of them, and the roles that grant them.
pub(super) async fn check(
    server: &Server<'_>,
    intent: &Intent,
    user: &str,
    console: &mut Console<'_>,
) -> Result<()> {
    // An administrator has all rights: one review instead of forty.
    let everything = json!({"group": "*", "resource": "*", "verb": "*"});
    let asking =
        |failure: Failure| failure.during("asking for one's rights", "check the API server's health");
    if fetch_allowed(server, &everything).await.map_err(asking)? {
        return Ok(());
    }
    let reviews = required_rights(intent).into_iter().map(|right| right.if_missing(server));
    let missing: Vec<Option<Right>> =
        stream::iter(reviews).buffered(AT_ONCE).try_collect().await.map_err(asking)?;
    let missing: Vec<Right> = missing.into_iter().flatten().collect();
    if missing.is_empty() {
        return Ok(());
    }
    for line in missing_lines(&missing) {
        console.say("missing", &line);
    }
    console.yaml(granting_roles(&missing, user))?;
    bail!(
        "{user} lacks {} of the rights that installing takes, and nothing was changed: have an administrator apply the roles printed on standard output (oc apply -f -)",
        missing.len()
    )
}

/// Returns one line a resource: `create, patch services in openshift-monitoring`.
fn missing_lines(missing: &[Right]) -> Vec<String> {
    let mut lines = BTreeMap::<(usize, String), Vec<&str>>::new();
    for right in missing {
        let group = if right.group.is_empty() { String::new() } else { format!(".{}", right.group) };
        let name = right.name.map(|name| format!(" \"{name}\"")).unwrap_or_default();
        let scope = right.namespace.map(|namespace| format!(" in {namespace}")).unwrap_or_default();
        let what = format!("{}{group}{name}{scope}", right.resource);
        let known = lines.keys().find(|(_, line)| *line == what).cloned();
        lines.entry(known.unwrap_or((lines.len(), what))).or_default().push(right.verb);
    }
    lines.into_iter().map(|((_, what), verbs)| format!("{} {what}", verbs.join(", "))).collect()
}

/// Returns roles that grant exactly these rights, and their bindings to `user`.
fn granting_roles(missing: &[Right], user: &str) -> Vec<Value> {
    let mut by_namespace = BTreeMap::<Option<&str>, Vec<Value>>::new();
    for right in missing {
        let mut rule =
            json!({"apiGroups": [right.group], "resources": [right.resource], "verbs": [right.verb]});
        if let (Some(name), Some(fields)) = (right.name, rule.as_object_mut()) {
            fields.insert("resourceNames".into(), json!([name]));
        }
        by_namespace.entry(right.namespace).or_default().push(rule);
    }
    let mut roles = Vec::new();
    for (namespace, rules) in by_namespace {
        let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
        let mut metadata = json!({"name": ROLE});
        if let (Some(namespace), Some(fields)) = (namespace, metadata.as_object_mut()) {
            fields.insert("namespace".into(), json!(namespace));
        }
        roles.push(json!({"apiVersion": RBAC, "kind": kind, "metadata": metadata, "rules": rules}));
        roles.push(json!({"apiVersion": RBAC, "kind": format!("{kind}Binding"), "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": ROLE},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]}));
    }
    roles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_rights_are_listed_by_resource() {
        let missing = [
            on_resource(CONFIG_MAPS, "list"),
            on_resource(CONSTRAINTS, "use"),
            on_resource(CONFIG_MAPS, "delete"),
        ];
        let expected = [
            "list, delete configmaps in openshift-monitoring",
            "use securitycontextconstraints.security.openshift.io \"process-exporter\"",
        ];
        assert_eq!(missing_lines(&missing), expected);
        let roles = granting_roles(&missing, "alice");
        let kinds: Vec<_> = roles.iter().filter_map(|role| role["kind"].as_str()).collect();
        assert_eq!(kinds, ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]);
        assert_eq!(roles[0]["rules"][0]["resourceNames"], json!(["process-exporter"]));
        assert_eq!(roles[2]["rules"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn what_is_not_done_needs_no_right() {
        let all = Intent { reads_nodes: true, replaces: true, waits: true };
        let few = Intent { reads_nodes: false, replaces: false, waits: false };
        let (all, few) = (required_rights(&all), required_rights(&few));
        assert!(few.iter().all(|right| all.contains(right)) && few.len() < all.len());
        assert!(!few.iter().any(|right| ["pods", "events", "nodes"].contains(&right.resource)));
        for (index, right) in all.iter().enumerate() {
            assert!(!all[..index].contains(right), "{right:?} twice");
        }
    }
}
