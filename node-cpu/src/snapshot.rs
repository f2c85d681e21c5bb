//! What is asked of a node and what it answers: plain values, on any system.

use crate::cpu::Cpu;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// A group of one node: its class and its name.
pub type Group = (Class, Arc<str>);

/// The threads of one name in a group: class, group, and the name less what numbers it. Three names are no thread's:
/// `(exited)`, for what no living thread accounts for, `(other)`, for what is past the limit, and `(idle)`, for those
/// that have not run and were not read; these are counted and have no CPU.
pub type Thread = (Class, Arc<str>, Arc<str>);

/// The name of what no living one accounts for: among groups, and among a group's threads.
pub const EXITED: &str = "(exited)";
/// The name of a group's threads that were never read: they have not run since the counting began.
pub const IDLE: &str = "(idle)";
/// The name of what is past a limit.
pub const OTHER: &str = "(other)";
/// The name of what is too new to have one of its own; none is called so here, and an exporter may need it.
pub const STARTING: &str = "(starting)";
/// The name of the interrupts' group.
pub const INTERRUPTS: &str = "(interrupts)";

/// A pod of one node, by its name; or what of the pods' CPU has none, in class `pod` with an empty namespace: a UID,
/// `(exited)`, for pods that came and went unseen, `(other)`, for what is in no pod's cgroup or past the limit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pod {
    /// `infra`, `workload` or `pod`.
    pub class: Class,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl Pod {
    /// What of the pods' CPU no named pod has.
    pub fn without_name(what: Arc<str>) -> Pod {
        Pod { class: Class::Pod, namespace: "".into(), name: what }
    }
}

/// Where CPU is spent: by the host's own programs, by pods, or by the kernel's threads and interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Units and processes outside of pods.
    Host,
    /// Of groups: all pods together, whose group is `conmon`. Of pods: what has no name.
    Pod,
    /// Kernel threads and interrupts.
    Kernel,
    /// Pods of the platform's namespaces.
    Infra,
    /// All other pods.
    Workload,
}

impl Class {
    /// Whose the pods of a namespace are: the platform's or the users'.
    pub fn of_namespace(namespace: &str) -> Class {
        let infra = matches!(namespace, "openshift" | "default")
            || namespace.starts_with("openshift-")
            || namespace.starts_with("kube-");
        if infra { Class::Infra } else { Class::Workload }
    }

    /// The value of the label `class`.
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

/// How closely to look; what is not asked for costs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// CPU by thread name.
    pub threads: bool,
}

/// The living processes of a group and their threads, as of the last pass that looked at them: who comes or goes uses
/// CPU, and is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Processes.
    pub processes: u64,
    /// Their threads.
    pub threads: u64,
}

/// What a pass took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Files and directories read.
    pub files_read: u64,
    /// Files that are kept open from pass to pass.
    pub files_open: u64,
    /// Cgroups whose counter was read.
    pub cgroups: u64,
    /// Processes whose counter was read.
    pub processes: u64,
    /// Threads whose counter was read, those of the kernel not among them: they are processes.
    pub threads: u64,
}

/// What one pass found; all totals are since [`open`](crate::Node::open) and never fall.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The middle of the time in which the counters were read.
    pub at: Instant,
    /// Each group's CPU, those that are gone included.
    pub groups: BTreeMap<Group, Cpu>,
    /// The groups that have a living cgroup or process.
    pub alive: BTreeSet<Group>,
    /// Each pod's CPU, those that are gone included; what has no name only if it used something. Between two readings
    /// they grow together as the groups of class `pod` do.
    pub pods: BTreeMap<Pod, Cpu>,
    /// The pods that have a living cgroup or process.
    pub pods_alive: BTreeSet<Pod>,
    /// Each group's CPU by thread name; between two readings they grow together as the group does. Empty unless
    /// asked for.
    pub threads: BTreeMap<Thread, Cpu>,
    /// The threads that live, by name; a name that is not here has none. Together they are the group's.
    pub thread_counts: BTreeMap<Thread, u64>,
    /// How many live, of each group that has any.
    pub counts: BTreeMap<Group, Counts>,
    /// The node's busy time by mode (`user`, `nice`, `system`, `irq`, `softirq`), in microseconds: what
    /// its CPUs were not idle, by another clock than the groups', so it may differ a little from their sum.
    pub busy: BTreeMap<&'static str, u64>,
    /// The time that a hypervisor took from CPUs that were neither idle nor busy, in microseconds.
    pub stolen_us: u64,
    /// Time that the kernel counted as interrupts and that is in its tasks' time too, as far as it was found out, in
    /// microseconds: it is in no group twice.
    pub withheld_us: u64,
    /// How many readings failed, by reason; what vanished is not among them.
    pub errors: BTreeMap<&'static str, u64>,
    /// What this pass took.
    pub work: Work,
}

impl Snapshot {
    /// A reading at this moment that found nothing.
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
            stolen_us: 0,
            withheld_us: 0,
            errors: BTreeMap::new(),
            work: Work::default(),
        }
    }
}
