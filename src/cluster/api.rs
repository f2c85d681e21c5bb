//! Requests to the API server with a time limit. Each failure is one line.

use std::time::Duration;

use anyhow::{Result, anyhow};
use kube::core::response::Status;
use kube::{Client, Config};

use super::{connector, tls};
use crate::prometheus::failure::{self, Party, one_line};

/// Client of one API server.
pub(super) struct Api {
    pub(super) client: Client,
    /// Server's URL and its proxy's host, for messages.
    server: String,
    timeout: Option<Duration>,
}

/// Reason why a request has no result.
pub(super) enum Refusal {
    /// 404: the server has no such object, or not even its kind.
    NotFound,
    /// 403: the user has no right to it, in the server's words.
    Forbidden(String),
    /// 400: the request itself is wrong, in the server's words.
    Invalid(String),
    /// Any failure that a request for another object would meet too.
    Failed(anyhow::Error),
}

/// Reason why a request has no result, with the server's own status.
pub(super) enum SendError {
    /// Refusal by the server, with its status.
    Status(Box<Status>),
    /// Missing or invalid response. The line includes the remedy.
    NoResponse(anyhow::Error),
}

impl Api {
    /// Prepares a client; sends no request. `timeout` limits each request as a whole; `None` is no limit. Errors are
    /// one line that says what is wrong with the kubeconfig.
    pub(super) fn new(config: &Config, server: &str, timeout: Option<Duration>) -> Result<Api> {
        let proxy = config.proxy_url.as_ref().and_then(|proxy| {
            // Leaves out what stands before the host, since it may be a password.
            let (host, port) =
                (proxy.host()?, proxy.port().map(|port| format!(":{port}")).unwrap_or_default());
            Some(format!(" (through the proxy {host}{port})"))
        });
        let client = tls::for_api_server(config).and_then(|tls| connector::client(config, &tls));
        let client = client.map_err(|why| {
            anyhow!("the kubeconfig for {server} is wrong ({why}): correct it, or log in again with oc login")
        })?;
        Ok(Api { client, server: format!("{server}{}", proxy.unwrap_or_default()), timeout })
    }

    /// Returns the server's URL and its proxy's host, for messages.
    pub(super) fn name(&self) -> &str {
        &self.server
    }

    /// Awaits `response` within the time limit. Classifies errors for a single object.
    pub(super) async fn request<T>(
        &self,
        response: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Refusal> {
        self.send(response).await.map_err(|error| match error {
            SendError::Status(status) => self.refusal(&status),
            SendError::NoResponse(error) => Refusal::Failed(error),
        })
    }

    /// Awaits `response` within the time limit. If the server refuses, the error is its own status.
    pub(super) async fn send<T>(
        &self,
        response: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, SendError> {
        let Some(timeout) = self.timeout else {
            return response.await.map_err(|error| self.send_error(error));
        };
        match tokio::time::timeout(timeout, response).await {
            Ok(response) => response.map_err(|error| self.send_error(error)),
            Err(_) => Err(SendError::NoResponse(anyhow!(failure::Cause::Timeout.explain(&self.party())))),
        }
    }

    fn party(&self) -> Party<'_> {
        Party {
            name: &self.server,
            ca_flag: "--certificate-authority",
            waited: self.timeout,
            slow_remedy: "check the way to the API server, or give it longer with --request-timeout",
        }
    }

    fn send_error(&self, error: kube::Error) -> SendError {
        let server = &self.server;
        match error {
            kube::Error::Api(status) => SendError::Status(status),
            kube::Error::UpgradeConnection(_) => SendError::NoResponse(anyhow!(
                "the API server {server} forwards no ports over WebSocket ({}): check proxies in between",
                one_line(&error.to_string())
            )),
            error => SendError::NoResponse(anyhow!(failure::cause(&error).explain(&self.party()))),
        }
    }

    fn refusal(&self, status: &Status) -> Refusal {
        match status.code {
            404 => Refusal::NotFound,
            403 => Refusal::Forbidden(one_line(&status.message)),
            400 => Refusal::Invalid(one_line(&status.message)),
            _ => Refusal::Failed(self.status_error(status)),
        }
    }

    /// Words a status that does not concern the requested object, with the remedy.
    pub(super) fn status_error(&self, status: &Status) -> anyhow::Error {
        let server = &self.server;
        match status.code {
            401 => {
                anyhow!("the API server {server} refused the credentials (401): log in again with oc login")
            }
            code => {
                // The API server called an admission webhook, which did not respond.
                let remedy = if status.message.contains("failed calling webhook") {
                    "start that webhook, or wait for it"
                } else {
                    "check its health"
                };
                anyhow!(
                    "the API server {server} answered with status {code} ({}): {remedy}",
                    one_line(&status.message)
                )
            }
        }
    }
}
