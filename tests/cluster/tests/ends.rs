//! Nothing outlives the cluster's process, however it ends.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how tests fail, helpers included")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::ensure;
use test_cluster::until;

/// A cluster in a namespace of its own, whose command says `up` and waits for its standard input's end.
fn start() -> Child {
    let mut child = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../in-namespace"))
        .args([env!("CARGO_BIN_EXE_test-cluster"), "sh", "-c", "echo up; exec cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    child
}

/// The processes in a network namespace.
fn members(namespace: &Path) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    processes
        .filter(|process| fs::read_link(process.join("ns/net")).is_ok_and(|ns| ns == namespace))
        .collect()
}

#[test]
fn nothing_is_left_of_a_cluster() {
    let ends: [(_, fn(&mut Child)); 2] = [
        ("its command ends", |child| drop(child.stdin.take())),
        ("it is killed", |child| child.kill().unwrap()),
    ];
    for (end, bring_about) in ends {
        let mut child = start();
        let namespace = fs::read_link(format!("/proc/{}/ns/net", child.id())).unwrap();
        let before = members(&namespace).len();
        // Itself, its command, etcd, the API server, the controller manager, Prometheus and its door.
        assert_eq!(before, 7, "{end}");
        bring_about(&mut child);
        drop(child.stdin.take()); // which ends the command of one that was killed
        child.wait().unwrap();
        until(&format!("nothing to be left after {end}"), Duration::from_secs(30), || {
            let left = members(&namespace);
            ensure!(left.is_empty(), "left: {left:?}");
            Ok(())
        })
        .unwrap();
    }
}
