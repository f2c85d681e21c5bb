//! Owners of CPU, which are groups and pods, and the groups that always exist.

use crate::snapshot::{Class, EXITED, Group, IDLE, INTERRUPTS, OTHER, STARTING};
use std::sync::Arc;

/// Longest name of a group in bytes. Units' names may have 255.
pub(super) const MAX_NAME_BYTES: usize = 128;
/// Name of what has no name. A process may remove its own name.
pub(super) const UNNAMED: &str = "(unnamed)";

/// Returns the pods' group. It has the predecessor's name, because users' queries filter on that.
pub(crate) fn pods() -> Group {
    (Class::Pod, "conmon".into())
}

/// Returns the owner of the CPU of pods that started and ended without being seen by a pass.
pub(crate) fn pods_exited() -> Owner {
    Owner::Pod(EXITED.into())
}

/// Returns the group for exited CPU that can be credited to no group that was seen alive.
pub(crate) fn exited() -> Group {
    (Class::Host, EXITED.into())
}

/// Returns the group of hard and soft interrupts, outside of their kernel threads.
pub(crate) fn interrupts() -> Group {
    (Class::Kernel, INTERRUPTS.into())
}

/// Returns the group of the kernel threads whose time the kernel also counts as soft interrupts.
pub(crate) fn ksoftirqd() -> Group {
    (Class::Kernel, "ksoftirqd".into())
}

/// Owner of the CPU of a cgroup or process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Group that owns the CPU.
    Group(Group),
    /// Pod by its UID, or the name for CPU that is in no named pod.
    Pod(Arc<str>),
}

impl Owner {
    /// Returns the class of the group that the owner counts for.
    pub(crate) fn class(&self) -> Class {
        match self {
            Owner::Group((class, _)) => *class,
            Owner::Pod(_) => Class::Pod,
        }
    }
}

/// Returns `name` as a group's name of at most [`MAX_NAME_BYTES`]. It is never one of our own names, which are reserved.
/// It is never empty, because to Prometheus a label without a value is no label.
pub(crate) fn sanitize_group_name(name: &str) -> String {
    let name = match name {
        "" => UNNAMED,
        EXITED | IDLE | OTHER | INTERRUPTS | STARTING => name.trim_matches(['(', ')']),
        _ => name,
    };
    (0..=MAX_NAME_BYTES)
        .rev()
        .find_map(|end| name.get(..end))
        .filter(|_| name.len() > MAX_NAME_BYTES)
        .unwrap_or(name)
        .to_owned()
}
