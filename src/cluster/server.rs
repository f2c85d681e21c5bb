//! The API server for those who change things: requests by path, answers as JSON, refusals told apart from silence.

use std::cell::Cell;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Result, anyhow};
use futures_util::{Stream, StreamExt as _};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request};
use kube::core::WatchEvent;
use kube::core::response::Status;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::api::{Api, Unanswered};
use super::{Cluster, no_kubeconfig};
use crate::prometheus::failure::one_line;

/// Under which the fields that are applied are ours.
pub const FIELD_MANAGER: &str = "oc-interrogate";
/// Between two tries of a server that gives no answer.
const PAUSE: Duration = Duration::from_secs(1);

/// How much of an object is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// Its metadata alone.
    Metadata,
    /// The metadata alone of all that a list holds.
    MetadataList,
    /// What kubectl shows of it in columns.
    Table,
}

/// How an object is applied.
#[derive(Debug, Clone, Copy, Default)]
pub struct Applied {
    /// The server says what would be, and changes nothing.
    pub dry_run: bool,
    /// Fields of other managers are taken over.
    pub force: bool,
}

/// Why a request came to nothing.
#[derive(Debug)]
pub enum Failure {
    /// 401: the login is no longer good; the line says what to do.
    LoggedOut(anyhow::Error),
    /// The server's own no, in its words.
    Refused(Box<Status>),
    /// No answer, or one that speaks of the server's own trouble; the line says what to do.
    Silent(anyhow::Error),
}

/// What a watch sends.
pub type Events<T> = Pin<Box<dyn Stream<Item = Result<WatchEvent<T>, Failure>>>>;

/// Who is told of a server that is silent: the kind of line, and its text.
type Tell<'a> = &'a dyn Fn(&str, &str);

/// One API server, as one user. Paths are the server's own, from the first `/`.
pub struct Server<'a> {
    api: &'a Api,
    /// Until when a silent server is asked again, and who is told; not at all while there is none.
    patience: Cell<Option<(Instant, Tell<'a>)>>,
}

impl Cluster {
    /// The API server that the kubeconfig names. Errors: one line with the remedy; nothing is asked yet.
    pub async fn server(&self) -> Result<Server<'_>> {
        let Some(opened) = self.opened().await? else { return Err(no_kubeconfig(&self.options)) };
        Ok(Server { api: &opened.api, patience: Cell::new(None) })
    }
}

impl<'a> Server<'a> {
    /// Its URL, and its proxy's host.
    pub fn name(&self) -> &str {
        self.api.name()
    }

    /// From now on a server that gives no answer is asked again until `until`; `tell` is told of it once each time.
    pub fn insist(&self, until: Instant, tell: Tell<'a>) {
        self.patience.set(Some((until, tell)));
    }

    /// Reads an object or a list.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, part: Part) -> Result<T, Failure> {
        let accept = match part {
            Part::Whole => "application/json",
            Part::Metadata => "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
            Part::MetadataList => "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
            Part::Table => "application/json;as=Table;g=meta.k8s.io;v=v1",
        };
        self.send(Method::GET, path, accept, None).await
    }

    /// Reads an object or a list; none where there is none.
    pub async fn find<T: DeserializeOwned>(&self, path: &str, part: Part) -> Result<Option<T>, Failure> {
        match self.get(path, part).await {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.code() == 404 => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Has a review answered.
    pub async fn review(&self, path: &str, review: &Value) -> Result<Value, Failure> {
        self.send(Method::POST, path, "application/json", Some(("application/json", review))).await
    }

    /// Applies an object at its own path and returns it as it is, or would be, afterwards.
    pub async fn apply(&self, path: &str, object: &Value, how: Applied) -> Result<Value, Failure> {
        let dry_run = if how.dry_run { "&dryRun=All" } else { "" };
        let path = format!("{path}?fieldManager={FIELD_MANAGER}&force={}{dry_run}", how.force);
        let body = ("application/apply-patch+yaml", object); // JSON is YAML
        self.send(Method::PATCH, &path, "application/json", Some(body)).await
    }

    /// Deletes the object with this uid; what is gone already is no error. With its dependents, it stays until those
    /// are gone; otherwise it goes at once.
    pub async fn delete(&self, path: &str, uid: &str, dependents: bool) -> Result<(), Failure> {
        let policy = if dependents { "Foreground" } else { "Background" };
        let options = serde_json::json!({"apiVersion": "v1", "kind": "DeleteOptions",
            "propagationPolicy": policy, "preconditions": {"uid": uid}});
        let body = Some(("application/json", &options));
        match self.send::<Value>(Method::DELETE, path, "application/json", body).await {
            // Another object of that name is not the one that was meant.
            Err(failure) if matches!(failure.code(), 404 | 409) => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Watches what `path` lists: all there is first, then each change, until the server ends it.
    pub async fn watch<T>(&self, path: &str) -> Result<Events<T>, Failure>
    where
        T: Clone + DeserializeOwned + 'static,
    {
        let request = request(&Method::GET, path, "application/json", None)?;
        let events = self.api.attempt(self.api.client.request_events(request)).await;
        let events = events.map_err(|failure| self.failure(failure))?;
        Ok(Box::pin(events.map(|event| {
            event.map_err(|error| match error {
                kube::Error::Api(status) => Failure::Refused(status),
                error => Failure::Silent(anyhow!(
                    "the watch was cut ({}): try again",
                    one_line(&error.to_string())
                )),
            })
        })))
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Option<(&str, &Value)>,
    ) -> Result<T, Failure> {
        let mut is_told = false;
        loop {
            let request = request(&method, path, accept, body)?;
            let answer = self.api.attempt(self.api.client.request(request)).await;
            match (answer.map_err(|failure| self.failure(failure)), self.patience.get()) {
                (Err(Failure::Silent(error)), Some((until, tell))) if Instant::now() < until => {
                    if !is_told {
                        tell("warning", &format!("{error:#}; trying again until --timeout"));
                        is_told = true;
                    }
                    sleep(PAUSE).await;
                }
                (answer, _) => return answer,
            }
        }
    }

    fn failure(&self, failure: Unanswered) -> Failure {
        match failure {
            Unanswered::Status(status) => match status.code {
                401 => Failure::LoggedOut(self.api.trouble(&status)),
                429 | 500.. => Failure::Silent(self.api.trouble(&status)),
                _ => Failure::Refused(status),
            },
            Unanswered::Silent(error) => Failure::Silent(error),
        }
    }
}

fn request(
    method: &Method,
    path: &str,
    accept: &str,
    body: Option<(&str, &Value)>,
) -> Result<Request<Vec<u8>>, Failure> {
    let mut request = Request::builder().method(method).uri(path).header(ACCEPT, accept);
    if let Some((kind, _)) = body {
        request = request.header(CONTENT_TYPE, kind);
    }
    let body = body.map(|(_, value)| value.to_string().into_bytes()).unwrap_or_default();
    request.body(body).map_err(|error| Failure::Silent(anyhow!("asking {path}: {error}")))
}

impl Failure {
    /// The server's status code; 0 where it gave none.
    pub fn code(&self) -> u16 {
        match self {
            Failure::LoggedOut(_) => 401,
            Failure::Refused(status) => status.code,
            Failure::Silent(_) => 0,
        }
    }

    /// As one line: `action` names what was done with what, `remedy` helps where the server said no.
    pub fn during(self, action: &str, remedy: &str) -> anyhow::Error {
        match self {
            Failure::LoggedOut(error) | Failure::Silent(error) => error.context(action.to_owned()),
            Failure::Refused(status) => {
                anyhow!("{action}: {} ({}): {remedy}", one_line(&status.message), status.code)
            }
        }
    }
}
