//! Where a cgroup's processes are allowed to run, on a node of several sets of CPUs.
//!
//! A container runs where its cgroup's `cpuset.cpus.effective` says. A unit has no such set of its own: it is on one set of
//! CPUs only if all of its threads are bound within it. That is read when the cgroup is new, and seldom after.

use super::Cgroup;
use crate::collect::cgroups::Walk;
use crate::cpu_list::CpuList;
use crate::kernel::Outcome;
use crate::kernel::parse;
use crate::naming::Kind;
use crate::snapshot::Allowed;
use std::path::{Path, PathBuf};

/// Number of passes in which a cgroup that has used something keeps what was read: a container, a unit of a few threads, and
/// one of more.
const CONTAINER_KEPT: u8 = 16;
const FEW_KEPT: u8 = 0;
const MANY_KEPT: u8 = 16;
const FEW: usize = 8;
/// Maximum number of threads that are read. A unit of more is on any CPU.
const MOST: usize = 512;

/// Where the processes of a cgroup are allowed to run, as of its last reading.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bound {
    pub(super) allowed: Allowed,
    /// Number of passes until it is read again.
    kept: u8,
}

impl Cgroup {
    /// Reads where the processes may run, if that is due.
    pub(super) fn update_bound(&mut self, path: &mut PathBuf, walk: &mut Walk<'_>) {
        if walk.pass.cpu_sets.is_none() {
            return;
        }
        if let Some(kept) = self.bound.kept.checked_sub(1) {
            self.bound.kept = kept;
            return;
        }
        let read = match self.role.kind {
            Kind::InPod => container(path, walk),
            Kind::Unit => unit(path, walk),
            _ => return,
        };
        // What could not be read stays as it was.
        self.bound = read.unwrap_or(Bound { kept: 0, ..self.bound });
    }
}

/// Reads the set of a container's cgroup.
fn container(path: &Path, walk: &mut Walk<'_>) -> Option<Bound> {
    let sets = walk.pass.cpu_sets?;
    let read = walk.pass.reader.read(&path.join("cpuset.cpus.effective"), parse::cpu_list);
    // Without the controller there is no file, and no bound.
    let allowed = if let Outcome::Got(cpus) = read { sets.allowed(&cpus) } else { Allowed::Any };
    Some(Bound { allowed, kept: CONTAINER_KEPT })
}

/// Reads the bounds of a unit's threads. `None` if there are no threads, or not all could be read.
fn unit(path: &mut PathBuf, walk: &mut Walk<'_>) -> Option<Bound> {
    let sets = walk.pass.cpu_sets?;
    path.push("cgroup.threads");
    let mut threads = Vec::new();
    let listed = walk.pass.reader.read(path, |text| parse::pids_into(text, &mut threads));
    path.pop();
    if listed != Outcome::Got(()) {
        return None;
    }
    if threads.len() > MOST {
        return Some(Bound { allowed: Allowed::Any, kept: MANY_KEPT });
    }
    let mut all: Option<CpuList> = None;
    for tid in &threads {
        let read = walk.pass.procfs.file(*tid, b"/status", walk.pass.reader, parse::allowed_cpus);
        match read {
            Outcome::Got(cpus) => all = Some(all.map_or_else(|| cpus.clone(), |all| all.with(&cpus))),
            Outcome::Gone => {}
            Outcome::Failed => return None,
        }
    }
    let kept = if threads.len() > FEW { MANY_KEPT } else { FEW_KEPT };
    Some(Bound { allowed: sets.allowed(&all?), kept })
}
