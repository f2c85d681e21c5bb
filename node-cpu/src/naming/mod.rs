//! Names: to which group or pod a cgroup, a process or a kernel thread belongs.
//!
//! ```text
//! namer    a process's group by the rules in force, or that of its nearest ancestor which has one
//! rules    process_names: from YAML to a name for a process
//! owner    a group or a pod
//! cgroup   a cgroup's path to its owner          pod      a pod's UID, and what its monitor calls it
//! unit_name  a unit's name to a group's
//! process  comm and command line to a name       thread   a thread's comm to its name
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
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "elsewhere rules are only checked"))]
mod rules;
#[cfg(target_os = "linux")]
mod thread;
#[cfg(target_os = "linux")]
mod unit_name;

#[cfg(target_os = "linux")]
pub use owner::Owner;
#[cfg(all(target_os = "linux", any(fuzzing, test)))]
pub(crate) use rules::Identity;
pub use rules::{Rules, check as check_rules};
#[cfg(target_os = "linux")]
pub(crate) use {
    cgroup::{CgroupRole, Kind, is_unit},
    namer::{Namer, RuleName},
    owner::{exited, interrupts, ksoftirqd, pods, pods_exited},
    pod::{NAME_TRIES, is_conmon_scope, is_relative, pod_by_arguments, pod_by_text},
    process::{kernel_family, kernel_stem, may_be_cut, process_name},
    thread::thread_name,
};

#[cfg(all(test, target_os = "linux"))]
mod tests;
