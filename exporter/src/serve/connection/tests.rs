//! Lifetimes of connections in each state.
//!
//! The clock is the runtime's own and jumps ahead while all wait, so that times are exact and take none.

use super::*;
use crate::serve::TlsFiles;
use crate::serve::app::tests::{app, app_with};
use crate::serve::singleflight::Singleflight;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const SCRAPE: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n";
const PROBE: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
const HOUR: Duration = Duration::from_secs(3600);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A connection to a server whose expositions are so long, over a pipe that holds 64 bytes.
struct Served {
    client: DuplexStream,
    /// Returns when the server's side has ended.
    ended: JoinHandle<Instant>,
    /// Replaces the certificates.
    replace: oneshot::Sender<()>,
    app: Arc<App>,
}

fn serve(length: usize, admitted: bool) -> Served {
    let (app, _) = app(vec![b'#'; length]);
    let (client, server) = duplex(64);
    let (replace, replaced) = oneshot::channel::<()>();
    let own = Arc::clone(&app);
    let ended = tokio::spawn(async move {
        let (slot, _evicted) = own.arrived(1);
        let replaced = async {
            if replaced.await.is_err() {
                pending::<()>().await;
            }
        };
        talk(Box::new(server), &own, &slot, admitted, Box::pin(replaced)).await;
        own.left(&slot);
        Instant::now()
    });
    Served { client, ended, replace, app }
}

impl Served {
    /// Sends a request, and returns the head of the response.
    async fn request(&mut self, request: &[u8]) -> String {
        self.client.write_all(request).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.client.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    async fn receive(&mut self, length: usize) {
        self.client.read_exact(&mut vec![0; length]).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_stranger_has_10_seconds_for_its_first_request() {
    for first in [&b""[..], &SCRAPE[..20]] {
        let start = Instant::now();
        let mut served = serve(1, true);
        served.client.write_all(first).await.unwrap();
        assert_eq!(served.ended.await.unwrap() - start, seconds(10));
    }
    let start = Instant::now();
    let mut served = serve(1, true);
    for byte in SCRAPE {
        if served.client.write_all(&[*byte]).await.is_err() {
            break;
        }
        sleep(seconds(1)).await;
    }
    assert_eq!(served.ended.await.unwrap() - start, seconds(10), "a byte a second");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_may_not_scrape_gets_one_response() {
    for (request, admitted, status) in [
        (PROBE, true, "200"),
        (SCRAPE, false, "403"),
        (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", true, "404"),
        (b"PUT /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n", true, "405"),
        (b"HEAD /metrics HTTP/1.1\r\nhost: x\r\n\r\n", true, "200"),
    ] {
        let start = Instant::now();
        let mut served = serve(1, admitted);
        let head = served.request(request).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        served.client.read_to_end(&mut Vec::new()).await.unwrap();
        assert_eq!(served.ended.await.unwrap() - start, Duration::ZERO, "{head}");
    }
    // One that does not take its response has no more time than one that does not ask.
    let start = Instant::now();
    let mut served = serve(1, false);
    served.client.write_all(SCRAPE).await.unwrap();
    assert_eq!(served.ended.await.unwrap() - start, seconds(10));
}

#[tokio::test(start_paused = true)]
async fn a_scraper_may_be_idle_for_five_minutes() {
    let mut served = serve(1000, true);
    for _ in 0..3 {
        let head = served.request(SCRAPE).await;
        assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("connection: close"), "{head}");
        served.receive(1000).await;
        sleep(seconds(299)).await;
    }
    assert!(!served.ended.is_finished());
    served.request(SCRAPE).await;
    served.receive(1000).await;
    let start = Instant::now();
    served.client.write_all(&SCRAPE[..20]).await.unwrap();
    assert_eq!(served.ended.await.unwrap() - start, seconds(300), "half a request is none");
}

#[tokio::test(start_paused = true)]
async fn an_hour_is_the_longest_life() {
    let start = Instant::now();
    let mut served = serve(1000, true);
    while start.elapsed() < HOUR - seconds(100) {
        served.request(SCRAPE).await;
        served.receive(1000).await;
        sleep(seconds(200)).await;
    }
    assert_eq!(served.client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(served.ended.await.unwrap() - start, HOUR, "idle");

    let start = Instant::now();
    let mut served = serve(10_000, true);
    served.request(SCRAPE).await;
    sleep(HOUR + seconds(29)).await;
    served.receive(10_000).await;
    assert_eq!(served.client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(served.ended.await.unwrap() - start, HOUR + seconds(29), "with the end of a response");

    let start = Instant::now();
    let mut served = serve(10_000, true);
    served.request(SCRAPE).await;
    while served.client.read_u8().await.is_ok() {
        sleep(seconds(1)).await;
    }
    assert_eq!(served.ended.await.unwrap() - start, HOUR + seconds(30), "a byte a second");
}

#[tokio::test(start_paused = true)]
async fn replaced_certificates_end_it_after_its_response() {
    let start = Instant::now();
    let mut idle = serve(1000, true);
    idle.request(SCRAPE).await;
    idle.receive(1000).await;
    idle.replace.send(()).unwrap();
    assert_eq!(idle.client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(idle.ended.await.unwrap() - start, Duration::ZERO);

    let mut asking = serve(1000, true);
    asking.request(SCRAPE).await;
    asking.receive(1).await;
    asking.replace.send(()).unwrap();
    sleep(seconds(29)).await;
    asking.client.read_exact(&mut [0; 999]).await.unwrap();
    assert_eq!(asking.client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(asking.ended.await.unwrap() - start, seconds(29));
}

#[tokio::test(start_paused = true)]
async fn a_response_is_acknowledged_by_the_next_request_and_not_by_its_bytes() {
    let mut served = serve(1000, true);
    for _ in 0..2 {
        served.app.forget().await;
        served.request(SCRAPE).await;
        served.receive(1000).await;
    }
    assert_eq!(served.app.reached(), 1);
    drop(served.client);
    served.ended.await.unwrap();
    assert_eq!(served.app.reached(), 1, "it may be back");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_10_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let pair = rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap();
    let (cert, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
    std::fs::write(&cert, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let min_version = Default::default();
    let files = TlsFiles { cert, key, client_ca: None, client_cns: Vec::new(), min_version };
    let app = app_with(Singleflight::new(|_| anyhow::bail!("no pass")), Some(&files));
    let (slot, _evicted) = app.arrived(1);
    let (mut client, server) = duplex(64);
    client.write_all(b"\x16\x03\x01\x01").await.unwrap();
    let start = Instant::now();
    run(server, &app, &slot).await;
    assert_eq!(start.elapsed(), seconds(10));
}
