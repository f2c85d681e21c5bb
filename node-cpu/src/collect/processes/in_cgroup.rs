//! Processes of any one cgroup of the tree, a unit's or a pod's, which is read only if it has used something.
//!
//! CPU of a rule's group is transferred from the cgroup's own account.

use super::{Membership, Processes, Since, Source};
use crate::account::reaped_children::{self, Exited, Reaper};
use crate::account::{Id, Ledger};
use crate::collect::pass::Pass;
use crate::cpu::Delta;
use crate::kernel::Outcome;
use crate::kernel::parse::{self, Stat};
use crate::snapshot::{Allowed, Class};
use std::collections::BTreeMap;
use std::path::Path;

/// Cgroup whose processes are read.
#[derive(Debug)]
pub(in crate::collect) struct CgroupRef<'a> {
    pub(in crate::collect) number: u32,
    /// Account of its group or pod.
    pub(in crate::collect) account: Id,
    /// Class of that account.
    pub(in crate::collect) class: Class,
    /// CPUs on which its processes may run.
    pub(in crate::collect) allowed: Allowed,
    /// PIDs in it, in order, as of its last listing.
    pub(in crate::collect) pids: &'a mut Vec<u32>,
}

/// Findings about cgroups before their own counters are read.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Number of the cgroup whose processes were read last.
    number: u32,
    /// CPU of its living processes.
    living: Delta,
    /// Reapers among them, by PID.
    reapers: BTreeMap<u32, Reaper>,
    /// Exited processes by the number of their cgroup. Another cgroup, or the root, may have found their PIDs reused
    /// before their own cgroup is read.
    exited: BTreeMap<u32, Vec<Exited>>,
    /// PIDs that are listed now.
    listed: Vec<u32>,
}

impl Processes {
    /// Returns true if the processes of cgroups are read one by one, and false if they are only counted.
    pub(in crate::collect) fn reads_each(&self) -> bool {
        self.detail.threads || self.namer.ever_had_rules()
    }

    /// Reads the processes that the file `list` names. Returns true if all could be read.
    pub(in crate::collect) fn visit_cgroup(
        &mut self,
        cgroup: &mut CgroupRef<'_>,
        list: &Path,
        pass: &mut Pass<'_>,
    ) -> bool {
        (self.findings.number, self.findings.living) = (cgroup.number, Delta::default());
        self.findings.reapers.clear();
        let mut pids = std::mem::take(&mut self.findings.listed);
        let listed = pass.reader.read(list, |text| parse::pids_into(text, &mut pids));
        if listed == Outcome::Gone {
            pids.clear();
        }
        let is_complete = listed != Outcome::Failed && {
            pids.sort_unstable();
            if pids.first() == Some(&0) {
                pass.reader.count("invisible_process");
                pids.retain(|pid| *pid != 0);
            }
            std::mem::swap(cgroup.pids, &mut pids);
            for pid in pids.iter().filter(|pid| cgroup.pids.binary_search(pid).is_err()) {
                self.leave_cgroup(*pid, cgroup.number, pass.ledger);
            }
            self.read_cgroup(cgroup, pass)
        };
        self.findings.listed = pids;
        is_complete
    }

    fn read_cgroup(&mut self, cgroup: &CgroupRef<'_>, pass: &mut Pass<'_>) -> bool {
        let mut is_complete = true;
        for &pid in &*cgroup.pids {
            if pass.reader.is_late() {
                return false;
            }
            match pass.procfs.process(pid, pass.reader) {
                Outcome::Got(stat) => self.update_in_cgroup(pid, &stat, cgroup, pass),
                Outcome::Gone => self.leave_cgroup(pid, cgroup.number, pass.ledger),
                Outcome::Failed => is_complete = false,
            }
        }
        is_complete
    }

    fn update_in_cgroup(&mut self, pid: u32, stat: &Stat, cgroup: &CgroupRef<'_>, pass: &mut Pass<'_>) {
        self.read_counts.0 += 1;
        let source = Source::Cgroup(cgroup.number);
        if let Some(ended) = self.end_replaced(pid, stat, pass.ledger) {
            // It was in the root, where reaping needs nothing of it.
            ended.release(pass.ledger);
        }
        let known_from = self.tracked.get(&pid).map(|known| known.membership.source);
        let has_moved_here = self.departed.get(&pid) == Some(&stat.start);
        let is_newborn =
            !has_moved_here && self.previous_began.is_some_and(|previous| stat.start >= previous);
        let since = match known_from {
            // A process is read only if its cgroup's counter changes, so this may span several passes.
            Some(from) if from == source => Since::LastReading { of_last_pass: false },
            None if is_newborn => Since::Birth,
            // CPU from before counts for its earlier membership.
            _ => Since::Now,
        };
        let CgroupRef { account, class, allowed, .. } = *cgroup;
        let membership = Membership { source, account, class, allowed };
        self.update_membership(pid, stat, membership, pass);
        let Some(used) = self.update(pid, stat, since, pass) else { return };
        if self.namer.any() {
            self.findings.living += used.own;
            if used.waited != Delta::default() {
                self.findings.reapers.insert(pid, Reaper { account: used.group, delta: used.waited });
            }
        }
    }

    /// Credits groups of rules with the CPU that their exited processes used unseen. The limit is the delta of the
    /// cgroup beyond its living processes, because a reaper's children may have lived in other cgroups.
    pub(in crate::collect) fn reap_in_cgroup(
        &mut self,
        cgroup: &CgroupRef<'_>,
        cgroup_delta: Delta,
        ledger: &mut Ledger,
    ) {
        if self.findings.number != cgroup.number {
            return; // its processes are not read
        }
        let reapers = std::mem::take(&mut self.findings.reapers);
        let exited = self.findings.exited.remove(&cgroup.number).unwrap_or_default();
        let acquired: Vec<Id> = exited.iter().map(|process| process.account).collect();
        let mut left_us = (cgroup_delta - std::mem::take(&mut self.findings.living)).total_us();
        let settled = reaped_children::settle(exited, reapers, |owners| ledger.common_owner(owners));
        for (owner, delta) in settled.credits {
            if owner != cgroup.account && delta.total_us() > 0 && left_us > 0 {
                let user_us = delta.user_us.clamp(0, left_us);
                let delta = Delta { user_us, system_us: delta.system_us.clamp(0, left_us - user_us) };
                left_us -= delta.total_us();
                ledger.transfer(cgroup.account, owner, delta, cgroup.allowed);
            }
        }
        acquired.into_iter().for_each(|account| ledger.release(account));
    }

    /// Ends the processes of a cgroup that has ended: they have exited, or are read again in their new cgroup.
    pub(in crate::collect) fn vacate(&mut self, number: u32, pids: &[u32], ledger: &mut Ledger) {
        pids.iter().for_each(|pid| self.leave_cgroup(*pid, number, ledger));
        let exited = self.findings.exited.remove(&number).unwrap_or_default();
        exited.iter().for_each(|process| ledger.release(process.account));
    }

    /// Ends a process that has exited or left this cgroup.
    pub(super) fn leave_cgroup(&mut self, pid: u32, number: u32, ledger: &mut Ledger) {
        if self.tracked.get(&pid).is_none_or(|known| known.membership.source != Source::Cgroup(number)) {
            return;
        }
        let Some(known) = self.tracked.remove(&pid) else { return };
        self.departed.insert(pid, known.stat.start);
        known.end(ledger);
        ledger.release(known.membership.account);
        if !self.namer.any() {
            return ledger.release(known.group);
        }
        // Reaping may still credit its account, so that stays acquired until then.
        let Stat { own, waited, ppid, .. } = known.stat;
        let is_orphan = !self.tracked.contains_key(&ppid);
        let (account, counted, ancestors) = (known.group, own + waited, vec![ppid]);
        let exited = Exited { account, counted, ancestors, is_orphan, is_late: false };
        self.findings.exited.entry(number).or_default().push(exited);
    }
}
