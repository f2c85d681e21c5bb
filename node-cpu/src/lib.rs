//! Counts a node's CPU by group, pod and thread, from the kernel's files, so that all parts add up.
//!
//! ```text
//! collect   one pass over a node: adds cgroups, processes, threads and busy time to one ledger
//!   |
//! account   turns deltas of counters into totals that add up and never fall
//!   |
//! naming    maps names to owners: cgroup paths, comms, command lines and rules to groups and pods
//!   |
//! kernel    reads and parses the kernel's files
//!   |
//! snapshot  the result of a pass, as plain values     options   where and how much to count     cpu   totals, deltas
//! boot_options   CPUs that the kernel's command line isolates                               cpu_list   lists of CPUs
//! ```
//!
//! A module imports only from the modules below it. [`Node::open`] takes the first pass, and each [`Node::pass`] returns
//! totals since then. Paths are arguments, so that a test or a container can pass another `/proc`. Systems other than
//! Linux have only [`Node::open`], which fails and says what counting needs.

#[cfg(target_os = "linux")]
mod account;
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux has one of its own"))]
mod boot_options;
#[cfg_attr(not(target_os = "linux"), path = "unsupported.rs")]
mod collect;
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux has counters to subtract"))]
mod cpu;
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux has sets of CPUs to find"))]
mod cpu_list;
#[cfg(all(target_os = "linux", any(fuzzing, test)))]
#[doc(hidden)]
pub mod fuzz;
#[cfg(target_os = "linux")]
mod kernel;
mod naming;
mod options;
mod snapshot;

pub use boot_options::isolated as isolated_cpus;
pub use collect::Node;
pub use cpu::{Cpu, Delta};
pub use cpu_list::CpuList;
pub use naming::{Rules, check_rules};
pub use options::{Detail, Paths};
pub use snapshot::{
    Allowed, ByAllowed, Class, Counts, CpuSet, EXITED, Group, IDLE, INTERRUPTS, Method, OTHER, Pod, STARTING,
    Snapshot, Thread, Work,
};
#[cfg(target_os = "linux")]
#[doc(hidden)]
pub use {
    account::{Id, Ledger, Series},
    naming::Owner,
};
