//! Claims of a certificate about itself. rustls takes no more than the key of a trusted authority, but Go enforces
//! these claims too.

use rustls::pki_types::{CertificateDer, UnixTime};
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};

/// Purposes that include a server's: any, and server authentication.
const PURPOSES: [ObjectIdentifier; 2] =
    [ObjectIdentifier::new_unwrap("2.5.29.37.0"), ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1")];
/// Extensions that this module or rustls understands, so that they may be critical.
const KNOWN: [ObjectIdentifier; 11] = [
    ObjectIdentifier::new_unwrap("2.5.29.14"), // subjectKeyIdentifier
    ObjectIdentifier::new_unwrap("2.5.29.15"), // keyUsage
    ObjectIdentifier::new_unwrap("2.5.29.17"), // subjectAltName
    ObjectIdentifier::new_unwrap("2.5.29.19"), // basicConstraints
    ObjectIdentifier::new_unwrap("2.5.29.30"), // nameConstraints
    ObjectIdentifier::new_unwrap("2.5.29.31"), // cRLDistributionPoints
    ObjectIdentifier::new_unwrap("2.5.29.32"), // certificatePolicies
    ObjectIdentifier::new_unwrap("2.5.29.33"), // policyMappings
    ObjectIdentifier::new_unwrap("2.5.29.36"), // policyConstraints
    ObjectIdentifier::new_unwrap("2.5.29.37"), // extKeyUsage
    ObjectIdentifier::new_unwrap("2.5.29.54"), // inhibitAnyPolicy
];

/// Claims of a certificate about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claims {
    /// True if it is an authority's. Before version 3 a certificate could not say, so it counts as one.
    pub(super) may_sign: bool,
    /// True if it, or what it signs, may be a server's.
    pub(super) for_servers: bool,
    /// True if every critical extension is known here.
    pub(super) is_understood: bool,
    /// Number of authorities that it allows below it in a chain; `None` if it sets no limit.
    pub(super) path: Option<u8>,
    /// First and last second of its validity, since 1970.
    valid: (u64, u64),
}

impl Claims {
    /// Parses a certificate; `None` if that fails, which leaves the decision to rustls. A broken extension counts as
    /// absent, and its certificate as no authority's.
    pub(super) fn parse(certificate: &CertificateDer<'_>) -> Option<Claims> {
        let certificate = Certificate::from_der(certificate).ok()?;
        let certificate = certificate.tbs_certificate();
        let constraints = certificate.get_extension::<BasicConstraints>();
        let usage = certificate.get_extension::<KeyUsage>();
        let purposes = certificate.get_extension::<ExtendedKeyUsage>();
        let is_readable = constraints.is_ok() && usage.is_ok() && purposes.is_ok();
        let (constraints, usage) = (constraints.ok().flatten().map(|(_, its)| its), usage.ok().flatten());
        let purposes = purposes.ok().flatten();
        let validity = certificate.validity();
        let mut extensions = certificate.extensions().into_iter().flatten();
        Some(Claims {
            may_sign: is_readable
                && (certificate.version() != Version::V3
                    || (constraints.as_ref().is_some_and(|constraints| constraints.ca)
                        && usage.is_none_or(|(_, usage)| usage.key_cert_sign()))),
            for_servers: purposes
                .is_none_or(|(_, purposes)| purposes.0.iter().any(|its| PURPOSES.contains(its))),
            is_understood: extensions
                .all(|extension| !extension.critical || KNOWN.contains(&extension.extn_id)),
            path: constraints.and_then(|constraints| constraints.path_len_constraint),
            valid: (
                validity.not_before.to_unix_duration().as_secs(),
                validity.not_after.to_unix_duration().as_secs(),
            ),
        })
    }

    /// Returns true if `now` is inside its validity.
    pub(super) fn is_valid(&self, now: UnixTime) -> bool {
        (self.valid.0..=self.valid.1).contains(&now.as_secs())
    }
}
