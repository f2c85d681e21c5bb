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
const UNITS: [&str; 8] = ["service", "scope", "socket", "swap", "timer", "path", "device", "target"];
/// The slice of all that people run.
const USERS: &str = "user.slice";

/// The name of what no living one accounts for: among groups, and among a group's threads.
pub(crate) const EXITED: &str = "(exited)";
/// The name of a group's threads that were never read: they have not run since the exporter started.
pub(crate) const IDLE: &str = "(idle)";
/// The name of what is past a limit.
pub(crate) const OTHER: &str = "(other)";
/// The name of what is too new to have one of its own.
const STARTING: &str = "(starting)";
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
    /// The group of the first unit, or of the first directory that is no slice. What is below it belongs to it: whoever was
    /// given a unit may make cgroups in it, and call them as they like.
    pub(crate) own: Option<Key>,
    /// A slice holds units and, as a rule, no processes.
    pub(crate) slice: bool,
    /// The pods' cgroup, or one in it: they are one group.
    pub(crate) pods: bool,
    /// A slice of users': what is in it is no unit of the node's.
    users: bool,
}

impl Place {
    /// The root's own place: it has no group, like a slice.
    pub(crate) fn root() -> Place {
        Place { slice: true, ..Place::default() }
    }

    /// The place of the cgroup called `name` in this one.
    pub(crate) fn child(&self, name: &OsStr) -> Place {
        let name = name.to_string_lossy();
        let slice = name.ends_with(".slice");
        if self.own.is_some() {
            return Place { slice: self.pods && slice, ..self.clone() };
        }
        if is_pods(&name) || is_of_pod(&name) {
            return Place { own: Some(pods()), slice, pods: true, users: false };
        }
        if slice {
            return Place { users: self.users || name == USERS, ..Place::root() };
        }
        let group = match name.rsplit_once('.') {
            // As the login manager calls them: a session of somebody's, and the manager of somebody's own units.
            Some((stem, suffix)) if self.users => match (template(stem).as_str(), suffix) {
                ("session", "scope") => "session".to_owned(),
                _ => "user".to_owned(),
            },
            _ if self.users => "user".to_owned(),
            Some(_) if name == "init.scope" => "systemd".to_owned(),
            Some((_, "mount" | "automount")) => "mount".to_owned(),
            Some((stem, suffix)) if UNITS.contains(&suffix) => template(stem),
            _ => template(&name),
        };
        Place { own: Some((Class::Host, group.into())), slice: false, pods: false, users: false }
    }
}

impl Place {
    /// The group of processes that somebody has put into this slice itself: by its name, with the suffix that no unit's group
    /// has.
    pub(crate) fn own_of_slice(&self, name: &OsStr) -> Key {
        let name = name.to_string_lossy();
        let stem = name.strip_suffix(".slice").unwrap_or(&name);
        let group =
            if self.users { "user".to_owned() } else { bounded(&format!("{}.slice", template(stem))) };
        (Class::Host, group.into())
    }

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

/// `getty@tty1` -> `getty`, `session-3` -> `session`, `libpod-conmon-<hex>` -> `libpod-conmon`, `\x2d` -> `-`,
/// `vte-spawn-<UUID>` -> `vte-spawn`.
fn template(stem: &str) -> String {
    let stem = match stem.split_once('@') {
        Some((template, _)) if !template.is_empty() => template,
        _ => stem,
    };
    let stem = without_ids(&String::from_utf8_lossy(&unescape_hex(stem.as_bytes())));
    let mut kept = stem.as_str();
    while let Some((head, tail)) = kept.rsplit_once('-') {
        let counted = matches!(head.split('-').next(), Some("run" | "session")) && is_letter_and_number(tail);
        if head.is_empty() || !(is_id(tail) || counted) {
            break;
        }
        kept = head;
    }
    bounded(kept)
}

/// Takes out hexadecimal ids and UUIDs wherever they stand between separators, each with the separator before it.
fn without_ids(name: &str) -> String {
    const SEPARATORS: [char; 4] = ['-', '_', '.', ':'];
    let words: Vec<&str> = name.split_inclusive(SEPARATORS).collect();
    let bare = |at: usize| words.get(at).map(|word| word.trim_end_matches(SEPARATORS)).unwrap_or_default();
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    let is_uuid = |at: usize| {
        UUID.iter()
            .enumerate()
            .all(|(next, length)| bare(at + next).len() == *length && is_hex(bare(at + next)))
    };
    let (mut kept, mut at) = (String::new(), 0);
    while let Some(word) = words.get(at) {
        let ids = if is_uuid(at) {
            UUID.len()
        } else {
            usize::from(is_hex(bare(at)) && is_id(bare(at)) && bare(at).len() >= 12)
        };
        if ids == 0 {
            kept.push_str(word);
        } else if at + ids >= words.len() {
            // What follows an id is set off by the separator before it; here nothing does.
            kept.truncate(kept.trim_end_matches(SEPARATORS).len());
        }
        at += ids.max(1);
    }
    kept
}

/// The lengths of a UUID's words.
const UUID: [usize; 5] = [8, 4, 4, 4, 12];

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

/// Never empty: to Prometheus, a label without a value is none. Nor one of our own names, which are not for anybody to take.
pub(crate) fn bounded(name: &str) -> String {
    let name = match name {
        "" => UNNAMED,
        EXITED | IDLE | OTHER | INTERRUPTS | STARTING => name.trim_matches(['(', ')']),
        _ => name,
    };
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
    is_of_pod(component)
        || is_pods(component)
        || (component.starts_with("kubepods") && component.ends_with(".slice"))
}

/// Whether a cgroup is a container's or its monitor's by CRI-O's name for it, which may stand outside of the pods' slices.
fn is_of_pod(component: &str) -> bool {
    let scope = component.strip_prefix("crio-").and_then(|rest| rest.strip_suffix(".scope"));
    let id = scope.map(|rest| rest.strip_prefix("conmon-").unwrap_or(rest));
    id.is_some_and(|id| id.len() == 64 && is_id(id))
}

#[cfg(test)]
mod tests;
