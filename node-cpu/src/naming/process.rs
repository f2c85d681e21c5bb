//! Names of processes: of kernel threads by their family, of programs by the kernel's short name for them.

use super::owner::bounded;

/// A comm of this many bytes may have been cut by the kernel.
const CUT_COMM: usize = 15;

/// What of a kernel thread's name stays while it works on one thing after the other: `kworker` of `kworker/0:1-events`.
pub(crate) fn kernel_stem(comm: &[u8]) -> &[u8] {
    comm.split(|b| matches!(b, b'/' | b':')).next().unwrap_or_default()
}

/// The family of a kernel thread: `kworker/0:1-events` -> `kworker`, `kswapd0` -> `kswapd`, `jbd2/vda-8` -> `jbd2`,
/// `rcu_preempt` and `rcuop/1` -> `rcu`.
pub(crate) fn kernel_family(comm: &[u8]) -> String {
    let comm = String::from_utf8_lossy(comm);
    if comm.starts_with("rcu") {
        return "rcu".to_owned();
    }
    let (name, rest) =
        comm.find(['/', ':']).and_then(|end| comm.split_at_checked(end)).unwrap_or((&comm, ""));
    // A number at the end tells one of several, but before a slash it belongs to the name: what follows tells.
    let numbered = |c: char| c.is_ascii_digit() && !rest.starts_with('/');
    let family = name.trim_end_matches(|c| numbered(c) || matches!(c, '-' | '_' | '.'));
    bounded(if family.is_empty() { &comm } else { family })
}

/// Whether the comm may be only the beginning of the program's name.
pub(crate) fn may_be_cut(comm: &[u8]) -> bool {
    comm.len() == CUT_COMM
}

/// The name of a process from its comm and, where the kernel has cut that, from its first argument.
pub(crate) fn process_name(comm: &[u8], cmdline: &[u8]) -> String {
    let argument = cmdline.split(|b| *b == 0 || b.is_ascii_whitespace()).next().unwrap_or_default();
    let base = argument.rsplit(|&b| b == b'/').next().unwrap_or_default();
    let longer = may_be_cut(comm) && base.starts_with(comm);
    let name = String::from_utf8_lossy(if longer { base } else { comm });
    bounded(if longer { name.trim_end_matches(':') } else { &name })
}
