//! HTTP and HTTPS: `/metrics` and `/healthz`, to many at a time and by one pass at a time.
//!
//! ```text
//! answer        a request's answer
//!   passes        one pass for all who ask at once
//!     pass          what one does
//!   trust         the TLS that is in force
//!   paced         hyper's streams and bodies, as the pace sees them
//!   connections   at most so many
//!     pace          how long each may take for what
//! ```

mod answer;
mod connections;
mod pace;
mod paced;
mod pass;
mod passes;
mod reload;
mod tls;
mod trust;

pub(crate) use tls::{Files as TlsFiles, MinVersion as MinTlsVersion};

use crate::expose::{Audience, Exposer};
use answer::House;
use anyhow::{Context, Result};
use connections::Place;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use node_cpu::{Detail, Node, Paths, Rules};
use paced::Stream;
use pass::Exporter;
use passes::Passes;
use reload::Watched;
use rustix::io::Errno;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use trust::Trust;

/// Bytes of a request's head, and hyper's least. A scraper sends some hundreds, a token at most a few thousand.
const HEAD: usize = 8 << 10;
/// Pause after the kernel has refused a connection, as when there are too many open files.
const REFUSED: Duration = Duration::from_millis(100);
/// How long the thread of the passes waits for the next one.
const NEXT_PASS: Duration = Duration::from_secs(600);

/// What the exporter is asked to do.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Where the kernel's files are.
    pub(crate) paths: Paths,
    /// Address and port; `:PORT` is all addresses, `[::]` is all of IPv4 where there is no IPv6.
    pub(crate) listen: String,
    /// The path of the metrics, beginning with `/`.
    pub(crate) telemetry_path: String,
    /// How closely to look.
    pub(crate) detail: Detail,
    /// The files of TLS; none: plain HTTP.
    pub(crate) tls: Option<tls::Files>,
    /// process-exporter's `process_names` in YAML.
    pub(crate) config: Option<PathBuf>,
}

/// Serves until SIGTERM or SIGINT. `say` is called with a line that tells where and what, and with one for each later
/// change of the certificates or the config. Fails when the machine or one of the files cannot be read or the address
/// not be listened to.
pub(crate) fn serve(options: &Options, say: fn(&str)) -> Result<()> {
    let trust = Trust::open(options.tls.as_ref())?;
    let rules = options.config.clone().map(watch_rules).transpose()?;
    let mut node = Node::open(&options.paths, options.detail)?;
    node.set_rules(rules.as_ref().map(|rules| Arc::clone(rules.value())));
    let listener = listen(&options.listen)?;
    let address = listener.local_addr().context("cannot tell the address that is listened to")?;
    say(&format!("listening on {address}, {node}"));
    let audience = Arc::<Mutex<Audience>>::default();
    let mut exporter =
        Exporter { node, exposer: Exposer::new(), rules, audience: Arc::clone(&audience), say };
    let house = Arc::new(House::new(
        Passes::new(move |tls_is_good| exporter.pass(tls_is_good)),
        audience,
        trust,
        options.telemetry_path.clone(),
        say,
    ));
    // Threads called like the program, for people's queries filter on that name; two, one for passes.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().thread_name("process-exporter").max_blocking_threads(1).thread_keep_alive(NEXT_PASS);
    let runtime = runtime.build().context("cannot start the runtime")?;
    let done = runtime.block_on(async {
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
            () = accept(&listener, &house) => {}
        }
        io::Result::Ok(())
    });
    // A pass that is under way is nobody's any more.
    runtime.shutdown_background();
    done.context("cannot serve")
}

fn watch_rules(path: PathBuf) -> Result<Watched<Rules>> {
    let read = path.clone();
    Watched::open(vec![path], move || {
        Rules::read(&read).with_context(|| format!("cannot use the config {}", read.display()))
    })
}

/// Listens, on IPv4 alone where there is no IPv6. No name is looked up: a static binary has nothing to do that with.
fn listen(address: &str) -> Result<TcpListener> {
    let cannot = || {
        format!(
            "cannot listen on {address}: give another --web.listen-address, IP:PORT, [IPv6]:PORT or :PORT"
        )
    };
    let numbers = match address.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None if address.starts_with(':') => format!("[::]{address}"),
        None => address.to_owned(),
    };
    let numbers: SocketAddr = numbers.parse().with_context(cannot)?;
    let listener = TcpListener::bind(numbers).or_else(|error| {
        let no_ipv6 = matches!(Errno::from_io_error(&error), Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL));
        if no_ipv6 && numbers.ip() == Ipv6Addr::UNSPECIFIED {
            return TcpListener::bind((Ipv4Addr::UNSPECIFIED, numbers.port()));
        }
        Err(error)
    });
    let listener = listener.with_context(cannot)?;
    listener.set_nonblocking(true).context("cannot make the listener non-blocking")?;
    Ok(listener)
}

/// Takes connections for ever.
async fn accept(listener: &tokio::net::TcpListener, house: &Arc<House>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(REFUSED).await;
            continue;
        };
        house.renew_trust();
        let naming = Arc::new(house.connections.naming().await);
        tokio::spawn(connection(stream, Arc::clone(house), naming));
    }
}

/// One connection, from its first byte to its end.
async fn connection(stream: TcpStream, house: Arc<House>, naming: Arc<Place>) {
    let (pace, number) = (Arc::clone(&naming.pace), naming.number);
    let audience = Arc::clone(&house.audience);
    pace.keep(async {
        let Some(tls) = house.trust.now() else { return talk(stream, house, naming, true).await };
        // What went wrong with a handshake the alert tells the client; here it is no event.
        let Ok(stream) = TlsAcceptor::from(Arc::clone(&tls.server)).accept(stream).await else { return };
        let admitted = tls.admits(stream.get_ref().1);
        talk(stream, house, naming, admitted).await;
    })
    .await;
    audience.lock().unwrap_or_else(PoisonError::into_inner).left(number);
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    house: Arc<House>,
    naming: Arc<Place>,
    admitted: bool,
) {
    let stream = TokioIo::new(Stream::new(stream, Arc::clone(&naming.pace)));
    let answer = service_fn(|request| {
        let answer = Arc::clone(&house).answer(request, Arc::clone(&naming), admitted);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let mut http = http1::Builder::new();
    http.max_buf_size(HEAD).header_read_timeout(None);
    // A peer that breaks off is no event of ours.
    let _ = http.serve_connection(stream, answer).await;
}
