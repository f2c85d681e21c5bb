//! HTTP: `/metrics` and `/healthz`; each scrape is one pass, and no two passes overlap.

use crate::expose::{CONTENT_TYPE, Exposer, Own};
use crate::node::Node;
use crate::reading::{Detail, Paths};
use anyhow::{Context, Result};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE as TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

/// Connections at a time; a scraper holds one.
const CONNECTIONS: usize = 64;
/// How long a request's head may take, idle time between scrapes included: Prometheus keeps its connection.
const HEAD: Duration = Duration::from_secs(90);
/// Pause after the kernel has refused a connection, as when there are too many open files.
const REFUSED: Duration = Duration::from_millis(100);

/// What the exporter is asked to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the kernel's files are.
    pub paths: Paths,
    /// Address and port; `:PORT` is all addresses, `[::]` is all of IPv4 where there is no IPv6.
    pub listen: String,
    /// The path of the metrics, beginning with `/`.
    pub telemetry_path: String,
}

struct Exporter {
    node: Node,
    exposer: Exposer,
}

type Answer = Response<Full<Bytes>>;

/// Serves until SIGTERM or SIGINT. `say` is called once, with a line that tells where and what. Fails when the
/// machine cannot be read or the address not be listened to.
pub fn serve(options: &Options, say: impl FnOnce(&str)) -> Result<()> {
    let detail = Detail { threads: true, ..Detail::default() };
    let node = Node::open(&options.paths, detail)?;
    let listener = listen(&options.listen)?;
    let address = listener.local_addr().context("cannot tell the address that is listened to")?;
    say(&format!("listening on {address}, {node}"));
    let exporter = Arc::new(Mutex::new(Exporter { node, exposer: Exposer::new() }));
    // Threads called like the program, for people's queries filter on that name.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().thread_name("process-exporter").build();
    let runtime = runtime.context("cannot start the runtime")?;
    let done = runtime.block_on(async {
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
            () = accept(listener, exporter, Arc::from(options.telemetry_path.as_str())) => {}
        }
        io::Result::Ok(())
    });
    // A pass that is under way is nobody's any more.
    runtime.shutdown_background();
    done.context("cannot serve")
}

/// Listens, on IPv4 alone where there is no IPv6.
fn listen(address: &str) -> Result<TcpListener> {
    let address = if address.starts_with(':') { format!("[::]{address}") } else { address.to_owned() };
    let listener = TcpListener::bind(&address).or_else(|error| {
        let no_ipv6 = matches!(Errno::from_io_error(&error), Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL));
        match address.strip_prefix("[::]").filter(|_| no_ipv6) {
            Some(port) => TcpListener::bind(format!("0.0.0.0{port}")),
            None => Err(error),
        }
    });
    let listener = listener.with_context(|| {
        format!("cannot listen on {address}: give another --web.listen-address, HOST:PORT")
    })?;
    listener.set_nonblocking(true).context("cannot make the listener non-blocking")?;
    Ok(listener)
}

async fn accept(listener: tokio::net::TcpListener, exporter: Arc<Mutex<Exporter>>, metrics: Arc<str>) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    // The semaphore is never closed, so this loop has no end of its own.
    while let Ok(permit) = Arc::clone(&free).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(REFUSED).await;
            continue;
        };
        let (exporter, metrics) = (Arc::clone(&exporter), Arc::clone(&metrics));
        tokio::spawn(async move {
            let answer =
                service_fn(move |request| answer(request, Arc::clone(&exporter), Arc::clone(&metrics)));
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEAD);
            // A peer that breaks off is no event of ours.
            let _ = http.serve_connection(TokioIo::new(stream), answer).await;
            drop(permit);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    exporter: Arc<Mutex<Exporter>>,
    metrics: Arc<str>,
) -> Result<Answer, Infallible> {
    let path = request.uri().path();
    if path != &*metrics && path != "/healthz" {
        return Ok(text(StatusCode::NOT_FOUND, format!("not found; the metrics are at {metrics}\n")));
    }
    match *request.method() {
        Method::GET if path == &*metrics => Ok(scrape(exporter).await),
        Method::GET => Ok(text(StatusCode::OK, "ok\n".to_owned())),
        _ => {
            let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered\n".to_owned());
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
            Ok(refused)
        }
    }
}

/// One pass, on a thread of its own so that `/healthz` need not wait for it.
async fn scrape(exporter: Arc<Mutex<Exporter>>) -> Answer {
    let pass = move || exporter.lock().unwrap_or_else(PoisonError::into_inner).scrape();
    match tokio::task::spawn_blocking(pass).await {
        Ok(Ok(metrics)) => {
            let mut answer = text(StatusCode::OK, metrics);
            answer.headers_mut().insert(TYPE, HeaderValue::from_static(CONTENT_TYPE));
            answer
        }
        Ok(Err(error)) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("the pass did not end: {error}\n")),
    }
}

impl Exporter {
    fn scrape(&mut self) -> Result<String> {
        let begun = Instant::now();
        let reading = self.node.pass()?;
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let cpu = Duration::try_from(cpu).unwrap_or_default();
        let own = Own { method: self.node.method(), pass: begun.elapsed(), cpu };
        let exposed = self.exposer.render(&reading, own, u64::MAX);
        for group in &exposed.left {
            self.node.forget(group);
        }
        for thread in &exposed.left_threads {
            self.node.forget_thread(thread);
        }
        Ok(exposed.text)
    }
}

fn text(status: StatusCode, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
