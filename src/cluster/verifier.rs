//! Certificate verification as Go's, and with it `oc`'s and `kubectl`'s: for the API server and for Prometheus.
//!
//! A custom certificate may be listed without its authority. rustls then finds no issuer, but Go accepts the certificate
//! because it is in the list, byte for byte; host name and validity still count. On the other hand Go takes a listed
//! certificate for an authority only if it says that it is one: else the key of any listed server could vouch for others.

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

use super::certificate::Word;

/// See `as_many`.
const CHOSEN_FROM: usize = 8;

/// Trusts chains up to a root, and the listed certificates themselves.
#[derive(Debug)]
pub(super) struct Listed {
    /// Up to authorities, with the number of others that each lets stand between; none: then nothing has a chain.
    chains: Vec<(Option<u8>, Arc<WebPkiServerVerifier>)>,
    /// Up to authorities that are out of date, which vouch for nobody; for the message.
    lapsed: Option<Arc<WebPkiServerVerifier>>,
    /// Of listed certificates alone, with each of them as its own root.
    itself: Option<Arc<WebPkiServerVerifier>>,
    listed: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Listed {
    /// `system`: authorities only. `listed`: authorities or servers' own certificates, as they come.
    pub(super) fn new(
        system: Vec<CertificateDer<'static>>,
        listed: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Listed> {
        let now = UnixTime::now();
        let (mut valid, mut lapsed) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
        for certificate in system.into_iter().chain(listed.iter().cloned()) {
            match Word::of(&certificate) {
                Some(word) if !(word.may_sign && word.for_servers && word.is_understood) => {}
                Some(word) if !word.is_valid(now) => lapsed.push(certificate),
                word => valid.entry(word.and_then(|word| word.path)).or_default().push(certificate),
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

/// Verifies chains up to these; `None` if none of them can be read.
fn up_to(
    authorities: impl Iterator<Item = CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<WebPkiServerVerifier>>> {
    let mut roots = RootCertStore::empty();
    // Bundles hold certificates that no one can read any more: each is judged alone.
    roots.add_parsable_certificates(authorities);
    if roots.is_empty() {
        return Ok(None);
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    Ok(Some(verifier.build().context("preparing certificate verification")?))
}

/// Each choice of `most` of these, in their order: what is sent besides may be of no use to any chain. Of more than eight only the
/// first are chosen from.
fn as_many<'a>(all: &[CertificateDer<'a>], most: usize) -> Vec<Vec<CertificateDer<'a>>> {
    if all.len() <= most {
        return vec![all.to_vec()];
    }
    let all = all.get(..CHOSEN_FROM).unwrap_or(all);
    let most = u32::try_from(most.min(all.len())).unwrap_or_default();
    let choices = (0u32..1 << all.len()).filter(|choice| choice.count_ones() == most);
    let chosen = |choice: u32| {
        let some = all.iter().enumerate().filter(|(place, _)| choice >> place & 1 == 1);
        some.map(|(_, certificate)| certificate.clone()).collect()
    };
    choices.map(chosen).collect()
}

/// Whether `error` is about a certificate's issuer alone. webpki looks for an issuer only after it has found the
/// certificate valid in time; a self-signed one that is marked as an authority it refuses by a name of its own.
fn concerns_only_the_issuer(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => true,
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
        }
        _ => false,
    }
}

/// Whether `error` is about how a certificate was signed, which does not matter for one that is listed.
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
        // Others' word is taken for what it says: a server's certificate is no authority's.
        let between = intermediates.iter().filter(|its| Word::of(its).is_none_or(|word| word.may_sign));
        let between: Vec<CertificateDer<'_>> = between.cloned().collect();
        let mut error: Error = CertificateError::UnknownIssuer.into();
        for (path, chains) in &self.chains {
            for some in as_many(&between, path.map_or(usize::MAX, usize::from)) {
                match by(chains, &some) {
                    Ok(verified) => return Ok(verified),
                    Err(why) if concerns_only_the_issuer(&error) => error = why,
                    Err(_) => {}
                }
            }
        }
        let for_servers = Word::of(end_entity).is_none_or(|word| word.for_servers && word.is_understood);
        if let Some(itself) = self.itself.as_ref().filter(|_| self.listed.contains(end_entity)) {
            // What the server sends along says nothing of a certificate that is listed itself.
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

/// Trusts any certificate whose key the server has.
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
