//! Accounts: CPU that adds up, from differences of counters to totals that never fall.
//!
//! ```text
//! interrupts   what of the busy time is theirs, and in no task
//! busy         what the node's CPUs did not idle          reaping   who paid for the exited
//! ledger       a signed sum for each group and pod, exported as its highest value so far; the group of all pods is
//!              their sum; within a group its threads by name
//! ```

mod busy;
mod interrupts;
mod ledger;
pub(crate) mod reaping;

pub(crate) use busy::BusyTime;
pub(crate) use interrupts::Interrupts;
pub use ledger::{Id, Ledger, Series};
