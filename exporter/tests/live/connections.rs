//! Tests of more connections than slots, of slow peers, and of scrapes at the same time.

use crate::certs::{Authority, Client, ClientAuth, Pair, read_response, write};
use crate::program::{Program, until};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use rustls::version::TLS13;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Maximum number of connections of each class that the program keeps.
const STRANGERS: usize = 64;
const SCRAPERS: usize = 48;
/// Timeout of a scraper.
const TIMEOUT: Duration = Duration::from_secs(10);
const SCRAPE: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

fn connect(program: &Program) -> TcpStream {
    let stream = TcpStream::connect(&program.address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

/// Scrapes over a connection, and keeps it open.
fn scrape(stream: &mut TcpStream) {
    stream.write_all(SCRAPE).unwrap();
    assert!(read_response(stream).unwrap().starts_with("HTTP/1.1 200"));
}

/// Makes `size` connections. Pauses until the program has accepted the earlier ones.
fn connect_many<T>(program: &Program, size: usize, mut connect: impl FnMut() -> T) -> Vec<T> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let connect = |number| {
        if number % 50 == 0 {
            // The kernel would drop connections beyond its queue, and the client would retry a second later.
            until("all are accepted", || waiting(program) == 0);
        }
        connect()
    };
    (0..size).map(connect).collect()
}

/// Makes `size` connections of plain HTTP, each of which sends `first` and waits.
fn connect_many_plain(program: &Program, size: usize, first: &[u8]) -> Vec<TcpStream> {
    connect_many(program, size, || {
        let mut stream = connect(program);
        // The program may have closed the connection already.
        let _ = stream.write_all(first);
        stream
    })
}

/// Returns the number of connections that wait to be accepted, by the kernel's count for the listener.
fn waiting(program: &Program) -> u32 {
    let listener = sockets(program).into_iter().find(|line| line[3] == "0A").unwrap();
    u32::from_str_radix(listener[4].split(':').nth(1).unwrap(), 16).unwrap()
}

/// Returns the number of connections that the program has open.
fn open_connections(program: &Program) -> usize {
    sockets(program).iter().filter(|line| line[3] != "0A" && line[9] != "0").count()
}

/// Returns the program's sockets, each with its fields of `/proc/net/tcp`.
fn sockets(program: &Program) -> Vec<Vec<String>> {
    let port: u16 = program.address.rsplit(':').next().unwrap().parse().unwrap();
    let (port, table) = (format!(":{port:04X}"), fs::read_to_string("/proc/net/tcp").unwrap());
    let lines = table.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|line| line[1].ends_with(&port)).collect()
}

/// Program over HTTPS, with the authority of its certificate and the scraper's certificate.
struct Secure {
    program: Program,
    ours: Authority,
    prometheus: Pair,
}

impl Secure {
    /// Starts the program, with a client CA if `requires_client` is true.
    fn start(requires_client: bool) -> Secure {
        let dir = tempfile::tempdir().unwrap();
        let (ours, clients) = (Authority::new("ours"), Authority::new("clients"));
        let files = dir.path().join("files");
        write(&files, &ours.server(), &clients.pem());
        let file = |name: &str| files.join(name).to_str().unwrap().to_owned();
        let (cert, key, ca) = (file("tls.crt"), file("tls.key"), file("ca.crt"));
        let mut args = vec!["--web.tls-cert", &cert, "--web.tls-key", &key];
        if requires_client {
            args.extend(["--web.client-ca", &ca]);
        }
        let prometheus = clients.sign(Some("prometheus"), &[ClientAuth], 4000);
        Secure { program: Program::start(&args), ours, prometheus }
    }

    fn scraper(&self) -> Client {
        let client = self.ours.connect(&self.program.address, Some(&self.prometheus), &TLS13);
        client.0.sock.set_read_timeout(Some(TIMEOUT)).unwrap();
        client
    }

    fn stranger(&self) -> Client {
        self.ours.connect(&self.program.address, None, &TLS13)
    }
}

/// Scrapes over a connection, and keeps it open.
fn scrape_tls(client: &mut Client) {
    assert!(client.get("/metrics").unwrap().starts_with("HTTP/1.1 200"));
}

#[test]
fn a_thousand_strangers_take_no_scrapers_slot() {
    for first in [&b""[..], b"GET /metr", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let program = Program::start(&[]);
        let mut kept = connect(&program);
        scrape(&mut kept);
        let mut many = connect_many_plain(&program, 1000, first);
        scrape(&mut kept);
        scrape(&mut connect(&program));
        assert!(program.request("GET /healthz").starts_with("HTTP/1.1 200"));
        until("the first ones are closed", || open_connections(&program) <= STRANGERS + 1);
        if first.ends_with(b"\r\n\r\n") {
            until("connections with a response are closed", || open_connections(&program) == 1);
        }
        let mut response = Vec::new();
        let closed = many[0].read_to_end(&mut response);
        assert!(closed.is_err() || response.is_empty() || response.starts_with(b"HTTP/1.1 200"));
        scrape(&mut kept);
    }
}

#[test]
fn a_thousand_scrapers_leave_room_for_the_next() {
    let program = Program::start(&[]);
    let _many = connect_many_plain(&program, 1000, SCRAPE);
    let mut kept = connect(&program);
    for _ in 0..5 {
        scrape(&mut kept);
        scrape(&mut connect(&program));
    }
    assert!(program.request("GET /healthz").starts_with("HTTP/1.1 200"));
    until("the first ones are closed", || open_connections(&program) <= SCRAPERS);
    scrape(&mut kept);
}

#[test]
fn half_open_handshakes_take_no_scrapers_slot() {
    for size in [STRANGERS, 1000] {
        let secure = Secure::start(false);
        let mut kept = secure.scraper();
        scrape_tls(&mut kept);
        let _many = connect_many_plain(&secure.program, size, b"\x16\x03\x01\x01");
        scrape_tls(&mut kept);
        scrape_tls(&mut secure.scraper());
        until("the first ones are closed", || open_connections(&secure.program) <= STRANGERS + 1);
        scrape_tls(&mut kept);
    }
}

#[test]
fn clients_without_a_certificate_take_no_scrapers_slot() {
    for sends_request in [true, false] {
        let secure = Secure::start(true);
        let mut kept = secure.scraper();
        scrape_tls(&mut kept);
        let _many = connect_many(&secure.program, 1000, || {
            let mut stranger = secure.stranger().complete_handshake();
            if sends_request {
                assert!(stranger.get("/metrics").unwrap().starts_with("HTTP/1.1 403"));
            }
            stranger
        });
        scrape_tls(&mut kept);
        scrape_tls(&mut secure.scraper());
        let left = if sends_request { 0 } else { STRANGERS };
        until("the strangers are closed", || open_connections(&secure.program) <= left + 1);
        scrape_tls(&mut kept);
    }
}

#[test]
fn slow_scrapers_do_not_block_others() {
    // The responses are more bytes than the kernel buffers. These scrapers take all slots.
    let requests = SCRAPE.repeat(200);
    let program = Program::start(&[]);
    let mut slow = connect_many_plain(&program, SCRAPERS, &requests);
    let mut kept = connect(&program);
    for _ in 0..10 {
        slow[SCRAPERS - 1].read_exact(&mut [0]).unwrap();
        scrape(&mut kept);
    }
    until("one connection is closed", || open_connections(&program) <= SCRAPERS);

    let secure = Secure::start(true);
    let mut slow = connect_many(&secure.program, SCRAPERS, || {
        let mut slow = secure.scraper();
        slow.0.write_all(&requests).unwrap();
        slow
    });
    let mut kept = secure.scraper();
    for _ in 0..10 {
        slow[SCRAPERS - 1].0.read_exact(&mut [0]).unwrap();
        scrape_tls(&mut kept);
    }
    until("one connection is closed", || open_connections(&secure.program) <= SCRAPERS);
}

#[test]
fn scrapes_at_the_same_moment_are_one_pass() {
    let program = Program::start(&[]);
    let pass_count = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("namedprocess_exporter_passes_total "));
        line.unwrap().parse::<u64>().unwrap()
    };
    let before = pass_count(&program.metrics());
    let pid = Pid::from_child(&program.child);
    kill_process(pid, Signal::STOP).unwrap();
    let mut streams: Vec<TcpStream> =
        (0..40).map(|_| TcpStream::connect(&program.address).unwrap()).collect();
    streams.iter_mut().for_each(|stream| stream.write_all(SCRAPE).unwrap());
    kill_process(pid, Signal::CONT).unwrap();
    let mut all: Vec<u64> =
        streams.iter_mut().map(|stream| pass_count(&read_response(stream).unwrap())).collect();
    all.dedup();
    // The result of the scrape just before may still be fresh.
    assert!(all == [before] || all == [before + 1], "after {before}: {all:?}");
}
