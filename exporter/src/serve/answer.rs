//! A request's answer: the metrics to those who may read them, and a word to everybody else.

use super::connections::{Connections, Place};
use super::paced::Answer;
use super::passes::Passes;
use super::trust::Trust;
use crate::expose::{Audience, CONTENT_TYPE, running};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE as TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Scrapes that wait for a pass at a time: fewer than connections, so that there is always room for a probe.
const WAITING: usize = 48;

/// After this a reading of the node that has not ended is what is told of the node, and nothing else: later than any scraper
/// waits for an answer.
const LATE: Duration = Duration::from_secs(30);
/// After this it is taken to hang.
const HUNG: Duration = Duration::from_secs(120);

/// What answers are made of.
pub(super) struct House {
    passes: Passes,
    pub(super) audience: Arc<Mutex<Audience>>,
    pub(super) trust: Trust,
    pub(super) connections: Arc<Connections>,
    /// The path of the metrics.
    path: String,
    waiting: Semaphore,
    say: fn(&str),
}

impl House {
    pub(super) fn new(
        passes: Passes,
        audience: Arc<Mutex<Audience>>,
        trust: Trust,
        path: String,
        say: fn(&str),
    ) -> House {
        let (connections, waiting) = (Arc::default(), Semaphore::new(WAITING));
        House { passes, audience, trust, connections, path, waiting, say }
    }

    /// Takes new certificates, if there are any. Who was let in by the CA of before is to come in anew.
    pub(super) fn renew_trust(&self) {
        if self.trust.look(self.say) {
            self.connections.close();
        }
    }

    /// Answers a request of a connection; `admitted`: it may read the metrics.
    pub(super) async fn answer(
        self: Arc<House>,
        request: Request<Incoming>,
        naming: Arc<Place>,
        admitted: bool,
    ) -> Response<Answer> {
        naming.pace.answering();
        let path = request.uri().path();
        let wants_metrics = path == self.path;
        let (status, kind, body) = if !wants_metrics && path != "/healthz" {
            let body = format!("not found; the metrics are at {}\n", self.path);
            (StatusCode::NOT_FOUND, TEXT, Bytes::from(body))
        } else if wants_metrics && !admitted {
            (StatusCode::FORBIDDEN, TEXT, Bytes::from_static(FORBIDDEN))
        } else if request.method() != Method::GET {
            (StatusCode::METHOD_NOT_ALLOWED, TEXT, Bytes::from_static(b"only GET is answered\n"))
        } else if wants_metrics {
            self.metrics(&naming).await
        } else {
            health(self.passes.running_for())
        };
        let mut answer = Response::new(Answer::new(body, Arc::clone(&naming.pace)));
        *answer.status_mut() = status;
        answer.headers_mut().insert(TYPE, HeaderValue::from_static(kind));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        }
        answer
    }

    async fn metrics(&self, naming: &Place) -> (StatusCode, &'static str, Bytes) {
        if let Some(age) = self.passes.running_for().filter(|age| *age >= LATE) {
            return (StatusCode::OK, CONTENT_TYPE, Bytes::from(running(age)));
        }
        let Ok(_waiting) = self.waiting.try_acquire() else {
            let body = Bytes::from_static(b"too many ask at once; ask again\n");
            return (StatusCode::SERVICE_UNAVAILABLE, TEXT, body);
        };
        self.renew_trust();
        self.audience.lock().unwrap_or_else(PoisonError::into_inner).asked(naming.number, Instant::now());
        match self.passes.get(self.trust.is_good()).await {
            Ok(exposed) => {
                let (audience, connection) = (Arc::clone(&self.audience), naming.number);
                naming.pace.then(move || {
                    audience.lock().unwrap_or_else(PoisonError::into_inner).got(connection, exposed.number);
                });
                (StatusCode::OK, CONTENT_TYPE, exposed.text)
            }
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, TEXT, Bytes::from(format!("{error}\n"))),
        }
    }
}

/// Whether it lives: not if a file has kept the reading of the node, under way for so long, waiting.
fn health(running: Option<Duration>) -> (StatusCode, &'static str, Bytes) {
    match running.filter(|age| *age >= HUNG) {
        None => (StatusCode::OK, TEXT, Bytes::from_static(b"ok\n")),
        Some(age) => {
            let body = format!("the reading of this node has not ended for {} s\n", age.as_secs());
            (StatusCode::SERVICE_UNAVAILABLE, TEXT, Bytes::from(body))
        }
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const FORBIDDEN: &[u8] =
    b"the metrics are for clients with a certificate: of --web.client-ca, and in a name of --web.client-cn\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_that_hangs_is_no_health() {
        let status = |running| health(running).0;
        assert_eq!(status(None), StatusCode::OK);
        assert_eq!(status(Some(HUNG - Duration::from_secs(1))), StatusCode::OK);
        assert_eq!(status(Some(HUNG)), StatusCode::SERVICE_UNAVAILABLE);
        assert!(health(Some(HUNG)).2.ends_with(b" has not ended for 120 s\n"));
    }
}
