//! What is asked of a node and what it answers: plain values, on any system.

use crate::cpu::Cpu;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

/// Where CPU is spent: by the host's own programs, by pods, or by the kernel's threads and interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Units and processes outside of pods.
    Host,
    /// All pods together; their group is `conmon`.
    Pod,
    /// Kernel threads and interrupts.
    Kernel,
}

impl Class {
    /// The value of the label `class`.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Host => "host",
            Class::Pod => "pod",
            Class::Kernel => "kernel",
        }
    }
}

/// Where the kernel's files are.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The mount of procfs, usually `/proc`.
    pub procfs: PathBuf,
    /// A cgroup v2 tree to count by; `None`: find the node's own among the mounts, or do without.
    pub cgroupfs: Option<PathBuf>,
}

/// By what a node is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// By unit, from the cgroup v2 tree: exact, the ended ones included.
    Cgroup,
    /// By process, in ticks: where no such tree is in sight.
    Process,
}

impl Method {
    /// The value of the label `method`.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Cgroup => "cgroup",
            Method::Process => "process",
        }
    }
}

/// What one pass found; all totals are since [`open`](crate::Node::open) and never fall.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The middle of the time in which the counters were read.
    pub at: Instant,
    /// Each group's CPU, those that are gone included.
    pub groups: BTreeMap<(Class, String), Cpu>,
    /// The groups that have a living cgroup or process.
    pub alive: BTreeSet<(Class, String)>,
    /// The node's busy time by mode (`user`, `nice`, `system`, `irq`, `softirq`), in microseconds; by the
    /// kernel's ticks, so it may differ a little from the sum of the groups.
    pub busy: BTreeMap<&'static str, u64>,
    /// How many readings failed, by reason; what vanished is not among them.
    pub errors: BTreeMap<&'static str, u64>,
}
