//! Accounts: CPU that adds up, from differences of counters to totals that never fall.
//!
//! ```text
//! interrupts        interrupts' part of the busy time, which is in no task
//! cpu_sets          busy time of each set of the node's CPUs
//! busy              busy time of the node's CPUs
//! reaped_children   CPU of exited processes, from their reapers
//! ledger            a signed sum for each group and pod, exported as its highest value so far; the group of all pods
//!                   is their sum; within a group its threads by name
//! ```
//!
//! The ledger holds nothing but CPU, as deltas that add up to a total. A value that may fall, such as memory, does not
//! fit in.

mod busy;
mod cpu_sets;
#[cfg(test)]
mod documented;
mod interrupts;
mod ledger;
pub(crate) mod reaped_children;

pub(crate) use busy::BusyTime;
pub(crate) use cpu_sets::CpuSets;
pub(crate) use interrupts::Interrupts;
pub use ledger::{Id, Ledger, Series};
