//! The processes: what each has used, and what the ended ones used unseen.
//!
//! All of a machine's, where there is no cgroup tree to count by; beside a tree only those in its root: the
//! kernel's threads, and the few programs that no unit holds.
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

mod exited;
mod owner;
mod scope;

use super::threads::{Process, TrackedThreads};
use crate::account::reaping::{Exited, Reaper};
use crate::account::{Id, Ledger};
use crate::cpu::{Cpu, Delta};
use crate::kernel::ProcFs;
use crate::kernel::parse::Stat;
use crate::kernel::{Outcome, Reader};
use crate::naming;
use crate::naming::{Namer, RuleName};
use crate::snapshot::Detail;
use anyhow::Result;
use std::collections::BTreeMap;

use owner::Placed;
pub(crate) use scope::Scope;

/// The processes as of the last pass.
#[derive(Debug)]
pub(crate) struct Procs {
    scope: Scope,
    detail: Detail,
    pub(crate) namer: Namer,
    known: BTreeMap<u32, Proc>,
    late: Vec<Exited>,
    /// Who started at this tick or later, and is seen for the first time, counts in full; None before the first
    /// pass, in which nobody does.
    newborn_since: Option<u64>,
    /// Whether a bare `/` as cgroup is the reader's own pod.
    relative: bool,
    /// Counts the passes; and when this one began, in ticks since boot.
    pass: u64,
    began: u64,
    lists: Lists,
    read: (u64, u64),
}

/// What a pass lists, kept for the next to fill again: the PIDs before and after the reading, and who was read.
#[derive(Debug, Default)]
struct Lists {
    before: Vec<u32>,
    after: Vec<u32>,
    now: Vec<Now>,
}

/// One that was read in this pass, by PID.
type Now = (u32, Stat);

#[derive(Debug)]
struct Proc {
    stat: Stat,
    /// Whose it is by what it is, and the account of that, held.
    placed: Placed,
    home: Id,
    /// The group it counts for, held: that, or a rule's.
    group: Id,
    rule_name: RuleName,
    threads: TrackedThreads,
    /// The last pass that read it.
    seen: u64,
}

impl Procs {
    pub(crate) fn new(scope: Scope, detail: Detail, procfs: &ProcFs, reader: &mut Reader) -> Procs {
        let own_view = procfs.file(1, b"/cgroup", reader, |text| Some(naming::is_relative(text)));
        Procs {
            scope,
            detail,
            namer: Namer::default(),
            known: BTreeMap::new(),
            late: Vec::new(),
            newborn_since: None,
            relative: own_view == Outcome::Got(true),
            pass: 0,
            began: 0,
            lists: Lists::default(),
            read: (0, 0),
        }
    }

    /// How many kernel threads, and how many other processes, were there in the last pass.
    pub(crate) fn len(&self) -> (usize, usize) {
        let kernel = self.known.values().filter(|proc| proc.stat.kernel_thread).count();
        (kernel, self.known.len() - kernel)
    }

    /// How many processes and threads of theirs the last pass read.
    pub(crate) fn read(&self) -> (u64, u64) {
        self.read
    }

    /// One pass, begun so many ticks after boot: credits what has grown. Fails when processes cannot be listed at all.
    pub(crate) fn pass(
        &mut self,
        began: u64,
        procfs: &ProcFs,
        reader: &mut Reader,
        ledger: &mut Ledger,
    ) -> Result<()> {
        self.read = (0, 0);
        (self.pass, self.began) = (self.pass + 1, began);
        let mut lists = std::mem::take(&mut self.lists);
        let done = self.pass_over(&mut lists, procfs, reader, ledger);
        self.lists = lists;
        done
    }

    fn pass_over(
        &mut self,
        lists: &mut Lists,
        procfs: &ProcFs,
        reader: &mut Reader,
        ledger: &mut Ledger,
    ) -> Result<()> {
        let Lists { before, after, now } = lists;
        if !self.scope.list(before, procfs, reader)? {
            return Ok(());
        }
        let complete = self.read_all(before, now, procfs, reader);
        if !self.scope.list(after, procfs, reader)? {
            return Ok(());
        }
        if self.scope != Scope::All {
            // What has left for a unit meanwhile may have been read after that.
            now.retain(|(pid, _)| after.binary_search(pid).is_ok());
        }
        let mut new = self.place_new(now, procfs, reader);
        let (mut reapers, mut gone) = (BTreeMap::new(), BTreeMap::new());
        for (pid, stat) in now.iter() {
            let placed = new.remove(pid);
            if let Some(replaced) = self.known.get(pid).filter(|proc| proc.stat.start != stat.start) {
                gone.insert(*pid, replaced.exited(true, ledger));
                self.known.remove(pid);
            }
            if let Some(reaper) = self.follow(*pid, stat, placed, procfs, reader, ledger) {
                reapers.insert(*pid, reaper);
            }
        }
        self.take_gone(before, after, &mut gone, procfs, reader, ledger);
        self.reap(&gone, reapers, ledger);
        // All of a machine's processes are seen: who is new started since. Into the root an older one may move.
        if complete && (self.newborn_since.is_none() || self.scope != Scope::All) {
            self.newborn_since = Some(self.began);
        }
        Ok(())
    }

    /// Credits what one process has used; what it has waited for, if anything.
    fn follow(
        &mut self,
        pid: u32,
        stat: &Stat,
        placed: Option<Placed>,
        procfs: &ProcFs,
        reader: &mut Reader,
        ledger: &mut Ledger,
    ) -> Option<Reaper> {
        let known = self.known.get(&pid);
        let looked = match known.filter(|proc| self.namer.holds(&proc.rule_name, stat)) {
            Some(_) => None,
            None => {
                let known = |pid| self.known.get(&pid).map(|proc| &proc.rule_name);
                Some(self.namer.look(pid, stat, known, procfs, reader))
            }
        };
        let earlier = known.map(|proc| proc.stat);
        let newborn = earlier.is_none() && self.was_born_here(stat);
        if let Some(placed) = placed {
            // It is new, or executes another program.
            let home = ledger.acquire_owner(&placed.owner);
            if let Some(proc) = self.known.get_mut(&pid) {
                proc.placed = placed;
                ledger.release(std::mem::replace(&mut proc.home, home));
                proc.update_group(ledger);
            } else {
                ledger.retain(home);
                ledger.count(home, 1, stat.threads.into());
                let (rule_name, threads) = (RuleName::default(), TrackedThreads::default());
                self.known.insert(
                    pid,
                    Proc { stat: *stat, placed, home, group: home, rule_name, threads, seen: 0 },
                );
            }
        }
        let proc = self.known.get_mut(&pid)?;
        proc.look_for_name(pid, procfs, reader, ledger);
        if let Some(rule_name) = looked {
            proc.rule_name = rule_name;
            proc.update_group(ledger);
        }
        let (own, waited) = match &earlier {
            Some(earlier) => (earlier.own, earlier.waited),
            None if newborn => (Cpu::default(), Cpu::default()),
            None => (stat.own, stat.waited),
        };
        // Beside a tree a list that could not be read leaves out a pass.
        let exact = earlier.is_some() && proc.seen + 1 == self.pass;
        let grown = reader.delta(stat.own, own, exact);
        ledger.credit(proc.home, grown);
        if proc.group != proc.home {
            ledger.transfer(proc.home, proc.group, grown);
        }
        ledger.count(proc.group, 0, i64::from(stat.threads) - i64::from(proc.stat.threads));
        (proc.stat, proc.seen) = (*stat, self.pass);
        if self.detail.threads && !stat.kernel_thread {
            let (group, before) = (proc.group, earlier.map(|stat| stat.own));
            let process = Process { pid, group, stat, before, newborn, counts: true, began: self.began };
            self.read.1 += proc.threads.follow(process, procfs, reader, ledger);
        }
        // What children used in all their lives comes at once.
        let grown = reader.delta(stat.waited, waited, false);
        (grown != Delta::default()).then_some(Reaper { key: proc.group, grown })
    }

    /// Whether all that a process had used when it was first seen was used in scope, and since the first pass.
    fn was_born_here(&self, stat: &Stat) -> bool {
        let newborn = self.newborn_since.is_some_and(|since| stat.start >= since);
        // A cgroup's process may have come from another; where its parent was, it was born.
        newborn && (self.scope == Scope::All || self.known.contains_key(&stat.ppid))
    }

    /// Reads the listed; who cannot be read stays as it was. Whether there was time for all.
    fn read_all(&mut self, listed: &[u32], now: &mut Vec<Now>, procfs: &ProcFs, reader: &mut Reader) -> bool {
        now.clear();
        let mut late = false;
        for &pid in listed {
            late = late || reader.is_late();
            let stat = if late { Outcome::Failed } else { procfs.process(pid, reader) };
            self.read.0 += u64::from(!late);
            match stat {
                Outcome::Got(stat) => now.push((pid, stat)),
                Outcome::Failed => now.extend(self.known.get(&pid).map(|proc| (pid, proc.stat))),
                Outcome::Gone => {}
            }
        }
        !late
    }

    /// What is known of a process, if it is the same.
    fn same(&self, pid: u32, stat: &Stat) -> Option<&Proc> {
        self.known.get(&pid).filter(|proc| proc.stat.start == stat.start)
    }
}

impl Proc {
    /// Counts from now on for the rule's group that it is carved out for, or for its own.
    fn update_group(&mut self, ledger: &mut Ledger) {
        let group = match &self.rule_name.name {
            Some(name) => ledger.acquire_named(self.placed.owner.class(), name, self.home),
            None => {
                ledger.retain(self.home);
                self.home
            }
        };
        if group != self.group {
            self.threads.update_group(group, ledger);
            ledger.count(self.group, -1, -i64::from(self.stat.threads));
            ledger.count(group, 1, self.stat.threads.into());
        }
        ledger.release(std::mem::replace(&mut self.group, group));
    }
}

#[cfg(test)]
mod tests;
