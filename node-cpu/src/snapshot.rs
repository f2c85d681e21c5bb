//! Result of a pass, as plain values that exist on any system.

use crate::cpu::Cpu;
use crate::cpu_list::CpuList;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// A group of one node, as its class and its name.
pub type Group = (Class, Arc<str>);

/// Threads of one name in a group, as class, group, and the thread name without its numbers.
///
/// No thread has one of these three names. `(exited)` stands for CPU that no living thread accounts for. `(other)`
/// stands for threads past the limit. `(idle)` stands for threads that have not run and were not read. Idle threads are
/// counted and have no CPU.
pub type Thread = (Class, Arc<str>, Arc<str>);

/// Name for CPU that nothing living accounts for, among groups and among a group's threads.
pub const EXITED: &str = "(exited)";
/// Name for a group's threads that were never read, because they have not run since the counting began.
pub const IDLE: &str = "(idle)";
/// Name for everything past a limit.
pub const OTHER: &str = "(other)";
/// Name for a group or pod that is too new to have its own. This crate never uses it, but an exporter may need it.
pub const STARTING: &str = "(starting)";
/// Name of the interrupts' group.
pub const INTERRUPTS: &str = "(interrupts)";

/// A pod of one node, by its name.
///
/// Pods' CPU without a pod name has class `pod` and an empty namespace. Its name is a UID, `(exited)` or `(other)`.
/// `(exited)` stands for pods that started and ended without being seen by a pass. `(other)` stands for CPU outside of
/// every pod's cgroup, or past the limit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pod {
    /// `infra`, `workload` or `pod`.
    pub class: Class,
    /// Namespace of the pod.
    pub namespace: Arc<str>,
    /// Name of the pod.
    pub name: Arc<str>,
}

impl Pod {
    /// Returns the entry for pods' CPU without a pod name. `name` is a UID, `(exited)` or `(other)`.
    pub fn without_name(name: Arc<str>) -> Pod {
        Pod { class: Class::Pod, namespace: "".into(), name }
    }
}

/// Part of a node that uses CPU: the host's own programs, pods, or the kernel's threads and interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Units and processes outside of pods.
    Host,
    /// Class of the group `conmon`, which is all pods together. The predecessor called it so, and users' queries
    /// filter on that. A [`Pod`] of this class has no name.
    Pod,
    /// Kernel threads and interrupts.
    Kernel,
    /// Pods of the platform's namespaces.
    Infra,
    /// All other pods.
    Workload,
}

impl Class {
    /// Returns the class of the pods in `namespace`: `Infra` if it is the platform's, `Workload` if it is the users'.
    pub fn of_namespace(namespace: &str) -> Class {
        let infra = matches!(namespace, "openshift" | "default")
            || namespace.starts_with("openshift-")
            || namespace.starts_with("kube-");
        if infra { Class::Infra } else { Class::Workload }
    }

    /// Returns the value of the label `class`.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Host => "host",
            Class::Pod => "pod",
            Class::Kernel => "kernel",
            Class::Infra => "infra",
            Class::Workload => "workload",
        }
    }
}

/// Method that counts a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Counts by unit, from the cgroup v2 tree. The result is exact and includes units that ended.
    Cgroup,
    /// Counts by process, in ticks, if no such tree is visible.
    Process,
}

impl Method {
    /// Returns the value of the label `method`.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Cgroup => "cgroup",
            Method::Process => "process",
        }
    }
}

/// Living processes of a group and their threads, as of the last pass that read them.
///
/// A process that starts or exits uses CPU, so that the next pass reads its group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Number of processes.
    pub processes: u64,
    /// Number of their threads.
    pub threads: u64,
}

/// Work that a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Number of files and directories read.
    pub files_read: u64,
    /// Number of files that are kept open from pass to pass.
    pub files_open: u64,
    /// Number of cgroups whose counter was read.
    pub cgroups: u64,
    /// Number of processes whose counter was read.
    pub processes: u64,
    /// Number of threads whose counter was read. Kernel threads are not among them, because they count as processes.
    pub threads: u64,
}

/// Result of one pass. All totals are since [`open`](crate::Node::open) and never fall.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Middle of the time in which the counters were read.
    pub at: Instant,
    /// CPU of each group, including groups that are gone.
    pub groups: BTreeMap<Group, Cpu>,
    /// Groups that have a living cgroup or process.
    pub alive: BTreeSet<Group>,
    /// CPU of each pod, including pods that are gone. An entry without a pod name exists only if it used CPU. Between
    /// two snapshots the pods' sum rises as the groups of class `pod` do.
    pub pods: BTreeMap<Pod, Cpu>,
    /// Pods that have a living cgroup or process.
    pub pods_alive: BTreeSet<Pod>,
    /// CPU of each group by thread name. Between two snapshots the sum of a group's threads rises as the group does.
    /// Empty unless [`Detail::threads`](crate::Detail::threads) is set.
    pub threads: BTreeMap<Thread, Cpu>,
    /// Number of living threads by name. A missing name has none. Together they are the group's threads.
    pub thread_counts: BTreeMap<Thread, u64>,
    /// Number of living processes and threads of each group that has any.
    pub counts: BTreeMap<Group, Counts>,
    /// Busy time of the node by mode (`user`, `nice`, `system`, `irq`, `softirq`), in microseconds. It is the time that
    /// the CPUs were not idle. Its clock is not the groups' clock, so it may differ a little from their sum.
    pub busy: BTreeMap<&'static str, u64>,
    /// Sets of CPUs; empty if the node has one.
    pub cpu_sets: Vec<CpuSet>,
    /// CPU of each group by where it was allowed to run; the parts add up to the group. Empty if the node has one set.
    pub groups_by_allowed: BTreeMap<Group, ByAllowed>,
    /// The same of each pod.
    pub pods_by_allowed: BTreeMap<Pod, ByAllowed>,
    /// Numbers of living threads that are allowed on isolated CPUs, by their group and all CPUs that they are allowed on.
    /// Kernel threads that are bound to one CPU are not among them.
    pub group_strays: BTreeMap<(Group, Arc<CpuList>), u64>,
    /// The same of the platform's pods.
    pub pod_strays: BTreeMap<(Pod, Arc<CpuList>), u64>,
    /// Time that a hypervisor took from CPUs that were neither idle nor busy, in microseconds.
    pub stolen_us: u64,
    /// Time that the kernel counted both as interrupts and in its tasks' time, as far as it was detected, in
    /// microseconds. No group has it twice.
    pub withheld_us: u64,
    /// Number of failed readings by reason. A process or cgroup that vanished is not among them.
    pub errors: BTreeMap<&'static str, u64>,
    /// Work that this pass did.
    pub work: Work,
}

/// CPUs of a node that are for one purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuSet {
    /// Name: `isolated`, or `reserved` for all others.
    pub name: &'static str,
    /// CPUs, as of [`open`](crate::Node::open).
    pub cpus: CpuList,
    /// Busy time of these CPUs by mode, in microseconds, as that of the node.
    pub busy: BTreeMap<&'static str, u64>,
}

/// CPUs on which something is allowed to run, of a node of several sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Allowed {
    /// On reserved CPUs alone.
    Reserved,
    /// On isolated CPUs alone.
    Isolated,
    /// On some of both, or it is not known.
    #[default]
    Any,
}

/// CPU time by where it was allowed to run, in microseconds. It never falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByAllowed {
    /// Of what may run on reserved CPUs alone.
    pub reserved_us: u64,
    /// Of what may run on isolated CPUs alone.
    pub isolated_us: u64,
    /// Of all else.
    pub any_us: u64,
}

impl Snapshot {
    /// Returns a snapshot of the moment `at` without any values.
    pub fn empty(at: Instant) -> Snapshot {
        Snapshot {
            at,
            groups: BTreeMap::new(),
            alive: BTreeSet::new(),
            pods: BTreeMap::new(),
            pods_alive: BTreeSet::new(),
            threads: BTreeMap::new(),
            thread_counts: BTreeMap::new(),
            counts: BTreeMap::new(),
            busy: BTreeMap::new(),
            cpu_sets: Vec::new(),
            groups_by_allowed: BTreeMap::new(),
            pods_by_allowed: BTreeMap::new(),
            group_strays: BTreeMap::new(),
            pod_strays: BTreeMap::new(),
            stolen_us: 0,
            withheld_us: 0,
            errors: BTreeMap::new(),
            work: Work::default(),
        }
    }
}
