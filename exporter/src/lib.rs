//! What a node's CPU goes to, by group: read from the kernel, made to add up, and exposed to Prometheus.
//!
//! ```text
//! serve    HTTP: /metrics, /healthz; one pass for each scrape, never two at once
//!   |
//! expose   a reading as Prometheus's text; a new series is shown at 0 before its CPU counts
//!   |
//! node     one pass: tree, processes and the node's busy time into the ledger
//!   |
//!   +-- tree     every cgroup's cpu.stat; what the ended ones used remains in their parents
//!   +-- procs    every process, or with a tree only those in its root; what the ended ones used is in their reapers
//!   |
//! ledger   counters that add up and never fall: a signed sum for each group, shown as its highest value so far
//! place    names to class and group: cgroup paths, comms, command lines
//! parse    bytes to values          read    small files to bytes, and what vanished apart from what failed
//! cpu      a total and a difference are two types
//! ```
//!
//! No room imports from one above it. Whoever wants the numbers without HTTP takes [`Node`]: [`Node::open`] is the
//! first pass, and each [`Node::pass`] answers with totals since then. Paths are arguments, so that a test or a
//! container may show another `/proc`.

mod cpu;
mod expose;
mod ledger;
mod node;
mod parse;
mod place;
mod procs;
mod read;
mod serve;
mod tree;

pub use cpu::Cpu;
pub use node::{Method, Node, Paths, Reading};
pub use place::Class;
pub use serve::{Options, serve};
