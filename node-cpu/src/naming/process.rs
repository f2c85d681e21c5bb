//! Names processes: kernel threads by their family, programs by the kernel's short name for them.

use super::owner::sanitize_group_name;

/// Length of a program's comm in bytes at which the kernel may have cut it.
const CUT_COMM_BYTES: usize = 15;

/// Returns the part of a kernel thread's name that stays when its work changes: `kworker` of `kworker/0:1-events`.
pub(crate) fn kernel_stem(comm: &[u8]) -> &[u8] {
    comm.split(|b| matches!(b, b'/' | b':')).next().unwrap_or_default()
}

/// Returns the family of a kernel thread.
///
/// `kworker/0:1-events` -> `kworker`, `kswapd0` -> `kswapd`, `jbd2/vda-8` -> `jbd2`, `rcu_preempt` and `rcuop/1` -> `rcu`.
pub(crate) fn kernel_family(comm: &[u8]) -> String {
    let comm = String::from_utf8_lossy(comm);
    if comm.starts_with("rcu") {
        return "rcu".to_owned();
    }
    let (name, rest) =
        comm.find(['/', ':']).and_then(|end| comm.split_at_checked(end)).unwrap_or((&comm, ""));
    // A number at the end numbers one of several threads. Before a slash it belongs to the name, and the rest numbers it.
    let is_number = |c: char| c.is_ascii_digit() && !rest.starts_with('/');
    let family = name.trim_end_matches(|c| is_number(c) || matches!(c, '-' | '_' | '.'));
    sanitize_group_name(if family.is_empty() { &comm } else { family })
}

/// Returns `true` if `comm` may be only the beginning of the program's name.
pub(crate) fn may_be_cut(comm: &[u8]) -> bool {
    comm.len() == CUT_COMM_BYTES
}

/// Returns the name of a process from its comm and, if the kernel has cut that, from its first argument.
pub(crate) fn process_name(comm: &[u8], cmdline: &[u8]) -> String {
    let argument = cmdline.split(|b| *b == 0 || b.is_ascii_whitespace()).next().unwrap_or_default();
    let base = argument.rsplit(|&b| b == b'/').next().unwrap_or_default();
    let is_longer = may_be_cut(comm) && base.starts_with(comm);
    let name = String::from_utf8_lossy(if is_longer { base } else { comm });
    sanitize_group_name(if is_longer { name.trim_end_matches(':') } else { &name })
}
