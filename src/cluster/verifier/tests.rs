//! Certificates that are taken, and those that are not. Every kind of key: tests/kubectl.
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

fn verdict(listed: &[CertificateDer<'static>], server: &CertificateDer<'_>) -> Result<(), CertificateError> {
    let provider = crate::cluster::crypto::provider();
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
fn an_authority_that_is_out_of_date_vouches_for_nobody() {
    let mut old = params("authority");
    old.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (old.not_before, old.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let authority = CertifiedIssuer::self_signed(old, KeyPair::generate().unwrap()).unwrap();
    let server = signed(&params("*.apps.example"), &authority);
    assert_eq!(verdict(&[authority.der().clone()], &server), Err(CertificateError::Expired));
}

/// Else whoever has the key of a listed server could be any server.
#[test]
fn a_listed_certificate_that_is_no_authority_vouches_for_nobody() {
    let key = KeyPair::generate().unwrap();
    let own = params("prom.apps.example");
    let listed = own.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::from_params(&own, &key);
    let other = params("*.apps.example").signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    let listed = [listed.der().clone()];
    assert_eq!(verdict(&listed, &listed[0]), Ok(()));
    assert_eq!(verdict(&listed, other.der()), Err(CertificateError::UnknownIssuer));
    let mut signs_nothing = params("authority");
    signs_nothing.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    signs_nothing.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    let authority = CertifiedIssuer::self_signed(signs_nothing, KeyPair::generate().unwrap()).unwrap();
    let server = signed(&params("*.apps.example"), &authority);
    assert_eq!(verdict(&[authority.der().clone()], &server), Err(CertificateError::UnknownIssuer));
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
