//! Whom the way to Prometheus trusts: this machine's roots, the kubeconfig's, the user's, and what the cluster publishes.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::Api as Objects;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::NAMESPACE;
use super::api::{Api, Refusal};
use super::verifier::{Listed, Unverified};

/// Where a cluster keeps the authority of its ingress certificate; not every user may read each of them.
const PUBLISHED: [(&str, &str); 3] = [
    (NAMESPACE, "kube-root-ca.crt"),
    ("openshift-config-managed", "oauth-serving-cert"),
    ("openshift-config-managed", "default-ingress-cert"),
];

/// The certificates that the cluster publishes; what cannot be read is left out. To be asked of a verified API only:
/// else anyone in between could name an authority of his own.
pub(super) async fn published(api: &Api) -> Result<Vec<CertificateDer<'static>>> {
    let [first, second, third] = PUBLISHED;
    let answers = tokio::join!(bundle(api, first), bundle(api, second), bundle(api, third));
    let mut all = Vec::new();
    for certificates in [answers.0, answers.1, answers.2] {
        all.extend(certificates?);
    }
    Ok(all)
}

async fn bundle(api: &Api, (namespace, name): (&str, &str)) -> Result<Vec<CertificateDer<'static>>> {
    let maps = Objects::<ConfigMap>::namespaced(api.client.clone(), namespace);
    match api.ask(maps.get(name)).await {
        Ok(map) => {
            Ok(map.data.unwrap_or_default().values().flat_map(|pem| certificates(pem.as_bytes())).collect())
        }
        Err(Refusal::Failed(error)) => Err(error),
        Err(_) => Ok(Vec::new()),
    }
}

fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect()
}

/// The certificates of `--prometheus-ca`. Errors: not readable, or none in it.
pub(super) fn file(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let pem = std::fs::read(path).map_err(|why| {
        anyhow!("--prometheus-ca {} cannot be read ({why}): give a PEM file", path.display())
    })?;
    let found = certificates(&pem);
    if found.is_empty() {
        bail!("--prometheus-ca {} holds no certificate: give a PEM file", path.display());
    }
    Ok(found)
}

/// TLS that trusts this machine's roots and `listed`.
pub(super) fn verified(listed: Vec<CertificateDer<'static>>) -> Result<ClientConfig> {
    // A machine without roots of its own still has the listed ones.
    let system = rustls_native_certs::load_native_certs().certs;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Listed::new(system, listed, &provider)?;
    with(Arc::new(verifier), provider)
}

/// TLS that trusts nobody: for addresses that are asked without. Reading this machine's roots takes longer than asking.
pub(super) fn nobody() -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Listed::new(Vec::new(), Vec::new(), &provider)?;
    with(Arc::new(verifier), provider)
}

/// TLS that trusts whoever answers: only on the user's explicit word.
pub(super) fn unverified() -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    with(Arc::new(Unverified(provider.signature_verification_algorithms)), provider)
}

fn with(
    verifier: Arc<dyn rustls::client::danger::ServerCertVerifier>,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("preparing TLS")?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
