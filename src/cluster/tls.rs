//! TLS settings: which servers the client trusts, and which certificate it shows.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use kube::Config;
use rustls::client::WantsClientCert;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ConfigBuilder};

use super::crypto;
use super::identity::{self, Identity};
use super::verifier::{Listed, Unverified};

/// Makes TLS settings that trust this machine's roots and `listed`.
pub(super) fn verified(listed: Vec<CertificateDer<'static>>) -> Result<ClientConfig> {
    for_http1(Arc::new(Listed::new(system_roots(), listed, &crypto::provider())?))
}

/// Makes TLS settings that trust no server, for plain http addresses. Reading this machine's roots takes longer than a
/// query.
pub(super) fn trusting_none() -> Result<ClientConfig> {
    for_http1(Arc::new(Listed::new(Vec::new(), Vec::new(), &crypto::provider())?))
}

/// Makes TLS settings that trust any server. Needs the user's explicit consent.
pub(super) fn unverified() -> Result<ClientConfig> {
    for_http1(Arc::new(Unverified(crypto::provider().signature_verification_algorithms)))
}

/// Makes TLS settings for the API server, with the user's certificate. They trust the authorities that kubeconfig or
/// flags name, else this machine's. Errors if that certificate is unusable, in words that follow "wrong".
pub(super) fn for_api_server(config: &Config) -> Result<ClientConfig> {
    let provider = crypto::provider();
    let named = config.root_cert.as_ref();
    let named = named.map(|all| all.iter().cloned().map(CertificateDer::from).collect::<Vec<_>>());
    let verifier: Arc<dyn ServerCertVerifier> = match (config.accept_invalid_certs, named) {
        (true, _) => Arc::new(Unverified(provider.signature_verification_algorithms)),
        (false, Some(named)) => Arc::new(Listed::new(Vec::new(), named, &provider)?),
        (false, None) if config.cluster_url.scheme_str() == Some("http") => {
            Arc::new(Listed::new(Vec::new(), Vec::new(), &provider)?)
        }
        (false, None) => Arc::new(Listed::new(system_roots(), Vec::new(), &provider)?),
    };
    let tls = with_verifier(verifier)?;
    match identity::from_user(&config.auth_info).map_err(anyhow::Error::msg)? {
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

/// Reads this machine's roots. A machine without any can still trust listed certificates, so that is no error.
fn system_roots() -> Vec<CertificateDer<'static>> {
    rustls_native_certs::load_native_certs().certs
}

fn for_http1(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig> {
    let mut config = with_verifier(verifier)?.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn with_verifier(
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let versions =
        ClientConfig::builder_with_provider(crypto::provider()).with_safe_default_protocol_versions();
    Ok(versions.context("preparing TLS")?.dangerous().with_custom_certificate_verifier(verifier))
}
