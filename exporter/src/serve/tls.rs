//! TLS: the exporter's certificate, and the check of clients' that may read the metrics.
//!
//! A client certificate is asked for where there is a client CA, and not required: the kubelet's probes send none. One
//! that is sent must be of that CA, valid, and for clients, or the handshake fails: that is the library's own check,
//! and its alert tells the client what is wrong. Sessions are not resumed, so that nothing outlives a changed CA.

mod common_name;
mod crypto;
mod in_force;

pub(super) use in_force::Certificates;

use anyhow::{Context, Result, anyhow, ensure};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files and limits that the flags `--web.tls-*` and `--web.client-*` give.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    /// Certificate and its chain up to the CA, PEM.
    pub(crate) cert: PathBuf,
    /// Private key of the certificate, PEM.
    pub(crate) key: PathBuf,
    /// CAs of clients that may read the metrics, PEM. `None`: every client may.
    pub(crate) client_ca: Option<PathBuf>,
    /// Common names that such clients may have. Empty: any.
    pub(crate) client_cns: Vec<String>,
    /// Lowest version of TLS.
    pub(crate) min_version: MinVersion,
}

/// Lowest version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum MinVersion {
    /// 1.2
    #[default]
    Tls12,
    /// 1.3
    Tls13,
}

impl MinVersion {
    fn and_above(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self {
            MinVersion::Tls12 => &BOTH,
            MinVersion::Tls13 => BOTH.split_at(1).0,
        }
    }
}

/// TLS as the files define it.
pub(crate) struct Tls {
    /// Configuration of the server's side of a handshake.
    pub(crate) server: Arc<ServerConfig>,
    /// True if only clients with a verified certificate may read the metrics.
    wants_certificate: bool,
    /// Common names that they may have. Empty: any.
    cns: Vec<String>,
}

impl Files {
    /// Returns the files to watch.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        [&self.cert, &self.key].into_iter().chain(&self.client_ca).cloned().collect()
    }
}

impl Tls {
    /// Reads the files. The error is a line that names the one that is missing or wrong.
    pub(crate) fn read(files: &Files) -> Result<Tls> {
        let (cert, key) = (files.cert.display(), files.key.display());
        let chain = certificates(&files.cert)?;
        let secret = PrivateKeyDer::from_pem_slice(&read(&files.key)?);
        let secret = secret.map_err(|error| anyhow!("no private key is in {key}: {}", pem_error(&error)))?;
        let ring = Arc::new(crypto::provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&ring))
            .with_protocol_versions(files.min_version.and_above())?;
        let server = match &files.client_ca {
            None => server.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for ca in certificates(path)? {
                    roots
                        .add(ca)
                        .with_context(|| format!("{} has a CA that cannot be used", path.display()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), ring);
                server.with_client_cert_verifier(verifier.allow_unauthenticated().build()?)
            }
        };
        let mut server = server
            .with_single_cert(chain, secret)
            .map_err(|error| anyhow!("certificate {cert} and key {key} cannot be used together: {error}"))?;
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        let (wants_certificate, cns) = (files.client_ca.is_some(), files.client_cns.clone());
        Ok(Tls { server: Arc::new(server), wants_certificate, cns })
    }

    /// Returns true if the client may read the metrics. The connection is past its handshake.
    pub(crate) fn admits(&self, connection: &ServerConnection) -> bool {
        if !self.wants_certificate {
            return true;
        }
        // The library has verified it: without that there would be none here.
        let Some(certificate) = connection.peer_certificates().and_then(<[_]>::first) else { return false };
        self.cns.is_empty()
            || common_name::common_name(certificate).is_some_and(|name| self.cns.contains(&name))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    let all = all.map_err(|error| anyhow!("cannot read {}: {}", path.display(), pem_error(&error)))?;
    ensure!(!all.is_empty(), "no certificate is in {}: it must be PEM", path.display());
    Ok(all)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Returns our own words for the library's error, which may quote the file, and that may be a key.
fn pem_error(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::NoItemsFound => "it must be PEM",
        pem::Error::MissingSectionEnd { .. } => "its PEM has no end",
        _ => "its PEM is damaged",
    }
}
