//! The name of a pod, from the command line of the monitor of one of its containers.
//!
//! It is taken only from a scope that CRI-O calls as a monitor's, directly in the pod's own cgroup, and only if the UID beside
//! it is the one that this cgroup bears: the monitor of an exec probe lives elsewhere, and a container may run a program that
//! is called like one.

use super::Cgroup;
use crate::collect::cgroups::Walk;
use crate::kernel::parse;
use crate::kernel::{CommandOf, Outcome};
use crate::naming::{self, Kind, Owner};
use std::path::Path;

/// Processes of a scope that are asked: a monitor is alone in it.
const MOST: usize = 4;

impl Cgroup {
    /// Finds the name of the pod that this is the cgroup of, if it is one and has none yet.
    pub(super) fn look_for_name(&mut self, path: &Path, walk: &mut Walk<'_>) {
        let (Kind::Pod, Some(Owner::Pod(uid)), Some(account)) =
            (self.naming.kind, &self.naming.owner, self.account)
        else {
            return;
        };
        if !walk.pass.ledger.lacks_name(account) || !self.tries.is_due() {
            return;
        }
        let (mut pids, mut failed) = (Vec::new(), false);
        for monitor in
            self.children.iter().filter(|child| naming::is_conmon_scope(&child.name.to_string_lossy()))
        {
            let list = path.join(&monitor.name).join("cgroup.procs");
            if walk.pass.reader.read(&list, |text| parse::pids_into(text, &mut pids)) != Outcome::Got(()) {
                continue;
            }
            for pid in pids.iter().take(MOST) {
                match walk.pass.procfs.cmdline(
                    *pid,
                    CommandOf::Monitor,
                    walk.pass.reader,
                    naming::pod_by_arguments,
                ) {
                    Outcome::Got(Some(named)) if named.uid == *uid => {
                        return walk.pass.ledger.name_pod(account, named.pod);
                    }
                    Outcome::Failed => failed = true,
                    Outcome::Got(_) | Outcome::Gone => {}
                }
            }
        }
        if failed { self.tries.failed() } else { self.tries.answered() }
    }
}
