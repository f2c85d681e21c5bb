//! Whose the CPU of a cgroup is, from its path: a unit's group, or a pod.

use super::owner::{Owner, bounded};
use super::pod;
use super::unit_name::{USERS, template, unit, users_unit};
use crate::snapshot::{Class, OTHER};
use std::ffi::OsStr;
use std::sync::Arc;

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
pub(crate) struct CgroupRole {
    pub(crate) kind: Kind,
    /// Whose all of its CPU is; None if it holds what is of several.
    pub(crate) owner: Option<Owner>,
}

impl CgroupRole {
    /// The root's own place: it has no owner, like a slice.
    pub(crate) fn root() -> CgroupRole {
        CgroupRole::default()
    }

    /// The place of the cgroup called `name` in this one.
    pub(crate) fn child(&self, name: &OsStr) -> CgroupRole {
        let name = name.to_string_lossy();
        let slice = name.ends_with(".slice");
        match self.kind {
            Kind::Unit => self.clone(),
            Kind::Pod | Kind::InPod => CgroupRole { kind: Kind::InPod, ..self.clone() },
            Kind::Pods => match pod::uid_of(&name) {
                Some(uid) => CgroupRole::of_pod(Kind::Pod, uid),
                None if slice || matches!(&*name, "besteffort" | "burstable") => self.clone(),
                None => CgroupRole::of_pod(Kind::InPod, OTHER.into()),
            },
            Kind::Slice if pod::is_all_pods(&name) => CgroupRole { kind: Kind::Pods, owner: None },
            Kind::Slice if pod::is_of_pod(&name) => CgroupRole::of_pod(Kind::InPod, OTHER.into()),
            Kind::Slice if slice && name != USERS => CgroupRole::root(),
            Kind::Slice | Kind::UserSlice if slice => CgroupRole { kind: Kind::UserSlice, owner: None },
            Kind::Slice => CgroupRole::of_unit(unit(&name)),
            Kind::UserSlice => CgroupRole::of_unit(users_unit(&name).to_owned()),
        }
    }

    fn of_pod(kind: Kind, uid: Arc<str>) -> CgroupRole {
        CgroupRole { kind, owner: Some(Owner::Pod(uid)) }
    }

    fn of_unit(group: String) -> CgroupRole {
        CgroupRole { kind: Kind::Unit, owner: Some(Owner::Group((Class::Host, group.into()))) }
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

/// Whether a directory of the root is a unit of systemd's.
pub(crate) fn is_unit(name: &OsStr) -> bool {
    let suffix = name.to_str().and_then(|name| name.rsplit_once('.')).map(|(_, suffix)| suffix);
    matches!(suffix, Some("slice" | "scope" | "service"))
}
