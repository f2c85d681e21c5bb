//! CA bundles for Prometheus's certificate: what the cluster publishes, and the user's file.

use std::path::Path;

use anyhow::{Result, anyhow, bail};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::Api as Objects;
use rustls::pki_types::CertificateDer;

use super::api::{Api, Refusal};
use super::identity::certificates;
use super::monitoring::NAMESPACE;

/// ConfigMaps that may hold the authority of the ingress certificate, by namespace and name. Not every user may read
/// each.
const PUBLISHED: [(&str, &str); 3] = [
    (NAMESPACE, "kube-root-ca.crt"),
    ("openshift-config-managed", "oauth-serving-cert"),
    ("openshift-config-managed", "default-ingress-cert"),
];

/// Fetches the certificates that the cluster publishes, without those that the user may not read. Errors if the API
/// server fails. The caller must have verified that server: anyone in between could name its own authority.
pub(super) async fn fetch(api: &Api) -> Result<Vec<CertificateDer<'static>>> {
    let [first, second, third] = PUBLISHED;
    let responses = tokio::join!(fetch_one(api, first), fetch_one(api, second), fetch_one(api, third));
    let mut all = Vec::new();
    for certificates in [responses.0, responses.1, responses.2] {
        all.extend(certificates?);
    }
    Ok(all)
}

async fn fetch_one(api: &Api, (namespace, name): (&str, &str)) -> Result<Vec<CertificateDer<'static>>> {
    let maps = Objects::<ConfigMap>::namespaced(api.client.clone(), namespace);
    match api.request(maps.get(name)).await {
        Ok(map) => {
            Ok(map.data.unwrap_or_default().values().flat_map(|pem| certificates(pem.as_bytes())).collect())
        }
        Err(Refusal::Failed(error)) => Err(error),
        Err(_) => Ok(Vec::new()),
    }
}

/// Reads the certificates of `--prometheus-ca`. Errors if the file cannot be read, or holds no certificate.
pub(super) fn from_file(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let pem = std::fs::read(path).map_err(|why| {
        anyhow!("--prometheus-ca {} cannot be read ({why}): give a PEM file", path.display())
    })?;
    let found = certificates(&pem);
    if found.is_empty() {
        bail!("--prometheus-ca {} holds no certificate: give a PEM file", path.display());
    }
    Ok(found)
}
