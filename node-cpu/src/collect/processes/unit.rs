//! The processes of one cgroup of the tree, which is read only if it has used something. What a rule gives to a group is
//! taken from the cgroup's own account.

use super::{Membership, Processes, Since, Source};
use crate::account::reaping::{self, Exited, Reaper};
use crate::account::{Id, Ledger};
use crate::collect::pass::Pass;
use crate::cpu::Delta;
use crate::kernel::Outcome;
use crate::kernel::parse::{self, Stat};
use crate::snapshot::Class;
use std::collections::BTreeMap;
use std::path::Path;

/// A cgroup: its number, the account of its group or pod, the class of that, and the PIDs that were in it.
#[derive(Debug)]
pub(in crate::collect) struct CgroupRef<'a> {
    pub(in crate::collect) number: u32,
    pub(in crate::collect) account: Id,
    pub(in crate::collect) class: Class,
    pub(in crate::collect) pids: &'a mut Vec<u32>,
}

/// What is found out about one cgroup before its own counter is read.
#[derive(Debug, Default)]
pub(super) struct Unit {
    /// What the living have used.
    living: Delta,
    exited: Vec<Exited>,
    reapers: BTreeMap<u32, Reaper>,
    /// The PIDs that are listed now.
    listed: Vec<u32>,
}

impl Processes {
    /// Returns whether the processes of units are read one by one, or only counted.
    pub(in crate::collect) fn reads_units(&self) -> bool {
        self.detail.threads || self.namer.was_set()
    }

    /// Reads the processes that the file `list` names; returns whether all could be read.
    pub(in crate::collect) fn visit_unit(
        &mut self,
        cgroup: &mut CgroupRef<'_>,
        list: &Path,
        pass: &mut Pass<'_>,
    ) -> bool {
        self.forget_unit(pass.ledger);
        let mut pids = std::mem::take(&mut self.unit.listed);
        let listed = pass.reader.read(list, |text| parse::pids_into(text, &mut pids));
        if listed == Outcome::Gone {
            pids.clear();
        }
        let complete = listed != Outcome::Failed && {
            pids.sort_unstable();
            if pids.first() == Some(&0) {
                pass.reader.count("invisible_process");
                pids.retain(|pid| *pid != 0);
            }
            std::mem::swap(cgroup.pids, &mut pids);
            for pid in pids.iter().filter(|pid| cgroup.pids.binary_search(pid).is_err()) {
                self.leave_unit(*pid, cgroup.number, pass.ledger);
            }
            self.read_unit(cgroup, pass)
        };
        self.unit.listed = pids;
        complete
    }

    fn read_unit(&mut self, cgroup: &CgroupRef<'_>, pass: &mut Pass<'_>) -> bool {
        let mut complete = true;
        for &pid in &*cgroup.pids {
            if pass.reader.is_late() {
                return false;
            }
            match pass.procfs.process(pid, pass.reader) {
                Outcome::Got(stat) => self.update_in_unit(pid, &stat, cgroup, pass),
                Outcome::Gone => self.leave_unit(pid, cgroup.number, pass.ledger),
                Outcome::Failed => complete = false,
            }
        }
        complete
    }

    fn update_in_unit(&mut self, pid: u32, stat: &Stat, cgroup: &CgroupRef<'_>, pass: &mut Pass<'_>) {
        self.read.0 += 1;
        let source = Source::Cgroup(cgroup.number);
        let known = self.tracked.get(&pid).map(|known| (known.at.source, known.stat.start));
        let same = known.filter(|(_, start)| *start == stat.start);
        if let (None, Some((Source::Cgroup(number), _))) = (same, known) {
            self.leave_unit(pid, number, pass.ledger);
        }
        let moved_here = self.left.get(&pid) == Some(&stat.start);
        let newborn = !moved_here && self.before.is_some_and(|before| stat.start >= before);
        let since = match same {
            // It is read only if its cgroup moves, so this may be of several passes.
            Some((from, _)) if from == source => Since::LastReading { exact: false },
            None if newborn => Since::Birth,
            // What it used elsewhere is counted there.
            _ => Since::Now,
        };
        let at = Membership { source, account: cgroup.account, class: cgroup.class };
        self.put(pid, stat, at, pass);
        let Some(used) = self.update(pid, stat, since, pass) else { return };
        if self.namer.any() {
            self.unit.living += used.own;
            if used.waited != Delta::default() {
                self.unit.reapers.insert(pid, Reaper { key: used.group, grown: used.waited });
            }
        }
    }

    /// Gives to groups of rules what exited processes of theirs used unseen, within what the cgroup has used beyond its
    /// living: a reaper's children may have lived elsewhere.
    pub(in crate::collect) fn reap_unit(
        &mut self,
        cgroup: &CgroupRef<'_>,
        grown: Delta,
        ledger: &mut Ledger,
    ) {
        let reapers = std::mem::take(&mut self.unit.reapers);
        let exited = std::mem::take(&mut self.unit.exited);
        let acquired: Vec<Id> = exited.iter().map(|one| one.key).collect();
        let mut left = (grown - std::mem::take(&mut self.unit.living)).total_us();
        let settled = reaping::settle(exited, reapers, |owners| ledger.common_owner(owners));
        for (owner, delta) in settled.credits {
            if owner != cgroup.account && delta.total_us() > 0 && left > 0 {
                let user_us = delta.user_us.clamp(0, left);
                let delta = Delta { user_us, system_us: delta.system_us.clamp(0, left - user_us) };
                left -= delta.total_us();
                ledger.transfer(cgroup.account, owner, delta);
            }
        }
        acquired.into_iter().for_each(|account| ledger.release(account));
    }

    /// The cgroup is gone: who was in it has exited, or moves to where it is read again.
    pub(in crate::collect) fn vacate(&mut self, number: u32, pids: &[u32], ledger: &mut Ledger) {
        pids.iter().for_each(|pid| self.leave_unit(*pid, number, ledger));
        self.forget_unit(ledger);
    }

    /// What was found out about a cgroup is of no use any more.
    fn forget_unit(&mut self, ledger: &mut Ledger) {
        self.unit.living = Delta::default();
        self.unit.reapers.clear();
        self.unit.exited.drain(..).for_each(|one| ledger.release(one.key));
    }

    /// A process has exited, or left this cgroup.
    fn leave_unit(&mut self, pid: u32, number: u32, ledger: &mut Ledger) {
        if self.tracked.get(&pid).is_none_or(|known| known.at.source != Source::Cgroup(number)) {
            return;
        }
        let Some(known) = self.tracked.remove(&pid) else { return };
        self.left.insert(pid, known.stat.start);
        known.end(ledger);
        ledger.release(known.at.account);
        if !self.namer.any() {
            return ledger.release(known.group);
        }
        // Its account is kept until it is known whether anything is due to it.
        let Stat { own, waited, ppid, .. } = known.stat;
        let orphan = !self.tracked.contains_key(&ppid);
        let (key, counted, ancestors) = (known.group, own + waited, vec![ppid]);
        self.unit.exited.push(Exited { key, counted, ancestors, orphan, late: false });
    }
}
