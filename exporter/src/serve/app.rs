//! The routes: the metrics for those who may read them, the health, and a sentence for everybody else.

use super::certificates::Certificates;
use super::gzip;
use super::peers::{Evicted, Peer, Peers};
use super::scrapers::Scrapers;
use super::singleflight::Singleflight;
use crate::expose::{CONTENT_TYPE, running};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE as TYPE, HeaderValue, VARY};
use hyper::{Method, Request, Response, StatusCode};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Most connections that have not yet made a request for the metrics that may be answered. Each costs some 20 KiB with
/// TLS.
const STRANGERS: usize = 64;
/// Most connections that have.
const SCRAPERS: usize = 48;

/// Age of a pass after which only that age is exposed. No scraper waits for longer.
const LATE: Duration = Duration::from_secs(30);
/// Age of a pass that is taken to hang.
const HUNG: Duration = Duration::from_secs(120);

/// Everything that responses are made of.
pub(super) struct App {
    singleflight: Singleflight,
    /// What each scraper has received.
    received: Arc<Mutex<Scrapers>>,
    pub(super) certificates: Certificates,
    strangers: Arc<Peers>,
    scrapers: Arc<Peers>,
    /// Path of the metrics.
    path: String,
    say: fn(&str),
}

impl App {
    pub(super) fn new(
        singleflight: Singleflight,
        received: Arc<Mutex<Scrapers>>,
        certificates: Certificates,
        path: String,
        say: fn(&str),
    ) -> App {
        let (strangers, scrapers) = (Peers::new(STRANGERS), Peers::new(SCRAPERS));
        App { singleflight, received, certificates, strangers, scrapers, path, say }
    }

    /// Takes new certificates, if there are any.
    pub(super) fn renew_certificates(&self) {
        self.certificates.renew(self.say);
    }

    /// Gives a slot to a connection that has been accepted.
    pub(super) fn arrived(&self, number: u64) -> (Peer, Evicted) {
        Peer::join(&self.strangers, number)
    }

    /// Notes the end of a connection.
    pub(super) fn left(&self, peer: &Peer) {
        self.received().left(peer.number);
    }

    /// Returns true if the connection has made a request for the metrics that may be answered.
    pub(super) fn is_scraper(&self, peer: &Peer) -> bool {
        peer.is_of(&self.scrapers)
    }

    /// Responds to a request of a connection. `admitted`: the peer may read the metrics. Only a scraper may ask again.
    pub(super) async fn respond<B>(
        &self,
        request: &Request<B>,
        peer: &Peer,
        admitted: bool,
    ) -> Response<Full<Bytes>> {
        let (path, method) = (request.uri().path(), request.method());
        let wants_metrics = path == self.path;
        let mut response = if !wants_metrics && path != "/healthz" {
            sentence(StatusCode::NOT_FOUND, format!("not found; the metrics are at {}\n", self.path))
        } else if wants_metrics && !admitted {
            sentence(StatusCode::FORBIDDEN, FORBIDDEN)
        } else if method == Method::GET && wants_metrics {
            return self.metrics(request, peer).await;
        } else if method == Method::HEAD && wants_metrics {
            exposition(Bytes::new())
        } else if method == Method::GET || method == Method::HEAD {
            health(self.singleflight.running_for())
        } else {
            let mut response = sentence(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        };
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    async fn metrics<B>(&self, request: &Request<B>, peer: &Peer) -> Response<Full<Bytes>> {
        peer.asked(&self.scrapers);
        let age = self.singleflight.running_for().unwrap_or_default();
        if age >= LATE {
            return exposition(running(age));
        }
        self.renew_certificates();
        self.received().asked(peer.number, Instant::now());
        let exposed = self.singleflight.get(self.certificates.are_good());
        let exposed = match timeout(LATE.saturating_sub(age), exposed).await {
            Ok(Ok(exposed)) => exposed,
            Ok(Err(error)) => return sentence(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
            Err(_) => return exposition(running(self.singleflight.running_for().unwrap_or(LATE))),
        };
        let packed = if gzip::is_accepted(request.headers()) { exposed.gzip().await } else { None };
        self.received().sent(peer.number, exposed.number);
        let Some(packed) = packed else { return exposition(exposed.text) };
        let mut response = exposition(packed);
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    }

    fn received(&self) -> MutexGuard<'_, Scrapers> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns 503 if a pass hangs: a file of the node keeps it waiting.
fn health(running: Option<Duration>) -> Response<Full<Bytes>> {
    match running.filter(|age| *age >= HUNG) {
        None => sentence(StatusCode::OK, "ok\n"),
        Some(age) => {
            let body = format!("the reading of this node has not ended for {} s\n", age.as_secs());
            sentence(StatusCode::SERVICE_UNAVAILABLE, body)
        }
    }
}

fn exposition(body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = respond(StatusCode::OK, CONTENT_TYPE, body.into());
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    response
}

fn sentence(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    respond(status, "text/plain; charset=utf-8", body.into())
}

fn respond(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(TYPE, HeaderValue::from_static(kind));
    response
}

const FORBIDDEN: &str =
    "the metrics are for clients with a certificate: of --web.client-ca, and in a name of --web.client-cn\n";

#[cfg(test)]
pub(super) mod tests;
