//! One exchange with the server: a request, its whole response, and the trace of both.

use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use url::form_urlencoded;

use super::{CONNECT_TIMEOUT, HttpClient, LONGEST_GET, TIMEOUTS_IN_TOTAL};
use crate::prometheus::failure::{self, Party};
use crate::prometheus::refusal::{Excess, Refusal};
use crate::prometheus::{Size, promql, response};
use crate::trace::{self, Outcome, Traced};

/// A response, and the trace of its request if requests are shown.
pub(super) struct Exchange {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
    traced: Option<Traced>,
}

impl Exchange {
    /// Shows the request and its response. `series`: number of series, if they were counted.
    pub(super) fn show(&self, series: Option<usize>) {
        if let Some(traced) = &self.traced {
            traced.show(Outcome { status: Some(self.status), series, bytes: Some(self.body.len()) });
        }
    }
}

impl HttpClient {
    /// Sends one request, and shows it if it fails; the caller shows the result.
    pub(super) async fn exchange(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
        size: Size,
    ) -> Result<Exchange> {
        let server_timeout = self.timeout * 5 / 6;
        let timeout = promql::duration(server_timeout);
        let parameters = [parameters, &[("timeout", &timeout)]].concat();
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&parameters).finish();
        let url = format!("{}/api/v1/{path}{}", self.url, self.fixed_query);
        let in_url = form.len() <= LONGEST_GET;
        let traced = Traced::new(|| trace::curl(&url, &parameters, in_url));
        let mut request = if in_url {
            let separator = if self.fixed_query.is_empty() { '?' } else { '&' };
            self.http.get(format!("{url}{separator}{form}"))
        } else {
            self.http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
        };
        if let Some(token) = self.token() {
            request = request.header(AUTHORIZATION, token);
        }
        if size == Size::Few {
            request = request.header(ACCEPT_ENCODING, "identity");
        }
        let started = Instant::now();
        let response = async {
            let sent = request.header(ACCEPT, "application/json").send().await;
            let response = sent.map_err(|error| self.no_response(&error))?;
            let status = response.status().as_u16();
            let location = response.headers().get(LOCATION);
            let location = location.map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
            let body = self.fetch_body(response, started).await?;
            anyhow::Ok((status, location, body))
        };
        match response.await {
            Ok((status, location, body)) => Ok(Exchange { status, location, body, traced }),
            Err(error) => {
                traced.iter().for_each(|traced| traced.show(Outcome::default()));
                Err(error)
            }
        }
    }

    /// Reads a response's body. Errors if it is too large, too slow, or ends early.
    async fn fetch_body(&self, mut response: reqwest::Response, started: Instant) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > self.largest => {
                    let message = format!(
                        "the answer of {} is larger than {} bytes: shorten --interval",
                        self.url, self.largest
                    );
                    bail!(Refusal::new(message, Some(Excess::Size)))
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body),
                Err(error) if error.is_timeout() && started.elapsed() < self.timeout * TIMEOUTS_IN_TOTAL => {
                    return Err(self.no_response(&error));
                }
                Err(error) if error.is_timeout() => {
                    let message = format!(
                        "the answer of {} was not whole after {} s: shorten --interval, or check the way there",
                        self.url,
                        (self.timeout * TIMEOUTS_IN_TOTAL).as_secs_f64()
                    );
                    bail!(Refusal::new(message, Some(Excess::Time)))
                }
                Err(_) => bail!("{}", response::truncated(&self.url, body.len())),
            }
        }
    }

    /// Makes the error of a request without a response: one line with the cause and the remedy.
    fn no_response(&self, error: &reqwest::Error) -> anyhow::Error {
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
