//! CPU time as a total and as a difference: two types, so that neither is taken for the other.

use std::ops::{Add, AddAssign, Sub};

/// CPU time since a stated beginning, in microseconds; never falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Time in user mode, in microseconds.
    pub user_us: u64,
    /// Time in the kernel, in microseconds.
    pub system_us: u64,
}

impl Cpu {
    /// User and system time together, in microseconds.
    pub fn total_us(self) -> u64 {
        self.user_us.saturating_add(self.system_us)
    }

    /// What was added since `earlier`; negative where the kernel's number fell.
    pub(crate) fn since(self, earlier: Cpu) -> Growth {
        Growth {
            user_us: self.user_us.wrapping_sub(earlier.user_us) as i64,
            system_us: self.system_us.wrapping_sub(earlier.system_us) as i64,
        }
    }

    /// Lets this, which is shown, follow a signed sum upwards, by so many microseconds at most; by how much it did. The split
    /// follows as far as neither mode falls and the total stays what it is.
    pub(crate) fn follow(&mut self, owed: Growth, most: i64) -> Growth {
        let rise = owed.total_us().saturating_sub_unsigned(self.total_us()).min(most);
        if rise <= 0 {
            return Growth::default();
        }
        let user_us = owed.user_us.saturating_sub_unsigned(self.user_us).clamp(0, rise);
        let risen = Growth { user_us, system_us: rise - user_us };
        self.user_us = self.user_us.saturating_add_signed(risen.user_us);
        self.system_us = self.system_us.saturating_add_signed(risen.system_us);
        risen
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

/// A difference of CPU times in microseconds, signed: a residual of two readings may be below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Growth {
    pub(crate) user_us: i64,
    pub(crate) system_us: i64,
}

impl Growth {
    pub(crate) fn total_us(self) -> i64 {
        self.user_us.saturating_add(self.system_us)
    }
}

impl Add for Growth {
    type Output = Growth;
    fn add(self, other: Growth) -> Growth {
        Growth {
            user_us: self.user_us.saturating_add(other.user_us),
            system_us: self.system_us.saturating_add(other.system_us),
        }
    }
}

impl AddAssign for Growth {
    fn add_assign(&mut self, other: Growth) {
        *self = *self + other;
    }
}

impl Sub for Growth {
    type Output = Growth;
    fn sub(self, other: Growth) -> Growth {
        Growth {
            user_us: self.user_us.saturating_sub(other.user_us),
            system_us: self.system_us.saturating_sub(other.system_us),
        }
    }
}
