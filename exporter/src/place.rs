//! Class and group: to whom a cgroup, a process or a kernel thread belongs, told from names alone.

mod thread;

use crate::reading::Class;
pub(crate) use crate::reading::Group as Key;
use std::ffi::OsStr;
pub(crate) use thread::thread_name;

/// Longest name of a group, in bytes; units may have 255.
const LONGEST: usize = 128;
/// A comm of this many bytes may have been cut by the kernel.
const CUT_COMM: usize = 15;
const UNITS: [&str; 10] =
    ["service", "scope", "mount", "socket", "swap", "timer", "automount", "path", "device", "target"];

/// The name of what no living one accounts for: among groups, and among a group's threads.
pub(crate) const EXITED: &str = "(exited)";
/// The name of a group's threads that were never read: they have not run since the exporter started.
pub(crate) const IDLE: &str = "(idle)";
/// The name of what is past a limit.
pub(crate) const OTHER: &str = "(other)";
/// What has no name: a process may take its own away.
const UNNAMED: &str = "(unnamed)";

/// The name of the interrupts' group.
pub(crate) const INTERRUPTS: &str = "(interrupts)";

/// The pods' group: the predecessor's name for it, which people's queries filter on.
pub(crate) fn pods() -> Key {
    (Class::Pod, "conmon".into())
}

/// What exited and can be given to no group that was seen alive.
pub(crate) fn exited() -> Key {
    (Class::Host, EXITED.into())
}

/// Hard and soft interrupts, outside of their kernel threads.
pub(crate) fn interrupts() -> Key {
    (Class::Kernel, INTERRUPTS.into())
}

/// The kernel threads whose time the kernel also counts as soft interrupts.
pub(crate) fn ksoftirqd() -> Key {
    (Class::Kernel, "ksoftirqd".into())
}

/// What one cgroup of the tree is; made from its parent's and its own name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The group of the last unit on the path; without any unit, of the first directory that is no slice.
    pub(crate) own: Option<Key>,
    /// A slice holds units and no processes.
    pub(crate) slice: bool,
    /// The pods' cgroup, or one in it: they are one group.
    pub(crate) pods: bool,
}

impl Place {
    /// The root's own place: it has no group, like a slice.
    pub(crate) fn root() -> Place {
        Place { slice: true, ..Place::default() }
    }

    /// The place of the cgroup called `name` in this one.
    pub(crate) fn child(&self, name: &OsStr) -> Place {
        let name = name.to_string_lossy();
        if self.pods || is_pods(&name) {
            let own = self.own.clone().filter(|_| self.pods).unwrap_or_else(pods);
            return Place { own: Some(own), slice: name.ends_with(".slice"), pods: true };
        }
        match name.rsplit_once('.') {
            Some((_, "slice")) => Place { own: self.own.clone(), slice: true, pods: false },
            Some((stem, suffix)) if UNITS.contains(&suffix) => {
                let group = if name == "init.scope" { "systemd".into() } else { template(stem).into() };
                Place { own: Some((Class::Host, group)), slice: false, pods: false }
            }
            _ => {
                let own = self.own.clone().unwrap_or_else(|| (Class::Host, template(&name).into()));
                Place { own: Some(own), slice: false, pods: false }
            }
        }
    }
}

impl Place {
    /// The group that all in it belongs to, if it is of one.
    pub(crate) fn group(&self) -> Option<&Key> {
        self.own.as_ref().filter(|_| self.pods || !self.slice)
    }
}

fn is_pods(component: &str) -> bool {
    matches!(component, "kubepods" | "kubepods.slice") || component.ends_with("-kubepods.slice")
}

/// Whether a directory of the root is a unit of systemd's.
pub(crate) fn is_unit(name: &OsStr) -> bool {
    let suffix = name.to_str().and_then(|name| name.rsplit_once('.')).map(|(_, suffix)| suffix);
    matches!(suffix, Some("slice" | "scope" | "service"))
}

/// `getty@tty1` -> `getty`, `session-3` -> `session`, `libpod-conmon-<hex>` -> `libpod-conmon`, `\x2d` -> `-`.
fn template(stem: &str) -> String {
    let mut kept = match stem.split_once('@') {
        Some((template, _)) if !template.is_empty() => template,
        _ => stem,
    };
    while let Some((head, tail)) = kept.rsplit_once('-') {
        let counted = matches!(head.split('-').next(), Some("run" | "session")) && is_letter_and_number(tail);
        if head.is_empty() || !(is_id(tail) || counted) {
            break;
        }
        kept = head;
    }
    bounded(&String::from_utf8_lossy(&unescape_hex(kept.as_bytes())))
}

/// A number, or twelve and more hexadecimal digits.
fn is_id(text: &str) -> bool {
    let hex = text.len() >= 12 && text.bytes().all(|b| b.is_ascii_hexdigit());
    hex || (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
}

/// `c2` (a session), `u12`, `p12`, `i34`, `r1a2` (what systemd-run starts).
fn is_letter_and_number(text: &str) -> bool {
    let Some((letter, number)) = text.split_at_checked(1) else { return false };
    let hex = number.bytes().all(|b| b.is_ascii_hexdigit()) && number.bytes().any(|b| b.is_ascii_digit());
    letter.bytes().all(|b| b.is_ascii_lowercase()) && hex
}

/// systemd writes a byte that may not stand in a unit's name as `\x2d`.
fn unescape_hex(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let digits = rest.strip_prefix(br"\x").and_then(|tail| tail.get(..2));
        match digits.and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = rest.get(4..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

/// Never empty: to Prometheus, a label without a value is none.
fn bounded(name: &str) -> String {
    let name = if name.is_empty() { UNNAMED } else { name };
    (0..=LONGEST)
        .rev()
        .find_map(|end| name.get(..end))
        .filter(|_| name.len() > LONGEST)
        .unwrap_or(name)
        .to_owned()
}

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

/// Host or pod by the text of `/proc/PID/cgroup`. `relative`: see [`is_relative`].
pub(crate) fn class_by_text(text: &[u8], relative: bool) -> Class {
    let pod = text.split(|&b| b == b'\n').any(|line| {
        // A bare `/` seen from inside of a container is the reader's own pod.
        (relative && line == b"0::/") || String::from_utf8_lossy(line).split('/').any(is_part_of_pod)
    });
    if pod { Class::Pod } else { Class::Host }
}

/// Whether PID 1's text shows that the reader sees cgroups relative to its own container.
pub(crate) fn is_relative(text_of_pid_1: &[u8]) -> bool {
    text_of_pid_1.split(|&b| b == b'\n').any(|line| line.starts_with(b"0::/.."))
}

fn is_part_of_pod(component: &str) -> bool {
    let scope = component.strip_prefix("crio-").and_then(|rest| rest.strip_suffix(".scope"));
    let id = scope.map(|rest| rest.strip_prefix("conmon-").unwrap_or(rest));
    id.is_some_and(|id| id.len() == 64 && is_id(id))
        || is_pods(component)
        || (component.starts_with("kubepods") && component.ends_with(".slice"))
}

#[cfg(test)]
mod tests;
