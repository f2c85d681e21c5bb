//! One connection, from its acceptance to its end.
//!
//! Each state has a longest time. None of them depends on how fast the peer sends or takes its bytes: a peer that is
//! slow keeps its slot until others need it.

use super::app::App;
use super::slots::Slot;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt::set_tcp_user_timeout;
use std::convert::Infallible;
use std::future::pending;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// Milliseconds after which the kernel gives up on a peer that acknowledges or takes nothing of what was sent.
const UNACKNOWLEDGED: u32 = 30_000;
/// Longest TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Longest time from the handshake to the first allowed request for the metrics.
const FIRST_REQUEST: Duration = Duration::from_secs(10);
/// Longest time from a response to the end of the next request's head. Prometheus keeps idle connections as long.
const IDLE: Duration = Duration::from_secs(300);
/// Longest life of a connection, which then ends with its last response.
const LIFE: Duration = Duration::from_secs(3600);
/// Longest time for that response.
const LAST_RESPONSE: Duration = Duration::from_secs(30);
/// Bytes of a request's head, and hyper's least. A scraper sends some hundreds, a token at most a few thousand.
const HEAD: usize = 8 << 10;

/// Serves a connection on a task of its own. `number`: of this connection alone.
pub(super) fn spawn(stream: TcpStream, number: u64, app: &Arc<App>) {
    // Every kernel takes it. Without it a peer that is gone would only keep its slot for longer.
    let _ = set_tcp_user_timeout(&stream, UNACKNOWLEDGED);
    let (slot, evicted) = app.arrived(number);
    let app = Arc::clone(app);
    tokio::spawn(async move {
        tokio::select! {
            biased;
            _ = evicted => {}
            () = run(stream, &app, &slot) => {}
        }
        app.left(&slot);
    });
}

/// Serves a connection to its end: over TLS if there are certificates.
async fn run(stream: impl Stream, app: &App, slot: &Slot) {
    let mut certificates = app.certificates.subscribe();
    let Some(tls) = certificates.borrow_and_update().clone() else {
        return talk(Box::new(stream), app, slot, true, Box::pin(pending())).await;
    };
    let handshake = TlsAcceptor::from(Arc::clone(&tls.server)).accept(stream);
    // The alert tells the client what is wrong. A handshake that fails is no event here.
    let Ok(Ok(stream)) = timeout(HANDSHAKE, handshake).await else { return };
    let admitted = tls.admits(stream.get_ref().1);
    let replaced = async {
        let _ = certificates.changed().await;
    };
    talk(Box::new(stream), app, slot, admitted, Box::pin(replaced)).await;
}

/// A connection's bytes. One type for HTTP and HTTPS, as hyper's code is in the program once for each.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Responds to requests until the connection ends. `admitted`: the peer may read the metrics. Once the certificates are
/// `replaced`, it has to connect again.
async fn talk(
    stream: Box<dyn Stream + '_>,
    app: &App,
    slot: &Slot,
    admitted: bool,
    replaced: Pin<Box<dyn Future<Output = ()> + Send + '_>>,
) {
    let service =
        service_fn(|request| async move { Ok::<_, Infallible>(app.respond(&request, slot, admitted).await) });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(IDLE).max_buf_size(HEAD);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let no_scraper = async {
        sleep(FIRST_REQUEST).await;
        if app.is_scraper(slot) {
            pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        // A peer that breaks off is no event.
        _ = connection.as_mut() => return,
        () = no_scraper => return,
        () = sleep(LIFE) => {}
        () = replaced => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(LAST_RESPONSE, connection).await;
}

#[cfg(test)]
mod tests;
