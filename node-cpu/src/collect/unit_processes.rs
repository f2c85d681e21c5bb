//! The processes of the tree's units: read only where their cgroup has used something, for threads, counts and the
//! groups that rules carve out of a unit. What they use is in the unit's counter already: what a rule gives to a group
//! is taken from the unit's.

use super::threads::{Process, TrackedThreads};
use crate::account::reaping::{self, Exited, Reaper};
use crate::account::{Id, Ledger};
use crate::cpu::{Cpu, Delta};
use crate::kernel::ProcFs;
use crate::kernel::parse::{self, Stat};
use crate::kernel::{Outcome, Reader};
use crate::naming::{Namer, RuleName};
use crate::snapshot::{Class, Detail};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The processes of all units as of the last time that each was looked at.
#[derive(Debug)]
pub(crate) struct Crowd {
    procs: HashMap<u32, Proc>,
    detail: Detail,
    pub(crate) namer: Namer,
    /// When this pass and the one before it began, in ticks since boot; None before the first pass.
    began: u64,
    before: Option<u64>,
    /// The PIDs of one cgroup.
    pids: Vec<u32>,
    /// Of the unit that is being read: what its ended processes used, and whose that may be.
    unit: Unit,
    /// Who has left a cgroup in this pass, and when it started: it may be met in another.
    left: HashMap<u32, u64>,
    read: (u64, u64),
}

/// What is found out about one unit before its counter is read.
#[derive(Debug, Default)]
struct Unit {
    /// What the living have used.
    living: Delta,
    exited: Vec<Exited>,
    reapers: BTreeMap<u32, Reaper>,
}

#[derive(Debug)]
struct Proc {
    /// The cgroup it is in.
    home: u32,
    stat: Stat,
    group: Id,
    rule_name: RuleName,
    threads: TrackedThreads,
}

/// Where processes are: a cgroup, the account of its group or pod, the class of that, and the PIDs that were there before.
#[derive(Debug)]
pub(crate) struct Home<'a> {
    pub(crate) id: u32,
    pub(crate) group: Id,
    pub(crate) class: Class,
    pub(crate) pids: &'a mut Vec<u32>,
}

impl Crowd {
    pub(crate) fn new(detail: Detail) -> Crowd {
        Crowd {
            procs: HashMap::new(),
            detail,
            namer: Namer::default(),
            began: 0,
            before: None,
            pids: Vec::new(),
            unit: Unit::default(),
            left: HashMap::new(),
            read: (0, 0),
        }
    }

    /// Begins a pass, so many ticks after boot.
    pub(crate) fn begin(&mut self, began: u64) {
        self.before = (self.began > 0).then_some(self.began);
        self.began = began;
        self.read = (0, 0);
        self.left.clear();
    }

    /// How many processes and threads were read in this pass.
    pub(crate) fn read(&self) -> (u64, u64) {
        self.read
    }

    /// Whether a unit's processes are looked at, or only counted.
    pub(crate) fn looks(&self) -> bool {
        self.detail.threads || self.namer.was_set()
    }

    /// Looks at the processes in a cgroup. Whether all could be looked at.
    pub(crate) fn visit(
        &mut self,
        home: &mut Home<'_>,
        list: &Path,
        procfs: &ProcFs,
        reader: &mut Reader,
        ledger: &mut Ledger,
    ) -> bool {
        self.forget_unit(ledger);
        let mut pids = std::mem::take(&mut self.pids);
        let listed = reader.read(list, |text| parse::pids_into(text, &mut pids));
        if listed == Outcome::Gone {
            pids.clear();
        }
        let mut complete = listed != Outcome::Failed;
        if complete {
            pids.sort_unstable();
            if pids.first() == Some(&0) {
                reader.count("invisible_process");
                pids.retain(|pid| *pid != 0);
            }
            std::mem::swap(home.pids, &mut pids);
            for pid in pids.iter().filter(|pid| home.pids.binary_search(pid).is_err()) {
                self.leave(*pid, home.id, ledger);
            }
            for at in 0..home.pids.len() {
                let Some(&pid) = home.pids.get(at) else { break };
                if reader.is_late() {
                    complete = false;
                    break;
                }
                match procfs.process(pid, reader) {
                    Outcome::Got(stat) => self.meet(pid, stat, home, procfs, reader, ledger),
                    Outcome::Gone => self.leave(pid, home.id, ledger),
                    Outcome::Failed => complete = false,
                }
            }
        }
        self.pids = pids;
        complete
    }

    /// Gives to groups of rules what ended processes of theirs used unseen, within what their unit has used beyond its
    /// living: a reaper's children may have lived elsewhere.
    pub(crate) fn reap(&mut self, home: &Home<'_>, grown: Delta, ledger: &mut Ledger) {
        let unit = std::mem::take(&mut self.unit);
        let held: Vec<Id> = unit.exited.iter().map(|one| one.key).collect();
        let mut left = (grown - unit.living).total_us();
        let settled = reaping::settle(unit.exited, unit.reapers, |owners| ledger.common_owner(owners));
        for (owner, delta) in settled.credits {
            if owner != home.group && delta.total_us() > 0 && left > 0 {
                let user_us = delta.user_us.clamp(0, left);
                let delta = Delta { user_us, system_us: delta.system_us.clamp(0, left - user_us) };
                left -= delta.total_us();
                ledger.transfer(home.group, owner, delta);
            }
        }
        held.into_iter().for_each(|group| ledger.release(group));
    }

    /// What was found out about a unit is of no use any more.
    fn forget_unit(&mut self, ledger: &mut Ledger) {
        let unit = std::mem::take(&mut self.unit);
        unit.exited.iter().for_each(|one| ledger.release(one.key));
    }

    /// A cgroup is gone: who was in it has ended or moves to where it is met again.
    pub(crate) fn vacate(&mut self, home: u32, pids: &[u32], ledger: &mut Ledger) {
        pids.iter().for_each(|pid| self.leave(*pid, home, ledger));
        self.forget_unit(ledger);
    }

    /// One process that is there.
    fn meet(
        &mut self,
        pid: u32,
        stat: Stat,
        home: &Home<'_>,
        procfs: &ProcFs,
        reader: &mut Reader,
        ledger: &mut Ledger,
    ) {
        self.read.0 += 1;
        if let Some(other) = self.procs.get(&pid).filter(|proc| proc.stat.start != stat.start) {
            self.leave(pid, other.home, ledger);
        }
        let known = self.procs.get(&pid).map(|proc| proc.stat);
        let rule_name = self.procs.get(&pid).map(|proc| &proc.rule_name);
        let looked = match rule_name.filter(|rule_name| self.namer.holds(rule_name, &stat)) {
            Some(_) => None,
            None => Some(self.look(pid, &stat, procfs, reader)),
        };
        let moved_here = self.left.get(&pid) == Some(&stat.start);
        let newborn =
            known.is_none() && !moved_here && self.before.is_some_and(|before| stat.start >= before);
        let proc = self.procs.entry(pid).or_insert_with(|| {
            ledger.retain(home.group);
            ledger.count(home.group, 1, stat.threads.into());
            let rule_name = RuleName::default();
            Proc { home: home.id, stat, group: home.group, rule_name, threads: TrackedThreads::default() }
        });
        // What was used elsewhere since it was last seen is counted there.
        let counts = proc.home == home.id && (known.is_some() || newborn);
        proc.home = home.id;
        if let Some(rule_name) = looked {
            proc.rule_name = rule_name;
        }
        proc.update_group(home, ledger);
        let before = known.filter(|_| !newborn);
        // It is read only when its cgroup moves, so its growth may be of several passes.
        let mut since = |now: Cpu, then: fn(&Stat) -> Cpu| match (counts, &before) {
            (true, before) => reader.delta(now, before.as_ref().map_or(Cpu::default(), then), false),
            (false, _) => Delta::default(),
        };
        let grown = since(stat.own, |stat| stat.own);
        let waited = since(stat.waited, |stat| stat.waited);
        ledger.count(proc.group, 0, i64::from(stat.threads) - i64::from(proc.stat.threads));
        if self.namer.any() {
            self.unit.living += grown;
            if waited != Delta::default() {
                self.unit.reapers.insert(pid, Reaper { key: proc.group, grown: waited });
            }
            if proc.group != home.group {
                ledger.transfer(home.group, proc.group, grown);
            }
        }
        proc.stat = stat;
        if self.detail.threads {
            let (group, before, began) = (proc.group, known.map(|stat| stat.own), self.began);
            let process = Process { pid, group, stat: &stat, before, newborn, counts, began };
            self.read.1 += proc.threads.follow(process, procfs, reader, ledger);
        }
    }

    fn look(&self, pid: u32, stat: &Stat, procfs: &ProcFs, reader: &mut Reader) -> RuleName {
        let known = |pid| self.procs.get(&pid).map(|proc| &proc.rule_name);
        self.namer.look(pid, stat, known, procfs, reader)
    }

    /// One that has ended, or left this cgroup.
    fn leave(&mut self, pid: u32, home: u32, ledger: &mut Ledger) {
        if self.procs.get(&pid).is_none_or(|proc| proc.home != home) {
            return;
        }
        let Some(proc) = self.procs.remove(&pid) else { return };
        self.left.insert(pid, proc.stat.start);
        proc.threads.end(ledger);
        ledger.count(proc.group, -1, -i64::from(proc.stat.threads));
        if !self.namer.any() {
            ledger.release(proc.group);
        } else {
            // Its account is held until it is known whether it is owed something.
            let Stat { own, waited, ppid, .. } = proc.stat;
            let orphan = !self.procs.contains_key(&ppid);
            let counted = own + waited;
            self.unit.exited.push(Exited {
                key: proc.group,
                counted,
                ancestors: vec![ppid],
                orphan,
                late: false,
            });
        }
    }
}

impl Proc {
    /// Sees to it that it counts for the group that it is carved out for, or for its unit's.
    fn update_group(&mut self, home: &Home<'_>, ledger: &mut Ledger) {
        if self.rule_name.name.is_none() && self.group == home.group {
            return;
        }
        let group = match &self.rule_name.name {
            Some(name) => ledger.acquire_named(home.class, name, home.group),
            None => {
                ledger.retain(home.group);
                home.group
            }
        };
        if group != self.group {
            self.threads.update_group(group, ledger);
            ledger.count(self.group, -1, -i64::from(self.stat.threads));
            ledger.count(group, 1, self.stat.threads.into());
        }
        // Held anew before: an account that nobody holds may be closed.
        ledger.release(std::mem::replace(&mut self.group, group));
    }
}
