//! Whose a process is that is new or has executed another program: a pod's, or a group's.

use super::Processes;
use super::machine::Scope;
use super::tracked::{Source, Tracked};
use crate::collect::pass::Pass;
use crate::kernel::parse::{Comm, Stat};
use crate::kernel::{CommandOf, Outcome, Tries};
use crate::naming::{self, Owner};
use crate::snapshot::Class;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Number of ancestors that are followed; a chain read from a changing system might be a circle.
pub(super) const DEEPEST: usize = 1000;
const INIT: u32 = 1;

/// How often a monitor's command line is still read for the name of its pod; never, if it is no monitor's.
pub(super) type NameTries = Tries;
/// Whose those are that are new, by PID.
pub(super) type Owners = BTreeMap<u32, (Owner, NameTries)>;

impl Tracked {
    /// Finds the name of its pod, if it is the monitor of a container of one that has none yet.
    pub(super) fn find_pod_name(&mut self, pid: u32, pass: &mut Pass<'_>) {
        let Some((Owner::Pod(uid), tries)) = &mut self.owner else { return };
        if !pass.ledger.lacks_name(self.at.account) || !tries.is_due() {
            return;
        }
        match pass.procfs.cmdline(pid, CommandOf::Monitor, pass.reader, naming::pod_by_arguments) {
            Outcome::Got(Some(named)) if named.uid == *uid => {
                pass.ledger.name_pod(self.at.account, named.pod);
            }
            Outcome::Failed => tries.failed(),
            Outcome::Got(_) | Outcome::Gone => tries.answered(),
        }
    }
}

impl Processes {
    /// Returns what is known of one of the machine's own processes.
    pub(super) fn member(&self, pid: u32) -> Option<&Tracked> {
        self.tracked.get(&pid).filter(|known| known.at.source == Source::Machine)
    }

    /// Finds whose those are that are new or have executed another program.
    pub(super) fn owners_of_new(&self, readings: &[(u32, Stat)], pass: &mut Pass<'_>) -> Owners {
        let mut new = BTreeMap::new();
        for (pid, stat) in readings {
            if self.kept_owner(*pid, stat).is_none() {
                let owner = self.owner(*pid, stat, readings, &new, pass);
                new.insert(*pid, owner);
            }
        }
        new
    }

    /// Returns the owner that a process keeps unless it executes another program; a kernel thread keeps it while its family
    /// is the same.
    fn kept_owner(&self, pid: u32, stat: &Stat) -> Option<&Owner> {
        let known = self.member(pid).filter(|known| known.stat.start == stat.start)?;
        let same = |comm: &Comm| match stat.kernel_thread {
            true => naming::kernel_stem(comm.as_bytes()) == naming::kernel_stem(stat.comm.as_bytes()),
            false => *comm == stat.comm,
        };
        known.owner.as_ref().filter(|_| same(&known.stat.comm)).map(|(owner, _)| owner)
    }

    /// Finds whose the process is; `new` are the new ones up to here.
    fn owner(
        &self,
        pid: u32,
        stat: &Stat,
        readings: &[(u32, Stat)],
        new: &Owners,
        pass: &mut Pass<'_>,
    ) -> (Owner, NameTries) {
        if stat.kernel_thread {
            let family = naming::kernel_family(stat.comm.as_bytes());
            return (Owner::Group((Class::Kernel, family.into())), Tries::default());
        }
        if self.machine.scope == Scope::All {
            let pod = |text: &[u8]| Some(naming::pod_by_text(text, self.machine.is_relative));
            if let Outcome::Got(Some(pod)) = pass.procfs.file(pid, b"/cgroup", pass.reader, pod) {
                let tries = if pod.is_conmon { naming::NAME_TRIES } else { 0 };
                return (Owner::Pod(pod.uid), Tries::new(tries));
            }
        }
        let group = self.lineage(pid, stat, readings, new, pass);
        (Owner::Group((Class::Host, group)), Tries::default())
    }

    /// Returns the name of the ancestor whose parent is PID 1, or of the topmost that can be seen; an ancestor that keeps a
    /// group from before hands it down.
    fn lineage(
        &self,
        pid: u32,
        stat: &Stat,
        readings: &[(u32, Stat)],
        new: &Owners,
        pass: &mut Pass<'_>,
    ) -> Arc<str> {
        let (mut top, mut stat) = (pid, *stat);
        for _ in 0..DEEPEST {
            let parent = stat.ppid;
            if top == INIT || parent <= INIT {
                break;
            }
            let found = readings.binary_search_by_key(&parent, |(pid, _)| *pid).ok();
            let found = found.and_then(|at| readings.get(at));
            let owner = new.get(&parent).map(|(owner, _)| owner);
            match owner.or_else(|| found.and_then(|(pid, stat)| self.kept_owner(*pid, stat))) {
                Some(Owner::Group((Class::Kernel, _))) => break,
                Some(Owner::Group((_, group))) => return Arc::clone(group),
                // It has left its pod's cgroup.
                Some(Owner::Pod(_)) => return naming::pods().1,
                None => {}
            }
            // Beside a cgroup tree the parent may be in a unit, and is read only for its name.
            let found = match found {
                Some((_, stat)) => Outcome::Got(*stat),
                None => pass.procfs.process(parent, pass.reader),
            };
            match found {
                Outcome::Got(found) if !found.kernel_thread => (top, stat) = (parent, found),
                _ => break,
            }
        }
        name(top, stat.comm.as_bytes(), pass).into()
    }
}

fn name(pid: u32, comm: &[u8], pass: &mut Pass<'_>) -> String {
    if naming::may_be_cut(comm) {
        let name = |cmdline: &[u8]| naming::process_name(comm, cmdline);
        if let Outcome::Got(name) = pass.procfs.cmdline(pid, CommandOf::Anybody, pass.reader, name) {
            return name;
        }
    }
    naming::process_name(comm, b"")
}
