//! Versions: of the bundled exporters, of the cluster, and of the exporter installed there.
use super::payload::{self, Chunk};
use super::resources::{DAEMON_SETS, NAME};
use crate::cluster::{Cluster, Part, Server};
use anyhow::Result;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Exporters by CPU architecture, each identified by the first 12 digits of its SHA-256.
pub type Exporters = BTreeMap<String, String>;

/// Versions of a cluster.
#[derive(Debug, Serialize)]
pub struct ClusterVersions {
    /// URL of the API server.
    pub server: String,
    /// Version of the API server.
    pub kubernetes: String,
    /// Version of OpenShift. `None` if the cluster is another Kubernetes, or if the user may not read it.
    pub openshift: Option<String>,
    /// The installed exporter. `None` if none is installed.
    pub installed: Option<Installed>,
}

/// The exporter in a cluster.
#[derive(Debug, Serialize)]
pub struct Installed {
    /// Image that its pods run in.
    pub image: String,
    /// Exporters of its payload. Empty if the image holds the exporter.
    pub exporter: Exporters,
}

/// Returns the exporters that `install` would bring without `--exporter`. Errors if this program's own path is
/// unknown.
pub fn bundled_exporters() -> Result<Exporters> {
    Ok(payload::bundled()?.into_iter().map(|(architecture, hash)| (architecture.to_owned(), hash)).collect())
}

/// Fetches the versions of a cluster. Errors if it is unreachable, or if the user may not read DaemonSets.
pub async fn fetch_cluster_versions(cluster: &Cluster) -> Result<ClusterVersions> {
    let server = cluster.server().await?;
    let version: Value = server
        .get("/version", Part::Whole)
        .await
        .map_err(|failure| failure.during("asking for the version", "check the API server's health"))?;
    let kubernetes = text_at(&version, "/gitVersion").unwrap_or("unknown").to_owned();
    // Not every cluster is OpenShift, and not every user may read this.
    let path = "/apis/config.openshift.io/v1/clusterversions/version";
    let openshift: Option<Value> = server.get_opt(path, Part::Whole).await.ok().flatten();
    let openshift = openshift.as_ref().and_then(|found| text_at(found, "/status/desired/version"));
    let openshift = openshift.map(ToOwned::to_owned);
    let name = server.name().to_owned();
    Ok(ClusterVersions { server: name, kubernetes, openshift, installed: fetch_installed(&server).await? })
}

async fn fetch_installed(server: &Server<'_>) -> Result<Option<Installed>> {
    let daemonset: Option<Value> = server
        .get_opt(&DAEMON_SETS.object_path(NAME), Part::Whole)
        .await
        .map_err(|failure| failure.during("reading DaemonSet process-exporter", "ask its administrator"))?;
    let Some(daemonset) = daemonset else { return Ok(None) };
    let exporter = payload::mounted_payloads(&daemonset)
        .filter_map(Chunk::from_name)
        .map(|chunk| (chunk.architecture, chunk.hash));
    let image = text_at(&daemonset, "/spec/template/spec/containers/0/image").unwrap_or("unknown").to_owned();
    Ok(Some(Installed { image, exporter: exporter.collect() }))
}

fn text_at<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer)?.as_str()
}
