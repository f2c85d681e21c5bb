//! Certificates that the verifier accepts and refuses. tests/kubectl has every kind of key.
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

use super::*;

/// Returns 2026-01-01, inside the validity of every certificate here that is not made to be expired.
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

fn verify(listed: &[CertificateDer<'static>], server: &CertificateDer<'_>) -> Result<(), CertificateError> {
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
    assert_eq!(verify(&[authority.der().clone()], &server), Ok(()));
    assert_eq!(verify(std::slice::from_ref(&server), &server), Ok(()));
    assert_eq!(verify(&[other], &server), Err(CertificateError::UnknownIssuer));
    assert_eq!(verify(&[], &server), Err(CertificateError::UnknownIssuer));
}

#[test]
fn an_expired_authority_vouches_for_no_server() {
    let mut old = params("authority");
    old.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (old.not_before, old.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let authority = CertifiedIssuer::self_signed(old, KeyPair::generate().unwrap()).unwrap();
    let server = signed(&params("*.apps.example"), &authority);
    assert_eq!(verify(&[authority.der().clone()], &server), Err(CertificateError::Expired));
}

/// Otherwise anyone with the key of a listed server could pose as any server.
#[test]
fn a_listed_certificate_that_is_no_authority_vouches_for_no_other() {
    let key = KeyPair::generate().unwrap();
    let own = params("prom.apps.example");
    let listed = own.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::from_params(&own, &key);
    let other = params("*.apps.example").signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    let listed = [listed.der().clone()];
    assert_eq!(verify(&listed, &listed[0]), Ok(()));
    assert_eq!(verify(&listed, other.der()), Err(CertificateError::UnknownIssuer));
    let mut signs_nothing = params("authority");
    signs_nothing.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    signs_nothing.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let authority = CertifiedIssuer::self_signed(signs_nothing, KeyPair::generate().unwrap()).unwrap();
    let server = signed(&params("*.apps.example"), &authority);
    assert_eq!(verify(&[authority.der().clone()], &server), Err(CertificateError::UnknownIssuer));
}

/// Go enforces these claims of a trusted authority too: purpose, path length and critical extensions.
#[test]
fn an_authority_vouches_for_no_more_than_it_says() {
    let with = |change: &dyn Fn(&mut CertificateParams)| {
        let mut its = params("authority");
        its.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut its);
        CertifiedIssuer::self_signed(its, KeyPair::generate().unwrap()).unwrap()
    };
    let clients = ExtendedKeyUsagePurpose::ClientAuth;
    let critical = || {
        let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        extension.set_criticality(true);
        extension
    };
    for (case, authority, expected) in [
        ("plain", with(&|_| ()), Ok(())),
        (
            "for clients",
            with(&|its| its.extended_key_usages = vec![clients.clone()]),
            Err(CertificateError::UnknownIssuer),
        ),
        ("for any", with(&|its| its.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]), Ok(())),
        (
            "something critical",
            with(&|its| its.custom_extensions = vec![critical()]),
            Err(CertificateError::UnknownIssuer),
        ),
    ] {
        let server = signed(&params("*.apps.example"), &authority);
        assert_eq!(verify(&[authority.der().clone()], &server), expected, "{case}");
    }
    // A listed certificate that is marked as an authority must be for servers too.
    let itself = with(&|its| {
        its.subject_alt_names = params("prom.apps.example").subject_alt_names;
        its.extended_key_usages = vec![clients.clone()];
    });
    let itself = itself.der().clone();
    assert!(verify(std::slice::from_ref(&itself), &itself).is_err());
}

#[test]
fn intermediates_must_be_authorities_and_no_more_than_the_root_allows() {
    let authority = |name: &str, path: BasicConstraints, usages: Vec<KeyUsagePurpose>| {
        let mut its = params(name);
        its.distinguished_name = rcgen::DistinguishedName::new();
        its.distinguished_name.push(rcgen::DnType::CommonName, name);
        its.is_ca = IsCa::Ca(path);
        its.key_usages = usages;
        its
    };
    let signs = || vec![KeyUsagePurpose::KeyCertSign];
    for (path, usages, expected) in [
        (BasicConstraints::Unconstrained, signs(), true),
        (BasicConstraints::Constrained(1), signs(), true),
        (BasicConstraints::Constrained(0), signs(), false),
        (BasicConstraints::Unconstrained, vec![KeyUsagePurpose::DigitalSignature], false),
    ] {
        let case = format!("{path:?} {usages:?}");
        let root = authority("root", path, signs());
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
        let between = authority("between", BasicConstraints::Unconstrained, usages);
        let between = CertifiedIssuer::signed_by(between, KeyPair::generate().unwrap(), &root).unwrap();
        let server = params("*.apps.example").signed_by(&KeyPair::generate().unwrap(), &between).unwrap();
        let verifier = Listed::new(Vec::new(), vec![root.der().clone()], &crate::cluster::crypto::provider());
        let name = ServerName::try_from("prom.apps.example").unwrap();
        // The server sends the root too. No chain needs it there, and it does not count towards the limit.
        let sent = [root.der().clone(), between.der().clone()];
        let found = verifier.unwrap().verify_server_cert(server.der(), &sent, &name, &[], now());
        assert_eq!(found.is_ok(), expected, "{case}: {found:?}");
    }
}

#[test]
fn a_listed_certificate_still_needs_the_name_and_the_time() {
    let authority = authority();
    let other = signed(&params("other.example"), &authority);
    let wrong_name = verify(std::slice::from_ref(&other), &other);
    assert!(matches!(wrong_name, Err(CertificateError::NotValidForNameContext { .. })), "{wrong_name:?}");
    let mut past = params("*.apps.example");
    past.not_after = date_time_ymd(2025, 1, 1);
    let expired = signed(&past, &authority);
    let result = verify(std::slice::from_ref(&expired), &expired);
    assert!(matches!(result, Err(CertificateError::ExpiredContext { .. })), "{result:?}");
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
    assert_eq!(verify(std::slice::from_ref(&server), &server), Ok(()));
    assert_eq!(verify(&[self_signed(|_| ())], &server), Err(CertificateError::UnknownIssuer));
    let expired = self_signed(|params| params.not_after = date_time_ymd(2025, 1, 1));
    let result = verify(std::slice::from_ref(&expired), &expired);
    assert!(matches!(result, Err(CertificateError::ExpiredContext { .. })), "{result:?}");
}
