//! Sets of CPUs in a report: how busy each is, and what of the platform may leave its own.
use super::{Class, Stats};
use schemars::JsonSchema;
use serde::Serialize;

/// Set of a node's CPUs, by their purpose; or where something may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Cpuset {
    /// CPUs of the platform.
    Reserved,
    /// CPUs of the workload.
    Isolated,
    /// CPUs that containers of the workload may share.
    Shared,
    /// CPUs of OVS's DPDK threads.
    OvsDpdk,
    /// No single set: it may run on several, or that is not known.
    Any,
}

impl Cpuset {
    /// Returns the name as in labels, JSON and CSV.
    pub fn as_str(self) -> &'static str {
        match self {
            Cpuset::Reserved => "reserved",
            Cpuset::Isolated => "isolated",
            Cpuset::Shared => "shared",
            Cpuset::OvsDpdk => "ovsDpdk",
            Cpuset::Any => "any",
        }
    }

    /// Returns the set of a series by its label `cpuset`; `None` if it has no such label.
    pub fn of_label(label: &str) -> Option<Cpuset> {
        match label {
            "" => None,
            "reserved" => Some(Cpuset::Reserved),
            "isolated" => Some(Cpuset::Isolated),
            _ => Some(Cpuset::Any),
        }
    }
}

/// Busy time of a set of CPUs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CpusetBusy {
    /// Set.
    pub cpuset: Cpuset,
    /// Numbers of its CPUs, such as `0-1,52-53`. `None` if nodes differ, or nothing tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<String>,
    /// Node. `None` if it is of several nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Statistics of the busy time of its CPUs, in cores. `None` if there are no samples.
    #[serde(flatten)]
    pub stats: Option<Stats>,
}

/// Group or pod of the platform that may run on isolated CPUs, and is no kernel thread bound to one CPU.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Stray {
    /// Class: host, kernel or infra.
    pub class: Class,
    /// Namespace of the pod. `None` if it is no pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the group or the pod.
    pub name: String,
    /// Node. `None` if it is of several nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Number of nodes on which it strays.
    pub nodes: usize,
    /// Number of its threads that may run on isolated CPUs, the most that were there at once on each node.
    pub threads: u64,
    /// CPUs on which these may run, each list that some of them have.
    pub cpus: Vec<String>,
    /// Cores that it used on average where it was not bound to reserved CPUs: no less than those threads did. Of kernel
    /// threads those alone that are bound to neither set. `None` if there are no samples of it.
    pub avg: Option<f64>,
    /// Why it may run there, and what helps.
    pub why: &'static str,
}

impl Stray {
    /// Explains why something of a class may run on isolated CPUs, and what helps.
    pub fn why(class: Class) -> &'static str {
        match class {
            Class::Kernel => {
                "a kernel thread that is not bound to one CPU: the affinity of such threads, or the workqueues' cpumask, takes in isolated CPUs"
            }
            Class::Infra => {
                "workload partitioning does not bind it: its pod lacks the annotation target.workload.openshift.io/management, or its namespace workload.openshift.io/allowed"
            }
            _ => {
                "the kernel's systemd.cpu_affinity does not bind it: its unit sets CPUAffinity, a program has bound it anew, or the cpuset controller has undone it (taskset -acp tells and mends)"
            }
        }
    }
}
