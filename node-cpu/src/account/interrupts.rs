//! Hard and soft interrupts as a group of their own, less those that ksoftirqd served: that time is in both.
//!
//! On kernels that do not account for interrupts by themselves they are in the time of the tasks that they interrupt. There
//! only what ran on idle CPUs can be theirs: what all groups leave of the busy time of the same pass. What other passes
//! left is not theirs, but for the rounding of readings.

use super::busy::BusyTime;
use super::ledger::{Id, Ledger};
use crate::cpu::Delta;
use crate::kernel::parse::Busy;
use crate::naming;

/// What a pass hands on to the next, of each CPU, in microseconds: what is rounded to ticks of it.
const ROUNDING_US: i64 = 20_000;

/// The interrupts' group.
#[derive(Debug)]
pub(crate) struct Interrupts {
    account: Id,
    /// As of the last pass that came this far; None before the first.
    last: Option<Last>,
    /// Counted and not given to the group; and of the busy time, left for it by all others.
    wanted_us: i64,
    left_us: i64,
    /// What is given up, and the most that was ever held back.
    given_up_us: i64,
    withheld_us: u64,
}

/// Both of the same moment, so that what fails between them counts nothing twice.
#[derive(Debug)]
struct Last {
    counted: Busy,
    by_threads_us: i64,
    left_us: i64,
}

impl Interrupts {
    pub(crate) fn new(ledger: &mut Ledger) -> Interrupts {
        let account = ledger.acquire_shown(&naming::interrupts());
        Interrupts { account, last: None, wanted_us: 0, left_us: 0, given_up_us: 0, withheld_us: 0 }
    }

    /// What of them is in the tasks' time, as far as it was found out, in microseconds; never falls.
    pub(crate) fn withheld_us(&self) -> u64 {
        self.withheld_us
    }

    /// Ends a pass: settles the busy time, and credits what is the interrupts' of it.
    pub(crate) fn count(&mut self, now: Busy, busy: &mut BusyTime, ledger: &mut Ledger) {
        let by_threads_us = ledger.accrued_us(&naming::ksoftirqd());
        let own_us = ledger.accrued_us(&naming::interrupts());
        let tasks_us = ledger.all_us() - own_us;
        let more_us = self.last.as_ref().map_or(0, |last| {
            let counted = now.interrupts().wrapping_sub(last.counted.interrupts()).cast_signed();
            counted.saturating_sub(by_threads_us - last.by_threads_us)
        });
        let is_apart = now.has_interrupts_apart();
        if self.last.is_some() {
            busy.bound(if is_apart {
                tasks_us.saturating_add(own_us).saturating_add(more_us)
            } else {
                tasks_us
            });
        }
        let left_us = busy.total_us().saturating_sub(tasks_us);
        let Some(last) = self.last.replace(Last { counted: now, by_threads_us, left_us }) else { return };
        self.wanted_us = self.wanted_us.saturating_add(more_us);
        self.left_us = self.left_us.saturating_add(left_us - last.left_us);
        let theirs_us = if is_apart { self.wanted_us } else { self.wanted_us.min(self.left_us).max(0) };
        self.wanted_us -= theirs_us;
        self.left_us -= theirs_us;
        let most = ROUNDING_US.saturating_mul(i64::try_from(now.cpus).unwrap_or(1).max(1));
        self.left_us = self.left_us.min(most);
        let excess = (self.wanted_us - most).max(0);
        self.wanted_us -= excess;
        self.given_up_us = self.given_up_us.saturating_add(excess);
        let withheld = self.given_up_us.saturating_add(self.wanted_us).max(0).cast_unsigned();
        self.withheld_us = self.withheld_us.max(withheld);
        ledger.credit(self.account, Delta { user_us: 0, system_us: theirs_us });
    }
}
