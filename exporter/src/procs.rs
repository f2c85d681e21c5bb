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

mod dead;
mod group;

use crate::cpu::{Cpu, Growth};
use crate::ledger::Ledger;
use crate::parse::{self, Stat};
use crate::place::{self, Key};
use crate::read::{Outcome, Reader};
use crate::reading::Class;
use anyhow::{Context, Result, bail};
use dead::{Ended, Reaper};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Which processes are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All that procfs shows.
    All,
    /// Those in this `cgroup.procs`, the root's.
    Root(PathBuf),
}

/// The processes as of the last pass.
#[derive(Debug)]
pub(crate) struct Procs {
    procfs: PathBuf,
    scope: Scope,
    /// Ticks a second.
    hz: u64,
    known: BTreeMap<u32, Proc>,
    late: Vec<Ended>,
    /// Who started at this tick or later, and is seen for the first time, counts in full; None before the first
    /// pass, in which nobody does.
    newborn_since: Option<u64>,
    /// Whether a bare `/` as cgroup is the reader's own pod.
    relative: bool,
}

#[derive(Clone, Debug)]
struct Proc {
    stat: Stat,
    key: Key,
}

/// Who vanished, by PID, and whether its reaper may have been read before that.
type Gone = BTreeMap<u32, (Proc, bool)>;

impl Procs {
    pub(crate) fn new(procfs: &Path, scope: Scope, reader: &mut Reader) -> Procs {
        let own_view = reader.read(&procfs.join("1/cgroup"), |text| Some(place::is_relative(text)));
        Procs {
            procfs: procfs.to_owned(),
            scope,
            hz: rustix::param::clock_ticks_per_second(),
            known: BTreeMap::new(),
            late: Vec::new(),
            newborn_since: None,
            relative: own_view == Outcome::Got(true),
        }
    }

    /// How many kernel threads, and how many other processes, were there in the last pass.
    pub(crate) fn len(&self) -> (usize, usize) {
        let kernel = self.known.values().filter(|proc| proc.stat.kernel_thread).count();
        (kernel, self.known.len() - kernel)
    }

    /// One pass: credits what has grown. Fails when processes cannot be listed at all.
    pub(crate) fn pass(&mut self, reader: &mut Reader, ledger: &mut Ledger) -> Result<()> {
        let uptime = self.procfs.join("uptime");
        let Outcome::Got(begun) = reader.read(&uptime, |text| parse::uptime(text, self.hz)) else {
            bail!("cannot read {}: is {} a procfs?", uptime.display(), self.procfs.display());
        };
        let Some(listed) = self.list(reader)? else { return Ok(()) };
        let mut now = self.read_all(&listed, reader);
        let Some(after) = self.list(reader)? else { return Ok(()) };
        if self.scope != Scope::All {
            // What has left for a unit meanwhile may have been read after that.
            now.retain(|pid, _| after.contains(pid));
        }
        let known = std::mem::take(&mut self.known);
        let mut keys = self.place_all(&now, &known, reader);
        let mut reapers = BTreeMap::new();
        for (pid, stat) in now {
            let Some(key) = keys.remove(&pid) else { continue };
            let (own, waited) = match same(&known, pid, &stat) {
                Some(Proc { stat: last, .. }) => (last.own, last.waited),
                None if self.was_born_here(&stat, &known) => (Cpu::default(), Cpu::default()),
                None => (stat.own, stat.waited),
            };
            ledger.keep(&key);
            ledger.credit(&key, stat.own.since(own));
            let grown = stat.waited.since(waited);
            if grown != Growth::default() {
                reapers.insert(pid, Reaper { key: key.clone(), grown });
            }
            self.known.insert(pid, Proc { stat, key });
        }
        if self.scope == Scope::All {
            let gone = self.take_gone(known, &listed, &after, reader);
            self.bury(&gone, reapers, ledger);
        }
        // All of a machine's processes are seen: who is new started since. Into the root an older one may move.
        if self.newborn_since.is_none() || self.scope != Scope::All {
            self.newborn_since = Some(begun);
        }
        Ok(())
    }

    /// Whether all that a process had used when it was first seen was used in scope, and since the first pass.
    fn was_born_here(&self, stat: &Stat, known: &BTreeMap<u32, Proc>) -> bool {
        let newborn = self.newborn_since.is_some_and(|since| stat.start >= since);
        // A cgroup's process may have come from another; where its parent was, it was born.
        newborn && (self.scope == Scope::All || known.contains_key(&stat.ppid))
    }

    /// Who has ended: of those `known` before, and of those read in this pass, which are then known no more.
    fn take_gone(
        &mut self,
        known: BTreeMap<u32, Proc>,
        listed: &BTreeSet<u32>,
        after: &BTreeSet<u32>,
        reader: &mut Reader,
    ) -> Gone {
        let mut gone = Gone::new();
        for (pid, proc) in std::mem::take(&mut self.known) {
            if after.contains(&pid) || self.is_there(pid, proc.stat.start, reader) {
                self.known.insert(pid, proc);
            } else {
                gone.insert(pid, (proc, true));
            }
        }
        for (pid, proc) in known {
            let seen = self.known.get(&pid).is_some_and(|now| now.stat.start == proc.stat.start);
            if !seen && !gone.contains_key(&pid) {
                gone.insert(pid, (proc, listed.contains(&pid)));
            }
        }
        gone
    }

    /// The groups: a process keeps its own unless it executes another program.
    fn place_all(
        &self,
        now: &BTreeMap<u32, Stat>,
        known: &BTreeMap<u32, Proc>,
        reader: &mut Reader,
    ) -> BTreeMap<u32, Key> {
        let keeps = |(&pid, stat): (&u32, &Stat)| {
            let proc = same(known, pid, stat).filter(|proc| proc.stat.comm == stat.comm)?;
            Some((pid, proc.key.clone()))
        };
        let mut keys: BTreeMap<u32, Key> = now.iter().filter_map(keeps).collect();
        for &pid in now.keys() {
            if !keys.contains_key(&pid) {
                let key = self.place(pid, now, &keys, reader);
                keys.insert(pid, key);
            }
        }
        keys
    }

    /// Credits what the ended used unseen, as far as their reapers tell.
    fn bury(&mut self, gone: &Gone, reapers: BTreeMap<u32, Reaper>, ledger: &mut Ledger) {
        let mut ended = std::mem::take(&mut self.late);
        for child in &mut ended {
            child.orphan |= !child.ancestors.first().is_some_and(|parent| self.known.contains_key(parent));
        }
        for (proc, late) in gone.values().filter(|(proc, _)| proc.key.0 != Class::Kernel) {
            let Stat { own, waited, ppid, .. } = proc.stat;
            ended.push(Ended {
                key: proc.key.clone(),
                counted: own + waited,
                ancestors: self.ancestors(ppid, gone, &reapers),
                orphan: gone.contains_key(&ppid),
                late: *late,
            });
        }
        let settled = dead::settle(ended, reapers);
        for (key, growth) in settled.credits {
            ledger.credit(&key, growth);
        }
        self.late = settled.late;
    }

    /// The PIDs to count; None where only those of the root are missed, which is counted as an error.
    fn list(&self, reader: &mut Reader) -> Result<Option<BTreeSet<u32>>> {
        let Scope::Root(procs) = &self.scope else {
            let entries = std::fs::read_dir(&self.procfs)
                .with_context(|| format!("cannot list the processes in {}", self.procfs.display()))?;
            let pid = |name: std::ffi::OsString| name.to_str()?.parse().ok();
            return Ok(Some(entries.filter_map(|entry| pid(entry.ok()?.file_name())).collect()));
        };
        let Outcome::Got(pids) = reader.read(procs, parse::pids) else { return Ok(None) };
        let mut pids = BTreeSet::from_iter(pids);
        if pids.remove(&0) {
            reader.count("invisible_process");
        }
        Ok(Some(pids))
    }

    /// Reads the listed; who cannot be read stays as it was.
    fn read_all(&self, listed: &BTreeSet<u32>, reader: &mut Reader) -> BTreeMap<u32, Stat> {
        let mut now = BTreeMap::new();
        for &pid in listed {
            match self.stat(pid, reader) {
                Outcome::Got(stat) => now.extend([(pid, stat)]),
                Outcome::Failed => now.extend(self.known.get(&pid).map(|proc| (pid, proc.stat.clone()))),
                Outcome::Gone => {}
            }
        }
        now
    }

    fn stat(&self, pid: u32, reader: &mut Reader) -> Outcome<Stat> {
        reader.read(&self.procfs.join(format!("{pid}/stat")), |text| parse::stat(text, self.hz))
    }

    fn is_there(&self, pid: u32, start: u64, reader: &mut Reader) -> bool {
        match self.stat(pid, reader) {
            Outcome::Got(stat) => stat.start == start,
            Outcome::Gone => false,
            Outcome::Failed => true,
        }
    }

    /// The ancestors from `ppid` on that may have waited, nearest first: those that live, and those that ended
    /// in this pass after they were read in it.
    fn ancestors(&self, ppid: u32, gone: &Gone, reapers: &BTreeMap<u32, Reaper>) -> Vec<u32> {
        let mut found = Vec::new();
        let mut at = ppid;
        for _ in 0..group::DEEPEST {
            // A PID may have been given anew since: the one it was the child of is the one that ended.
            let ended = gone.get(&at).map(|(proc, _)| proc);
            let Some(proc) = ended.or_else(|| self.known.get(&at)) else { break };
            if ended.is_none() || reapers.contains_key(&at) {
                found.push(at);
            }
            at = proc.stat.ppid;
        }
        found
    }
}

fn same<'a>(known: &'a BTreeMap<u32, Proc>, pid: u32, stat: &Stat) -> Option<&'a Proc> {
    known.get(&pid).filter(|proc| proc.stat.start == stat.start)
}

#[cfg(test)]
mod tests;
