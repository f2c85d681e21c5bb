//! The load is as big as it says: everything measured against it stands on that.
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn it_uses_its_share_and_ends_with_its_input() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_test-load"))
        .args(["0.3", "20"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    std::thread::sleep(Duration::from_secs(2)); // what is measured is a course of time
    let mut text = String::new();
    let file = format!("/proc/{}/schedstat", child.id());
    std::fs::File::open(file).unwrap().read_to_string(&mut text).unwrap();
    let (used, lived) =
        (text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9, begin.elapsed().as_secs_f64());
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    // A period of 20 ms at either end, and 2 % for starting.
    assert!((used - 0.3 * lived).abs() < 0.3 * 0.04 + 0.02 * lived, "{used} s of {lived} s");
}

#[test]
fn bad_arguments_are_named() {
    for arguments in [&["0.3"][..], &["x", "20"], &["0.3", "-"], &["0.3", "20", "/nowhere"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_test-load"))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }
}
