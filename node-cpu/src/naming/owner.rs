//! Owners: whose CPU something is, a group's or a pod's, and the groups that are always there.

use crate::snapshot::{Class, EXITED, Group, IDLE, INTERRUPTS, OTHER, STARTING};
use std::sync::Arc;

/// Longest name of a group, in bytes; units may have 255.
pub(super) const LONGEST: usize = 128;
/// What has no name: a process may take its own away.
pub(super) const UNNAMED: &str = "(unnamed)";

/// The pods' group: the predecessor's name for it, which people's queries filter on.
pub(crate) fn pods() -> Group {
    (Class::Pod, "conmon".into())
}

/// What of the pods' CPU came and went unseen.
pub(crate) fn pods_exited() -> Owner {
    Owner::Pod(EXITED.into())
}

/// What exited and can be given to no group that was seen alive.
pub(crate) fn exited() -> Group {
    (Class::Host, EXITED.into())
}

/// Hard and soft interrupts, outside of their kernel threads.
pub(crate) fn interrupts() -> Group {
    (Class::Kernel, INTERRUPTS.into())
}

/// The kernel threads whose time the kernel also counts as soft interrupts.
pub(crate) fn ksoftirqd() -> Group {
    (Class::Kernel, "ksoftirqd".into())
}

/// Whose the CPU of a cgroup or process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A group's.
    Group(Group),
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
