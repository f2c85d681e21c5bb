//! Class and group: to whom a cgroup, a process or a kernel thread belongs, told from names alone.

mod pod;
mod process;
mod thread;

use crate::reading::Class;
pub(crate) use crate::reading::Group as Key;
pub(crate) use pod::{TRIES, is_conmon_scope, pod_by_arguments, pod_by_text, without_name};
pub(crate) use process::{kernel_family, kernel_stem, may_be_cut, process_name};
use std::ffi::OsStr;
use std::sync::Arc;
pub(crate) use thread::thread_name;

/// Longest name of a group, in bytes; units may have 255.
const LONGEST: usize = 128;
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
pub(crate) const STARTING: &str = "(starting)";
/// What has no name: a process may take its own away.
const UNNAMED: &str = "(unnamed)";

/// The name of the interrupts' group.
pub(crate) const INTERRUPTS: &str = "(interrupts)";

/// The pods' group: the predecessor's name for it, which people's queries filter on.
pub(crate) fn pods() -> Key {
    (Class::Pod, "conmon".into())
}

/// What of the pods' CPU came and went unseen.
pub(crate) fn pods_exited() -> Owner {
    Owner::Pod(EXITED.into())
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

/// Whose the CPU of a cgroup or process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A group's.
    Group(Key),
    /// A pod's, by its UID; or that of what is in no named pod.
    Pod(Arc<str>),
}

impl Owner {
    /// The class of the group that it counts for.
    pub(crate) fn class(&self) -> Class {
        match self {
            Owner::Group((class, _)) => *class,
            Owner::Pod(_) => Class::Pod,
        }
    }
}

/// What kind of thing a cgroup is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Holds units and, as a rule, no processes. The root is one.
    #[default]
    Slice,
    /// One of what people run: nothing in it is a unit of the node's.
    UserSlice,
    /// A unit, or a directory that is no slice, and all that is below it: whoever was given a unit may make cgroups in it, and
    /// call them as they like.
    Unit,
    /// Holds pods.
    Pods,
    /// A pod's own.
    Pod,
    /// One in a pod's, or a container's that is in no pod's.
    InPod,
}

/// What one cgroup of the tree is; made from its parent's and its own name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    /// Whose all of its CPU is; None if it holds what is of several.
    pub(crate) owner: Option<Owner>,
}

impl Place {
    /// The root's own place: it has no owner, like a slice.
    pub(crate) fn root() -> Place {
        Place::default()
    }

    /// The place of the cgroup called `name` in this one.
    pub(crate) fn child(&self, name: &OsStr) -> Place {
        let name = name.to_string_lossy();
        let slice = name.ends_with(".slice");
        match self.kind {
            Kind::Unit => self.clone(),
            Kind::Pod | Kind::InPod => Place { kind: Kind::InPod, ..self.clone() },
            Kind::Pods => match pod::uid_of(&name) {
                Some(uid) => Place::of_pod(Kind::Pod, uid),
                None if slice || matches!(&*name, "besteffort" | "burstable") => self.clone(),
                None => Place::of_pod(Kind::InPod, OTHER.into()),
            },
            Kind::Slice if pod::is_all_pods(&name) => Place { kind: Kind::Pods, owner: None },
            Kind::Slice if pod::is_of_pod(&name) => Place::of_pod(Kind::InPod, OTHER.into()),
            Kind::Slice if slice && name != USERS => Place::root(),
            Kind::Slice | Kind::UserSlice if slice => Place { kind: Kind::UserSlice, owner: None },
            Kind::Slice => Place::of_unit(unit(&name)),
            Kind::UserSlice => Place::of_unit(users_unit(&name).to_owned()),
        }
    }

    fn of_pod(kind: Kind, uid: Arc<str>) -> Place {
        Place { kind, owner: Some(Owner::Pod(uid)) }
    }

    fn of_unit(group: String) -> Place {
        Place { kind: Kind::Unit, owner: Some(Owner::Group((Class::Host, group.into()))) }
    }

    /// Whose processes are that somebody has put into this slice itself: a group's by the slice's name, with the suffix that
    /// no unit's has.
    pub(crate) fn own_of_slice(&self, name: &OsStr) -> Owner {
        let name = name.to_string_lossy();
        let stem = name.strip_suffix(".slice").unwrap_or(&name);
        let group = match self.kind {
            Kind::Pods => return Owner::Pod(OTHER.into()),
            Kind::UserSlice => "user".to_owned(),
            _ => bounded(&format!("{}.slice", template(stem))),
        };
        Owner::Group((Class::Host, group.into()))
    }
}

/// The group of a unit, or of a directory of the root or a slice that is none.
fn unit(name: &str) -> String {
    match name.rsplit_once('.') {
        Some(_) if name == "init.scope" => "systemd".to_owned(),
        Some((_, "mount" | "automount")) => "mount".to_owned(),
        Some((stem, suffix)) if UNITS.contains(&suffix) => template(stem),
        _ => template(name),
    }
}

/// The group of what people run, as the login manager calls it: a session of somebody's, or the manager of somebody's own
/// units.
fn users_unit(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((stem, "scope")) if template(stem) == "session" => "session",
        _ => "user",
    }
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

/// Whether PID 1's text shows that the reader sees cgroups relative to its own container.
pub(crate) fn is_relative(text_of_pid_1: &[u8]) -> bool {
    text_of_pid_1.split(|&b| b == b'\n').any(|line| line.starts_with(b"0::/.."))
}

#[cfg(test)]
mod tests;
