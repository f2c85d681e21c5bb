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
//! The ledger adds up nothing but CPU, as deltas that come to a total. The numbers of living processes and threads stand
//! beside it as they are. Another counter of the kernel does not fit in: processes and threads are read only as far as CPU
//! has to be explained, so that its sum would lack what was not read (docs/design/principles.md).

mod busy;
mod cpu_sets;
mod interrupts;
mod ledger;
pub(crate) mod reaped_children;
#[cfg(test)]
mod worked_example;

pub(crate) use busy::BusyTime;
pub(crate) use cpu_sets::CpuSets;
pub(crate) use interrupts::Interrupts;
pub use ledger::{Id, Ledger, Series};
