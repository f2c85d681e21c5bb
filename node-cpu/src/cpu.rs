//! CPU time as a total and as a delta. They are two types, so that neither is mistaken for the other.

use std::ops::{Add, AddAssign, Sub};

/// CPU time since a stated beginning, in microseconds. It never falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Time in user mode, in microseconds.
    pub user_us: u64,
    /// Time in the kernel, in microseconds.
    pub system_us: u64,
}

impl Cpu {
    /// Returns user and system time together, in microseconds.
    pub fn total_us(self) -> u64 {
        self.user_us.saturating_add(self.system_us)
    }

    /// Returns the CPU time added since `earlier`, negative if the kernel's number fell.
    pub fn since(self, earlier: Cpu) -> Delta {
        Delta {
            user_us: self.user_us.wrapping_sub(earlier.user_us) as i64,
            system_us: self.system_us.wrapping_sub(earlier.system_us) as i64,
        }
    }

    /// Raises this exported total to the signed sum `accrued`, by at most `limit_us`, and returns the rise. It never falls.
    /// The split into modes follows `accrued` as far as neither mode falls and the total is unaffected.
    pub fn follow(&mut self, accrued: Delta, limit_us: i64) -> Delta {
        let rise_us = accrued.total_us().saturating_sub_unsigned(self.total_us()).min(limit_us);
        if rise_us <= 0 {
            return Delta::default();
        }
        let user_us = accrued.user_us.saturating_sub_unsigned(self.user_us).clamp(0, rise_us);
        let delta = Delta { user_us, system_us: rise_us - user_us };
        self.user_us = self.user_us.saturating_add_signed(delta.user_us);
        self.system_us = self.system_us.saturating_add_signed(delta.system_us);
        delta
    }
}

impl Add for Cpu {
    type Output = Cpu;
    fn add(self, other: Cpu) -> Cpu {
        Cpu {
            user_us: self.user_us.saturating_add(other.user_us),
            system_us: self.system_us.saturating_add(other.system_us),
        }
    }
}

/// Difference of CPU times in microseconds. It is signed, because a residual of two readings may be below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Time in user mode, in microseconds.
    pub user_us: i64,
    /// Time in the kernel, in microseconds.
    pub system_us: i64,
}

impl Delta {
    /// Returns user and system time together, in microseconds.
    pub fn total_us(self) -> i64 {
        self.user_us.saturating_add(self.system_us)
    }
}

impl Add for Delta {
    type Output = Delta;
    fn add(self, other: Delta) -> Delta {
        Delta {
            user_us: self.user_us.saturating_add(other.user_us),
            system_us: self.system_us.saturating_add(other.system_us),
        }
    }
}

impl AddAssign for Delta {
    fn add_assign(&mut self, other: Delta) {
        *self = *self + other;
    }
}

impl Sub for Delta {
    type Output = Delta;
    fn sub(self, other: Delta) -> Delta {
        Delta {
            user_us: self.user_us.saturating_sub(other.user_us),
            system_us: self.system_us.saturating_sub(other.system_us),
        }
    }
}
