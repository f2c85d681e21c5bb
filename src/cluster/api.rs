//! The API server asked with a time limit, and its ways of failing in one line each.

use std::time::Duration;

use anyhow::{Result, anyhow};
use kube::core::response::Status;
use kube::{Client, Config};

use super::{connector, trust};
use crate::prometheus::failure::{self, Party, one_line};

/// A client of one API server.
pub(super) struct Api {
    pub(super) client: Client,
    /// The server's URL, and its proxy's host: for messages.
    server: String,
    timeout: Option<Duration>,
}

/// Why the API server gave no answer.
pub(super) enum Refusal {
    /// 404: neither this object, nor perhaps its kind.
    NotFound,
    /// 403, in the server's words.
    Forbidden(String),
    /// 400, in the server's words: the question itself is wrong.
    Invalid(String),
    /// Anything that will not be better for another object.
    Failed(anyhow::Error),
}

/// Why there is no answer.
pub(super) enum Unanswered {
    /// The server refused: its status.
    Status(Box<Status>),
    /// It said nothing that is an answer; the line says what to do.
    Silent(anyhow::Error),
}

/// Why a way does not lead to Prometheus.
pub(super) enum NoWay {
    /// Another one still may.
    Absent {
        /// What is missing.
        reason: String,
        /// What helps those who want this way and no other.
        remedy: &'static str,
    },
    /// The API server itself gave no answer.
    Failed(anyhow::Error),
}

impl Api {
    /// Prepares a client; nothing is sent yet. `timeout`: for each request as a whole. Errors: one line that says what is
    /// wrong with the kubeconfig.
    pub(super) fn new(config: &Config, server: &str, timeout: Option<Duration>) -> Result<Api> {
        let proxy = config.proxy_url.as_ref().and_then(|proxy| {
            // Without what may stand before the host: a password.
            let (host, port) =
                (proxy.host()?, proxy.port().map(|port| format!(":{port}")).unwrap_or_default());
            Some(format!(" (through the proxy {host}{port})"))
        });
        let client = trust::api_server(config).and_then(|tls| connector::client(config, &tls));
        let client = client.map_err(|why| {
            anyhow!("the kubeconfig for {server} is wrong ({why}): correct it, or log in again with oc login")
        })?;
        Ok(Api { client, server: format!("{server}{}", proxy.unwrap_or_default()), timeout })
    }

    /// The server's URL, and its proxy's host.
    pub(super) fn name(&self) -> &str {
        &self.server
    }

    /// Waits for `answer`, within the limit of one request.
    pub(super) async fn ask<T>(&self, answer: impl Future<Output = kube::Result<T>>) -> Result<T, Refusal> {
        self.attempt(answer).await.map_err(|failure| match failure {
            Unanswered::Status(status) => self.refusal(&status),
            Unanswered::Silent(error) => Refusal::Failed(error),
        })
    }

    /// The same, and where the server refuses, its own status.
    pub(super) async fn attempt<T>(
        &self,
        answer: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Unanswered> {
        let Some(timeout) = self.timeout else {
            return answer.await.map_err(|error| self.unanswered(error));
        };
        match tokio::time::timeout(timeout, answer).await {
            Ok(answer) => answer.map_err(|error| self.unanswered(error)),
            Err(_) => Err(Unanswered::Silent(anyhow!(failure::Cause::Timeout.explain(&self.party())))),
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

    fn unanswered(&self, error: kube::Error) -> Unanswered {
        let server = &self.server;
        match error {
            kube::Error::Api(status) => Unanswered::Status(status),
            kube::Error::UpgradeConnection(_) => Unanswered::Silent(anyhow!(
                "the API server {server} forwards no ports over WebSocket ({}): check proxies in between",
                one_line(&error.to_string())
            )),
            error => Unanswered::Silent(anyhow!(failure::cause(&error).explain(&self.party()))),
        }
    }

    fn refusal(&self, status: &Status) -> Refusal {
        match status.code {
            404 => Refusal::NotFound,
            403 => Refusal::Forbidden(one_line(&status.message)),
            400 => Refusal::Invalid(one_line(&status.message)),
            _ => Refusal::Failed(self.trouble(status)),
        }
    }

    /// What is to be done about a status that is not about the object asked for.
    pub(super) fn trouble(&self, status: &Status) -> anyhow::Error {
        let server = &self.server;
        match status.code {
            401 => {
                anyhow!("the API server {server} refused the credentials (401): log in again with oc login")
            }
            code => {
                // An admission webhook that is asked and does not answer.
                let remedy = if status.message.contains("failed calling webhook") {
                    "have that webhook brought up, or wait for it"
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

impl Refusal {
    /// What a way to Prometheus lacks without an object: `what` names action and object.
    pub(super) fn for_want_of(self, what: &str, remedy: &'static str) -> NoWay {
        match self {
            Refusal::NotFound => NoWay::Absent { reason: format!("{what}: there is none"), remedy },
            Refusal::Forbidden(said) | Refusal::Invalid(said) => {
                NoWay::Absent { reason: format!("{what}: {said}"), remedy }
            }
            Refusal::Failed(error) => NoWay::Failed(error),
        }
    }
}
