//! Whose a process is that is new or has executed another program: a pod's, or a group's.

use super::{Now, Proc, Procs, Scope};
use crate::account::Ledger;
use crate::kernel::ProcFs;
use crate::kernel::Tries;
use crate::kernel::parse::{Comm, Stat};
use crate::kernel::{CommandOf, Outcome, Reader};
use crate::naming::{self, Owner};
use crate::snapshot::Class;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Ancestors that are followed; a chain read from a changing system might be a circle.
pub(super) const DEEPEST: usize = 1000;
const INIT: u32 = 1;

/// Whose a process is, and how often its command line is still asked for the name of its pod: it is a monitor's.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) owner: Owner,
    tries: Tries,
}

impl Placed {
    fn group(class: Class, name: Arc<str>) -> Placed {
        Placed { owner: Owner::Group((class, name)), tries: Tries::default() }
    }
}

impl Proc {
    /// Finds the name of its pod, if it is the monitor of a container of one that has none yet.
    pub(super) fn look_for_name(
        &mut self,
        pid: u32,
        procfs: &ProcFs,
        reader: &mut Reader,
        ledger: &mut Ledger,
    ) {
        let Owner::Pod(uid) = &self.placed.owner else { return };
        if !ledger.lacks_name(self.home) || !self.placed.tries.is_due() {
            return;
        }
        match procfs.cmdline(pid, CommandOf::Monitor, reader, naming::pod_by_arguments) {
            Outcome::Got(Some(named)) if named.uid == *uid => ledger.name_pod(self.home, named.pod),
            Outcome::Failed => self.placed.tries.failed(),
            Outcome::Got(_) | Outcome::Gone => self.placed.tries.answered(),
        }
    }
}

impl Procs {
    /// Whose those are that are new or have executed another program.
    pub(super) fn place_new(
        &self,
        now: &[Now],
        procfs: &ProcFs,
        reader: &mut Reader,
    ) -> BTreeMap<u32, Placed> {
        let mut new = BTreeMap::new();
        for (pid, stat) in now {
            if self.kept(*pid, stat).is_none() {
                let placed = self.naming(*pid, stat, now, &new, procfs, reader);
                new.insert(*pid, placed);
            }
        }
        new
    }

    /// A process keeps its owner unless it executes another program; a kernel thread while its family is the same.
    pub(super) fn kept(&self, pid: u32, stat: &Stat) -> Option<&Owner> {
        let proc = self.same(pid, stat)?;
        let same = |comm: &Comm| match stat.kernel_thread {
            true => naming::kernel_stem(comm.as_bytes()) == naming::kernel_stem(stat.comm.as_bytes()),
            false => *comm == stat.comm,
        };
        same(&proc.stat.comm).then_some(&proc.placed.owner)
    }

    /// Whose the process is; `new` are the new processes placed so far.
    fn naming(
        &self,
        pid: u32,
        stat: &Stat,
        now: &[Now],
        new: &BTreeMap<u32, Placed>,
        procfs: &ProcFs,
        reader: &mut Reader,
    ) -> Placed {
        if stat.kernel_thread {
            return Placed::group(Class::Kernel, naming::kernel_family(stat.comm.as_bytes()).into());
        }
        if self.scope == Scope::All {
            let pod = |text: &[u8]| Some(naming::pod_by_text(text, self.relative));
            if let Outcome::Got(Some(pod)) = procfs.file(pid, b"/cgroup", reader, pod) {
                return Placed {
                    owner: Owner::Pod(pod.uid),
                    tries: Tries::new(if pod.is_conmon { naming::NAME_TRIES } else { 0 }),
                };
            }
        }
        Placed::group(Class::Host, self.lineage(pid, stat, now, new, procfs, reader))
    }

    /// The name of the ancestor whose parent is PID 1, or of the topmost that can be seen; an ancestor that keeps
    /// a group from before hands it down.
    fn lineage(
        &self,
        pid: u32,
        stat: &Stat,
        now: &[Now],
        new: &BTreeMap<u32, Placed>,
        procfs: &ProcFs,
        reader: &mut Reader,
    ) -> Arc<str> {
        let (mut top, mut stat) = (pid, *stat);
        for _ in 0..DEEPEST {
            let parent = stat.ppid;
            if top == INIT || parent <= INIT {
                break;
            }
            let found = now.binary_search_by_key(&parent, |(pid, _)| *pid).ok().and_then(|at| now.get(at));
            let placed = new.get(&parent).map(|placed| &placed.owner);
            match placed.or_else(|| found.and_then(|(pid, stat)| self.kept(*pid, stat))) {
                Some(Owner::Group((Class::Kernel, _))) => break,
                Some(Owner::Group((_, group))) => return Arc::clone(group),
                // It has left its pod's cgroup.
                Some(Owner::Pod(_)) => return naming::pods().1,
                None => {}
            }
            // Beside a cgroup tree the parent may be in a unit, and is read only for its name.
            let found = match found {
                Some((_, stat)) => Outcome::Got(*stat),
                None => procfs.process(parent, reader),
            };
            match found {
                Outcome::Got(found) if !found.kernel_thread => (top, stat) = (parent, found),
                _ => break,
            }
        }
        name(top, stat.comm.as_bytes(), procfs, reader).into()
    }
}

fn name(pid: u32, comm: &[u8], procfs: &ProcFs, reader: &mut Reader) -> String {
    if naming::may_be_cut(comm) {
        let name = |cmdline: &[u8]| naming::process_name(comm, cmdline);
        if let Outcome::Got(name) = procfs.cmdline(pid, CommandOf::Anybody, reader, name) {
            return name;
        }
    }
    naming::process_name(comm, b"")
}
