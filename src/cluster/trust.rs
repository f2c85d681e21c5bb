//! Whom the ways to the API server and to Prometheus trust: this machine's roots, the kubeconfig's, the user's, and what the
//! cluster publishes.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Config;
use kube::api::Api as Objects;
use rustls::client::WantsClientCert;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ConfigBuilder};

use super::api::{Api, Refusal};
use super::identity::{self, Identity, certificates};
use super::verifier::{Listed, Unverified};
use super::{NAMESPACE, crypto};

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
    for_http1(Arc::new(Listed::new(system(), listed, &crypto::provider())?))
}

/// TLS that trusts nobody: for addresses that are asked without. Reading this machine's roots takes longer than asking.
pub(super) fn nobody() -> Result<ClientConfig> {
    for_http1(Arc::new(Listed::new(Vec::new(), Vec::new(), &crypto::provider())?))
}

/// TLS that trusts whoever answers: only on the user's explicit word.
pub(super) fn unverified() -> Result<ClientConfig> {
    for_http1(Arc::new(Unverified(crypto::provider().signature_verification_algorithms)))
}

/// TLS for the API server: the authorities that the kubeconfig or the flags name, else this machine's, and the user's
/// certificate. Errors: what is wrong with that certificate, in words that go after "wrong".
pub(super) fn api_server(config: &Config) -> Result<ClientConfig> {
    let provider = crypto::provider();
    let named = config.root_cert.as_ref();
    let named = named.map(|all| all.iter().cloned().map(CertificateDer::from).collect::<Vec<_>>());
    let verifier: Arc<dyn ServerCertVerifier> = match (config.accept_invalid_certs, named) {
        (true, _) => Arc::new(Unverified(provider.signature_verification_algorithms)),
        (false, Some(named)) => Arc::new(Listed::new(Vec::new(), named, &provider)?),
        (false, None) if config.cluster_url.scheme_str() == Some("http") => {
            Arc::new(Listed::new(Vec::new(), Vec::new(), &provider)?)
        }
        (false, None) => Arc::new(Listed::new(system(), Vec::new(), &provider)?),
    };
    let tls = with(verifier)?;
    match identity::of(&config.auth_info).map_err(anyhow::Error::msg)? {
        None => Ok(tls.with_no_client_auth()),
        Some(Identity { chain, key }) => tls.with_client_auth_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                anyhow!("its client certificate and its client key do not belong together")
            }
            rustls::Error::InvalidCertificate(_) => anyhow!("its client certificate cannot be read"),
            _ => anyhow!("its client key is none of RSA, of ECDSA on P-256, P-384 or P-521, or of Ed25519"),
        }),
    }
}

/// This machine's roots. A machine without any still has those that are listed.
fn system() -> Vec<CertificateDer<'static>> {
    rustls_native_certs::load_native_certs().certs
}

fn for_http1(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig> {
    let mut config = with(verifier)?.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn with(verifier: Arc<dyn ServerCertVerifier>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let versions =
        ClientConfig::builder_with_provider(crypto::provider()).with_safe_default_protocol_versions();
    Ok(versions.context("preparing TLS")?.dangerous().with_custom_certificate_verifier(verifier))
}
