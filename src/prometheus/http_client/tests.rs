//! The client against sockets that send what real servers never do, and the requests that it sends.
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::super::{Dialect, Secret, Url, is_token_refused};
use super::*;

const EMPTY: &str =
    r#"{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["careful"]}"#;

/// Makes a client that waits for a response as long as a busy machine may need.
fn client(url: &str, token: Option<&str>) -> Result<HttpClient> {
    client_with_timeout(url, token, Duration::from_secs(60))
}

fn client_with_timeout(url: &str, token: Option<&str>, timeout: Duration) -> Result<HttpClient> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let (url, token) = (Url::parse(url).unwrap(), token.map(Secret::from));
    HttpClient::new(Endpoint { url, token, tls, proxy: None, timeout })
}

/// Returns the error of a query without a result.
async fn refusal(client: &HttpClient) -> String {
    client.one("up", Timestamp::from_millis(0)).await.unwrap_err().to_string()
}

fn response(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Reads one request, head and body.
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

/// Starts a server that sends these responses, one per connection. Returns its address, and a task that ends with the
/// requests.
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
fn a_token_goes_to_no_unencrypted_address_but_this_machine() {
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
async fn a_short_query_is_a_get_and_a_long_one_a_post_with_the_router_cookie() {
    short_and_long("", "?").await;
}

#[tokio::test]
async fn the_query_of_the_base_address_goes_with_every_request() {
    short_and_long("?namespace=shop&a=%26", "?namespace=shop&a=%26&").await;
}

/// Sends a short and a long query to a base address that ends with `fixed`. In the short one's URL, `prefix` comes
/// before its own parameters.
async fn short_and_long(fixed: &str, prefix: &str) {
    let sticky = response("200 OK\r\nSet-Cookie: replica=a; path=/", EMPTY);
    let (url, requests) = server(vec![sticky, response("200 OK", EMPTY)]).await;
    let client = client(&format!("{url}/{fixed}"), Some("T")).unwrap();
    assert_eq!(client.url(), url);
    let (at, step) = (Timestamp::from_millis, Duration::from_millis(14_999));
    let grid = Grid { start: at(1_000), end: at(31_001), step };
    assert_eq!(
        client.range("up", grid, Some("14998ms"), Size::Many, |series| series.len()).await.unwrap(),
        0
    );
    let long = format!("up{{a=\"{}\"}}", "x".repeat(LONGEST_GET));
    assert_eq!(client.instant(&long, at(5_250), Size::Few, |series| series.len()).await.unwrap(), 0);
    let [get, post] = <[String; 2]>::try_from(requests.await.unwrap()).unwrap();
    let line = format!(
        "GET /api/v1/query_range{prefix}query=up&start=1.000&end=31.001&step=14.999&lookback_delta=14998ms&timeout=50000ms HTTP/1.1\r\n"
    );
    assert!(get.starts_with(&line) && get.contains("authorization: Bearer T\r\n"), "{get}");
    assert!(
        post.starts_with(&format!("POST /api/v1/query{fixed} HTTP/1.1\r\n"))
            && post.ends_with("&time=5.250&timeout=50000ms"),
        "{post}"
    );
    // The client accepts gzip for many samples only.
    assert!(get.contains("accept-encoding: gzip\r\n"), "{get}");
    assert!(post.contains("accept-encoding: identity\r\n"), "{post}");
    assert!(post.contains("cookie: replica=a\r\n") && !get.contains("cookie"), "{post}");
    assert_eq!(client.warnings(), ["careful"]);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let target = format!("http://{}", other.local_addr().unwrap());
    let (url, _requests) = server(vec![response(&format!("302 Found\r\nLocation: {target}/x?y"), "")]).await;
    let error = refusal(&client(&url, Some("T")).unwrap()).await;
    assert!(error.contains(&format!("redirects to {target}/x (302)")), "{error}");
    assert_eq!(other.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_token_that_the_server_repeats_is_not_printed() {
    let warned = EMPTY.replace("careful", "hidden is weak");
    let responses = vec![response("400 Bad", "Authorization: Bearer hidden"), response("200 OK", &warned)];
    let (url, _requests) = server(responses).await;
    let client = client(&url, Some("hidden")).unwrap();
    let error = client.one("up", Timestamp::from_millis(0)).await.unwrap_err();
    assert!(format!("{error:?}").contains("Bearer (the token)"), "{error:?}");
    assert!(client.one("up", Timestamp::from_millis(0)).await.is_ok());
    assert_eq!(client.warnings(), ["(the token) is weak"]);
}

#[tokio::test]
async fn a_truncated_response_is_an_error() {
    let whole = response("200 OK", EMPTY);
    let (url, _requests) = server(vec![whole[..whole.len() - 10].to_owned()]).await;
    let error = refusal(&client(&url, None).unwrap()).await;
    assert!(error.contains("broke off after"), "{error}");
}

#[tokio::test]
async fn a_response_too_large_is_an_error() {
    let (url, _requests) = server(vec![response("200 OK", EMPTY)]).await;
    let client = HttpClient { largest: EMPTY.len() - 1, ..client(&url, None).unwrap() };
    let error = refusal(&client).await;
    assert!(error.contains("is larger than"), "{error}");
}

#[tokio::test]
async fn silence_and_a_closed_port_have_different_messages() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let silent = refusal(&client_with_timeout(&url, None, Duration::from_millis(300)).unwrap()).await;
    assert_eq!(
        silent,
        format!(
            "Prometheus at {url} did not answer within 0.3 s: shorten --interval, or check the way there"
        )
    );
    drop(listener);
    let closed = refusal(&client(&url, None).unwrap()).await;
    assert!(closed.contains(&format!("Prometheus at {url} refused the connection")), "{closed}");
}

#[tokio::test]
async fn a_dialect_comes_from_the_version_or_from_a_query() {
    let dialect = |own_lookback, left_open| Dialect { own_lookback, left_open };
    for (body, counted, expected) in [
        (r#"{"status":"success","data":{"version":"2.43.0"}}"#, Some(3), dialect(true, false)),
        (r#"{"status":"success","data":{"version":"3.7.3","revision":"x"}}"#, None, dialect(true, true)),
        (r#"{"status":"success","data":{"version":"2.42.1"}}"#, Some(3), dialect(false, false)),
        (r#"{"status":"success","data":{"version":"v2.55"}}"#, Some(2), dialect(false, true)),
        ("<html>", Some(2), dialect(false, true)),
    ] {
        let count = |number: u8| {
            let result = format!(r#"[{{"metric":{{}},"value":[1,"{number}"]}}]"#);
            format!(r#"{{"status":"success","data":{{"resultType":"vector","result":{result}}}}}"#)
        };
        let responses = [body.to_owned()].into_iter().chain(counted.map(count));
        let (url, requests) = server(responses.map(|body| response("200 OK", &body)).collect()).await;
        assert_eq!(client(&url, None).unwrap().dialect().await.unwrap(), expected, "{body}");
        requests.await.unwrap();
    }
}

#[tokio::test]
async fn the_first_response_shows_a_refused_user_but_not_a_refused_path() {
    let forbidden = "Forbidden (user=nobody, verb=get, resource=prometheuses, subresource=api)";
    for (status, body, expected) in [
        ("401 Unauthorized", "Unauthorized", "the token was refused (401)"),
        ("403 Forbidden", forbidden, "user \"nobody\" may not query"),
        (
            "403 Forbidden",
            "\n<!DOCTYPE html>",
            "answered with a sign-in page (403): log in again with oc login",
        ),
    ] {
        let (url, requests) = server(vec![response(status, body)]).await;
        let error = client(&url, Some("hidden")).unwrap().dialect().await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(is_token_refused(&error), body != forbidden, "another token may do: {body}");
        requests.await.unwrap();
    }
    let (url, _requests) = server(vec![response("403 Forbidden", "<html>")]).await;
    let error = refusal(&client(&url, None).unwrap()).await;
    assert!(error.contains("sign-in page (403), and was sent no token: log in with oc login"), "{error}");
    // A tenant's port may refuse requests that are not queries.
    for status in ["403 Forbidden", "404 Not Found"] {
        let responses = vec![response(status, "no such path here"), response("200 OK", EMPTY)];
        let (url, requests) = server(responses).await;
        assert_eq!(
            client(&url, Some("hidden")).unwrap().dialect().await.unwrap(),
            Dialect::default(),
            "{status}"
        );
        requests.await.unwrap();
    }
}

#[tokio::test]
async fn a_response_in_drops_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let drip = tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.unwrap();
        request(&mut peer).await;
        peer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await.unwrap();
        // Ends when the client hangs up.
        while peer.write_all(b"{").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let error = refusal(&client_with_timeout(&url, None, Duration::from_secs(1)).unwrap()).await;
    assert_eq!(
        error,
        format!("the answer of {url} was not whole after 10 s: shorten --interval, or check the way there")
    );
    drip.await.unwrap();
}
