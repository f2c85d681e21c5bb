//! Tests counting on this machine, with real processes, real cgroups, and files with text that no kernel would write.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test's helpers fail"
)]

mod bad_files;
mod by_cgroup;
#[allow(dead_code, reason = "the exporter's tests use the rest")]
#[path = "../shared/cgroups.rs"]
mod cgroups;
mod churn;
#[path = "../shared/fake.rs"]
mod fake;
mod refused;
#[allow(dead_code, reason = "the tests by process, in a program of their own, use the rest")]
#[path = "../shared/shell.rs"]
mod shell;
