//! What a pass works with: the kernel's files, what can have been used, and the accounts.

use super::plausibility::Plausibility;
use crate::account::Ledger;
use crate::cpu::{Cpu, Delta};
use crate::kernel::{ProcFs, Reader};

/// One pass under way.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    pub(super) procfs: &'a ProcFs,
    pub(super) reader: &'a mut Reader,
    pub(super) plausibility: &'a Plausibility,
    pub(super) ledger: &'a mut Ledger,
}

impl Pass<'_> {
    /// Returns by how much a counter has grown since `then`; as of [`Plausibility::delta`]. What cannot be is counted as an
    /// error and is no growth: the counter goes on from `now`.
    pub(super) fn delta(&mut self, now: Cpu, then: Cpu, exact: bool) -> Delta {
        self.plausibility.delta(now, then, exact).unwrap_or_else(|| {
            self.reader.count("impossible");
            Delta::default()
        })
    }
}
