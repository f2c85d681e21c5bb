//! The HTTP client: one endpoint, one cookie jar, no redirects, bounded answers.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use secrecy::ExposeSecret as _;
use url::form_urlencoded;

use super::answer::{self, Reply};
use super::failure::{self, Party};
use super::{Endpoint, Grid, Series, is_loopback, promql};

/// Questions up to this many bytes travel in the URL (GET: the right that every reader has); longer ones in a body (POST).
const LONGEST_GET: usize = 4096;
/// An answer above this is refused rather than read into memory, in bytes.
const LARGEST_ANSWER: usize = 256 << 20;
/// Until a connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to one Prometheus; its cookies keep a router's choice of replica for all questions.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: Option<HeaderValue>,
    timeout: Duration,
    largest: usize,
    warnings: Mutex<BTreeSet<String>>,
}

impl Client {
    /// Prepares to ask `endpoint`; nothing is sent yet. Errors: a token for an `http` address that is not this machine.
    pub fn new(endpoint: Endpoint) -> Result<Client> {
        let Endpoint { url, token, tls, proxy, timeout } = endpoint;
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
        let token = token.map(|token| {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).map_err(|_| {
                    anyhow!("the token holds characters that no token has: log in again with oc login")
                })?;
            value.set_sensitive(true);
            anyhow::Ok(value)
        });
        Ok(Client {
            http: builder.build().context("preparing the HTTP client")?,
            url: text,
            token: token.transpose()?,
            timeout,
            largest: LARGEST_ANSWER,
            warnings: Mutex::default(),
        })
    }

    /// The base address that is asked, without `/api/v1`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What Prometheus warned of so far, each once, sorted.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The values of `query` at the times of `grid`. Errors: one line that says why and what to do.
    pub async fn range(&self, query: &str, grid: Grid) -> Result<Vec<Series>> {
        let (start, end, step) = (seconds(grid.start), seconds(grid.end), seconds(grid.step));
        self.ask("query_range", &[("query", query), ("start", &start), ("end", &end), ("step", &step)]).await
    }

    /// The value of `query` at `at` (Unix milliseconds), one sample a series; of a range selector, its raw samples.
    pub async fn instant(&self, query: &str, at: i64) -> Result<Vec<Series>> {
        self.ask("query", &[("query", query), ("time", &seconds(at))]).await
    }

    async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Vec<Series>> {
        let server_timeout = self.timeout * 5 / 6;
        let timeout = promql::duration(i64::try_from(server_timeout.as_millis()).unwrap_or(i64::MAX));
        let question = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .append_pair("timeout", &timeout)
            .finish();
        let url = format!("{}/api/v1/{path}", self.url);
        let mut request = if question.len() <= LONGEST_GET {
            self.http.get(format!("{url}?{question}"))
        } else {
            self.http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(question)
        };
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        let response =
            request.header(ACCEPT, "application/json").send().await.map_err(|e| self.unanswered(&e))?;
        let status = response.status().as_u16();
        let location =
            response.headers().get(LOCATION).map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
        let body = self.body(response).await?;
        let asked = answer::Asked { url: &self.url, with_token: self.token.is_some() };
        let Reply { series, warnings } = answer::read(&asked, status, location.as_deref(), &body)
            .map_err(|refusal| anyhow!(self.without_token(&refusal.to_string())))?;
        let warnings = warnings.iter().map(|warning| self.without_token(warning));
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).extend(warnings);
        Ok(series)
    }

    /// A server's words, which may repeat the request.
    fn without_token(&self, words: &str) -> String {
        let sent = self.token.as_ref().and_then(|header| header.to_str().ok()?.strip_prefix("Bearer "));
        sent.map_or_else(|| words.to_owned(), |token| words.replace(token, "(the token)"))
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > self.largest => {
                    bail!(
                        "the answer of {} is larger than {} bytes: shorten --interval",
                        self.url,
                        self.largest
                    )
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body),
                Err(error) if error.is_timeout() => return Err(self.unanswered(&error)),
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

/// Milliseconds as decimal seconds, the API's unit.
fn seconds(milliseconds: i64) -> String {
    format!("{}.{:03}", milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{ClientConfig, RootCertStore};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::JoinHandle;

    use super::super::{Secret, Url};
    use super::*;

    const EMPTY: &str =
        r#"{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["careful"]}"#;

    fn client(url: &str, token: Option<&str>) -> Result<Client> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        let (url, token) = (Url::parse(url).unwrap(), token.map(Secret::from));
        Client::new(Endpoint { url, token, tls, proxy: None, timeout: Duration::from_millis(300) })
    }

    fn response(head: &str, body: &str) -> String {
        format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    async fn request(stream: &mut TcpStream) -> String {
        let (mut text, mut buffer) = (String::new(), [0; 4096]);
        loop {
            let length = stream.read(&mut buffer).await.unwrap();
            text.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let expected = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if length == 0 || body.len() >= expected.map_or(0, |length| length.parse().unwrap()) {
                    return text;
                }
            }
        }
    }

    /// Gives these responses, one a connection; ends with the requests.
    async fn server(responses: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            let mut requests = Vec::new();
            for response in responses {
                let (mut stream, _) = listener.accept().await.unwrap();
                requests.push(request(&mut stream).await);
                stream.write_all(response.as_bytes()).await.unwrap();
            }
            requests
        });
        (url, task)
    }

    #[test]
    fn a_token_goes_to_no_plain_address_but_this_machine() {
        let error = client("http://prom.example", Some("hidden")).unwrap_err();
        assert!(format!("{error:#}").contains("gets no token") && !format!("{error:?}").contains("hidden"));
        for url in ["http://localhost:1", "http://[::1]:1", "https://prom.example"] {
            let client = client(url, Some("hidden")).unwrap();
            assert!(!format!("{client:?}").contains("hidden"), "{client:?}");
        }
        let broken = client("https://prom.example", Some("hid\nden")).unwrap_err();
        assert!(!format!("{broken:?}").contains("den"), "{broken:?}");
    }

    #[tokio::test]
    async fn a_short_question_is_a_get_and_a_long_one_a_post_with_the_router_cookie() {
        let sticky = response("200 OK\r\nSet-Cookie: replica=a; path=/", EMPTY);
        let (url, requests) = server(vec![sticky, response("200 OK", EMPTY)]).await;
        let client = client(&format!("{url}/"), Some("T")).unwrap();
        let grid = Grid { start: 1_000, end: 31_001, step: 14_999 };
        assert_eq!(client.range("up", grid).await.unwrap(), []);
        let long = format!("up{{a=\"{}\"}}", "x".repeat(LONGEST_GET));
        assert_eq!(client.instant(&long, 5_250).await.unwrap(), []);
        let [get, post] = <[String; 2]>::try_from(requests.await.unwrap()).unwrap();
        let line =
            "GET /api/v1/query_range?query=up&start=1.000&end=31.001&step=14.999&timeout=250ms HTTP/1.1\r\n";
        assert!(get.starts_with(line) && get.contains("authorization: Bearer T\r\n"), "{get}");
        assert!(
            post.starts_with("POST /api/v1/query HTTP/1.1\r\n")
                && post.ends_with("&time=5.250&timeout=250ms"),
            "{post}"
        );
        assert!(post.contains("cookie: replica=a\r\n") && !get.contains("cookie"), "{post}");
        assert_eq!(client.warnings(), ["careful"]);
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        other.set_nonblocking(true).unwrap();
        let target = format!("http://{}", other.local_addr().unwrap());
        let (url, _requests) =
            server(vec![response(&format!("302 Found\r\nLocation: {target}/x?y"), "")]).await;
        let error = client(&url, Some("T")).unwrap().instant("up", 0).await.unwrap_err().to_string();
        assert!(error.contains(&format!("redirects to {target}/x (302)")), "{error}");
        assert_eq!(other.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn a_token_that_the_server_repeats_is_not_shown() {
        let warned = EMPTY.replace("careful", "hidden is weak");
        let answers = vec![response("400 Bad", "Authorization: Bearer hidden"), response("200 OK", &warned)];
        let (url, _requests) = server(answers).await;
        let client = client(&url, Some("hidden")).unwrap();
        let error = client.instant("up", 0).await.unwrap_err();
        assert!(format!("{error:?}").contains("Bearer (the token)"), "{error:?}");
        assert!(client.instant("up", 0).await.is_ok());
        assert_eq!(client.warnings(), ["(the token) is weak"]);
    }

    #[tokio::test]
    async fn what_breaks_off_is_said_so() {
        let whole = response("200 OK", EMPTY);
        let (url, _requests) = server(vec![whole[..whole.len() - 10].to_owned()]).await;
        let error = client(&url, None).unwrap().instant("up", 0).await.unwrap_err().to_string();
        assert!(error.contains("broke off after"), "{error}");
    }

    #[tokio::test]
    async fn an_answer_too_large_is_refused() {
        let (url, _requests) = server(vec![response("200 OK", EMPTY)]).await;
        let client = Client { largest: EMPTY.len() - 1, ..client(&url, None).unwrap() };
        let error = client.instant("up", 0).await.unwrap_err().to_string();
        assert!(error.contains("is larger than"), "{error}");
    }

    #[tokio::test]
    async fn silence_and_a_closed_port_are_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let silent = client(&url, None).unwrap().instant("up", 0).await.unwrap_err().to_string();
        assert_eq!(
            silent,
            format!(
                "Prometheus at {url} did not answer within 0.3 s: shorten --interval, or check the way there"
            )
        );
        drop(listener);
        let closed = client(&url, None).unwrap().instant("up", 0).await.unwrap_err().to_string();
        assert!(closed.contains(&format!("Prometheus at {url} refused the connection")), "{closed}");
    }
}
