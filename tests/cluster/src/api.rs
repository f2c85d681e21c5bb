//! HTTP to the API server, as its administrator.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::blocking::{Client, ClientBuilder};
use reqwest::{Certificate, Identity, Method, StatusCode};
use serde_json::Value;

use crate::certs::Pair;

/// The API server, as a member of `system:masters`. Paths are the server's own, from the first `/`.
pub struct Api {
    client: Client,
    /// Without the administrator's certificate.
    plain: Client,
    server: String,
}

impl Api {
    pub(crate) fn new(server: String, ca: &Path, administrator: &Pair) -> Result<Self> {
        let identity = [fs::read(&administrator.key)?, fs::read(&administrator.certificate)?].concat();
        let client = trusting(ca)?.identity(Identity::from_pem(&identity)?).build()?;
        Ok(Self { client, plain: trusting(ca)?.build()?, server })
    }

    /// Base URL.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The body's text, whatever it is. Any status but success is an error.
    pub fn get(&self, path: &str) -> Result<String> {
        self.send(&Method::GET, path, "", String::new())
    }

    /// The HTTP status that somebody else's request gets: with this token, or without any.
    pub fn get_as(&self, path: &str, token: Option<&str>) -> Result<u16> {
        Ok(fetch(&self.plain, &format!("{}{path}", self.server), token)?.0.as_u16())
    }

    /// Creates what has a server-made answer (reviews, tokens) and returns the answer.
    pub fn create(&self, path: &str, object: &Value) -> Result<Value> {
        let answer = self.send(&Method::POST, path, "application/json", object.to_string())?;
        serde_json::from_str(&answer).with_context(|| format!("reading the answer of {path}"))
    }

    /// Applies an object, server-side; `text` is YAML or JSON, `path` the object's own.
    pub fn apply(&self, path: &str, text: &str) -> Result<()> {
        let path = format!("{path}?fieldManager=test-cluster&force=true");
        self.send(&Method::PATCH, &path, "application/apply-patch+yaml", text.to_owned()).map(drop)
    }

    /// Merges `change` into an object or its status.
    pub fn merge(&self, path: &str, change: &Value) -> Result<()> {
        self.send(&Method::PATCH, path, "application/merge-patch+json", change.to_string()).map(drop)
    }

    /// Deletes an object.
    pub fn delete(&self, path: &str) -> Result<()> {
        self.send(&Method::DELETE, path, "", String::new()).map(drop)
    }

    fn send(&self, method: &Method, path: &str, content_type: &str, body: String) -> Result<String> {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.server));
        if !content_type.is_empty() {
            request = request.header("Content-Type", content_type).body(body);
        }
        let answer = request.send()?;
        let status = answer.status();
        let text = answer.text()?;
        if !status.is_success() {
            bail!("{method} {path}: {status}: {text}");
        }
        Ok(text)
    }
}

/// An HTTP client that trusts one authority and none of the machine's.
pub(crate) fn trusting(ca: &Path) -> Result<ClientBuilder> {
    let ca = fs::read(ca).with_context(|| format!("reading {}", ca.display()))?;
    Ok(with_ring().tls_certs_only([Certificate::from_pem(&ca)?]))
}

/// An HTTP client, which asks for a provider of TLS even where it speaks plain HTTP.
pub(crate) fn with_ring() -> ClientBuilder {
    // Fails only where another has installed one, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().timeout(Duration::from_secs(10))
}

/// The status and text that a URL answers with.
pub(crate) fn fetch(client: &Client, url: &str, token: Option<&str>) -> Result<(StatusCode, String)> {
    let mut request = client.get(url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send()?;
    Ok((answer.status(), answer.text()?))
}
