//! What is counted by process, in a program of its own: by process, all that a test program starts is one group, so that
//! other tests' loads would count too.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

#[path = "../live/by_process.rs"]
mod by_process;
#[allow(dead_code, reason = "the other live tests use the rest")]
#[path = "../shared/shell.rs"]
mod shell;
