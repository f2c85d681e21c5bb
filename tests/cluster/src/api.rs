//! HTTP to the API server, as its administrator or as a service account.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::blocking::{Client, ClientBuilder};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, Identity, Method, StatusCode};
use serde_json::{Value, json};

use crate::certs::Pair;

/// An answer of metadata alone.
const OUTLINES: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// The API server, as a member of `system:masters`. Paths are the server's own, from the first `/`.
#[derive(Clone)]
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

    /// Returns a client of this server as a service account (`NAMESPACE`, `NAME`), with a token of an hour. `ca` is
    /// the server's own.
    pub(crate) fn service_account(&self, ca: &Path, (namespace, name): (&str, &str)) -> Result<Self> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let answer = self.create(&path, &request)?;
        let token = answer.pointer("/status/token").and_then(Value::as_str).context("no token")?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}"))?);
        let client = trusting(ca)?.default_headers(headers).build()?;
        Ok(Self { client, ..self.clone() })
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

    /// Fetches an object; `None` if there is none.
    pub(crate) fn get_if_there(&self, path: &str) -> Result<Option<Value>> {
        match self.exchange(&Method::GET, path, ("", ""), String::new())? {
            (StatusCode::NOT_FOUND, _) => Ok(None),
            answer => Ok(Some(serde_json::from_str(&good(&Method::GET, path, answer)?)?)),
        }
    }

    /// Fetches the metadata of the objects of a list.
    pub(crate) fn outlines(&self, path: &str) -> Result<Vec<Value>> {
        let answer = self.exchange(&Method::GET, path, ("", OUTLINES), String::new())?;
        let mut list: Value = serde_json::from_str(&good(&Method::GET, path, answer)?)?;
        Ok(list.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default())
    }

    /// Adds an object to a list; false if there is one of that name.
    pub(crate) fn add(&self, path: &str, object: &Value) -> Result<bool> {
        match self.exchange(&Method::POST, path, ("application/json", ""), object.to_string())? {
            (StatusCode::CONFLICT, _) => Ok(false),
            answer => good(&Method::POST, path, answer).map(|_| true),
        }
    }

    /// Replaces an object, as controllers do. It is an error if the object's resource version is no longer the server's.
    pub(crate) fn replace(&self, path: &str, object: &Value) -> Result<()> {
        self.send(&Method::PUT, path, "application/json", object.to_string()).map(drop)
    }

    fn send(&self, method: &Method, path: &str, content_type: &str, body: String) -> Result<String> {
        good(method, path, self.exchange(method, path, (content_type, ""), body)?)
    }

    /// One request, with a content type and what is accepted, each unless empty.
    fn exchange(
        &self,
        method: &Method,
        path: &str,
        (content_type, accept): (&str, &str),
        body: String,
    ) -> Result<(StatusCode, String)> {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.server));
        if !content_type.is_empty() {
            request = request.header("Content-Type", content_type).body(body);
        }
        if !accept.is_empty() {
            request = request.header(ACCEPT, accept);
        }
        let answer = request.send()?;
        Ok((answer.status(), answer.text()?))
    }
}

/// The text of a successful answer.
fn good(method: &Method, path: &str, (status, text): (StatusCode, String)) -> Result<String> {
    if !status.is_success() {
        bail!("{method} {path}: {status}: {text}");
    }
    Ok(text)
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
