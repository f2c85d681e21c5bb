//! Tests counting by process, in a program of their own.
//!
//! Everything that a test program starts is one group if processes are counted. Other tests' loads would count too.
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
