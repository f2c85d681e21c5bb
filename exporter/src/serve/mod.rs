//! HTTP and HTTPS: `/metrics` and `/healthz`, to many at a time and by one pass at a time.
//!
//! ```text
//! connection     one connection, from its acceptance to its end
//!   |
//! app            routes: a response to each request
//!   |
//! singleflight   one pass for all requests at once
//!   |
//! scrape         the pass and its exposition; the exposition that each scraper has acknowledged
//!   |
//! tls            certificates in force, and the check of clients'
//!   |
//! slots   gzip   reload (files that are read again when they change)
//! ```

mod app;
mod connection;
mod gzip;
mod reload;
mod scrape;
mod singleflight;
mod slots;
mod tls;

pub(crate) use tls::{Files as TlsFiles, MinVersion as MinTlsVersion};

use crate::expose::Exposer;
use anyhow::{Context, Result};
use app::App;
use node_cpu::{Detail, Node, Paths, Rules};
use reload::Reloaded;
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use scrape::{Acknowledged, Exporter};
use singleflight::Singleflight;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tls::Certificates;
use tokio::signal::unix::{SignalKind, signal};

/// Pause after the kernel has refused a connection, as when there are too many open files.
const REFUSED: Duration = Duration::from_millis(100);
/// Longest time that the thread of the passes waits for the next pass.
const NEXT_PASS: Duration = Duration::from_secs(600);

/// The exporter's configuration.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Paths of the kernel's files.
    pub(crate) paths: Paths,
    /// Address and port; `:PORT` is all addresses, `[::]` is all of IPv4 if there is no IPv6.
    pub(crate) listen: String,
    /// The path of the metrics, beginning with `/`.
    pub(crate) telemetry_path: String,
    /// Detail of the counting: groups, or their threads too.
    pub(crate) detail: Detail,
    /// Files of TLS. `None`: plain HTTP.
    pub(crate) tls: Option<tls::Files>,
    /// process-exporter's `process_names` in YAML.
    pub(crate) config: Option<PathBuf>,
}

/// Serves until SIGTERM or SIGINT. Calls `say` with a line about address and machine, and with one for each later change
/// of the certificates or the config. Errors if the machine or one of the files cannot be read, or nothing can listen on
/// the address.
pub(crate) fn serve(options: &Options, say: fn(&str)) -> Result<()> {
    let since_boot = Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default();
    let certificates = Certificates::open(options.tls.as_ref())?;
    let rules = options.config.clone().map(open_rules).transpose()?;
    let mut node = Node::open(&options.paths, options.detail)?;
    node.set_rules(rules.as_ref().map(|rules| Arc::clone(rules.value())));
    let started = node.boot_time().map(|boot| Duration::from_secs(boot) + since_boot);
    let listener = listen(&options.listen)?;
    let address = listener.local_addr().context("cannot tell the address that is listened to")?;
    say(&format!("listening on {address}, {node}"));
    let acknowledged = Arc::<Mutex<Acknowledged>>::default();
    let (exposer, shared) = (Exposer::new(), Arc::clone(&acknowledged));
    let mut exporter = Exporter { node, exposer, rules, started, acknowledged: shared, say };
    let singleflight = Singleflight::new(move |tls_is_good| exporter.scrape(tls_is_good));
    let path = options.telemetry_path.clone();
    let app = Arc::new(App::new(singleflight, acknowledged, certificates, path, say));
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
            () = accept(&listener, &app) => {}
        }
        io::Result::Ok(())
    });
    // A pass that is under way is nobody's any more.
    runtime.shutdown_background();
    done.context("cannot serve")
}

fn open_rules(path: PathBuf) -> Result<Reloaded<Rules>> {
    let read = path.clone();
    Reloaded::open(vec![path], move || {
        Rules::read(&read).with_context(|| format!("cannot use the config {}", read.display()))
    })
}

/// Listens, on IPv4 alone if there is no IPv6. Resolves no names: a static binary has no resolver.
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

/// Accepts connections for ever. A new connection never waits for a slot: it takes another's.
async fn accept(listener: &tokio::net::TcpListener, app: &Arc<App>) {
    for number in 0.. {
        match listener.accept().await {
            Ok((stream, _)) => {
                app.renew_certificates();
                connection::spawn(stream, number, app);
            }
            Err(_) => tokio::time::sleep(REFUSED).await,
        }
    }
}
