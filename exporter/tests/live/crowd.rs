//! More connections than there are places, and scrapes at the same moment.

use crate::certs::{Authority, whole, write};
use crate::program::{Program, until};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use rustls::version::TLS13;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

/// Connections that the program keeps.
const PLACES: usize = 64;
const SCRAPE: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

/// So many connections at once, each of which sends a little and waits.
fn crowd(program: &Program, first: &[u8]) -> Vec<TcpStream> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let connect = |number| {
        if number % 50 == 0 {
            // More than wait to be accepted would be refused, and try again a second later.
            until("all are accepted", || waiting(program) == 0);
        }
        let mut stream = TcpStream::connect(&program.address).unwrap();
        // It may be closed already.
        let _ = stream.write_all(first);
        stream
    };
    (0..1000).map(connect).collect()
}

/// Connections that wait to be accepted, as the kernel counts them for the listener.
fn waiting(program: &Program) -> u32 {
    let port: u16 = program.address.rsplit(':').next().unwrap().parse().unwrap();
    let listener = format!(":{port:04X} 00000000:0000 0A ");
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    let queues = sockets.lines().find_map(|line| line.split_once(&listener)).unwrap().1;
    u32::from_str_radix(&queues[9..17], 16).unwrap()
}

fn sockets(program: &Program) -> usize {
    let files = fs::read_dir(format!("/proc/{}/fd", program.child.id())).unwrap();
    let links = files.filter_map(|file| fs::read_link(file.unwrap().path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

#[test]
fn a_thousand_connections() {
    for first in [&b""[..], b"GET /metr", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let program = Program::start(&[]);
        program.ask("GET /healthz");
        let own = sockets(&program);
        let mut kept = TcpStream::connect(&program.address).unwrap();
        kept.write_all(SCRAPE).unwrap();
        whole(&mut kept).unwrap();
        let mut crowd = crowd(&program, first);
        assert!(program.ask("GET /healthz").starts_with("HTTP/1.1 200"));
        program.metrics();
        until("the first ones are closed", || sockets(&program) <= own + PLACES);
        assert!(crowd[0].read_to_end(&mut Vec::new()).is_ok_and(|read| read == 0 || !first.is_empty()));
        if !first.ends_with(b"\r\n\r\n") {
            // Who was served goes after who was not.
            kept.write_all(SCRAPE).unwrap();
            assert!(whole(&mut kept).unwrap().starts_with("HTTP/1.1 200"));
        }
    }
}

#[test]
fn a_thousand_half_open_handshakes() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, files) = (Authority::new("ours"), dir.path().join("files"));
    write(&files, &ours.server(), "");
    let file = |name: &str| files.join(name).to_str().unwrap().to_owned();
    let program = Program::start(&["--web.tls-cert", &file("tls.crt"), "--web.tls-key", &file("tls.key")]);
    ours.connect(&program.address, None, &TLS13).ask("/healthz").unwrap();
    let own = sockets(&program);
    let _crowd = crowd(&program, b"\x16\x03\x01\x01");
    let mut client = ours.connect(&program.address, None, &TLS13);
    assert!(client.ask("/metrics").unwrap().starts_with("HTTP/1.1 200"));
    until("the first ones are closed", || sockets(&program) <= own + PLACES);
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
