//! Inputs and outputs of a pass: the kernel's files, the limits of deltas, and the accounts.

use super::plausibility::Plausibility;
use crate::account::{CpuSets, Ledger};
use crate::cpu::{Cpu, Delta};
use crate::kernel::{ProcFs, Reader};

/// One pass in progress.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    pub(super) procfs: &'a ProcFs,
    pub(super) reader: &'a mut Reader,
    pub(super) plausibility: &'a Plausibility,
    pub(super) ledger: &'a mut Ledger,
    /// Sets of CPUs; `None` if the node has one.
    pub(super) cpu_sets: Option<&'a CpuSets>,
}

impl Pass<'_> {
    /// Returns the delta of a counter since `then`, checked by [`Plausibility::delta`]. An impossible delta is counted
    /// as an error and returned as 0: the counter continues from `now`.
    pub(super) fn delta(&mut self, now: Cpu, then: Cpu, of_last_pass: bool) -> Delta {
        self.plausibility.delta(now, then, of_last_pass).unwrap_or_else(|| {
            self.reader.count("impossible");
            Delta::default()
        })
    }
}
