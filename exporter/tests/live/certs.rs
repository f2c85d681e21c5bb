//! Certificates for the live tests, and a client that sends them.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

/// Certificate authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// Certificate and its key, PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

pub(crate) use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Signs a certificate of 127.0.0.1 that is valid until the year `until`. It may serve any use if `uses` is empty.
    pub(crate) fn sign(&self, name: Option<&str>, uses: &[ExtendedKeyUsagePurpose], until: i32) -> Pair {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "prometheus");
        if let Some(name) = name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.extended_key_usages = uses.to_vec();
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate().unwrap();
        Pair { cert: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }

    pub(crate) fn server(&self) -> Pair {
        self.sign(None, &[ServerAuth], 4000)
    }

    /// Connects to a server of this authority. Sends `pair` even if the server does not trust its authority.
    pub(crate) fn connect(
        &self,
        address: &str,
        pair: Option<&Pair>,
        version: &'static SupportedProtocolVersion,
    ) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(der(&self.pem())).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let config = match pair {
            None => config.with_no_client_auth(),
            Some(pair) => {
                let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
                config.with_client_auth_cert(vec![der(&pair.cert)], key).unwrap()
            }
        };
        let client = ClientConnection::new(Arc::new(config), "127.0.0.1".try_into().unwrap()).unwrap();
        Client(StreamOwned::new(client, TcpStream::connect(address).unwrap()))
    }
}

pub(crate) struct Client(pub(crate) StreamOwned<ClientConnection, TcpStream>);

impl Client {
    /// Completes the client's side of the handshake.
    pub(crate) fn complete_handshake(mut self) -> Client {
        self.0.conn.complete_io(&mut self.0.sock).unwrap();
        self
    }

    /// Returns the response to one request, and keeps the connection.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<String> {
        write!(self.0, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")?;
        read_response(&mut self.0)
    }

    /// Returns the certificate that the server has sent.
    pub(crate) fn server_certificate(&mut self) -> CertificateDer<'static> {
        self.get("/healthz").unwrap();
        self.0.conn.peer_certificates().unwrap()[0].clone().into_owned()
    }

    /// Waits until the server closes the connection.
    pub(crate) fn wait_until_closed(mut self) {
        let mut rest = Vec::new();
        // The server ends TLS without an alert, as after a crash. It has sent all responses by then.
        let _ = self.0.read_to_end(&mut rest);
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    }
}

/// Reads one response from a connection that stays open.
pub(crate) fn read_response(stream: &mut impl Read) -> io::Result<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        text.extend(byte);
    }
    let head = String::from_utf8(text).unwrap();
    let length = head.split_once("content-length: ").unwrap().1.split("\r\n").next().unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body)?;
    Ok(head + &String::from_utf8(body).unwrap())
}

pub(crate) fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// Writes `tls.crt`, `tls.key` and `ca.crt` into a folder of their own.
pub(crate) fn write(dir: &Path, pair: &Pair, ca: &str) {
    fs::create_dir(dir).unwrap();
    fs::write(dir.join("tls.crt"), &pair.cert).unwrap();
    fs::write(dir.join("tls.key"), &pair.key).unwrap();
    fs::write(dir.join("ca.crt"), ca).unwrap();
}
