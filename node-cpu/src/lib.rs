//! Where a node's CPU goes, by group, pod and thread: read from the kernel, and made to add up.
//!
//! ```text
//! collect   one pass over a node: cgroups, processes, threads and busy time into one ledger
//!   |
//! account   differences of counters to totals that add up and never fall
//!   |
//! naming    names to owners: cgroup paths, comms, command lines and rules to groups and pods
//!   |
//! kernel    the kernel's files: read, and parsed
//!   |
//! snapshot  what a pass found: plain values          cpu   a total and a difference are two types
//! ```
//!
//! No room imports from one above it. [`Node::open`] takes the first pass, and each [`Node::pass`] returns totals since
//! then. Paths are arguments, so that a test or a container may show another `/proc`. On systems other than Linux there
//! is only the door: [`Node::open`] says what it needs.

#[cfg(target_os = "linux")]
mod account;
#[cfg_attr(not(target_os = "linux"), path = "unsupported.rs")]
mod collect;
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "differences are taken of what is read"))]
mod cpu;
#[cfg(all(target_os = "linux", any(fuzzing, test)))]
#[doc(hidden)]
pub mod fuzz;
#[cfg(target_os = "linux")]
mod kernel;
mod naming;
mod snapshot;

pub use collect::Node;
pub use cpu::{Cpu, Delta};
pub use naming::{Rules, check_rules};
pub use snapshot::{
    Class, Counts, Detail, EXITED, Group, IDLE, INTERRUPTS, Method, OTHER, Paths, Pod, STARTING, Snapshot,
    Thread, Work,
};
#[cfg(target_os = "linux")]
#[doc(hidden)]
pub use {
    account::{Id, Ledger, Series},
    naming::Owner,
};
