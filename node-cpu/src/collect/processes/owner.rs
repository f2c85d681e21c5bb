//! Owner of a process that is new or has executed another program: a pod or a group.

use super::tracked::{Source, Tracked};
use super::{Processes, Scope};
use crate::collect::pass::Pass;
use crate::kernel::parse::{Comm, Stat};
use crate::kernel::{CommandOf, Outcome, Tries};
use crate::naming::{self, Owner};
use crate::snapshot::Class;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Maximum number of ancestors that are followed; a chain read from a changing system might be a circle.
pub(super) const DEEPEST: usize = 1000;
const INIT: u32 = 1;

/// Owners of new processes, by PID, with the remaining tries to read a monitor's command line for the name of its pod: none
/// for other processes.
pub(super) type Owners = BTreeMap<u32, (Owner, Tries)>;

impl Tracked {
    /// Finds the name of its pod, if it is the monitor of a container and the pod has no name yet.
    pub(super) fn find_pod_name(&mut self, pid: u32, pass: &mut Pass<'_>) {
        let Some((Owner::Pod(uid), tries)) = &mut self.owner else { return };
        if !pass.ledger.is_unnamed_pod(self.membership.account) || !tries.is_due() {
            return;
        }
        match pass.procfs.cmdline(pid, CommandOf::Monitor, pass.reader, naming::parse_monitored_pod) {
            Outcome::Got(Some(named)) if named.uid == *uid => {
                pass.ledger.name_pod(self.membership.account, named.pod);
            }
            Outcome::Failed => tries.failed(),
            Outcome::Got(_) | Outcome::Gone => tries.succeeded(),
        }
    }
}

impl Processes {
    /// Returns the state of a process that counts outside of units.
    pub(super) fn member(&self, pid: u32) -> Option<&Tracked> {
        self.tracked.get(&pid).filter(|known| known.membership.source == Source::OutsideUnits)
    }

    /// Finds the owners of processes that are new or have executed another program.
    pub(super) fn find_new_owners(&self, readings: &[(u32, Stat)], pass: &mut Pass<'_>) -> Owners {
        let mut new_owners = BTreeMap::new();
        for (pid, stat) in readings {
            if self.kept_owner(*pid, stat).is_none() {
                let owner = self.find_owner(*pid, stat, readings, &new_owners, pass);
                new_owners.insert(*pid, owner);
            }
        }
        new_owners
    }

    /// Returns the owner that a process keeps until it executes another program. A kernel thread keeps it while its
    /// family is the same.
    fn kept_owner(&self, pid: u32, stat: &Stat) -> Option<&Owner> {
        let known = self.member(pid).filter(|known| known.stat.start == stat.start)?;
        let is_same = |comm: &Comm| match stat.kernel_thread {
            true => naming::kernel_stem(comm.as_bytes()) == naming::kernel_stem(stat.comm.as_bytes()),
            false => *comm == stat.comm,
        };
        known.owner.as_ref().filter(|_| is_same(&known.stat.comm)).map(|(owner, _)| owner)
    }

    /// Finds the owner of a process; `new_owners` are those of the readings before it.
    fn find_owner(
        &self,
        pid: u32,
        stat: &Stat,
        readings: &[(u32, Stat)],
        new_owners: &Owners,
        pass: &mut Pass<'_>,
    ) -> (Owner, Tries) {
        if stat.kernel_thread {
            let family = naming::kernel_family(stat.comm.as_bytes());
            return (Owner::Group((Class::Kernel, family.into())), Tries::default());
        }
        if self.outside_units.scope == Scope::All {
            let pod = |text: &[u8]| Some(naming::parse_pod_of_process(text, self.outside_units.is_relative));
            if let Outcome::Got(Some(pod)) = pass.procfs.file(pid, b"/cgroup", pass.reader, pod) {
                let tries = if pod.is_conmon { naming::NAME_TRIES } else { 0 };
                return (Owner::Pod(pod.uid), Tries::new(tries));
            }
        }
        let group = self.find_ancestor_group(pid, stat, readings, new_owners, pass);
        (Owner::Group((Class::Host, group)), Tries::default())
    }

    /// Returns the name of the ancestor whose parent is PID 1, or of the topmost that can be seen. An ancestor that
    /// keeps its group from before passes that group on.
    fn find_ancestor_group(
        &self,
        pid: u32,
        stat: &Stat,
        readings: &[(u32, Stat)],
        new_owners: &Owners,
        pass: &mut Pass<'_>,
    ) -> Arc<str> {
        let (mut top, mut stat) = (pid, *stat);
        for _ in 0..DEEPEST {
            let parent = stat.ppid;
            if top == INIT || parent <= INIT {
                break;
            }
            let listed = readings.binary_search_by_key(&parent, |(pid, _)| *pid).ok();
            let listed = listed.and_then(|index| readings.get(index));
            let owner = new_owners.get(&parent).map(|(owner, _)| owner);
            match owner.or_else(|| listed.and_then(|(pid, stat)| self.kept_owner(*pid, stat))) {
                Some(Owner::Group((Class::Kernel, _))) => break,
                Some(Owner::Group((_, group))) => return Arc::clone(group),
                // The process has left its pod's cgroup.
                Some(Owner::Pod(_)) => return naming::pods().1,
                None => {}
            }
            // The parent may be in a unit, if there is a cgroup tree, and is read only for its name.
            let reading = match listed {
                Some((_, stat)) => Outcome::Got(*stat),
                None => pass.procfs.process(parent, pass.reader),
            };
            match reading {
                Outcome::Got(read) if !read.kernel_thread => (top, stat) = (parent, read),
                _ => break,
            }
        }
        read_process_name(top, stat.comm.as_bytes(), pass).into()
    }
}

fn read_process_name(pid: u32, comm: &[u8], pass: &mut Pass<'_>) -> String {
    if naming::may_be_cut(comm) {
        let name = |cmdline: &[u8]| naming::process_name(comm, cmdline);
        if let Outcome::Got(name) = pass.procfs.cmdline(pid, CommandOf::AnyProcess, pass.reader, name) {
            return name;
        }
    }
    naming::process_name(comm, b"")
}
