//! Checks before anything is changed: the user, the API groups, the namespaces, objects of others, and the image that
//! every node has.
use super::objects::{Object, TlsVersion};
use super::resources::{DAEMON_SETS, DASHBOARDS, LABELS, MANAGER, NAME, NAMESPACE, RESOURCES};
use crate::cluster::{FIELD_MANAGER, Failure, Part, Server};
use crate::prometheus::null_is_empty;
use anyhow::{Context, Result, bail, ensure};
use futures_util::future::{join_all, try_join_all};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const HEALTH: &str = "check the API server's health";

/// Metadata of an object: its owner, and whether it changes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(super) uid: String,
    pub(super) resource_version: String,
    #[serde(deserialize_with = "null_is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) finalizers: Vec<String>,
    #[serde(deserialize_with = "null_is_empty")]
    owner_references: Vec<Value>,
    deletion_timestamp: Option<String>,
    generation: i64,
    #[serde(deserialize_with = "null_is_empty")]
    managed_fields: Vec<ManagedFields>,
}

/// A manager of fields of an object, and when it last changed them.
#[derive(Debug, Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
struct ManagedFields {
    manager: String,
    time: String,
}

/// An object or an item of a list, of which only the metadata is fetched.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PartialObject {
    pub(crate) metadata: Metadata,
}

/// A list of such objects.
#[derive(Debug, Deserialize)]
pub(crate) struct PartialObjectList {
    #[serde(deserialize_with = "null_is_empty")]
    pub(crate) items: Vec<PartialObject>,
}

impl Metadata {
    pub(crate) fn is_ours(&self) -> bool {
        LABELS.iter().all(|&(key, value)| self.labels.get(key).is_some_and(|label| label == value))
    }

    /// Returns true if it has been deleted and still exists.
    pub(super) fn is_deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// Returns true if what we apply has changed since `before`. Other managers may have changed fields of theirs
    /// meanwhile, such as a controller the status.
    pub(super) fn is_changed_since(&self, before: &Metadata) -> bool {
        let ours = |metadata: &Metadata| {
            let of_us = metadata.managed_fields.iter().filter(|fields| fields.manager == FIELD_MANAGER);
            of_us.cloned().collect::<Vec<_>>()
        };
        self.resource_version != before.resource_version
            && (self.generation != before.generation || ours(self) != ours(before))
    }

    /// Returns true if it may be the predecessor's: no label names a manager, and no object owns it.
    fn may_be_predecessors(&self) -> bool {
        !self.labels.contains_key(LABELS[1].0) && self.owner_references.is_empty()
    }
}

/// Fetches the user's name, as the server knows it. Errors if the server is unreachable, or if the login has expired.
pub(super) async fn fetch_user(server: &Server<'_>) -> Result<String> {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    match server.review("/apis/authentication.k8s.io/v1/selfsubjectreviews", &review).await {
        Ok(answer) => {
            let name = answer.pointer("/status/userInfo/username").and_then(Value::as_str);
            Ok(name.context("the API server does not say who is asking: check its health")?.to_owned())
        }
        // Kubernetes before 1.28 has no such request, and some servers only allow it to known users.
        Err(failure) if matches!(failure.code(), 403 | 404) => Ok("this login".to_owned()),
        Err(failure) => Err(failure.during("asking who is asking", HEALTH)),
    }
}

/// Checks that the cluster serves all kinds of our objects. Errors name the missing ones.
pub(super) async fn check_served_kinds(server: &Server<'_>) -> Result<()> {
    let foreign = RESOURCES
        .iter()
        .filter(|resource| resource.group.contains("openshift.io") || resource.group.contains("coreos"));
    let groups: BTreeSet<_> = foreign.clone().map(|resource| (resource.group, resource.version)).collect();
    let lists = try_join_all(groups.iter().map(async |(group, version)| {
        let path = format!("/apis/{group}/{version}");
        let found = server.get_opt::<Value>(&path, Part::Whole).await;
        found.map_err(|failure| failure.during(&format!("asking whether {group} is served"), HEALTH))
    }));
    let lists = lists.await?;
    let api_resources = lists.iter().flatten().filter_map(|list| list.get("resources")?.as_array()).flatten();
    let served: BTreeSet<_> =
        api_resources.filter_map(|api_resource| api_resource.get("kind")?.as_str()).collect();
    let missing: Vec<_> = foreign
        .filter(|resource| !served.contains(resource.kind))
        .map(|resource| format!("{}/{} {}", resource.group, resource.version, resource.kind))
        .collect();
    ensure!(
        missing.is_empty(),
        "this cluster does not serve {}: it takes OpenShift with its monitoring (check the context)",
        missing.join(", ")
    );
    Ok(())
}

/// Checks that the namespaces exist. Errors name the missing one.
pub(super) async fn check_namespaces(server: &Server<'_>) -> Result<()> {
    for namespace in [NAMESPACE, DASHBOARDS] {
        let found =
            server.get_opt::<PartialObject>(&format!("/api/v1/namespaces/{namespace}"), Part::Metadata).await;
        let found =
            found.map_err(|failure| failure.during(&format!("reading namespace {namespace}"), HEALTH))?;
        ensure!(
            found.is_some(),
            "there is no namespace {namespace}: it takes OpenShift with its monitoring (check the context)"
        );
    }
    Ok(())
}

/// Fetches the image that every node has, which is node-exporter's. `None` if there is no such DaemonSet or
/// container.
pub(crate) async fn fetch_node_exporter_image(server: &Server<'_>) -> Result<Option<String>, Failure> {
    let daemonset = server.get_opt::<Value>(&DAEMON_SETS.object_path("node-exporter"), Part::Whole).await?;
    let containers = daemonset
        .as_ref()
        .and_then(|daemonset| daemonset.pointer("/spec/template/spec/containers")?.as_array());
    let named = |container: &&Value| container.get("name").and_then(Value::as_str) == Some("node-exporter");
    let image = containers.and_then(|all| all.iter().find(named)?.get("image")?.as_str());
    Ok(image.map(str::to_owned))
}

/// Fetches the lowest TLS version of the cluster's TLS profile, which is 1.2 without a profile. `None` if the user
/// may not read it. Errors if the server does not respond.
pub(super) async fn fetch_min_tls(server: &Server<'_>) -> Result<Option<TlsVersion>> {
    let reading = "reading the cluster's TLS profile (apiserver.config.openshift.io/cluster)";
    match server.get_opt::<Value>("/apis/config.openshift.io/v1/apiservers/cluster", Part::Whole).await {
        Ok(found) => Ok(Some(min_tls_of_profile(
            found.as_ref().and_then(|found| found.pointer("/spec/tlsSecurityProfile")),
        ))),
        Err(failure) if failure.code() == 403 => Ok(None),
        Err(failure) => Err(failure.during(reading, HEALTH)),
    }
}

/// Fetches the lowest TLS version that the installed exporter accepts. `None` if none is installed. Errors if the
/// server does not respond.
pub(super) async fn fetch_installed_min_tls(server: &Server<'_>) -> Result<Option<TlsVersion>> {
    let found = server.get_opt::<Value>(&DAEMON_SETS.object_path(NAME), Part::Whole).await;
    let daemonset = found.map_err(|failure| failure.during("reading the installed daemonset", HEALTH))?;
    Ok(daemonset.as_ref().and_then(TlsVersion::of_installed))
}

fn min_tls_of_profile(profile: Option<&Value>) -> TlsVersion {
    let text = |pointer| profile.and_then(|profile| profile.pointer(pointer)?.as_str());
    match text("/type") {
        Some("Modern") => TlsVersion::Tls13,
        Some("Custom") => text("/custom/minTLSVersion").map(TlsVersion::from_name).unwrap_or_default(),
        _ => TlsVersion::default(),
    }
}

/// Fetches the image that every node has. Errors if there is none.
pub(super) async fn require_node_exporter_image(server: &Server<'_>) -> Result<String> {
    let reading = "reading daemonset node-exporter of openshift-monitoring, whose image every node has";
    let remedy = "ask for the right to read it, or bring an image with --image REF";
    let found = fetch_node_exporter_image(server).await.map_err(|failure| failure.during(reading, remedy))?;
    found.with_context(|| {
        format!("{reading}: there is none, or without its container: bring an image with --image REF")
    })
}

/// Fetches the metadata of each of `objects`, `None` if it does not exist. Errors if the server does not respond.
pub(super) async fn fetch_existing(server: &Server<'_>, objects: &[Object]) -> Result<Vec<Option<Metadata>>> {
    let found = join_all(objects.iter().map(async |object| {
        let found = server.get_opt::<PartialObject>(&object.path(), Part::Metadata).await;
        let found =
            found.map_err(|failure| failure.during(&format!("reading {}", object.title()), HEALTH))?;
        anyhow::Ok(found.map(|partial| partial.metadata))
    }));
    found.await.into_iter().collect()
}

/// Returns the indices in `objects` of the predecessor's objects. Errors if objects of others exist, or if the
/// predecessor's are not to be replaced. The message names them all.
pub(super) fn find_predecessors(
    objects: &[Object],
    existing: &[Option<Metadata>],
    replace: bool,
) -> Result<Vec<usize>> {
    let mut predecessors = Vec::new();
    let mut others = Vec::new();
    for (index, (object, metadata)) in objects.iter().zip(existing).enumerate() {
        match metadata {
            Some(metadata) if metadata.is_ours() => {}
            Some(metadata) if metadata.may_be_predecessors() => predecessors.push(index),
            Some(metadata) => {
                let whose = metadata.labels.get(LABELS[1].0).filter(|whose| *whose != MANAGER);
                let whose = whose.map(|whose| format!(" (managed by {whose})")).unwrap_or_default();
                others.push(format!("{}{whose}", object.title()));
            }
            None => {}
        }
    }
    if !others.is_empty() {
        bail!(
            "these are others' and stay, and nothing was changed: {}: remove or rename them first",
            others.join(", ")
        );
    }
    if !replace && !predecessors.is_empty() {
        let named = predecessors.iter().filter_map(|&index| Some(objects.get(index)?.title()));
        bail!(
            "these were not made by oc interrogate (no label app.kubernetes.io/managed-by), and nothing was changed: {}: if they are the predecessor's, replace them with --replace-predecessor",
            named.collect::<Vec<_>>().join(", ")
        );
    }
    Ok(predecessors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(version: &str, generation: i64, time: &str) -> Metadata {
        let fields =
            json!([{"manager": "oc-interrogate", "time": time}, {"manager": "controller", "time": version}]);
        let metadata = json!({"resourceVersion": version, "generation": generation, "managedFields": fields});
        serde_json::from_value(metadata).unwrap()
    }

    #[test]
    fn what_a_controller_changes_is_no_change_of_ours() {
        let before = metadata("1", 1, "09:00:00");
        assert!(!metadata("1", 1, "09:00:00").is_changed_since(&before));
        assert!(!metadata("2", 1, "09:00:00").is_changed_since(&before), "its status");
        assert!(metadata("2", 2, "09:00:00").is_changed_since(&before), "within a second");
        assert!(metadata("2", 1, "09:00:01").is_changed_since(&before), "a label");
    }

    #[test]
    fn the_lowest_version_of_tls_is_the_profiles() {
        let profile = |value: Value| min_tls_of_profile(Some(&value));
        let custom = |version: &str| profile(json!({"type": "Custom", "custom": {"minTLSVersion": version}}));
        assert_eq!(min_tls_of_profile(None), TlsVersion::Tls12);
        assert_eq!(profile(Value::Null), TlsVersion::Tls12);
        assert_eq!(profile(json!({"type": "Old"})), TlsVersion::Tls12, "what it allows nothing here speaks");
        assert_eq!(profile(json!({"type": "Intermediate"})), TlsVersion::Tls12);
        assert_eq!(profile(json!({"type": "Modern"})), TlsVersion::Tls13);
        assert_eq!(custom("VersionTLS13"), TlsVersion::Tls13);
        assert_eq!(custom("VersionTLS11"), TlsVersion::Tls12);
    }

    #[test]
    fn only_what_nobody_claims_may_be_the_predecessors() {
        let of = |value: Value| serde_json::from_value::<Metadata>(value).unwrap();
        let name = "app.kubernetes.io/name";
        let whose = "app.kubernetes.io/managed-by";
        assert!(of(json!({"labels": {name: NAME, whose: MANAGER}})).is_ours());
        let old = of(json!({"labels": {name: NAME}}));
        assert!(!old.is_ours() && old.may_be_predecessors());
        assert!(!of(json!({"labels": {whose: "Helm"}})).may_be_predecessors());
        assert!(!of(json!({"ownerReferences": [{}]})).may_be_predecessors());
    }
}
