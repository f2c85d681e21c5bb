//! Processes of one cgroup: reads them one by one, or only counts them.

use super::Cgroup;
use crate::account::Id;
use crate::collect::cgroups::Walk;
use crate::collect::processes::CgroupRef;
use crate::kernel::Outcome;
use crate::kernel::parse;
use crate::naming::Kind;
use std::path::PathBuf;

impl Cgroup {
    /// Reads the processes in the cgroup, or counts them. Returns true if that was possible.
    pub(super) fn visit_processes(&mut self, path: &mut PathBuf, walk: &mut Walk<'_>) -> bool {
        let holds_processes = matches!(self.role.kind, Kind::Unit | Kind::InPod);
        let (Some(account), Some(owner)) = (self.account.filter(|_| holds_processes), &self.role.owner)
        else {
            return true;
        };
        path.push("cgroup.procs");
        let mut pids = std::mem::take(&mut self.pids);
        let reads_each = walk.processes.reads_each();
        if reads_each && self.counted != (0, 0) {
            let (processes, threads) = std::mem::take(&mut self.counted);
            walk.pass.ledger.adjust_counts(account, -processes, -threads);
        }
        let is_complete = if reads_each {
            let mut cgroup = CgroupRef {
                number: self.number,
                account,
                class: owner.class(),
                allowed: self.bound.allowed,
                pids: &mut pids,
            };
            walk.processes.visit_cgroup(&mut cgroup, path, &mut walk.pass)
        } else {
            walk.pass.reader.read(path, |text| parse::pids_into(text, &mut pids)) != Outcome::Failed
        };
        self.pids = pids;
        path.pop();
        if !reads_each {
            self.count_processes(account, path, walk);
        }
        is_complete
    }

    /// Counts processes and threads by the cgroup's own numbers.
    fn count_processes(&mut self, account: Id, path: &mut PathBuf, walk: &mut Walk<'_>) {
        path.push("pids.current");
        let threads_below: u64 = self.children.iter().map(|child| child.threads).sum();
        self.threads = match walk.pass.reader.read(path, parse::count) {
            Outcome::Got(threads) => threads,
            // This file needs a controller; the list of threads does not.
            _ => {
                path.set_file_name("cgroup.threads");
                match walk.pass.reader.read(path, |text| Some(parse::lines(text))) {
                    Outcome::Got(own) => own + threads_below,
                    _ => self.pids.len() as u64 + threads_below,
                }
            }
        };
        path.pop();
        let counts = (self.pids.len() as i64, self.threads.saturating_sub(threads_below) as i64);
        walk.pass.ledger.adjust_counts(account, counts.0 - self.counted.0, counts.1 - self.counted.1);
        self.counted = counts;
    }

    /// Returns the cgroup ref for `Processes`; `None` if the cgroup has no account.
    pub(super) fn cgroup_ref(&mut self) -> Option<CgroupRef<'_>> {
        let (account, owner) = (self.account?, self.role.owner.as_ref()?);
        let (number, class, allowed) = (self.number, owner.class(), self.bound.allowed);
        Some(CgroupRef { number, account, class, allowed, pids: &mut self.pids })
    }
}
