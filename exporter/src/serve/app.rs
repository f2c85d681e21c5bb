//! Routes: the metrics for peers that may read them, the health, and a sentence for everything else.

use super::gzip;
use super::scrape::Acknowledged;
use super::singleflight::Singleflight;
use super::slots::{Evicted, Slot, Slots};
use super::tls::Certificates;
use crate::expose::{CONTENT_TYPE, running};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE as TYPE, HeaderValue, VARY};
use hyper::{Method, Request, Response, StatusCode};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Most connections of peers that have not yet made an allowed request for the metrics. Each costs some 20 KiB with
/// TLS.
const STRANGERS: usize = 64;
/// Most connections of peers that have.
const SCRAPERS: usize = 48;

/// Age of a pass after which only that age is exposed. No scraper waits for longer.
const LATE: Duration = Duration::from_secs(30);
/// Age of a pass that is taken to hang.
const HUNG: Duration = Duration::from_secs(120);

/// State that responses are made of.
pub(super) struct App {
    singleflight: Singleflight,
    /// Number of the exposition that each scraper has acknowledged.
    acknowledged: Arc<Mutex<Acknowledged>>,
    pub(super) certificates: Certificates,
    strangers: Arc<Slots>,
    scrapers: Arc<Slots>,
    /// Path of the metrics.
    path: String,
    say: fn(&str),
}

impl App {
    pub(super) fn new(
        singleflight: Singleflight,
        acknowledged: Arc<Mutex<Acknowledged>>,
        certificates: Certificates,
        path: String,
        say: fn(&str),
    ) -> App {
        let (strangers, scrapers) = (Slots::new(STRANGERS), Slots::new(SCRAPERS));
        App { singleflight, acknowledged, certificates, strangers, scrapers, path, say }
    }

    /// Reads the certificates again if they have changed.
    pub(super) fn renew_certificates(&self) {
        self.certificates.renew(self.say);
    }

    /// Gives a slot to a connection that has been accepted.
    pub(super) fn arrived(&self, number: u64) -> (Slot, Evicted) {
        Slot::join(&self.strangers, number)
    }

    /// Notes the end of a connection.
    pub(super) fn left(&self, slot: &Slot) {
        self.acknowledged().left(slot.number);
    }

    /// Returns true if the connection has made an allowed request for the metrics.
    pub(super) fn is_scraper(&self, slot: &Slot) -> bool {
        slot.is_of(&self.scrapers)
    }

    /// Responds to a request of a connection. `admitted`: the peer may read the metrics.
    /// Only a scraper's connection is kept.
    pub(super) async fn respond<B>(
        &self,
        request: &Request<B>,
        slot: &Slot,
        admitted: bool,
    ) -> Response<Full<Bytes>> {
        let (path, method) = (request.uri().path(), request.method());
        let wants_metrics = path == self.path;
        let mut response = if !wants_metrics && path != "/healthz" {
            sentence(StatusCode::NOT_FOUND, format!("not found; the metrics are at {}\n", self.path))
        } else if wants_metrics && !admitted {
            sentence(StatusCode::FORBIDDEN, FORBIDDEN)
        } else if method == Method::GET && wants_metrics {
            return self.metrics(request, slot).await;
        } else if method == Method::HEAD && wants_metrics {
            exposition(Bytes::new())
        } else if method == Method::GET || method == Method::HEAD {
            health(self.singleflight.running_for())
        } else {
            let mut response = sentence(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are supported\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        };
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    async fn metrics<B>(&self, request: &Request<B>, slot: &Slot) -> Response<Full<Bytes>> {
        slot.requested(&self.scrapers);
        let age = self.singleflight.running_for().unwrap_or_default();
        if age >= LATE {
            return exposition(running(age));
        }
        self.renew_certificates();
        self.acknowledged().requested(slot.number, Instant::now());
        let exposed = self.singleflight.get(self.certificates.are_good());
        let exposed = match timeout(LATE.saturating_sub(age), exposed).await {
            Ok(Ok(exposed)) => exposed,
            Ok(Err(error)) => return sentence(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
            Err(_) => return exposition(running(self.singleflight.running_for().unwrap_or(LATE))),
        };
        let packed = if gzip::is_accepted(request.headers()) { exposed.gzip().await } else { None };
        self.acknowledged().sent(slot.number, exposed.number);
        let Some(packed) = packed else { return exposition(exposed.text) };
        let mut response = exposition(packed);
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    }

    fn acknowledged(&self) -> MutexGuard<'_, Acknowledged> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
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
    let mut response = response(StatusCode::OK, CONTENT_TYPE, body.into());
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    response
}

fn sentence(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", body.into())
}

fn response(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(TYPE, HeaderValue::from_static(kind));
    response
}

const FORBIDDEN: &str =
    "the metrics are for clients with a certificate: of --web.client-ca, and in a name of --web.client-cn\n";

#[cfg(test)]
pub(super) mod tests;
