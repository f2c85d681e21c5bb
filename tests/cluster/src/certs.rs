//! Certificate authorities and what they sign, as PEM files.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// Years in which a certificate is valid that is not about time.
pub const ALWAYS: Range<i32> = 2000..4000;

/// A certificate authority of its own; its certificate is at `file`.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// The authority's certificate, PEM.
    pub file: PathBuf,
}

/// A certificate and its private key, PEM files.
pub struct Pair {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The extension that holds the UID of the Service that OpenShift's service CA has issued a certificate for.
const SERVICE_UID: [u64; 11] = [1, 3, 6, 1, 4, 1, 2312, 17, 100, 2, 1];

/// A certificate of the service CA.
pub(crate) struct Serving {
    /// The leaf alone, PEM.
    pub(crate) leaf: String,
    /// Leaf and signer, PEM.
    pub(crate) chain: String,
    /// Its private key, PEM.
    pub(crate) key: String,
    /// When it expires, RFC 3339.
    pub(crate) expiry: String,
}

impl Authority {
    /// Makes an authority whose common name and file are called `name`.
    pub fn new(directory: &Path, name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let file = directory.join(format!("{name}.crt"));
        write(&file, &issuer.pem())?;
        Ok(Self { issuer, file })
    }

    /// A server's certificate for `names` (DNS names and IP addresses), valid in `years` (all but the last);
    /// its files are called after the first name.
    pub fn server(&self, directory: &Path, names: &[&str], years: Range<i32>) -> Result<Pair> {
        let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_before = date_time_ymd(years.start, 1, 1);
        params.not_after = date_time_ymd(years.end, 1, 1);
        self.sign(&params, &directory.join(names.first().context("a server without a name")?))
    }

    /// A client's certificate for `user` in `group`; its files are called after the user.
    pub fn client(&self, directory: &Path, user: &str, group: &str) -> Result<Pair> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        params.distinguished_name.push(DnType::OrganizationName, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params, &directory.join(user))
    }

    /// A certificate for the `names` of the Service with this UID, as OpenShift's service CA makes them: of two years, and
    /// called after the first name.
    pub(crate) fn serving(&self, names: &[String], uid: &str) -> Result<Serving> {
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, names.first().context("a service without a name")?);
        params.key_usages = vec![KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        // An ASN.1 PrintableString.
        let text = [&[0x13, u8::try_from(uid.len())?], uid.as_bytes()].concat();
        params.custom_extensions = vec![CustomExtension::from_oid_content(&SERVICE_UID, text)];
        let start = Timestamp::now().to_zoned(TimeZone::UTC).date();
        let end = start.checked_add(2.years())?;
        let midnight = |date: Date| -> Result<_> {
            Ok(date_time_ymd(date.year().into(), date.month().try_into()?, date.day().try_into()?))
        };
        (params.not_before, params.not_after) = (midnight(start)?, midnight(end)?);
        let key = KeyPair::generate()?;
        let leaf = params.signed_by(&key, &self.issuer)?.pem();
        let chain = format!("{leaf}{}", self.issuer.pem());
        Ok(Serving { leaf, chain, key: key.serialize_pem(), expiry: format!("{end}T00:00:00Z") })
    }

    fn sign(&self, params: &CertificateParams, stem: &Path) -> Result<Pair> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let stem = stem.display();
        let pair = Pair { certificate: format!("{stem}.crt").into(), key: format!("{stem}.key").into() };
        write(&pair.certificate, &certificate.pem())?;
        write(&pair.key, &key.serialize_pem())?;
        Ok(pair)
    }
}

/// The key that signs service accounts' tokens: (private, public) PEM files.
pub(crate) fn signing_key(directory: &Path) -> Result<(PathBuf, PathBuf)> {
    let key = KeyPair::generate()?;
    let (private, public) = (directory.join("service-accounts.key"), directory.join("service-accounts.pub"));
    write(&private, &key.serialize_pem())?;
    write(&public, &key.public_key_pem())?;
    Ok((private, public))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
