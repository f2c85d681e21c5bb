//! Responses to each kind of request, of passes that are written by hand.

use super::*;
use crate::serve::TlsFiles;
use crate::serve::scrape::Exposition;
use hyper::header::{ACCEPT_ENCODING, HeaderName};
use std::sync::atomic::{AtomicU64, Ordering};

/// Returns an app of plain HTTP whose passes find a text, and the number of passes so far.
pub(in crate::serve) fn app(text: Vec<u8>) -> (Arc<App>, Arc<AtomicU64>) {
    let (passes, text) = (Arc::new(AtomicU64::new(0)), Bytes::from(text));
    let counter = Arc::clone(&passes);
    let pass = move |_| Ok(Exposition::new(text.clone(), counter.fetch_add(1, Ordering::Relaxed) + 1));
    (Arc::new(app_with(Singleflight::new(pass), None)), passes)
}

/// Returns an app of these passes and files of TLS.
pub(in crate::serve) fn app_with(singleflight: Singleflight, files: Option<&TlsFiles>) -> App {
    let certificates = Certificates::open(files).unwrap();
    App::new(singleflight, Arc::default(), certificates, "/metrics".to_owned(), |_| {})
}

impl App {
    /// Returns the exposition that every scraper has received.
    pub(in crate::serve) fn reached(&self) -> u64 {
        self.acknowledged().reached(Instant::now())
    }

    /// Has the next scrape find a new exposition.
    pub(in crate::serve) async fn forget(&self) {
        self.singleflight.forget().await;
    }
}

fn request(method: &Method, path: &str, accepted: &[&'static str]) -> Request<()> {
    let mut request = Request::builder().method(method).uri(path);
    for coding in accepted {
        request = request.header(ACCEPT_ENCODING, *coding);
    }
    request.body(()).unwrap()
}

async fn body(response: Response<Full<Bytes>>) -> Bytes {
    http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes()
}

#[tokio::test]
async fn routes() {
    let (app, passes) = app(b"a 1\n".to_vec());
    let (slot, _evicted) = app.arrived(1);
    let cases = [
        ("GET", "/healthz", true, 200),
        ("HEAD", "/healthz", true, 200),
        ("HEAD", "/metrics", true, 200),
        ("POST", "/metrics", true, 405),
        ("DELETE", "/healthz", false, 405),
        ("GET", "/", true, 404),
        ("POST", "/metrics/", true, 404),
        ("GET", "/metrics", false, 403),
        ("HEAD", "/metrics", false, 403),
    ];
    for (method, path, admitted, want) in cases {
        let request = request(&method.parse().unwrap(), path, &[]);
        let response = app.respond(&request, &slot, admitted).await;
        assert_eq!(response.status(), want, "{method} {path}");
        assert_eq!(response.headers().get(CONNECTION).unwrap(), "close", "{method} {path}");
        let allowed = response.headers().get(ALLOW).map(|allowed| allowed.to_str().unwrap());
        assert_eq!(allowed, (want == 405).then_some("GET, HEAD"), "{method} {path}");
        assert!(!app.is_scraper(&slot), "{method} {path}");
    }
    assert_eq!(passes.load(Ordering::Relaxed), 0);
    let response = app.respond(&request(&Method::GET, "/metrics?a=b", &[]), &slot, true).await;
    assert_eq!((response.status(), response.headers().get(CONNECTION)), (StatusCode::OK, None));
    assert!(app.is_scraper(&slot));
    assert_eq!((body(response).await, passes.load(Ordering::Relaxed)), (Bytes::from_static(b"a 1\n"), 1));
}

#[tokio::test]
async fn head_is_as_get_without_a_pass() {
    let (app, passes) = app(b"a 1\n".to_vec());
    let (slot, _evicted) = app.arrived(1);
    for path in ["/metrics", "/healthz"] {
        let before = passes.load(Ordering::Relaxed);
        let head = app.respond(&request(&Method::HEAD, path, &[]), &slot, true).await;
        assert_eq!(passes.load(Ordering::Relaxed), before, "{path}");
        let get = app.respond(&request(&Method::GET, path, &[]), &slot, true).await;
        assert_eq!(head.status(), get.status(), "{path}");
        assert_eq!(head.headers().get(TYPE).unwrap(), get.headers().get(TYPE).unwrap(), "{path}");
    }
}

#[tokio::test]
async fn gzip_is_for_metrics_and_clients_that_accept_it() {
    let (app, _) = app(b"a 1\n".repeat(1000));
    let (slot, _evicted) = app.arrived(1);
    let header = |response: &Response<_>, name: HeaderName| {
        response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    for (path, admitted, accepted, want) in [
        ("/metrics", true, &["gzip"][..], Some("gzip")),
        ("/metrics", true, &["deflate", "*"], Some("gzip")),
        ("/metrics", true, &[], None),
        ("/metrics", true, &["gzip;q=0"], None),
        ("/metrics", false, &["gzip"], None),
        ("/healthz", true, &["gzip"], None),
    ] {
        let response = app.respond(&request(&Method::GET, path, accepted), &slot, admitted).await;
        assert_eq!(header(&response, CONTENT_ENCODING).as_deref(), want, "{path} {accepted:?}");
        let varies = (path == "/metrics" && admitted).then_some("Accept-Encoding");
        assert_eq!(header(&response, VARY).as_deref(), varies, "{path} {accepted:?}");
        let is_packed = body(response).await.starts_with(b"\x1f\x8b");
        assert_eq!(is_packed, want.is_some(), "{path} {accepted:?}");
    }
}

#[tokio::test]
async fn an_error_is_a_sentence_and_never_compressed() {
    let singleflight = Singleflight::new(|_| anyhow::bail!("no luck"));
    let app = app_with(singleflight, None);
    let (slot, _evicted) = app.arrived(1);
    let response = app.respond(&request(&Method::GET, "/metrics", &["gzip"]), &slot, true).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers().get(CONTENT_ENCODING), None);
    assert_eq!(body(response).await, "no luck\n");
}

#[tokio::test]
async fn the_next_request_acknowledges_the_last_response() {
    let (app, _) = app(b"a 1\n".to_vec());
    let (slot, _evicted) = app.arrived(1);
    let scrape = request(&Method::GET, "/metrics", &[]);
    app.respond(&scrape, &slot, true).await;
    assert_eq!(app.reached(), u64::MAX, "no scraper yet");
    app.forget().await;
    app.respond(&scrape, &slot, true).await;
    assert_eq!(app.reached(), 1);
    app.respond(&request(&Method::HEAD, "/metrics", &[]), &slot, true).await;
    assert_eq!(app.reached(), 1, "HEAD is no scrape");
    app.respond(&scrape, &slot, true).await;
    assert_eq!(app.reached(), 2);
}

#[test]
fn a_pass_that_hangs_is_no_health() {
    let status = |running| health(running).status();
    assert_eq!(status(None), StatusCode::OK);
    assert_eq!(status(Some(HUNG - Duration::from_secs(1))), StatusCode::OK);
    assert_eq!(status(Some(HUNG)), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_hangs_is_exposed() {
    let (end, ends) = std::sync::mpsc::channel::<()>();
    let pass = move |_| {
        let _ = ends.recv();
        anyhow::bail!("it is over")
    };
    let app = app_with(Singleflight::new(pass), None);
    let (slot, _evicted) = app.arrived(1);
    let scrape = request(&Method::GET, "/metrics", &["gzip"]);
    let mut first = std::pin::pin!(app.respond(&scrape, &slot, true));
    let began = Instant::now();
    while app.singleflight.running_for().is_none() {
        tokio::select! {
            biased;
            _ = first.as_mut() => panic!("the pass has ended"),
            () = tokio::task::yield_now() => {}
        }
    }
    app.singleflight.began(began - LATE - Duration::from_secs(15));
    let (other, _evicted) = app.arrived(2);
    let response = app.respond(&scrape, &other, true).await;
    assert_eq!((response.status(), response.headers().get(CONTENT_ENCODING)), (StatusCode::OK, None));
    let text = String::from_utf8(body(response).await.to_vec()).unwrap();
    assert!(text.contains("namedprocess_exporter_pass_running_seconds 45."), "{text}");
    app.singleflight.began(began - HUNG);
    let response = app.respond(&request(&Method::GET, "/healthz", &[]), &other, true).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(body(response).await.ends_with(b" has not ended for 120 s\n"));
    tokio::time::advance(LATE).await;
    let response = first.await;
    assert_eq!(response.status(), StatusCode::OK, "so is it to those who wait");
    let text = String::from_utf8(body(response).await.to_vec()).unwrap();
    assert!(text.contains("namedprocess_exporter_pass_running_seconds 120."), "{text}");
    drop(end);
}
