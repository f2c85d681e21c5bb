//! HTTP client: one endpoint, one cookie jar, no redirects, bounded responses.

mod exchange;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;

use super::front::Server;
use super::response::{self, QueryResult};
use super::{Endpoint, Grid, Secret, Series, Size, is_loopback};
use crate::time::{Timestamp, duration_seconds};

/// Longest parameters in a URL, in bytes. Longer ones go as a POST, which takes a right that not every reader has.
const LONGEST_GET: usize = 4096;
/// Largest response that the client reads into memory, in bytes.
const LARGEST_RESPONSE: usize = 256 << 20;
/// Longest time that a whole response may take, even if it never falls silent, in timeouts.
const TIMEOUTS_IN_TOTAL: u32 = 10;
/// Longest time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connection to one Prometheus. Its cookies keep a router's choice of replica for all queries.
#[derive(Debug)]
pub(super) struct HttpClient {
    http: reqwest::Client,
    url: String,
    /// Query of the base address, which goes with every request, from its `?` on; empty if it has none.
    fixed_query: String,
    token: Mutex<Option<HeaderValue>>,
    timeout: Duration,
    /// Largest response, in bytes.
    largest: usize,
    warnings: Mutex<BTreeSet<String>>,
}

impl HttpClient {
    /// Makes a client; sends nothing yet. Errors if a token would go to an `http` address that is not this machine.
    pub(super) fn new(endpoint: Endpoint) -> Result<HttpClient> {
        let Endpoint { mut url, token, tls, proxy, timeout } = endpoint;
        let fixed_query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        url.set_query(None);
        let text = url.as_str().trim_end_matches('/').to_owned();
        if token.is_some() && url.scheme() != "https" && !is_loopback(&url) {
            bail!("{text} is not encrypted and gets no token: use its https address");
        }
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .cookie_store(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(timeout)
            .timeout(timeout * TIMEOUTS_IN_TOTAL)
            .user_agent(concat!("oc-interrogate/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&url) {
            // A proxy would see the token in plain text, and look for the address on its own machine. A resolver could
            // name another machine.
            let here = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
            builder =
                builder.no_proxy().resolve_to_addrs("localhost", &here.map(|ip| SocketAddr::new(ip, 0)));
        } else if let Some(proxy) = proxy {
            let proxy = reqwest::Proxy::all(proxy).map_err(|_| {
                anyhow!("the kubeconfig's proxy-url cannot be used: give an http, https or socks5 address")
            })?;
            builder = builder.proxy(proxy);
        }
        let token = token.as_ref().map(bearer).transpose()?;
        Ok(HttpClient {
            http: builder.build().context("preparing the HTTP client")?,
            url: text,
            fixed_query,
            token: Mutex::new(token),
            timeout,
            largest: LARGEST_RESPONSE,
            warnings: Mutex::default(),
        })
    }

    /// Returns the base address, without `/api/v1`.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Replaces the token, if the client has one. Returns true if the new one differs. Errors if no header can hold it.
    pub(super) fn replace_token(&self, token: &Secret) -> Result<bool> {
        let token = bearer(token)?;
        let mut current = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let differs = current.as_ref().is_some_and(|current| *current != token);
        if differs {
            *current = Some(token);
        }
        Ok(differs)
    }

    fn token(&self) -> Option<HeaderValue> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the warnings of all queries so far, each once, sorted.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Fetches the values of `query` at the times of `grid`. `lookback` is a duration literal: a plain selector's value
    /// is its newest sample within that, or within five minutes if `None`. `extract` takes what the caller keeps from
    /// the series. Errors: one line with the cause and the remedy.
    pub(super) async fn range<T>(
        &self,
        query: &str,
        grid: Grid,
        lookback: Option<&str>,
        size: Size,
        extract: impl FnOnce(&[Series<'_>]) -> T,
    ) -> Result<T> {
        let (start, end, step) = (grid.start.seconds(), grid.end.seconds(), duration_seconds(grid.step));
        let mut parameters = vec![("query", query), ("start", &start), ("end", &end), ("step", &step)];
        parameters.extend(lookback.map(|lookback| ("lookback_delta", lookback)));
        self.query("query_range", &parameters, size, extract).await
    }

    /// Fetches the value of `query` at a time, one sample per series, or the raw samples of a range selector. `extract`
    /// takes what the caller keeps from the series. Errors: one line with the cause and the remedy.
    pub(super) async fn instant<T>(
        &self,
        query: &str,
        at: Timestamp,
        size: Size,
        extract: impl FnOnce(&[Series<'_>]) -> T,
    ) -> Result<T> {
        self.query("query", &[("query", query), ("time", &at.seconds())], size, extract).await
    }

    /// Fetches the value at a time of a `query` with one series; `None` if there is none. Errors: one line with the
    /// cause and the remedy.
    pub(super) async fn one(&self, query: &str, at: Timestamp) -> Result<Option<f64>> {
        self.instant(query, at, Size::Few, |series| series.first()?.value()).await
    }

    /// Fetches the values of a label of the series of `selector` between two times; empty if the server does not list
    /// them. The server reads no samples for that. Errors if it does not respond.
    pub(super) async fn label_values(
        &self,
        label: &str,
        selector: &str,
        (start, end): (Timestamp, Timestamp),
        size: Size,
    ) -> Result<Vec<String>> {
        let (start, end) = (start.seconds(), end.seconds());
        let parameters = [("match[]", selector), ("start", &start), ("end", &end)];
        let (_, _, body) = self.send(&format!("label/{label}/values"), &parameters, size).await?;
        Ok(response::parse_optional(&body).unwrap_or_default())
    }

    /// Sends a query to `path` of the API and collects its warnings.
    async fn query<T>(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
        size: Size,
        extract: impl FnOnce(&[Series<'_>]) -> T,
    ) -> Result<T> {
        let exchange = self.exchange(path, parameters, size).await?;
        let (status, location) = (exchange.status, exchange.location.as_deref());
        let parsed = response::parse(&self.server(), status, location, &exchange.body);
        exchange.show(parsed.as_ref().ok().map(|result| result.series.len()));
        let QueryResult { series, warnings } =
            parsed.map_err(|refusal| refusal.map_message(|message| self.redact_token(message)))?;
        let warnings = warnings.iter().map(|warning| self.redact_token(warning));
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).extend(warnings);
        Ok(extract(&series))
    }

    /// Fetches data of any type from `path` of the API. Errors: one line with the cause and the remedy.
    pub(super) async fn fetch_data<T: DeserializeOwned>(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> Result<T> {
        let (status, location, body) = self.send(path, parameters, Size::Many).await?;
        let (data, _) = response::parse_data(&self.server(), status, location.as_deref(), &body)
            .map_err(|refusal| refusal.map_message(|message| self.redact_token(message)))?;
        Ok(data)
    }

    /// Returns the server, for messages.
    pub(super) fn server(&self) -> Server<'_> {
        Server { url: &self.url, with_token: self.token().is_some() }
    }

    /// Sends one request. Returns the response's status, its `Location` if it has one, and its body.
    pub(super) async fn send(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
        size: Size,
    ) -> Result<(u16, Option<String>, Vec<u8>)> {
        let exchange = self.exchange(path, parameters, size).await?;
        exchange.show(None);
        Ok((exchange.status, exchange.location, exchange.body))
    }

    /// Removes the token from a server's message, which may repeat the request.
    pub(super) fn redact_token(&self, message: &str) -> String {
        let token = self.token();
        let sent = token.as_ref().and_then(|header| header.to_str().ok()?.strip_prefix("Bearer "));
        sent.map_or_else(|| message.to_owned(), |token| message.replace(token, "(the token)"))
    }
}

/// Makes the header of a bearer token, which no `Debug` output shows. Errors if a header cannot hold the token.
fn bearer(token: &Secret) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
        .map_err(|_| anyhow!("the token holds characters that no token has: log in again with oc login"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
