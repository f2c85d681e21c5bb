//! Tests of HTTPS: access by client certificate, and files that change while they are in use.

use crate::certs::{Authority, ClientAuth, ServerAuth, der, write};
use crate::program::{Program, until};
use rustls::version::{TLS12, TLS13};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Starts the program with the files of folder `dir` and the flags in `more`.
fn start(dir: &Path, more: &[&str]) -> Program {
    let file = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let (cert, key, ca) = (file("tls.crt"), file("tls.key"), file("ca.crt"));
    let mut args = vec!["--web.tls-cert", &cert, "--web.tls-key", &key];
    match more {
        ["--no-ca"] => {}
        more => args.extend([&["--web.client-ca", &ca], more].concat()),
    }
    Program::start(&args)
}

#[test]
fn access_by_client_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, clients, others) =
        (Authority::new("ours"), Authority::new("clients"), Authority::new("clients"));
    let files = dir.path().join("files");
    write(&files, &ours.server(), &clients.pem());
    let right = clients.sign(Some("prometheus"), &[ClientAuth], 4000);
    let wrong = clients.sign(Some("somebody"), &[ClientAuth], 4000);
    let nameless = clients.sign(None, &[ClientAuth], 4000);
    let anything = clients.sign(Some("prometheus"), &[], 4000);
    let server = clients.sign(Some("prometheus"), &[ServerAuth], 4000);
    let expired = clients.sign(Some("prometheus"), &[ClientAuth], 2001);
    let foreign = others.sign(Some("prometheus"), &[ClientAuth], 4000);
    // Client, its certificate, and the status of /metrics with names, with only a CA, and with neither. It is 0 if the
    // handshake fails.
    let cases = [
        ("nobody", None, [403, 403, 200]),
        ("the right one", Some(&right), [200, 200, 200]),
        ("one of another name", Some(&wrong), [403, 200, 200]),
        ("one of no name", Some(&nameless), [403, 200, 200]),
        ("one that is for anything", Some(&anything), [200, 200, 200]),
        ("one that is for servers", Some(&server), [0, 0, 200]),
        ("one that has expired", Some(&expired), [0, 0, 200]),
        ("one of another CA", Some(&foreign), [0, 0, 200]),
    ];
    let more: [&[&str]; 3] = [&["--web.client-cn", "a:b,prometheus", "--web.client-cn=c"], &[], &["--no-ca"]];
    for (flags, column) in more.into_iter().zip(0..) {
        let program = start(&files, flags);
        for (client, pair, want) in &cases {
            for version in [&TLS12, &TLS13] {
                let connect = || ours.connect(&program.address, *pair, version);
                let status = |path: &str| {
                    connect().get(path).map_or(0, |response| response[9..12].parse::<u16>().unwrap())
                };
                let healthz = if want[column] == 0 { 0 } else { 200 };
                let got = (status("/metrics"), status("/healthz"));
                assert_eq!(got, (want[column], healthz), "{client}, {version:?}, {flags:?}");
            }
        }
        let mut plain = TcpStream::connect(&program.address).unwrap();
        plain.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut response = Vec::new();
        let _ = plain.read_to_end(&mut response);
        assert!(!response.starts_with(b"HTTP"), "plain HTTP got a response");
    }
}

#[test]
fn the_flag_sets_the_lowest_version() {
    let dir = tempfile::tempdir().unwrap();
    let ours = Authority::new("ours");
    write(&dir.path().join("files"), &ours.server(), &ours.pem());
    for (flag, lower) in
        [("--web.tls-min-version=VersionTLS12", true), ("--web.tls-min-version=VersionTLS13", false)]
    {
        let program = start(&dir.path().join("files"), &[flag]);
        let accepts = |version| ours.connect(&program.address, None, version).get("/healthz").is_ok();
        assert_eq!((accepts(&TLS12), accepts(&TLS13)), (lower, true), "{flag}");
    }
}

#[test]
fn changed_files_are_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, clients, later) = (Authority::new("ours"), Authority::new("clients"), Authority::new("later"));
    let (first, second) = (ours.server(), ours.server());
    let mut mixed = first.clone();
    mixed.key.clone_from(&second.key);
    let at = |name: &str| dir.path().join(name);
    // Switches to another folder at once, as a mounted Secret does: only its symbolic link changes.
    let switch_to = |folder: &str| {
        symlink(folder, at("next")).unwrap();
        fs::rename(at("next"), at("data")).unwrap();
    };
    write(&at("1"), &first, &clients.pem());
    write(&at("2"), &second, &clients.pem());
    write(&at("mixed"), &mixed, &clients.pem());
    write(&at("3"), &second, &later.pem());
    switch_to("1");
    let mut program = start(&at("data"), &[]);
    let address = program.address.clone();
    let old_client = clients.sign(Some("a"), &[ClientAuth], 4000);
    let new_client = later.sign(Some("b"), &[ClientAuth], 4000);
    let sent_certificate = || ours.connect(&address, None, &TLS13).server_certificate();
    let metrics = |pair| ours.connect(&address, Some(pair), &TLS13).get("/metrics").unwrap_or_default();
    let good = |pair, good: u8| {
        metrics(pair).contains(&format!("\nnamedprocess_exporter_tls_last_reload_successful {good}\n"))
    };
    assert_eq!(sent_certificate(), der(&first.cert));
    let mut kept = ours.connect(&address, Some(&old_client), &TLS13);
    assert!(kept.get("/metrics").unwrap().starts_with("HTTP/1.1 200"));

    switch_to("2");
    until("the server sends the new certificate", || sent_certificate() == der(&second.cert));
    assert!(program.next_line().contains("have changed and are in force"));
    kept.wait_until_closed();

    switch_to("mixed");
    until("the bad pair is noticed", || good(&old_client, 0));
    let line = program.next_line();
    assert!(line.contains("those of before stay in force") && line.contains("data/tls.key"), "{line}");
    assert!(!line.contains("PRIVATE"), "{line}");
    assert_eq!(sent_certificate(), der(&second.cert));

    switch_to("3");
    until("another CA is trusted", || good(&new_client, 1));
    assert_eq!(metrics(&old_client), "");
    assert!(program.next_line().contains("have changed and are in force"));
}
