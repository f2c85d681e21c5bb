//! All of the machine's processes, if there is no cgroup tree to count by; beside a tree only those in its root: the kernel's
//! threads, and the few programs that no unit holds.
//!
//! What is lost, and so is unattributed:
//! - what a kernel thread used between the last pass and its end, for nobody waits for it: its parent's `cutime`
//!   does not grow. A worker ends after minutes of idleness and leaves nothing; a short-lived thread that no pass
//!   saw leaves all.
//! - beside a tree, what a process of the root used between the last pass and its end or its leaving for a unit.
//!   `cutime` is no help there: the children of a root's process may have lived in units, which have counted them.
//!   Nor is what a process used before a pass saw it in the root, unless it was born to one that was there.
//!
//! In return nothing is counted twice.

use super::exited::Vanished;
use super::{Membership, Processes, Since, Source};
use crate::account::reaping::{Exited, Reaper};
use crate::collect::pass::Pass;
use crate::cpu::Delta;
use crate::kernel::Outcome;
use crate::kernel::parse::{self, Stat};
use crate::naming::Owner;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Which processes are the machine's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::collect) enum Scope {
    /// All that procfs shows.
    All,
    /// Those in this `cgroup.procs`, the root's.
    Root(PathBuf),
}

/// What is known of the machine's own processes as a whole.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) scope: Scope,
    /// Whether a bare `/` as cgroup is the reader's own pod.
    pub(super) is_relative: bool,
    /// A process that started at this tick or later, and is seen for the first time, counts in full; `None` before the first
    /// pass, in which none does.
    newborn_since: Option<u64>,
    /// The PIDs of the last pass.
    pub(super) members: Vec<u32>,
    /// Exited processes whose reapers may not have been read after that.
    pub(super) late: Vec<Exited>,
    lists: Lists,
}

/// What a pass lists, kept for the next to fill again: the PIDs before and after the reading, and what was read.
#[derive(Debug, Default)]
struct Lists {
    before: Vec<u32>,
    after: Vec<u32>,
    readings: Vec<(u32, Stat)>,
}

impl Machine {
    pub(super) fn new(scope: Scope, is_relative: bool) -> Machine {
        let (members, late, lists) = (Vec::new(), Vec::new(), Lists::default());
        Machine { scope, is_relative, newborn_since: None, members, late, lists }
    }
}

impl Scope {
    /// Lists the PIDs in order; returns false if only those of the root cannot be listed, which is counted as an error.
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

impl Processes {
    /// Returns how many kernel threads, and how many other processes, were the machine's own in the last pass.
    pub(in crate::collect) fn of_machine(&self) -> (usize, usize) {
        let members = self.machine.members.iter().filter_map(|pid| self.tracked.get(pid));
        let kernel = members.filter(|known| known.stat.kernel_thread).count();
        (kernel, self.machine.members.len() - kernel)
    }

    /// Credits what the machine's own processes have used. Fails if they cannot be listed at all.
    pub(in crate::collect) fn visit_machine(&mut self, pass: &mut Pass<'_>) -> Result<()> {
        let mut lists = std::mem::take(&mut self.machine.lists);
        let done = self.visit_listed(&mut lists, pass);
        self.machine.lists = lists;
        done
    }

    fn visit_listed(&mut self, lists: &mut Lists, pass: &mut Pass<'_>) -> Result<()> {
        let Lists { before, after, readings } = lists;
        let scope = self.machine.scope.clone();
        if !scope.list(before, pass)? {
            return Ok(());
        }
        let complete = self.read_machine(before, readings, pass);
        if !scope.list(after, pass)? {
            return Ok(());
        }
        if scope != Scope::All {
            // What has left for a unit meanwhile may have been read after that.
            readings.retain(|(pid, _)| after.binary_search(pid).is_ok());
        }
        let mut new = self.owners_of_new(readings, pass);
        let (mut reapers, mut gone) = (BTreeMap::new(), BTreeMap::new());
        for (pid, stat) in readings.iter() {
            self.end_replaced(*pid, stat, &mut gone, pass);
            let owner = new.remove(pid);
            if let Some(reaper) = self.update_of_machine(*pid, stat, owner, pass) {
                reapers.insert(*pid, reaper);
            }
        }
        self.end_gone(readings, (before, after), &mut gone, pass);
        self.reap(&gone, reapers, pass.ledger);
        // All of a machine's processes are seen: those that are new started since. Into the root an older one may move.
        if complete && (self.machine.newborn_since.is_none() || scope != Scope::All) {
            self.machine.newborn_since = Some(self.began);
        }
        Ok(())
    }

    /// Reads the listed; what cannot be read stays as it was. Returns whether there was time for all.
    fn read_machine(&mut self, listed: &[u32], readings: &mut Vec<(u32, Stat)>, pass: &mut Pass<'_>) -> bool {
        readings.clear();
        let mut late = false;
        for &pid in listed {
            late = late || pass.reader.is_late();
            let stat = if late { Outcome::Failed } else { pass.procfs.process(pid, pass.reader) };
            self.read.0 += u64::from(!late);
            match stat {
                Outcome::Got(stat) => readings.push((pid, stat)),
                Outcome::Failed => readings.extend(self.member(pid).map(|known| (pid, known.stat))),
                Outcome::Gone => {}
            }
        }
        !late
    }

    /// Ends what had this PID, if that was another process.
    fn end_replaced(
        &mut self,
        pid: u32,
        stat: &Stat,
        gone: &mut BTreeMap<u32, Vanished>,
        pass: &mut Pass<'_>,
    ) {
        if self.member(pid).is_some_and(|known| known.stat.start != stat.start)
            && let Some(known) = self.tracked.remove(&pid)
        {
            gone.insert(pid, known.vanish(true, pass.ledger));
        }
    }

    /// Credits what one process has used; returns what it has waited for, if anything. `owner`: whose it is, if it is new or
    /// has executed another program.
    fn update_of_machine(
        &mut self,
        pid: u32,
        stat: &Stat,
        owner: Option<(Owner, super::owner::NameTries)>,
        pass: &mut Pass<'_>,
    ) -> Option<Reaper> {
        let since = match self.member(pid) {
            // Beside a tree a list that could not be read leaves out a pass.
            Some(known) => Since::LastReading { exact: known.seen + 1 == self.pass },
            None if self.was_born_here(pid, stat) => Since::Birth,
            None => Since::Now,
        };
        match owner {
            Some((owner, tries)) => {
                let account = pass.ledger.acquire_owner(&owner);
                let at = Membership { source: Source::Machine, account, class: owner.class() };
                self.put(pid, stat, at, pass);
                pass.ledger.release(account);
                self.tracked.get_mut(&pid)?.owner = Some((owner, tries));
            }
            None => self.put(pid, stat, self.member(pid)?.at, pass),
        }
        self.tracked.get_mut(&pid)?.find_pod_name(pid, pass);
        let used = self.update(pid, stat, since, pass)?;
        (used.waited != Delta::default()).then_some(Reaper { key: used.group, grown: used.waited })
    }

    /// Returns whether all that a process had used when it was first seen was used in scope, and since the first pass.
    fn was_born_here(&self, pid: u32, stat: &Stat) -> bool {
        let newborn = self.machine.newborn_since.is_some_and(|since| stat.start >= since);
        // A cgroup's process may have come from another; if its parent was there, it was born there.
        let born_here = self.machine.scope == Scope::All || self.member(stat.ppid).is_some();
        newborn && born_here && !self.tracked.contains_key(&pid)
    }
}
