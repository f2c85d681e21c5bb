//! Maps cgroups, processes and kernel threads to the groups and pods that they belong to.
//!
//! ```text
//! namer      finds a process's group by the current rules, or by its nearest ancestor that has one
//! rules      parses process_names from YAML, and names a process
//! owner      a group or a pod
//! cgroup     maps a cgroup's path to its owner      pod      finds a pod's UID, and its name by its monitor
//! unit_name  maps a unit's name to a group's
//! process    names a process by comm and cmdline    thread   names a thread by its comm
//! ```

#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(target_os = "linux")]
mod namer;
#[cfg(target_os = "linux")]
mod owner;
#[cfg(target_os = "linux")]
mod pod;
#[cfg(target_os = "linux")]
mod process;
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "other systems only check rules"))]
mod rules;
#[cfg(target_os = "linux")]
mod thread;
#[cfg(target_os = "linux")]
mod unit_name;

#[cfg(target_os = "linux")]
pub use owner::Owner;
#[cfg(all(target_os = "linux", any(fuzzing, test)))]
pub(crate) use rules::Identity;
pub use rules::{Rules, check_rules};
#[cfg(target_os = "linux")]
pub(crate) use {
    cgroup::{CgroupRole, Kind, is_unit},
    namer::{Namer, RuleName},
    owner::{exited, interrupts, ksoftirqd, pods, pods_exited},
    pod::{NAME_TRIES, is_conmon_scope, is_relative, parse_monitored_pod, parse_pod_of_process},
    process::{kernel_family, kernel_stem, may_be_cut, process_name},
    thread::thread_name,
};

#[cfg(all(test, target_os = "linux"))]
mod tests;
