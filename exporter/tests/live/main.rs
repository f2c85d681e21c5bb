//! The exporter on the machine that runs its tests: real processes, real cgroups, the real program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test's helpers fail"
)]

mod bad_days;
mod bad_files;
mod by_cgroup;
mod certs;
mod churn;
mod config;
mod crowd;
mod documented;
mod fake;
mod limits;
mod pods;
mod program;
mod refused;
#[allow(dead_code, reason = "the tests by process, in a program of their own, use the rest")]
mod shell;
mod tls;
