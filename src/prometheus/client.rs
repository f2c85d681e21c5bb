//! The HTTP client: one endpoint, one cookie jar, no redirects, bounded answers.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::answer::{self, Reply};
use super::failure::{self, Party};
use super::refusal::{Excess, Refusal};
use super::{Endpoint, Grid, Secret, Series, Size, is_loopback, promql};

/// Questions up to this many bytes travel in the URL (GET: the right that every reader has); longer ones in a body (POST).
const LONGEST_GET: usize = 4096;
/// An answer above this is refused rather than read into memory, in bytes.
const LARGEST_ANSWER: usize = 256 << 20;
/// An answer that never falls silent, but is not whole after so many timeouts, is given up too.
const DRIPPING: u32 = 10;
/// Until a connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to one Prometheus; its cookies keep a router's choice of replica for all questions.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    /// What the address itself asks of every request, from its `?` on.
    fixed: String,
    token: Mutex<Option<HeaderValue>>,
    timeout: Duration,
    largest: usize,
    warnings: Mutex<BTreeSet<String>>,
}

impl Client {
    /// Prepares to ask `endpoint`; nothing is sent yet. Errors: a token for an `http` address that is not this machine.
    pub fn new(endpoint: Endpoint) -> Result<Client> {
        let Endpoint { mut url, token, tls, proxy, timeout } = endpoint;
        let fixed = url.query().map(|query| format!("?{query}")).unwrap_or_default();
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
            .timeout(timeout * DRIPPING)
            .user_agent(concat!("oc-interrogate/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&url) {
            // A proxy would get the token in plain text, and asked for itself; a resolver could name another machine.
            let here = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
            builder =
                builder.no_proxy().resolve_to_addrs("localhost", &here.map(|ip| SocketAddr::new(ip, 0)));
        } else if let Some(proxy) = proxy {
            let proxy = reqwest::Proxy::all(proxy).map_err(|_| {
                anyhow!("the kubeconfig's proxy-url is none that can be used: give an http, https or socks5 address")
            })?;
            builder = builder.proxy(proxy);
        }
        let token = token.as_ref().map(header).transpose()?;
        Ok(Client {
            http: builder.build().context("preparing the HTTP client")?,
            url: text,
            fixed,
            token: Mutex::new(token),
            timeout,
            largest: LARGEST_ANSWER,
            warnings: Mutex::default(),
        })
    }

    /// The base address that is asked, without `/api/v1`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Takes another token from now on, where one was taken before; whether it is another one. Errors: it is none that can
    /// be sent.
    pub fn renew(&self, token: &Secret) -> Result<bool> {
        let token = header(token)?;
        let mut known = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let other = known.as_ref().is_some_and(|known| *known != token);
        if other {
            *known = Some(token);
        }
        Ok(other)
    }

    fn token(&self) -> Option<HeaderValue> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What Prometheus warned of so far, each once, sorted.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The values of `query` at the times of `grid`; a plain selector's are its samples of the last `lookback`
    /// milliseconds, five minutes where that is none. `read` makes of the answer what is to be kept. Errors: one line that
    /// says why and what to do.
    pub async fn range<T>(
        &self,
        query: &str,
        grid: Grid,
        lookback: Option<i64>,
        size: Size,
        read: impl FnOnce(&[Series<'_>]) -> T,
    ) -> Result<T> {
        let (start, end, step) = (seconds(grid.start), seconds(grid.end), seconds(grid.step));
        let lookback = lookback.map(promql::duration);
        let mut parameters = vec![("query", query), ("start", &start), ("end", &end), ("step", &step)];
        parameters.extend(lookback.as_deref().map(|lookback| ("lookback_delta", lookback)));
        self.ask("query_range", &parameters, size, read).await
    }

    /// The value of `query` at `at` (Unix milliseconds), one sample a series; of a range selector, its raw samples. `read`
    /// makes of the answer what is to be kept.
    pub async fn instant<T>(
        &self,
        query: &str,
        at: i64,
        size: Size,
        read: impl FnOnce(&[Series<'_>]) -> T,
    ) -> Result<T> {
        self.ask("query", &[("query", query), ("time", &seconds(at))], size, read).await
    }

    /// The value of a `query` for one series at `at`; none where it has none.
    pub async fn one(&self, query: &str, at: i64) -> Result<Option<f64>> {
        self.instant(query, at, Size::Few, |answer| answer.first()?.value()).await
    }

    /// The values that a label of the series of `selector` has in a time, Unix milliseconds; none where the server
    /// does not list them. No sample is read for it.
    pub async fn values(
        &self,
        label: &str,
        selector: &str,
        (start, end): (i64, i64),
        size: Size,
    ) -> Result<Vec<String>> {
        let (start, end) = (seconds(start), seconds(end));
        let parameters = [("match[]", selector), ("start", &start), ("end", &end)];
        let (_, _, body) = self.send(&format!("label/{label}/values"), &parameters, size).await?;
        Ok(answer::told(&body).unwrap_or_default())
    }

    async fn ask<T>(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
        size: Size,
        read: impl FnOnce(&[Series<'_>]) -> T,
    ) -> Result<T> {
        let (status, location, body) = self.send(path, parameters, size).await?;
        let Reply { series, warnings } = answer::read(&self.asked(), status, location.as_deref(), &body)
            .map_err(|refusal| refusal.map(|words| self.without_token(words)))?;
        let warnings = warnings.iter().map(|warning| self.without_token(warning));
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).extend(warnings);
        Ok(read(&series))
    }

    /// What `path` of the API tells of the server itself. Errors: one line that says why and what to do.
    pub(super) async fn state<T: DeserializeOwned>(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> Result<T> {
        let (status, location, body) = self.send(path, parameters, Size::Many).await?;
        let (data, _) = answer::data(&self.asked(), status, location.as_deref(), &body)
            .map_err(|refusal| refusal.map(|words| self.without_token(words)))?;
        Ok(data)
    }

    pub(super) fn asked(&self) -> answer::Asked<'_> {
        answer::Asked { url: &self.url, with_token: self.token().is_some() }
    }

    /// One request: the answer's status, where it redirects to, and its body.
    pub(super) async fn send(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
        size: Size,
    ) -> Result<(u16, Option<String>, Vec<u8>)> {
        let server_timeout = self.timeout * 5 / 6;
        let timeout = promql::duration(i64::try_from(server_timeout.as_millis()).unwrap_or(i64::MAX));
        let question = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .append_pair("timeout", &timeout)
            .finish();
        let url = format!("{}/api/v1/{path}{}", self.url, self.fixed);
        let mut request = if question.len() <= LONGEST_GET {
            let and = if self.fixed.is_empty() { '?' } else { '&' };
            self.http.get(format!("{url}{and}{question}"))
        } else {
            self.http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(question)
        };
        if let Some(token) = self.token() {
            request = request.header(AUTHORIZATION, token);
        }
        if size == Size::Few {
            request = request.header(ACCEPT_ENCODING, "identity");
        }
        let begun = Instant::now();
        let response =
            request.header(ACCEPT, "application/json").send().await.map_err(|e| self.unanswered(&e))?;
        let status = response.status().as_u16();
        let location =
            response.headers().get(LOCATION).map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
        Ok((status, location, self.body(response, begun).await?))
    }

    /// A server's words, which may repeat the request.
    pub(super) fn without_token(&self, words: &str) -> String {
        let token = self.token();
        let sent = token.as_ref().and_then(|header| header.to_str().ok()?.strip_prefix("Bearer "));
        sent.map_or_else(|| words.to_owned(), |token| words.replace(token, "(the token)"))
    }

    async fn body(&self, mut response: reqwest::Response, begun: Instant) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > self.largest => {
                    let words = format!(
                        "the answer of {} is larger than {} bytes: shorten --interval",
                        self.url, self.largest
                    );
                    bail!(Refusal::new(words, Some(Excess::Size)))
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body),
                Err(error) if error.is_timeout() && begun.elapsed() < self.timeout * DRIPPING => {
                    return Err(self.unanswered(&error));
                }
                Err(error) if error.is_timeout() => {
                    let words = format!(
                        "the answer of {} was not whole after {} s: shorten --interval, or check the way there",
                        self.url,
                        (self.timeout * DRIPPING).as_secs_f64()
                    );
                    bail!(Refusal::new(words, Some(Excess::Time)))
                }
                Err(_) => bail!("{}", answer::cut_short(&self.url, body.len())),
            }
        }
    }

    fn unanswered(&self, error: &reqwest::Error) -> anyhow::Error {
        let (waited, slow_remedy) = if error.is_connect() {
            (CONNECT_TIMEOUT, "check the address, the VPN and proxies")
        } else {
            (self.timeout, "shorten --interval, or check the way there")
        };
        let name = &format!("Prometheus at {}", self.url);
        let party = Party { name, ca_flag: "--prometheus-ca", waited: Some(waited), slow_remedy };
        anyhow!(failure::cause(error).explain(&party))
    }
}

/// The header of a bearer token, which no `Debug` output shows.
fn header(token: &Secret) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
        .map_err(|_| anyhow!("the token holds characters that no token has: log in again with oc login"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Milliseconds as decimal seconds, the API's unit.
fn seconds(milliseconds: i64) -> String {
    format!("{}.{:03}", milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000))
}

#[cfg(test)]
mod tests;
