//! Processes that count outside of units: those in the root of the cgroup tree, or all that there are without a tree.
//!
//! Those in the root are the kernel's threads, and the few programs that are in no unit.
//!
//! Some CPU is lost, and so is unattributed:
//! - CPU of a kernel thread between the last pass and its end. No process waits for it, so its parent's `cutime` does
//!   not grow. A worker ends after minutes of idleness and loses nothing. A short-lived thread that no pass saw loses
//!   all.
//! - CPU of a process in the root of a tree between the last pass and its end, or its move to a unit. `cutime` does not
//!   help there: the children of a root's process may have lived in units, which have counted them.
//! - CPU of a process before a pass saw it in the root of a tree, unless its parent was there when it was born.
//!
//! Nothing is counted twice in return.

use super::{Membership, Processes, Scope, Since, Source};
use crate::account::Ledger;
use crate::account::reaped_children::{Exited, Reaper};
use crate::collect::pass::Pass;
use crate::cpu::Delta;
use crate::cpu_list::CpuList;
use crate::kernel::parse::{self, Stat};
use crate::kernel::{Outcome, Tries};
use crate::naming::Owner;
use crate::snapshot::{Allowed, Snapshot};
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::sync::Arc;

/// State of the processes outside of units as a whole.
#[derive(Debug)]
pub(super) struct OutsideUnits {
    pub(super) scope: Scope,
    /// A bare `/` as cgroup is the reader's own pod.
    pub(super) is_relative: bool,
    /// A process that started at this tick or later, and is seen for the first time, counts in full. `None` before the
    /// first pass, in which no process does.
    newborn_since: Option<u64>,
    /// PIDs of the last pass.
    pub(super) members: Vec<u32>,
    /// Exited processes whose reapers may not have been read after that.
    pub(super) late: Vec<Exited>,
    lists: Lists,
}

/// Lists of a pass, kept so that the next can fill them again.
#[derive(Debug, Default)]
struct Lists {
    /// PIDs that were listed before the readings.
    before: Vec<u32>,
    /// PIDs that were listed after the readings.
    after: Vec<u32>,
    /// Processes that were read in between, by PID.
    readings: Vec<(u32, Stat)>,
}

impl OutsideUnits {
    pub(super) fn new(scope: Scope, is_relative: bool) -> OutsideUnits {
        let (members, late, lists) = (Vec::new(), Vec::new(), Lists::default());
        OutsideUnits { scope, is_relative, newborn_since: None, members, late, lists }
    }
}

impl Scope {
    /// Lists the PIDs in order. Returns false if the root's cannot be listed, which is counted as an error. Fails if
    /// procfs cannot be listed.
    fn list(&self, pids: &mut Vec<u32>, pass: &mut Pass<'_>) -> Result<bool> {
        pids.clear();
        match self {
            Scope::All => {
                if pass.procfs.processes(pids, pass.reader) != Outcome::Got(()) {
                    bail!("cannot list the processes in {}", pass.procfs.path().display());
                }
                pids.sort_unstable();
            }
            Scope::Root(path) => {
                if pass.reader.read(path, |text| parse::pids_into(text, pids)) != Outcome::Got(()) {
                    return Ok(false);
                }
                pids.sort_unstable();
                if pids.first() == Some(&0) {
                    pass.reader.count("invisible_process");
                    pids.retain(|pid| *pid != 0);
                }
            }
        }
        Ok(true)
    }
}

/// Number of passes for which a kernel thread, and a process that does not run, is taken to run where it did.
const BOUND_KEPT: u64 = 32;

/// Returns where a process may run, and its CPUs if it strays. A process of several threads may run anywhere: each thread
/// has its own CPUs. A kernel thread that is bound to one CPU belongs there.
fn bound_of(pid: u32, stat: &Stat, pass: &mut Pass<'_>) -> (Allowed, Option<Arc<CpuList>>) {
    let Some(sets) = pass.cpu_sets.filter(|_| stat.threads <= 1) else { return (Allowed::Any, None) };
    match pass.procfs.file(pid, b"/status", pass.reader, parse::allowed_cpus) {
        Outcome::Got(cpus) => {
            let is_bound = stat.kernel_thread && cpus.count() == 1;
            (sets.allowed(&cpus), sets.stray(&cpus).filter(|_| !is_bound).map(Arc::new))
        }
        _ => (Allowed::Any, None),
    }
}

impl Processes {
    /// Returns the numbers of kernel threads and of other processes that counted outside of units in the last pass.
    pub(in crate::collect) fn outside_units_counts(&self) -> (usize, usize) {
        let members = self.outside_units.members.iter().filter_map(|pid| self.tracked.get(pid));
        let kernel = members.filter(|known| known.stat.kernel_thread).count();
        (kernel, self.outside_units.members.len() - kernel)
    }

    /// Adds the processes outside of units that are allowed on isolated CPUs.
    pub(in crate::collect) fn write_strays(&self, ledger: &Ledger, snapshot: &mut Snapshot) {
        let members = self.outside_units.members.iter().filter_map(|pid| self.tracked.get(pid));
        for known in members {
            if let Some(cpus) = &known.stray {
                ledger.write_stray(known.group, cpus, 1, snapshot);
            }
        }
    }

    /// Credits the CPU of the processes outside of units. Fails if they cannot be listed at all.
    pub(in crate::collect) fn visit_outside_units(&mut self, pass: &mut Pass<'_>) -> Result<()> {
        let mut lists = std::mem::take(&mut self.outside_units.lists);
        let result = self.read_and_credit(&mut lists, pass);
        self.outside_units.lists = lists;
        result
    }

    fn read_and_credit(&mut self, lists: &mut Lists, pass: &mut Pass<'_>) -> Result<()> {
        let Lists { before, after, readings } = lists;
        let scope = self.outside_units.scope.clone();
        if !scope.list(before, pass)? {
            return Ok(());
        }
        let is_complete = self.read_listed(before, readings, pass);
        if !scope.list(after, pass)? {
            return Ok(());
        }
        if scope != Scope::All {
            // A process that has moved to a unit meanwhile may have been read after that.
            readings.retain(|(pid, _)| after.binary_search(pid).is_ok());
        }
        let mut new_owners = self.find_new_owners(readings, pass);
        let (mut reapers, mut vanished) = (BTreeMap::new(), BTreeMap::new());
        for (pid, stat) in readings.iter() {
            vanished.extend(self.end_replaced(*pid, stat, pass.ledger).map(|ended| (*pid, ended)));
            let owner = new_owners.remove(pid);
            if let Some(reaper) = self.update_member(*pid, stat, owner, pass) {
                reapers.insert(*pid, reaper);
            }
        }
        self.end_exited(readings, (before, after), &mut vanished, pass);
        self.reap(&vanished, reapers, pass.ledger);
        // All processes of a machine are seen, so new ones have started since. An older process may move into the root.
        if is_complete && (self.outside_units.newborn_since.is_none() || scope != Scope::All) {
            self.outside_units.newborn_since = Some(self.began);
        }
        Ok(())
    }

    /// Reads the listed processes; one that cannot be read keeps its last reading. Returns true if there was time for
    /// all.
    fn read_listed(&mut self, listed: &[u32], readings: &mut Vec<(u32, Stat)>, pass: &mut Pass<'_>) -> bool {
        readings.clear();
        let mut is_late = false;
        for &pid in listed {
            is_late = is_late || pass.reader.is_late();
            let stat = if is_late { Outcome::Failed } else { pass.procfs.process(pid, pass.reader) };
            self.read_counts.0 += u64::from(!is_late);
            match stat {
                Outcome::Got(stat) => readings.push((pid, stat)),
                Outcome::Failed => readings.extend(self.member(pid).map(|known| (pid, known.stat))),
                Outcome::Gone => {}
            }
        }
        !is_late
    }

    /// Credits the CPU of one process. Returns the CPU of children that it has waited for, if any. `owner` is the owner
    /// of a process that is new or has executed another program.
    fn update_member(
        &mut self,
        pid: u32,
        stat: &Stat,
        owner: Option<(Owner, Tries)>,
        pass: &mut Pass<'_>,
    ) -> Option<Reaper> {
        let since = match self.member(pid) {
            // A list of the root that could not be read skips a pass.
            Some(known) => Since::LastReading { of_last_pass: known.read_in_pass + 1 == self.pass_number },
            None if self.was_born_here(pid, stat) => Since::Birth,
            None => Since::Now,
        };
        match owner {
            Some((owner, tries)) => {
                let account = pass.ledger.acquire_owner(&owner);
                let (allowed, stray) = bound_of(pid, stat, pass);
                let class = owner.class();
                let membership = Membership { source: Source::OutsideUnits, account, class, allowed };
                self.update_membership(pid, stat, membership, pass);
                pass.ledger.release(account);
                let tracked = self.tracked.get_mut(&pid)?;
                (tracked.owner, tracked.stray) = (Some((owner, tries)), stray);
            }
            None => {
                let mut membership = self.member(pid)?.membership;
                // A program that runs may have been bound anew. The kernel's own threads seldom are, and many run.
                let known = self.member(pid)?.stat;
                let has_changed =
                    stat.threads != known.threads || stat.own != known.own && !stat.kernel_thread;
                if has_changed || (u64::from(pid) + self.pass_number).is_multiple_of(BOUND_KEPT) {
                    let (allowed, stray) = bound_of(pid, stat, pass);
                    membership.allowed = allowed;
                    self.tracked.get_mut(&pid)?.stray = stray;
                }
                self.update_membership(pid, stat, membership, pass);
            }
        }
        self.tracked.get_mut(&pid)?.find_pod_name(pid, pass);
        let used = self.update(pid, stat, since, pass)?;
        (used.waited != Delta::default()).then_some(Reaper { account: used.group, delta: used.waited })
    }

    /// Returns true if all CPU of a process at its first reading was used in scope, and since the first pass.
    fn was_born_here(&self, pid: u32, stat: &Stat) -> bool {
        let is_newborn = self.outside_units.newborn_since.is_some_and(|since| stat.start >= since);
        // A process may have come from a cgroup. It was born in the root if its parent was there.
        let is_born_here = self.outside_units.scope == Scope::All || self.member(stat.ppid).is_some();
        is_newborn && is_born_here && !self.tracked.contains_key(&pid)
    }
}
