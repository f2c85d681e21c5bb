//! The processes of one cgroup: looked at one by one, or only counted.

use super::Cgroup;
use crate::account::Id;
use crate::collect::cgroups::Pass;
use crate::collect::unit_processes::Home;
use crate::kernel::Outcome;
use crate::kernel::parse;
use crate::naming::Kind;
use std::path::PathBuf;

impl Cgroup {
    /// Looks at the processes in it, or counts them; whether that could be done.
    pub(super) fn visit_processes(&mut self, path: &mut PathBuf, pass: &mut Pass<'_>) -> bool {
        let processes = matches!(self.naming.kind, Kind::Unit | Kind::InPod);
        let (Some(group), Some(owner)) = (self.account.filter(|_| processes), &self.naming.owner) else {
            return true;
        };
        path.push("cgroup.procs");
        let mut pids = std::mem::take(&mut self.pids);
        let looks = pass.crowd.looks();
        if looks && self.counted != (0, 0) {
            // They are counted one by one from now on.
            let (processes, threads) = std::mem::take(&mut self.counted);
            pass.ledger.count(group, -processes, -threads);
        }
        let complete = if looks {
            let mut home = Home { id: self.number, group, class: owner.class(), pids: &mut pids };
            pass.crowd.visit(&mut home, path, pass.procfs, pass.reader, pass.ledger)
        } else {
            pass.reader.read(path, |text| parse::pids_into(text, &mut pids)) != Outcome::Failed
        };
        self.pids = pids;
        path.pop();
        if !looks {
            self.count(group, path, pass);
        }
        complete
    }

    /// Counts processes and threads by the cgroup's own figures.
    fn count(&mut self, group: Id, path: &mut PathBuf, pass: &mut Pass<'_>) {
        path.push("pids.current");
        let below: u64 = self.children.iter().map(|child| child.threads).sum();
        self.threads = match pass.reader.read(path, parse::count) {
            Outcome::Got(threads) => threads,
            // Without the controller there is no such file; the list of threads is there without any.
            _ => {
                path.set_file_name("cgroup.threads");
                match pass.reader.read(path, |text| Some(parse::lines(text))) {
                    Outcome::Got(own) => own + below,
                    _ => self.pids.len() as u64 + below,
                }
            }
        };
        path.pop();
        let now = (self.pids.len() as i64, self.threads.saturating_sub(below) as i64);
        pass.ledger.count(group, now.0 - self.counted.0, now.1 - self.counted.1);
        self.counted = now;
    }

    /// What this is to who looks at processes, if it has any.
    pub(super) fn with_home(&mut self, with: impl FnOnce(&Home<'_>)) {
        if let (Some(group), Some(owner)) = (self.account, &self.naming.owner) {
            with(&Home { id: self.number, group, class: owner.class(), pids: &mut self.pids });
        }
    }
}
