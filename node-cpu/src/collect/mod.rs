//! One pass over a node: what has been used since the last one, into the ledger.
//!
//! ```text
//! node             the pass: tree, processes and the node's busy time; what of all that is out of sight
//!   |
//! cgroups          every cgroup's cpu.stat, as far as the one above it moved
//!   |
//! processes        one by one: the machine's own, and those of the cgroups that moved
//!   |
//! threads          a process's threads
//!   |
//! pass             what a pass works with          plausibility   what can have been used
//! ```

mod cgroups;
mod node;
mod pass;
mod plausibility;
mod processes;
mod threads;

pub use node::Node;
