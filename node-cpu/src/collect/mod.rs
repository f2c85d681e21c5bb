//! One pass over a node: what has been used since the last one, into the ledger.
//!
//! ```text
//! node             the pass: tree, processes and the node's busy time; what of all that is out of sight
//!   +-- cgroups          every cgroup's cpu.stat, as far as the one above it moved
//!   |   unit_processes   the processes of the cgroups that moved
//!   +-- processes        every process, or with a tree only those in its root
//! threads          a process's threads
//! ```

mod cgroups;
mod node;
mod processes;
mod threads;
mod unit_processes;

pub use node::Node;
