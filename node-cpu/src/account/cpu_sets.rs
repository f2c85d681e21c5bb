//! Busy time of the two sets of CPUs of a node that is partitioned: those for the platform, and the isolated ones.

use super::busy::BusyTime;
use crate::cpu_list::CpuList;
use crate::kernel::parse::Busy;
use crate::snapshot::{Allowed, CpuSet};
use std::time::{Duration, Instant};

/// Names of the sets, as the platform's profiles have them.
const ISOLATED: &str = "isolated";
const RESERVED: &str = "reserved";

/// Sets of CPUs, with the busy time of each.
#[derive(Debug)]
pub(crate) struct CpuSets {
    isolated: (CpuList, BusyTime),
    reserved: (CpuList, BusyTime),
}

impl CpuSets {
    /// Makes the sets of a node whose CPUs are `present`. All that are not isolated are for the platform.
    pub(crate) fn new(isolated: CpuList, present: &CpuList) -> CpuSets {
        let reserved = present.without(&isolated);
        CpuSets { isolated: (isolated, BusyTime::default()), reserved: (reserved, BusyTime::default()) }
    }

    /// Returns the isolated CPUs.
    pub(crate) fn isolated(&self) -> &CpuList {
        &self.isolated.0
    }

    /// Returns where something may run that is allowed on these CPUs. Those that are not present do not matter.
    pub(crate) fn allowed(&self, cpus: &CpuList) -> Allowed {
        let is_on = |set: &CpuList| cpus.iter().any(|cpu| set.contains(cpu));
        match (is_on(&self.reserved.0), is_on(&self.isolated.0)) {
            (true, false) => Allowed::Reserved,
            (false, true) => Allowed::Isolated,
            _ => Allowed::Any,
        }
    }

    /// Returns the present CPUs of these, if any of them is isolated.
    pub(crate) fn stray(&self, cpus: &CpuList) -> Option<CpuList> {
        let isolated = cpus.within(&self.isolated.0);
        (!isolated.is_empty()).then(|| cpus.within(&self.reserved.0).with(&isolated))
    }

    /// Adds a reading of the isolated CPUs and of the others, as of [`BusyTime::add_reading`]. No count of the tasks says
    /// how much of a stolen time was used, so none of it is busy.
    pub(crate) fn add_reading(&mut self, at: Instant, duration: Duration, [isolated, others]: [Busy; 2]) {
        for ((_, busy), now) in [(&mut self.isolated, isolated), (&mut self.reserved, others)] {
            busy.add_reading(at, duration, now);
            busy.settle(i64::MIN);
        }
    }

    /// Returns the sets, by name.
    pub(crate) fn write(&self) -> Vec<CpuSet> {
        let sets = [(ISOLATED, &self.isolated), (RESERVED, &self.reserved)];
        let set = |(name, (cpus, busy)): (&'static str, &(CpuList, BusyTime))| CpuSet {
            name,
            cpus: cpus.clone(),
            busy: busy.modes(),
        };
        sets.into_iter().map(set).collect()
    }
}
