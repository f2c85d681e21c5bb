//! Certificate verification by Go's rules, so by those of `oc` and `kubectl`: for the API server and for Prometheus.
//!
//! A user may list a custom certificate without its authority. rustls then finds no issuer, but Go accepts the
//! certificate because the list holds it, byte for byte. Host name and validity still count. Go takes a listed
//! certificate for an authority only if it claims to be one. Otherwise the key of any listed server could vouch for
//! other servers.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::certificate::Claims;

/// Number of certificates that `combinations` chooses from.
const COMBINED: usize = 8;

/// Verifier that trusts chains up to a root, and the listed certificates themselves.
#[derive(Debug)]
pub(super) struct Listed {
    /// Verifiers by the number of authorities that their roots allow below them; `None` is no limit.
    chains: Vec<(Option<u8>, Arc<WebPkiServerVerifier>)>,
    /// Verifier up to authorities outside of their validity. It vouches for no server, and only words the error.
    lapsed: Option<Arc<WebPkiServerVerifier>>,
    /// Verifier of the listed certificates themselves, with each as its own root.
    itself: Option<Arc<WebPkiServerVerifier>>,
    listed: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Listed {
    /// Sorts the certificates into verifiers. `system` holds authorities, `listed` also servers' own certificates.
    pub(super) fn new(
        system: Vec<CertificateDer<'static>>,
        listed: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Listed> {
        let now = UnixTime::now();
        let (mut valid, mut lapsed) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
        for certificate in system.into_iter().chain(listed.iter().cloned()) {
            match Claims::parse(&certificate) {
                Some(claims) if !(claims.may_sign && claims.for_servers && claims.is_understood) => {}
                Some(claims) if !claims.is_valid(now) => lapsed.push(certificate),
                claims => valid.entry(claims.and_then(|claims| claims.path)).or_default().push(certificate),
            }
        }
        let mut chains = Vec::new();
        for (path, authorities) in valid {
            chains.extend(up_to(authorities.into_iter(), provider)?.map(|verifier| (path, verifier)));
        }
        Ok(Listed {
            chains,
            lapsed: up_to(lapsed.into_iter(), provider)?,
            itself: up_to(listed.iter().cloned(), provider)?,
            listed,
            algorithms: provider.signature_verification_algorithms,
        })
    }
}

/// Makes a verifier of chains up to these authorities; `None` if none of them can be read.
fn up_to(
    authorities: impl Iterator<Item = CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<WebPkiServerVerifier>>> {
    let mut roots = RootCertStore::empty();
    // Skips those that cannot be read, since bundles hold certificates that no program can read any more.
    roots.add_parsable_certificates(authorities);
    if roots.is_empty() {
        return Ok(None);
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    Ok(Some(verifier.build().context("preparing certificate verification")?))
}

/// Returns each combination of `most` certificates, in their order, since a server may send some that no chain needs.
/// Uses only the first `COMBINED` certificates of a longer list.
fn combinations<'a>(all: &[CertificateDer<'a>], most: usize) -> Vec<Vec<CertificateDer<'a>>> {
    if all.len() <= most {
        return vec![all.to_vec()];
    }
    let all = all.get(..COMBINED).unwrap_or(all);
    let most = u32::try_from(most.min(all.len())).unwrap_or_default();
    let choices = (0u32..1 << all.len()).filter(|choice| choice.count_ones() == most);
    let chosen = |choice: u32| {
        let some = all.iter().enumerate().filter(|(index, _)| choice >> index & 1 == 1);
        some.map(|(_, certificate)| certificate.clone()).collect()
    };
    choices.map(chosen).collect()
}

/// Returns true if `error` is about a certificate's issuer alone. webpki checks the validity before it looks for an
/// issuer. It has an error of its own for a self-signed certificate that is marked as an authority.
fn concerns_only_the_issuer(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => true,
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
        }
        _ => false,
    }
}

/// Returns true if `error` is about a signature's algorithm, which does not matter for a listed certificate.
fn concerns_the_signature(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
        )
    )
}

impl ServerCertVerifier for Listed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let by = |verifier: &WebPkiServerVerifier, intermediates: &[CertificateDer<'_>]| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        // Drops certificates that claim to be no authority, so that the key of a server vouches for no other.
        let is_authority =
            |its: &&CertificateDer<'_>| Claims::parse(its).is_none_or(|claims| claims.may_sign);
        let between = intermediates.iter().filter(is_authority);
        let between: Vec<CertificateDer<'_>> = between.cloned().collect();
        let mut error: Error = CertificateError::UnknownIssuer.into();
        for (path, chains) in &self.chains {
            for some in combinations(&between, path.map_or(usize::MAX, usize::from)) {
                match by(chains, &some) {
                    Ok(verified) => return Ok(verified),
                    Err(why) if concerns_only_the_issuer(&error) => error = why,
                    Err(_) => {}
                }
            }
        }
        let for_servers =
            Claims::parse(end_entity).is_none_or(|claims| claims.for_servers && claims.is_understood);
        if let Some(itself) = self.itself.as_ref().filter(|_| self.listed.contains(end_entity)) {
            // A certificate that is itself listed needs no intermediates.
            match by(itself, &[]) {
                Ok(verified) => return Ok(verified),
                Err(why)
                    if for_servers && (concerns_only_the_issuer(&why) || concerns_the_signature(&why)) =>
                {
                    verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                    return Ok(ServerCertVerified::assertion());
                }
                Err(why) => error = why,
            }
        }
        if concerns_only_the_issuer(&error) {
            let is_lapsed = self.lapsed.as_ref().is_some_and(|lapsed| by(lapsed, &between).is_ok());
            error =
                if is_lapsed { CertificateError::Expired } else { CertificateError::UnknownIssuer }.into();
        }
        Err(error)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Verifier that trusts any certificate, if the server has its key.
#[derive(Debug)]
pub(super) struct Unverified(pub(super) WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
