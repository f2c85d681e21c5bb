//! Maps a cgroup's path to the owner of its CPU, which is a unit's group or a pod.

use super::owner::{Owner, sanitize_group_name};
use super::pod;
use super::unit_name::{USER_SLICE, group_of_unit, group_of_user_unit, strip_instance};
use crate::snapshot::{Class, OTHER};
use std::ffi::OsStr;
use std::sync::Arc;

/// Kind of a cgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Slice that contains units and, as a rule, no processes. The root is one.
    #[default]
    Slice,
    /// Slice of what users run. Nothing in it is a unit of the node.
    UserSlice,
    /// Unit, or a directory that is no slice, and everything below it. A unit's processes may create cgroups in it, with
    /// any names.
    Unit,
    /// Cgroup that contains pods.
    Pods,
    /// Cgroup of one pod.
    Pod,
    /// Cgroup in a pod's cgroup, or a container's cgroup that is in no pod's.
    InPod,
}

/// Role of one cgroup in the tree, derived from its parent's role and its own name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CgroupRole {
    pub(crate) kind: Kind,
    /// Owner of all of the cgroup's CPU. `None` if its CPU belongs to several owners.
    pub(crate) owner: Option<Owner>,
}

impl CgroupRole {
    /// Returns the root's role. It has no owner, like a slice.
    pub(crate) fn root() -> CgroupRole {
        CgroupRole::default()
    }

    /// Returns the role of the cgroup called `name` in this one.
    pub(crate) fn child(&self, name: &OsStr) -> CgroupRole {
        let name = name.to_string_lossy();
        let is_slice = name.ends_with(".slice");
        match self.kind {
            // All cgroups in a unit have its role, and so its account.
            Kind::Unit => self.clone(),
            Kind::Pod | Kind::InPod => CgroupRole { kind: Kind::InPod, ..self.clone() },
            Kind::Pods => match pod::parse_uid(&name) {
                Some(uid) => CgroupRole::from_pod(Kind::Pod, uid),
                None if is_slice || matches!(&*name, "besteffort" | "burstable") => self.clone(),
                None => CgroupRole::from_pod(Kind::InPod, OTHER.into()),
            },
            Kind::Slice if pod::holds_all_pods(&name) => CgroupRole { kind: Kind::Pods, owner: None },
            Kind::Slice if pod::is_container_or_monitor(&name) => {
                CgroupRole::from_pod(Kind::InPod, OTHER.into())
            }
            Kind::Slice if is_slice && name != USER_SLICE => CgroupRole::root(),
            Kind::Slice | Kind::UserSlice if is_slice => CgroupRole { kind: Kind::UserSlice, owner: None },
            Kind::Slice => CgroupRole::from_group(group_of_unit(&name)),
            Kind::UserSlice => CgroupRole::from_group(group_of_user_unit(&name).to_owned()),
        }
    }

    fn from_pod(kind: Kind, uid: Arc<str>) -> CgroupRole {
        CgroupRole { kind, owner: Some(Owner::Pod(uid)) }
    }

    fn from_group(group: String) -> CgroupRole {
        CgroupRole { kind: Kind::Unit, owner: Some(Owner::Group((Class::Host, group.into()))) }
    }

    /// Returns the owner of processes that are in this slice itself instead of in a unit.
    /// Its group has the slice's name with its suffix, which no unit's group has.
    pub(crate) fn owner_of_slice(&self, name: &OsStr) -> Owner {
        let name = name.to_string_lossy();
        let stem = name.strip_suffix(".slice").unwrap_or(&name);
        let group = match self.kind {
            Kind::Pods => return Owner::Pod(OTHER.into()),
            Kind::UserSlice => "user".to_owned(),
            _ => sanitize_group_name(&format!("{}.slice", strip_instance(stem))),
        };
        Owner::Group((Class::Host, group.into()))
    }
}

/// Returns `true` if a directory of the root is a unit of systemd.
pub(crate) fn is_unit(name: &OsStr) -> bool {
    let suffix = name.to_str().and_then(|name| name.rsplit_once('.')).map(|(_, suffix)| suffix);
    matches!(suffix, Some("slice" | "scope" | "service"))
}
