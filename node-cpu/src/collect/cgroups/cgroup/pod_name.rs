//! Name of a pod, from the command line of the monitor of one of its containers.
//!
//! The name comes only from a scope that CRI-O names as a monitor's, directly in the pod's own cgroup. The UID beside
//! the name must be the UID of this cgroup. The reasons: the monitor of an exec probe lives in another cgroup, and a
//! container may run a program with a monitor's name.

use super::Cgroup;
use crate::collect::cgroups::Walk;
use crate::kernel::parse;
use crate::kernel::{CommandOf, Outcome};
use crate::naming::{self, Kind, Owner};
use std::path::Path;

/// Maximum number of command lines that are read in a scope; a monitor is alone in its scope.
const MAX_PIDS: usize = 4;

impl Cgroup {
    /// Finds the name of the pod, if this is the cgroup of a pod that has none yet.
    pub(super) fn find_pod_name(&mut self, path: &Path, walk: &mut Walk<'_>) {
        let (Kind::Pod, Some(Owner::Pod(uid)), Some(account)) =
            (self.role.kind, &self.role.owner, self.account)
        else {
            return;
        };
        if !walk.pass.ledger.is_unnamed_pod(account) || !self.name_tries.is_due() {
            return;
        }
        let (mut pids, mut any_failed) = (Vec::new(), false);
        for monitor in
            self.children.iter().filter(|child| naming::is_conmon_scope(&child.name.to_string_lossy()))
        {
            let list = path.join(&monitor.name).join("cgroup.procs");
            if walk.pass.reader.read(&list, |text| parse::pids_into(text, &mut pids)) != Outcome::Got(()) {
                continue;
            }
            for pid in pids.iter().take(MAX_PIDS) {
                match walk.pass.procfs.cmdline(
                    *pid,
                    CommandOf::Monitor,
                    walk.pass.reader,
                    naming::parse_monitored_pod,
                ) {
                    Outcome::Got(Some(named)) if named.uid == *uid => {
                        return walk.pass.ledger.name_pod(account, named.pod);
                    }
                    Outcome::Failed => any_failed = true,
                    Outcome::Got(_) | Outcome::Gone => {}
                }
            }
        }
        if any_failed { self.name_tries.failed() } else { self.name_tries.succeeded() }
    }
}
