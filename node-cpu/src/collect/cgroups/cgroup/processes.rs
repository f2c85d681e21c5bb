//! The processes of one cgroup: read one by one, or only counted.

use super::Cgroup;
use crate::account::Id;
use crate::collect::cgroups::Walk;
use crate::collect::processes::CgroupRef;
use crate::kernel::Outcome;
use crate::kernel::parse;
use crate::naming::Kind;
use std::path::PathBuf;

impl Cgroup {
    /// Reads the processes in it, or counts them; returns whether that could be done.
    pub(super) fn visit_processes(&mut self, path: &mut PathBuf, walk: &mut Walk<'_>) -> bool {
        let processes = matches!(self.naming.kind, Kind::Unit | Kind::InPod);
        let (Some(account), Some(owner)) = (self.account.filter(|_| processes), &self.naming.owner) else {
            return true;
        };
        path.push("cgroup.procs");
        let mut pids = std::mem::take(&mut self.pids);
        let one_by_one = walk.processes.reads_units();
        if one_by_one && self.counted != (0, 0) {
            let (processes, threads) = std::mem::take(&mut self.counted);
            walk.pass.ledger.count(account, -processes, -threads);
        }
        let complete = if one_by_one {
            let mut cgroup =
                CgroupRef { number: self.number, account, class: owner.class(), pids: &mut pids };
            walk.processes.visit_unit(&mut cgroup, path, &mut walk.pass)
        } else {
            walk.pass.reader.read(path, |text| parse::pids_into(text, &mut pids)) != Outcome::Failed
        };
        self.pids = pids;
        path.pop();
        if !one_by_one {
            self.count(account, path, walk);
        }
        complete
    }

    /// Counts processes and threads by the cgroup's own figures.
    fn count(&mut self, account: Id, path: &mut PathBuf, walk: &mut Walk<'_>) {
        path.push("pids.current");
        let below: u64 = self.children.iter().map(|child| child.threads).sum();
        self.threads = match walk.pass.reader.read(path, parse::count) {
            Outcome::Got(threads) => threads,
            // Without the controller there is no such file; the list of threads is there without any.
            _ => {
                path.set_file_name("cgroup.threads");
                match walk.pass.reader.read(path, |text| Some(parse::lines(text))) {
                    Outcome::Got(own) => own + below,
                    _ => self.pids.len() as u64 + below,
                }
            }
        };
        path.pop();
        let now = (self.pids.len() as i64, self.threads.saturating_sub(below) as i64);
        walk.pass.ledger.count(account, now.0 - self.counted.0, now.1 - self.counted.1);
        self.counted = now;
    }

    /// Returns this cgroup as the processes know it, if it has an account.
    pub(super) fn as_ref(&mut self) -> Option<CgroupRef<'_>> {
        let (account, owner) = (self.account?, self.naming.owner.as_ref()?);
        Some(CgroupRef { number: self.number, account, class: owner.class(), pids: &mut self.pids })
    }
}
