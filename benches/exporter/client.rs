//! Connection of a scraper, kept open from scrape to scrape as Prometheus keeps it, over HTTP or HTTPS.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Common name of the platform's Prometheus.
pub(crate) const CLIENT: &str = "system:serviceaccount:openshift-monitoring:prometheus-k8s";

/// Certificates of one authority for a server and a scraper.
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Writes `ca.pem`, `cert.pem` and `key.pem` for a server on 127.0.0.1 into a folder.
    pub(crate) fn new(folder: &Path) -> Result<Tls> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "bench CA");
        let ca = params.self_signed(&key)?;
        let issuer = Issuer::from_params(&params, key);
        let signed = |cn: &str, name: &str, usage| {
            let mut params = CertificateParams::new([name.to_owned()])?;
            params.distinguished_name.push(DnType::CommonName, cn);
            params.extended_key_usages = vec![usage];
            let key = KeyPair::generate()?;
            anyhow::Ok((params.signed_by(&key, &issuer)?, key))
        };
        let (cert, key) = signed("exporter", "127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth)?;
        std::fs::write(folder.join("ca.pem"), ca.pem())?;
        std::fs::write(folder.join("cert.pem"), cert.pem())?;
        std::fs::write(folder.join("key.pem"), key.serialize_pem())?;
        let (cert, key) = signed(CLIENT, "scraper", ExtendedKeyUsagePurpose::ClientAuth)?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(ca.der().to_vec()))?;
        let provider = Arc::new(default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = config.with_root_certificates(roots).with_client_auth_cert(
            vec![cert.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?,
        )?;
        Ok(Tls { config: Arc::new(config) })
    }
}

/// Connection to an exporter.
pub(crate) struct Client {
    runtime: Runtime,
    sender: SendRequest<Empty<Bytes>>,
}

impl Client {
    /// Connects to a port of 127.0.0.1; tries for ten seconds.
    pub(crate) fn connect(port: u16, tls: Option<&Tls>) -> Result<Client> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let sender = runtime.block_on(async {
            let stream = connect_port(port).await?;
            let Some(tls) = tls else { return start_http(TokioIo::new(stream)).await };
            let name = ServerName::try_from("127.0.0.1")?;
            let stream = TlsConnector::from(Arc::clone(&tls.config)).connect(name, stream).await?;
            start_http(TokioIo::new(stream)).await
        })?;
        Ok(Client { runtime, sender })
    }

    /// Returns the text of `/metrics`. It travels compressed, as Prometheus asks for it.
    pub(crate) fn metrics(&mut self) -> Result<String> {
        let request = Request::get("/metrics").header("host", "127.0.0.1");
        let request = request.header("accept-encoding", "gzip").body(Empty::new())?;
        self.runtime.block_on(async {
            self.sender.ready().await.context("the exporter has closed the connection")?;
            let response = self.sender.send_request(request).await?;
            let status = response.status();
            let is_packed = response.headers().get("content-encoding").is_some_and(|name| name == "gzip");
            let body = response.into_body().collect().await?.to_bytes();
            let mut text = String::new();
            if is_packed {
                GzDecoder::new(&body[..]).read_to_string(&mut text)?;
            } else {
                text = String::from_utf8(body.to_vec())?;
            }
            ensure!(status.is_success(), "{status}: {text}");
            Ok(text)
        })
    }
}

async fn connect_port(port: u16) -> Result<TcpStream> {
    for _ in 0..200 {
        match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(stream) => return Ok(stream),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    bail!("nothing answers on port {port}")
}

async fn start_http<T>(io: T) -> Result<SendRequest<Empty<Bytes>>>
where
    T: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(io).await?;
    tokio::spawn(connection);
    Ok(sender)
}
