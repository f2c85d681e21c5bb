//! More connections than there are slots, peers that are slow, and scrapes at the same moment.

use crate::certs::{Authority, Client, ClientAuth, Pair, whole, write};
use crate::program::{Program, until};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use rustls::version::TLS13;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Connections of each class that the program keeps.
const STRANGERS: usize = 64;
const SCRAPERS: usize = 48;
/// A scraper's own patience.
const PATIENCE: Duration = Duration::from_secs(10);
const SCRAPE: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

fn connect(program: &Program) -> TcpStream {
    let stream = TcpStream::connect(&program.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Scrapes over a connection that is kept.
fn scrape(stream: &mut TcpStream) {
    stream.write_all(SCRAPE).unwrap();
    assert!(whole(stream).unwrap().starts_with("HTTP/1.1 200"));
}

/// Makes so many connections, after the kernel has handed all earlier ones over.
fn crowd<T>(program: &Program, size: usize, mut connect: impl FnMut() -> T) -> Vec<T> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let connect = |number| {
        if number % 50 == 0 {
            // More than wait to be accepted would be refused, and try again a second later.
            until("all are accepted", || waiting(program) == 0);
        }
        connect()
    };
    (0..size).map(connect).collect()
}

/// Makes connections each of which sends a little and waits.
fn plain_crowd(program: &Program, size: usize, first: &[u8]) -> Vec<TcpStream> {
    crowd(program, size, || {
        let mut stream = connect(program);
        // It may be closed already.
        let _ = stream.write_all(first);
        stream
    })
}

/// Connections that wait to be accepted, as the kernel counts them for the listener.
fn waiting(program: &Program) -> u32 {
    let listener = lines(program).into_iter().find(|line| line[3] == "0A").unwrap();
    u32::from_str_radix(listener[4].split(':').nth(1).unwrap(), 16).unwrap()
}

/// Connections that the program holds, with an open file.
fn held(program: &Program) -> usize {
    lines(program).iter().filter(|line| line[3] != "0A" && line[9] != "0").count()
}

/// The program's sockets, as the kernel tells them.
fn lines(program: &Program) -> Vec<Vec<String>> {
    let port: u16 = program.address.rsplit(':').next().unwrap().parse().unwrap();
    let (port, sockets) = (format!(":{port:04X}"), fs::read_to_string("/proc/net/tcp").unwrap());
    let lines = sockets.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|line| line[1].ends_with(&port)).collect()
}

/// The program over HTTPS, and those who know it.
struct Secure {
    program: Program,
    ours: Authority,
    prometheus: Pair,
}

impl Secure {
    /// Starts the program, with a client CA if `closed`.
    fn start(closed: bool) -> Secure {
        let dir = tempfile::tempdir().unwrap();
        let (ours, clients) = (Authority::new("ours"), Authority::new("clients"));
        let files = dir.path().join("files");
        write(&files, &ours.server(), &clients.pem());
        let file = |name: &str| files.join(name).to_str().unwrap().to_owned();
        let (cert, key, ca) = (file("tls.crt"), file("tls.key"), file("ca.crt"));
        let mut args = vec!["--web.tls-cert", &cert, "--web.tls-key", &key];
        if closed {
            args.extend(["--web.client-ca", &ca]);
        }
        let prometheus = clients.sign(Some("prometheus"), &[ClientAuth], 4000);
        Secure { program: Program::start(&args), ours, prometheus }
    }

    fn scraper(&self) -> Client {
        let client = self.ours.connect(&self.program.address, Some(&self.prometheus), &TLS13);
        client.0.sock.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }

    fn stranger(&self) -> Client {
        self.ours.connect(&self.program.address, None, &TLS13)
    }
}

/// Scrapes over a connection that is kept.
fn scrape_tls(client: &mut Client) {
    assert!(client.ask("/metrics").unwrap().starts_with("HTTP/1.1 200"));
}

#[test]
fn a_thousand_strangers_take_no_scrapers_slot() {
    for first in [&b""[..], b"GET /metr", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let program = Program::start(&[]);
        let mut kept = connect(&program);
        scrape(&mut kept);
        let mut crowd = plain_crowd(&program, 1000, first);
        scrape(&mut kept);
        scrape(&mut connect(&program));
        assert!(program.ask("GET /healthz").starts_with("HTTP/1.1 200"));
        until("the first ones are closed", || held(&program) <= STRANGERS + 1);
        if first.ends_with(b"\r\n\r\n") {
            until("who was answered is gone", || held(&program) == 1);
        }
        let mut answer = Vec::new();
        let closed = crowd[0].read_to_end(&mut answer);
        assert!(closed.is_err() || answer.is_empty() || answer.starts_with(b"HTTP/1.1 200"));
        scrape(&mut kept);
    }
}

#[test]
fn a_thousand_scrapers_leave_room_for_the_next() {
    let program = Program::start(&[]);
    let _crowd = plain_crowd(&program, 1000, SCRAPE);
    let mut kept = connect(&program);
    for _ in 0..5 {
        scrape(&mut kept);
        scrape(&mut connect(&program));
    }
    assert!(program.ask("GET /healthz").starts_with("HTTP/1.1 200"));
    until("the first ones are closed", || held(&program) <= SCRAPERS);
    scrape(&mut kept);
}

#[test]
fn half_open_handshakes_take_no_scrapers_slot() {
    for size in [STRANGERS, 1000] {
        let secure = Secure::start(false);
        let mut kept = secure.scraper();
        scrape_tls(&mut kept);
        let _crowd = plain_crowd(&secure.program, size, b"\x16\x03\x01\x01");
        scrape_tls(&mut kept);
        scrape_tls(&mut secure.scraper());
        until("the first ones are closed", || held(&secure.program) <= STRANGERS + 1);
        scrape_tls(&mut kept);
    }
}

#[test]
fn who_shows_no_certificate_takes_no_scrapers_slot() {
    for asks in [true, false] {
        let secure = Secure::start(true);
        let mut kept = secure.scraper();
        scrape_tls(&mut kept);
        let _crowd = crowd(&secure.program, 1000, || {
            let mut stranger = secure.stranger().greet();
            if asks {
                assert!(stranger.ask("/metrics").unwrap().starts_with("HTTP/1.1 403"));
            }
            stranger
        });
        scrape_tls(&mut kept);
        scrape_tls(&mut secure.scraper());
        let left = if asks { 0 } else { STRANGERS };
        until("the strangers are closed", || held(&secure.program) <= left + 1);
        scrape_tls(&mut kept);
    }
}

#[test]
fn scrapers_that_read_a_byte_now_and_then_hinder_nobody() {
    // More than the kernel keeps of what is not read, and all that the slots are for.
    let much = SCRAPE.repeat(200);
    let program = Program::start(&[]);
    let mut slow = plain_crowd(&program, SCRAPERS, &much);
    let mut kept = connect(&program);
    for _ in 0..10 {
        slow[SCRAPERS - 1].read_exact(&mut [0]).unwrap();
        scrape(&mut kept);
    }
    until("one made room", || held(&program) <= SCRAPERS);

    let secure = Secure::start(true);
    let mut slow = crowd(&secure.program, SCRAPERS, || {
        let mut slow = secure.scraper();
        slow.0.write_all(&much).unwrap();
        slow
    });
    let mut kept = secure.scraper();
    for _ in 0..10 {
        slow[SCRAPERS - 1].0.read_exact(&mut [0]).unwrap();
        scrape_tls(&mut kept);
    }
    until("one made room", || held(&secure.program) <= SCRAPERS);
}

#[test]
fn scrapes_at_the_same_moment_are_one_pass() {
    let program = Program::start(&[]);
    let passes = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("namedprocess_exporter_passes_total "));
        line.unwrap().parse::<u64>().unwrap()
    };
    let before = passes(&program.metrics());
    let pid = Pid::from_child(&program.child);
    kill_process(pid, Signal::STOP).unwrap();
    let mut streams: Vec<TcpStream> =
        (0..40).map(|_| TcpStream::connect(&program.address).unwrap()).collect();
    streams.iter_mut().for_each(|stream| stream.write_all(SCRAPE).unwrap());
    kill_process(pid, Signal::CONT).unwrap();
    let mut all: Vec<u64> = streams.iter_mut().map(|stream| passes(&whole(stream).unwrap())).collect();
    all.dedup();
    // A scrape just before is news still.
    assert!(all == [before] || all == [before + 1], "after {before}: {all:?}");
}
