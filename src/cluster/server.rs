//! Client of the API server for `install` and `status`: requests by path, responses as JSON.
//!
//! It distinguishes a server that refuses from one that is unavailable, which it can retry.

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

use super::api::{Api, SendError};
use super::context::Cluster;
use crate::prometheus::failure::one_line;

/// Name of this program as the manager of the fields that it applies.
pub const FIELD_MANAGER: &str = "oc-interrogate";
/// Time between two tries of an unavailable server.
const PAUSE: Duration = Duration::from_secs(1);

/// Part of an object that a request fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Whole object.
    Whole,
    /// Metadata of one object.
    Metadata,
    /// Metadata of each object in a list.
    MetadataList,
    /// Columns that kubectl prints.
    Table,
}

/// Options of an apply.
#[derive(Debug, Clone, Copy, Default)]
pub struct Applied {
    /// Changes nothing: the server returns what the result would be.
    pub dry_run: bool,
    /// Takes over fields of other managers.
    pub force: bool,
}

/// Reason why a request has no result.
#[derive(Debug)]
pub enum Failure {
    /// 401: the login is no longer valid. The line includes the remedy.
    LoggedOut(anyhow::Error),
    /// Refusal by the server, with its status.
    Refused(Box<Status>),
    /// Missing or invalid response, or a status of 429 or from 500 up. The line includes the remedy.
    Unavailable(anyhow::Error),
}

/// Stream of a watch.
pub type Events<T> = Pin<Box<dyn Stream<Item = Result<WatchEvent<T>, Failure>>>>;

/// Prints a line about an unavailable server, from the kind of line and its text.
type Warn<'a> = &'a dyn Fn(&str, &str);

/// Client of one API server, as one user. Paths are the server's own, from the first `/`.
pub struct Server<'a> {
    api: &'a Api,
    /// Deadline of retries of an unavailable server, and the function that reports them. `None` means no retries.
    retry: Cell<Option<(Instant, Warn<'a>)>>,
}

impl Cluster {
    /// Returns the API server that the kubeconfig names; sends it no request. Errors are one line with the remedy.
    pub async fn server(&self) -> Result<Server<'_>> {
        Ok(Server { api: &self.required_session().await?.api, retry: Cell::new(None) })
    }
}

impl<'a> Server<'a> {
    /// Returns the server's URL and its proxy's host, for messages.
    pub fn name(&self) -> &str {
        self.api.name()
    }

    /// Makes later requests to an unavailable server retry until `deadline`. Calls `warn` once for each such
    /// request.
    pub fn retry_until(&self, deadline: Instant, warn: Warn<'a>) {
        self.retry.set(Some((deadline, warn)));
    }

    /// Fetches an object or a list.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, part: Part) -> Result<T, Failure> {
        let accept = match part {
            Part::Whole => "application/json",
            Part::Metadata => "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
            Part::MetadataList => "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
            Part::Table => "application/json;as=Table;g=meta.k8s.io;v=v1",
        };
        self.send(Method::GET, path, accept, None).await
    }

    /// Fetches an object or a list; `None` if there is none.
    pub async fn get_opt<T: DeserializeOwned>(&self, path: &str, part: Part) -> Result<Option<T>, Failure> {
        match self.get(path, part).await {
            Ok(object) => Ok(Some(object)),
            Err(failure) if failure.code() == 404 => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Posts a review, such as a SelfSubjectAccessReview, and returns it with its result.
    pub async fn review(&self, path: &str, review: &Value) -> Result<Value, Failure> {
        self.send(Method::POST, path, "application/json", Some(("application/json", review))).await
    }

    /// Applies an object at its own path, and returns the result. In a dry run, returns what the result would be.
    pub async fn apply(&self, path: &str, object: &Value, options: Applied) -> Result<Value, Failure> {
        let dry_run = if options.dry_run { "&dryRun=All" } else { "" };
        let path = format!("{path}?fieldManager={FIELD_MANAGER}&force={}{dry_run}", options.force);
        let body = ("application/apply-patch+yaml", object); // JSON is YAML
        self.send(Method::PATCH, &path, "application/json", Some(body)).await
    }

    /// Deletes the object with this uid. It is no error if it is already gone. If `dependents`, the object stays until
    /// its dependents are gone; otherwise it goes at once.
    pub async fn delete(&self, path: &str, uid: &str, dependents: bool) -> Result<(), Failure> {
        let policy = if dependents { "Foreground" } else { "Background" };
        let options = serde_json::json!({"apiVersion": "v1", "kind": "DeleteOptions",
            "propagationPolicy": policy, "preconditions": {"uid": uid}});
        let body = Some(("application/json", &options));
        match self.send::<Value>(Method::DELETE, path, "application/json", body).await {
            // 409: an object of that name exists, but with another uid.
            Err(failure) if matches!(failure.code(), 404 | 409) => Ok(()),
            response => response.map(drop),
        }
    }

    /// Watches the list at `path`: yields each object first, then each change, until the server ends the watch.
    pub async fn watch<T>(&self, path: &str) -> Result<Events<T>, Failure>
    where
        T: Clone + DeserializeOwned + 'static,
    {
        let request = request(&Method::GET, path, "application/json", None)?;
        let events = self.api.send(self.api.client.request_events(request)).await;
        let events = events.map_err(|error| self.failure(error))?;
        Ok(Box::pin(events.map(|event| {
            event.map_err(|error| match error {
                kube::Error::Api(status) => Failure::Refused(status),
                error => Failure::Unavailable(anyhow!(
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
        let mut has_warned = false;
        loop {
            let request = request(&method, path, accept, body)?;
            let response = self.api.send(self.api.client.request(request)).await;
            match (response.map_err(|error| self.failure(error)), self.retry.get()) {
                (Err(Failure::Unavailable(error)), Some((deadline, warn))) if Instant::now() < deadline => {
                    if !has_warned {
                        warn("warning", &format!("{error:#}; trying again until --timeout"));
                        has_warned = true;
                    }
                    sleep(PAUSE).await;
                }
                (response, _) => return response,
            }
        }
    }

    fn failure(&self, error: SendError) -> Failure {
        match error {
            SendError::Status(status) => match status.code {
                401 => Failure::LoggedOut(self.api.status_error(&status)),
                429 | 500.. => Failure::Unavailable(self.api.status_error(&status)),
                _ => Failure::Refused(status),
            },
            SendError::NoResponse(error) => Failure::Unavailable(error),
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
    request.body(body).map_err(|error| Failure::Unavailable(anyhow!("asking {path}: {error}")))
}

impl Failure {
    /// Returns the server's status code; 0 if it was unavailable.
    pub fn code(&self) -> u16 {
        match self {
            Failure::LoggedOut(_) => 401,
            Failure::Refused(status) => status.code,
            Failure::Unavailable(_) => 0,
        }
    }

    /// Words the failure in one line. `action` names what the client did, and with which object. `remedy` is for a
    /// refusal.
    pub fn during(self, action: &str, remedy: &str) -> anyhow::Error {
        match self {
            Failure::LoggedOut(error) | Failure::Unavailable(error) => error.context(action.to_owned()),
            Failure::Refused(status) => {
                anyhow!("{action}: {} ({}): {remedy}", one_line(&status.message), status.code)
            }
        }
    }
}
