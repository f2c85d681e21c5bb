//! Certificate verification that also accepts a server's own certificate by itself in a bundle.
//!
//! A custom ingress certificate may be published without its authority. rustls then finds no issuer, where Go and
//! with it `oc` accept the certificate because it is in the bundle, byte for byte. Host name and validity still count.

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

/// Trusts chains up to a root, and the listed certificates themselves.
#[derive(Debug)]
pub(super) struct Listed {
    /// None without any root: then nothing has a chain.
    chains: Option<Arc<WebPkiServerVerifier>>,
    listed: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Listed {
    /// `system`: roots only. `listed`: authorities or servers' own certificates, as they come.
    pub(super) fn new(
        system: Vec<CertificateDer<'static>>,
        listed: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Listed> {
        let mut roots = RootCertStore::empty();
        // Bundles hold certificates that no one can read any more: each is judged alone.
        roots.add_parsable_certificates(system.into_iter().chain(listed.iter().cloned()));
        let chains = if roots.is_empty() {
            None
        } else {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
            Some(verifier.build().context("preparing certificate verification")?)
        };
        Ok(Listed { chains, listed, algorithms: provider.signature_verification_algorithms })
    }
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

impl ServerCertVerifier for Listed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chains) = &self.chains else { return Err(CertificateError::UnknownIssuer.into()) };
        let verify = |intermediates: &[CertificateDer<'_>]| {
            chains.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        let error = match verify(intermediates) {
            Ok(verified) => return Ok(verified),
            // What the server sends along says nothing of a certificate that is listed itself.
            Err(_) if self.listed.contains(end_entity) => match verify(&[]) {
                Ok(verified) => return Ok(verified),
                Err(error) if concerns_only_the_issuer(&error) => {
                    verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                    return Ok(ServerCertVerified::assertion());
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        Err(if concerns_only_the_issuer(&error) { CertificateError::UnknownIssuer.into() } else { error })
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
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

    use super::*;

    /// 2026-01-01, within every certificate here that is not made to be out of date.
    fn now() -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(1_767_225_600))
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2040, 1, 1);
        params
    }

    fn authority() -> CertifiedIssuer<'static, KeyPair> {
        let mut params = params("authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    fn signed(params: &CertificateParams, by: &CertifiedIssuer<'static, KeyPair>) -> CertificateDer<'static> {
        params.signed_by(&KeyPair::generate().unwrap(), by).unwrap().der().clone()
    }

    fn verdict(
        listed: &[CertificateDer<'static>],
        server: &CertificateDer<'_>,
    ) -> Result<(), CertificateError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Listed::new(Vec::new(), listed.to_vec(), &provider).unwrap();
        let name = ServerName::try_from("prom.apps.example").unwrap();
        match verifier.verify_server_cert(server, &[], &name, &[], now()) {
            Ok(_) => Ok(()),
            Err(Error::InvalidCertificate(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_chain_or_the_certificate_itself_is_enough() {
        let authority = authority();
        let server = signed(&params("*.apps.example"), &authority);
        let other = signed(&params("*.apps.example"), &authority);
        assert_eq!(verdict(&[authority.der().clone()], &server), Ok(()));
        assert_eq!(verdict(std::slice::from_ref(&server), &server), Ok(()));
        assert_eq!(verdict(&[other], &server), Err(CertificateError::UnknownIssuer));
        assert_eq!(verdict(&[], &server), Err(CertificateError::UnknownIssuer));
    }

    #[test]
    fn a_listed_certificate_still_needs_the_name_and_the_time() {
        let authority = authority();
        let elsewhere = signed(&params("other.example"), &authority);
        let wrong_name = verdict(std::slice::from_ref(&elsewhere), &elsewhere);
        assert!(matches!(wrong_name, Err(CertificateError::NotValidForNameContext { .. })), "{wrong_name:?}");
        let mut past = params("*.apps.example");
        past.not_after = date_time_ymd(2025, 1, 1);
        let expired = signed(&past, &authority);
        let verdict = verdict(std::slice::from_ref(&expired), &expired);
        assert!(matches!(verdict, Err(CertificateError::ExpiredContext { .. })), "{verdict:?}");
    }

    #[test]
    fn a_self_signed_one_marked_as_an_authority_is_accepted_only_if_listed() {
        let self_signed = |change: fn(&mut CertificateParams)| {
            let mut params = params("prom.apps.example");
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            change(&mut params);
            params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
        };
        let server = self_signed(|_| ());
        assert_eq!(verdict(std::slice::from_ref(&server), &server), Ok(()));
        assert_eq!(verdict(&[self_signed(|_| ())], &server), Err(CertificateError::UnknownIssuer));
        let expired = self_signed(|params| params.not_after = date_time_ymd(2025, 1, 1));
        let verdict = verdict(std::slice::from_ref(&expired), &expired);
        assert!(matches!(verdict, Err(CertificateError::ExpiredContext { .. })), "{verdict:?}");
    }
}
