//! What a node's CPU goes to, by group: read from the kernel, made to add up, and exposed to Prometheus.
//!
//! ```text
//! serve    HTTP(S): /metrics, /healthz; one pass for all who ask at once, never two at a time
//!   |  +---- tls      certificates, and who may read the metrics      watched  files that are read again when changed
//!   |
//! expose   a reading as Prometheus's text; a new series is shown at 0 before its CPU counts, and (starting) has it
//!   |
//! node     one pass: tree, processes and the node's busy time into the ledger; what of all that is out of sight
//!   |
//!   +-- tree     every cgroup's cpu.stat, as far as the one above it moved; what the ended ones used remains in their
//!   |   |        parents
//!   |   crowd    the processes of the cgroups that moved, for their threads, counts and groups of one's own
//!   +-- procs    every process, or with a tree only those in its root; what the ended ones used is in their reapers
//!   |
//! interrupts   what of the busy time is theirs, and in no task
//! tasks    a process's threads          carve    whose rule a process is          dead    who paid for the ended
//! ledger   counters that add up and never fall: a signed sum for each group and pod, shown as its highest value so far;
//!   |      the group of all pods is their sum; within a group its threads by name
//! busy     what the node's CPUs did not idle          procfs   one process's files
//! place    names to owners: cgroup paths, comms, command lines to groups and pods
//! parse    bytes to values          read    small files to bytes, and what vanished apart from what failed
//!                                   patient   files that may never answer      plausible   what can have been used
//! config   groups of one's own: process_names rules to a name for a process
//! reading  a node's paths in, its counters out: plain values
//! cpu      a total and a difference are two types
//! ```
//!
//! No room imports from one above it. Whoever wants the numbers without HTTP takes [`Node`]: [`Node::open`] is the
//! first pass, and each [`Node::pass`] answers with totals since then. Paths are arguments, so that a test or a
//! container may show another `/proc`. Elsewhere than on Linux there is only the door: [`Node::open`] says what it
//! takes.

#[cfg(target_os = "linux")]
mod busy;
#[cfg(target_os = "linux")]
mod carve;
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "elsewhere it is only checked"))]
mod config;
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "differences are taken of what is read"))]
mod cpu;
#[cfg(target_os = "linux")]
mod crowd;
#[cfg(target_os = "linux")]
mod dead;
#[cfg(target_os = "linux")]
mod expose;
#[cfg(all(target_os = "linux", any(fuzzing, test)))]
#[doc(hidden)]
pub mod fuzz;
#[cfg(target_os = "linux")]
mod interrupts;
#[cfg(target_os = "linux")]
mod ledger;
#[cfg_attr(not(target_os = "linux"), path = "elsewhere.rs")]
mod node;
#[cfg(target_os = "linux")]
mod parse;
#[cfg(target_os = "linux")]
mod patient;
#[cfg(target_os = "linux")]
mod place;
#[cfg(target_os = "linux")]
mod plausible;
#[cfg(target_os = "linux")]
mod procfs;
#[cfg(target_os = "linux")]
mod procs;
#[cfg(target_os = "linux")]
mod read;
mod reading;
#[cfg(target_os = "linux")]
mod serve;
#[cfg(target_os = "linux")]
mod tasks;
#[cfg(target_os = "linux")]
mod tls;
#[cfg(target_os = "linux")]
mod tree;
#[cfg(target_os = "linux")]
mod watched;

pub use config::check as check_config;
pub use cpu::Cpu;
pub use node::Node;
pub use reading::{
    Class, Collect, Collected, Counts, Detail, Group, Method, Paths, Pod, Reading, STATES, Thread, Work,
};
#[cfg(target_os = "linux")]
pub use serve::{Options, serve};
#[cfg(target_os = "linux")]
pub use tls::{Files as TlsFiles, MinVersion as MinTlsVersion};
