//! Certificate that a user shows to the API server, and its key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kube::config::AuthInfo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use secrecy::ExposeSecret as _;

use super::crypto;

/// Certificate with its chain up to its authority, and its private key.
pub(super) struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

/// Reads a user's certificate and key; `None` if there is no certificate. Errors say what is wrong with which of the
/// two, without any of their text.
pub(super) fn from_user(user: &AuthInfo) -> Result<Option<Identity>, String> {
    let Some(certificate) =
        read("certificate", user.client_certificate_data.as_deref(), user.client_certificate.as_deref())?
    else {
        return Ok(None);
    };
    let data = user.client_key_data.as_ref().map(|data| data.expose_secret());
    let Some(key) = read("key", data, user.client_key.as_deref())? else {
        return Err("its client key is missing".to_owned());
    };
    let chain = certificates(&certificate);
    if chain.is_empty() {
        return Err("its client certificate is no PEM".to_owned());
    }
    // Skips other blocks, such as the parameters that openssl writes before a key on a curve.
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| "its client key is no PEM")?;
    Ok(Some(Identity { chain, key: relabel(key) }))
}

/// Parses the certificates of a PEM file. Skips other blocks and broken certificates, as Go does.
pub(super) fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect()
}

/// Returns the key under the label of its own format. Its label in the file may be wrong, and Go ignores that label.
fn relabel(key: PrivateKeyDer<'static>) -> PrivateKeyDer<'static> {
    let provider = crypto::provider();
    let loads =
        |key: &PrivateKeyDer<'static>| provider.key_provider.load_private_key(key.clone_key()).is_ok();
    let bytes = key.secret_der().to_vec();
    let kinds: [PrivateKeyDer<'static>; 3] = [
        PrivatePkcs8KeyDer::from(bytes.clone()).into(),
        PrivateSec1KeyDer::from(bytes.clone()).into(),
        PrivatePkcs1KeyDer::from(bytes).into(),
    ];
    if loads(&key) { key } else { kinds.into_iter().find(loads).unwrap_or(key) }
}

/// Reads what the kubeconfig holds itself, else the file that it names; `None` if it has neither.
fn read(what: &str, data: Option<&str>, file: Option<&str>) -> Result<Option<Vec<u8>>, String> {
    match (data, file) {
        (Some(data), _) => {
            let bytes = BASE64.decode(data).map_err(|_| format!("its client-{what}-data is no base64"))?;
            Ok(Some(bytes))
        }
        (None, Some(path)) => {
            let text = std::fs::read(path);
            text.map(Some).map_err(|why| format!("its client {what} {path} cannot be read: {why}"))
        }
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";

    fn user(certificate: &str, key: &str) -> AuthInfo {
        AuthInfo {
            client_certificate_data: Some(BASE64.encode(certificate)),
            client_key_data: Some(BASE64.encode(key).into()),
            ..AuthInfo::default()
        }
    }

    #[test]
    fn a_key_may_stand_beside_other_blocks() {
        let both = format!("{CERTIFICATE}{KEY}");
        for (certificate, key) in [(CERTIFICATE, KEY), (&both, &both)] {
            let found = from_user(&user(certificate, key)).unwrap().unwrap();
            assert!(found.chain.len() == 1 && matches!(found.key, PrivateKeyDer::Sec1(_)));
        }
        assert!(from_user(&AuthInfo::default()).unwrap().is_none());
    }

    #[test]
    fn errors_name_the_certificate_or_the_key() {
        let refused = |user: AuthInfo| from_user(&user).err().unwrap();
        assert_eq!(refused(user("hidden", KEY)), "its client certificate is no PEM");
        assert_eq!(refused(user(CERTIFICATE, "hidden")), "its client key is no PEM");
        let cut = CERTIFICATE.replace("-----END CERTIFICATE-----", "hidden");
        assert_eq!(refused(user(&cut, KEY)), "its client certificate is no PEM");
        let gone = AuthInfo { client_certificate: Some("/gone".to_owned()), ..AuthInfo::default() };
        assert!(refused(gone).starts_with("its client certificate /gone cannot be read: No such file"));
        let alone = AuthInfo { client_key_data: None, ..user(CERTIFICATE, KEY) };
        assert_eq!(refused(alone), "its client key is missing");
        let no_base64 = AuthInfo { client_key_data: Some("!".into()), ..user(CERTIFICATE, KEY) };
        assert_eq!(refused(no_base64), "its client-key-data is no base64");
    }
}
