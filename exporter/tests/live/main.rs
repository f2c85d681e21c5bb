//! Tests of the real program on the machine that runs them, with real processes and cgroups.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test's helpers fail"
)]

mod bad_days;
mod certs;
#[allow(dead_code, reason = "node-cpu's tests use the rest")]
#[path = "../../../node-cpu/tests/shared/cgroups.rs"]
mod cgroups;
mod config;
mod connections;
mod cpu_sets;
mod documented;
#[allow(dead_code, reason = "node-cpu's tests use the rest")]
#[path = "../../../node-cpu/tests/shared/fake.rs"]
mod fake;
mod fakes;
mod limits;
mod pods;
mod program;
#[allow(dead_code, reason = "node-cpu's tests use the rest")]
#[path = "../../../node-cpu/tests/shared/shell.rs"]
mod shell;
mod tls;
