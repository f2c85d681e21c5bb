//! A stand-in for oauth-proxy, which OpenShift 4.12 to 4.15 have before Prometheus and which cannot be had as a module. It
//! reviews tokens and rights by the API server; whoever is refused, for whichever reason, gets the page to sign in.
//!
//! Unlike in OpenShift, nobody can sign in, no review is remembered, and it stands for the router too.

use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::spawn;

use anyhow::{Context as _, Result};
use jiff::{Timestamp, ToSpan as _};
use reqwest::Method;
use reqwest::blocking::Client;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::api::{Api, with_ring};
use crate::certs::{ALWAYS, Authority};
use crate::namespace::add_host;

/// Bytes of the real page, of which a font is the most.
const PAGE: usize = 73_000;
/// Text of the page that no message may repeat.
const WORDS: &str = "Log in with OpenShift";

/// A running proxy on port 443 of its host; ended when dropped.
pub struct OauthProxy {
    /// Its host name.
    pub host: String,
    address: Ipv4Addr,
    shared: Arc<Shared>,
}

/// A request as it came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: String,
    /// With the query string.
    pub path: String,
    /// The bearer token.
    pub token: Option<String>,
    /// The cookies.
    pub cookies: Option<String>,
    body: Vec<u8>,
    content_type: Option<String>,
}

struct Shared {
    host: String,
    upstream: String,
    client: Client,
    api: Api,
    tls: Arc<ServerConfig>,
    requests: Mutex<Vec<Request>>,
    open: AtomicBool,
}

impl OauthProxy {
    /// Starts one for `host` before `upstream`, a base URL; its files are in `directory`. It listens when this returns.
    pub(crate) fn start(
        directory: &Path,
        (host, upstream): (&str, &str),
        ingress: &Authority,
        api: Api,
    ) -> Result<Self> {
        let pair = ingress.server(directory, &[host], ALWAYS)?;
        let client = with_ring().build()?;
        let certificate = CertificateDer::from_pem_file(&pair.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&pair.key)?;
        let tls = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key)?;
        let address = add_host(host)?;
        let listener = TcpListener::bind((address, 443)).context("listening as oauth-proxy")?;
        let shared = Arc::new(Shared {
            host: host.to_owned(),
            upstream: upstream.to_owned(),
            client,
            api,
            tls: tls.into(),
            requests: Mutex::default(),
            open: AtomicBool::new(true),
        });
        let accepting = shared.clone();
        spawn(move || {
            for stream in listener.incoming().flatten() {
                if !accepting.open.load(Ordering::SeqCst) {
                    return;
                }
                let shared = accepting.clone();
                // A client that is gone, or none of TLS, has no answer.
                spawn(move || drop(shared.converse(stream)));
            }
        });
        Ok(Self { host: host.to_owned(), address, shared })
    }

    /// The requests since the last call.
    pub fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for OauthProxy {
    fn drop(&mut self) {
        self.shared.open.store(false, Ordering::SeqCst);
        // Its listener wakes up to see it.
        drop(TcpStream::connect((self.address, 443)));
    }
}

impl Shared {
    /// Answers one client's requests, as long as it has any.
    fn converse(&self, stream: TcpStream) -> Result<()> {
        let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(self.tls.clone())?, stream));
        while let Some(request) = read(&mut stream)? {
            self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
            let answer = match self.may_pass(&request) {
                Ok(Some(user)) => self.forward(&request, &user)?,
                // A review that fails is told from one that refuses in the log alone.
                Ok(None) | Err(_) => self.sign_in(&request)?,
            };
            stream.get_mut().write_all(&answer)?;
            stream.get_mut().flush()?;
        }
        Ok(())
    }

    /// The user of a request that may pass: who may read namespaces, as `cluster-monitoring-view` grants.
    fn may_pass(&self, request: &Request) -> Result<Option<String>> {
        let Some(token) = &request.token else { return Ok(None) };
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}});
        let known = self.api.create("/apis/authentication.k8s.io/v1/tokenreviews", &review)?;
        if known.pointer("/status/authenticated") != Some(&Value::Bool(true)) {
            return Ok(None);
        }
        let user = known.pointer("/status/user").context("a token of nobody")?;
        let name = user.get("username").and_then(Value::as_str).context("a user without a name")?;
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
            "user": name, "groups": user.get("groups"),
            "resourceAttributes": {"resource": "namespaces", "verb": "get"}}});
        let answer = self.api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", &review)?;
        let is_allowed = answer.pointer("/status/allowed") == Some(&Value::Bool(true));
        Ok(is_allowed.then(|| name.to_owned()))
    }

    fn forward(&self, request: &Request, user: &str) -> Result<Vec<u8>> {
        let method = Method::from_bytes(request.method.as_bytes())?;
        let mut onward = self.client.request(method, format!("{}{}", self.upstream, request.path));
        if let Some(kind) = &request.content_type {
            onward = onward.header("Content-Type", kind);
        }
        let answer = onward.body(request.body.clone()).send()?;
        let status = answer.status();
        let kind =
            answer.headers().get("Content-Type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nGAP-Auth: {user}@cluster.local\r\n");
        let body = answer.bytes()?;
        let head = format!(
            "{head}GAP-Upstream-Address: {}\r\nContent-Length: {}\r\n\r\n",
            self.upstream,
            body.len()
        );
        Ok([head.as_bytes(), &body].concat())
    }

    /// The page, with cookies: an expired one of its own, and the router's, which keeps a client with one pod.
    fn sign_in(&self, request: &Request) -> Result<Vec<u8>> {
        let now = Timestamp::now();
        let past = now.checked_sub(1.hour())?;
        let date = |time: Timestamp| time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let head = format!(
            "HTTP/1.1 403 Forbidden\r\nSet-Cookie: _oauth_proxy=; Path=/; Domain={host}; Expires={past}; HttpOnly; Secure\r\n\
             Date: {now}\r\nContent-Type: text/html; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\
             Set-Cookie: 0a1b2c3d4e5f60718293a4b5c6d7e8f9=f9e8d7c6b5a4039281706f5e4d3c2b1a; path=/; HttpOnly; Secure; SameSite=None\r\n\r\n",
            host = self.host,
            past = date(past),
            now = date(now),
        );
        let mut answer = head.into_bytes();
        for chunk in page(&request.path).as_bytes().chunks(4096) {
            write!(answer, "{:x}\r\n", chunk.len())?;
            answer.extend_from_slice(chunk);
            answer.extend_from_slice(b"\r\n");
        }
        answer.extend_from_slice(b"0\r\n\r\n");
        Ok(answer)
    }
}

/// A page of the real one's size, most of it one word without end; it leads back to what was asked for.
fn page(path: &str) -> String {
    let font = "d09GRgABAAAA".repeat(PAGE / 12);
    let back = path.replace('&', "&amp;").replace('"', "&#34;");
    format!(
        "\n<!DOCTYPE html>\n<html lang=\"en\" charset=\"utf-8\">\n<head><title>Log In</title><style>\n\
         @font-face {{ src: url(data:application/x-font-woff;charset=utf-8;base64,{font}) }}\n</style></head>\n<body>\n\
         <form method=\"GET\" action=\"/oauth/start\"><input type=\"hidden\" name=\"rd\" value=\"{back}\">\n\
         <button type=\"submit\">{WORDS}</button></form>\n</body>\n</html>\n"
    )
}

/// The next request; none where the client has ended.
fn read(stream: &mut BufReader<StreamOwned<ServerConnection, TcpStream>>) -> Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().context("no method")?, words.next().context("no path")?);
    let mut request = Request { method, path, ..Request::default() };
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let value = value.trim().to_owned();
        match name.to_ascii_lowercase().as_str() {
            "authorization" => request.token = value.strip_prefix("Bearer ").map(str::to_owned),
            "cookie" => request.cookies = Some(value),
            "content-type" => request.content_type = Some(value),
            "content-length" => length = value.parse()?,
            _ => {}
        }
    }
    stream.take(length).read_to_end(&mut request.body)?;
    Ok(Some(request))
}
