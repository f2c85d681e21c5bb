//! Hard and soft interrupts as a group of their own, less those that ksoftirqd served: that time is in both.
//!
//! Some kernels do not account for interrupts separately. There the time of interrupts is in the tasks that they
//! interrupt, and only interrupts on idle CPUs count for this group. Those have at most the busy time that all other
//! groups leave in the same pass. Busy time left over by other passes is not theirs, except for the rounding of
//! readings.

use super::busy::BusyTime;
use super::ledger::{Id, Ledger};
use crate::cpu::Delta;
use crate::kernel::parse::Busy;
use crate::naming;

/// Maximum time that a pass carries to the next, for each CPU, in microseconds: the part that is rounded to ticks.
const ROUNDING_US: i64 = 20_000;

/// Group of the interrupts.
#[derive(Debug)]
pub(crate) struct Interrupts {
    account: Id,
    /// Values of the last pass that came this far; `None` before the first.
    last: Option<Last>,
    /// Interrupt time that the kernel counted and that is not yet credited.
    uncredited_us: i64,
    /// Busy time that no other group used and that is not yet credited to the interrupts.
    leftover_us: i64,
    /// Interrupt time that is never credited, because it was above what a pass carries to the next.
    given_up_us: i64,
    /// Highest value so far of the interrupt time that was given up or not yet credited.
    withheld_us: u64,
}

/// Values of one pass, kept together: if a pass fails on its way, the next counts from these, and nothing twice.
#[derive(Debug)]
struct Last {
    counted: Busy,
    ksoftirqd_us: i64,
    leftover_us: i64,
}

impl Interrupts {
    pub(crate) fn new(ledger: &mut Ledger) -> Interrupts {
        let account = ledger.acquire_exported(&naming::interrupts());
        Interrupts { account, last: None, uncredited_us: 0, leftover_us: 0, given_up_us: 0, withheld_us: 0 }
    }

    /// Returns the interrupt time that is known to be in the tasks' time too, in microseconds; never falls.
    pub(crate) fn withheld_us(&self) -> u64 {
        self.withheld_us
    }

    /// Ends a pass: settles the busy time, and credits the interrupts' part of it.
    pub(crate) fn settle_pass(&mut self, now: Busy, busy: &mut BusyTime, ledger: &mut Ledger) {
        let ksoftirqd_us = ledger.accrued_us(&naming::ksoftirqd());
        let interrupts_us = ledger.accrued_us(&naming::interrupts());
        let tasks_us = ledger.total_accrued_us() - interrupts_us;
        let new_us = self.last.as_ref().map_or(0, |last| {
            let counted = now.interrupts().wrapping_sub(last.counted.interrupts()).cast_signed();
            counted.saturating_sub(ksoftirqd_us - last.ksoftirqd_us)
        });
        let is_separate = now.separates_interrupts();
        if self.last.is_some() {
            busy.settle(if is_separate {
                tasks_us.saturating_add(interrupts_us).saturating_add(new_us)
            } else {
                tasks_us
            });
        }
        let leftover_us = busy.total_us().saturating_sub(tasks_us);
        let Some(last) = self.last.replace(Last { counted: now, ksoftirqd_us, leftover_us }) else { return };
        self.uncredited_us = self.uncredited_us.saturating_add(new_us);
        self.leftover_us = self.leftover_us.saturating_add(leftover_us - last.leftover_us);
        let credited_us =
            if is_separate { self.uncredited_us } else { self.uncredited_us.min(self.leftover_us).max(0) };
        self.uncredited_us -= credited_us;
        self.leftover_us -= credited_us;
        let limit_us = ROUNDING_US.saturating_mul(i64::try_from(now.cpus).unwrap_or(1).max(1));
        self.leftover_us = self.leftover_us.min(limit_us);
        let excess = (self.uncredited_us - limit_us).max(0);
        self.uncredited_us -= excess;
        self.given_up_us = self.given_up_us.saturating_add(excess);
        let withheld_us = self.given_up_us.saturating_add(self.uncredited_us).max(0).cast_unsigned();
        self.withheld_us = self.withheld_us.max(withheld_us);
        ledger.credit(self.account, Delta { user_us: 0, system_us: credited_us });
    }
}
