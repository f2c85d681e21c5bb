//! Which versions meet: the exporter that would come along, the cluster's, and the exporter that is installed there.
use super::payload::{self, Part};
use super::place::{DAEMON_SETS, NAME};
use crate::cluster::{self, Cluster, Server};
use anyhow::Result;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Exporters by the CPU architecture that they are for, each known by the first 12 digits of its SHA-256.
pub type Exporters = BTreeMap<String, String>;

/// What a cluster is and runs.
#[derive(Debug, Serialize)]
pub struct ClusterVersions {
    /// The API server's URL.
    pub server: String,
    /// The API server's version.
    pub kubernetes: String,
    /// OpenShift's; none where there is none, or who asks may not know.
    pub openshift: Option<String>,
    /// What `install` has brought; none where nothing is installed.
    pub installed: Option<Installed>,
}

/// The exporter in a cluster.
#[derive(Debug, Serialize)]
pub struct Installed {
    /// The image that it runs in; with `--image` the one that holds it.
    pub image: String,
    /// What came along; empty with `--image`.
    pub exporter: Exporters,
}

/// The exporters that `install` would bring without `--exporter`. Errors: one that cannot be read, or is none.
pub fn carried() -> Result<Exporters> {
    Ok(payload::carried()?.into_iter().map(|(architecture, hash)| (architecture.to_owned(), hash)).collect())
}

/// Asks a cluster. Errors: one line with the remedy: it cannot be reached, or the login may not read DaemonSets.
pub async fn in_cluster(cluster: &Cluster) -> Result<ClusterVersions> {
    let server = cluster.server().await?;
    let version: Value = server
        .get("/version", cluster::Part::Whole)
        .await
        .map_err(|failure| failure.during("asking for the version", "check the API server's health"))?;
    let kubernetes = text(&version, "/gitVersion").unwrap_or("unknown").to_owned();
    // Not every cluster is OpenShift, and not every user may ask.
    let path = "/apis/config.openshift.io/v1/clusterversions/version";
    let openshift: Option<Value> = server.get_opt(path, cluster::Part::Whole).await.ok().flatten();
    let openshift = openshift.as_ref().and_then(|found| text(found, "/status/desired/version"));
    let openshift = openshift.map(ToOwned::to_owned);
    let name = server.name().to_owned();
    Ok(ClusterVersions { server: name, kubernetes, openshift, installed: installed(&server).await? })
}

async fn installed(server: &Server<'_>) -> Result<Option<Installed>> {
    let set: Option<Value> = server
        .get_opt(&DAEMON_SETS.path_of(NAME), cluster::Part::Whole)
        .await
        .map_err(|failure| failure.during("reading DaemonSet process-exporter", "ask its administrator"))?;
    let Some(set) = set else { return Ok(None) };
    let exporter = payload::mounted(&set).filter_map(Part::of).map(|part| (part.architecture, part.hash));
    let image = text(&set, "/spec/template/spec/containers/0/image").unwrap_or("unknown").to_owned();
    Ok(Some(Installed { image, exporter: exporter.collect() }))
}

fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer)?.as_str()
}
