//! One pass over a node: adds all CPU since the last pass to the ledger.
//!
//! ```text
//! node             the pass: tree, processes and the node's busy time; limits of what can be seen
//!   |
//! cgroups          every cgroup's cpu.stat, if the counter of the cgroup above it has changed
//!   |
//! processes        one by one: those outside of units, and those of the cgroups that have changed
//!   |
//! threads          a process's threads
//!   |
//! pass             inputs and outputs of a pass          plausibility   limits of a counter's delta
//! ```

mod cgroups;
mod node;
mod pass;
mod plausibility;
mod processes;
mod threads;

pub use node::Node;
