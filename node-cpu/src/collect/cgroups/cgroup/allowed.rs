//! Where a cgroup's processes are allowed to run, on a node of several sets of CPUs.
//!
//! A container runs where its cgroup's `cpuset.cpus.effective` says. A unit has no such set of its own: it is on one set of
//! CPUs only if all of its threads are bound within it. A thread's bounds are read when it is new, and seldom after.

use super::Cgroup;
use crate::account::Ledger;
use crate::collect::cgroups::Walk;
use crate::cpu_list::CpuList;
use crate::kernel::Outcome;
use crate::kernel::parse;
use crate::naming::Kind;
use crate::snapshot::{Allowed, Snapshot};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Number of passes in which a cgroup that has used something keeps what was read, unless it is a unit of few threads.
const KEPT: u8 = 16;
const FEW: usize = 8;
/// Maximum number of threads that are read. A unit of more is on any CPU.
const MOST: usize = 512;

/// Where the processes of a cgroup are allowed to run, as of its last reading.
#[derive(Debug, Default)]
pub(super) struct Bound {
    pub(super) allowed: Allowed,
    /// Number of passes until it is read again.
    kept: u8,
    /// CPUs of each thread of a unit.
    threads: BTreeMap<u32, Arc<CpuList>>,
    /// Numbers of threads that are allowed on isolated CPUs, by all that they are allowed on.
    strays: BTreeMap<Arc<CpuList>, u64>,
}

impl Cgroup {
    /// Reads where the processes may run, if that is due.
    pub(super) fn update_bound(&mut self, path: &Path, walk: &mut Walk<'_>) {
        if walk.pass.cpu_sets.is_none() {
            return;
        }
        let is_due = self.bound.kept == 0;
        self.bound.kept = self.bound.kept.checked_sub(1).unwrap_or(KEPT);
        let is_read = match self.role.kind {
            Kind::InPod => !is_due || self.bound.read_container(path, walk),
            Kind::Unit => self.bound.read_unit(is_due, path, walk),
            _ => true,
        };
        if !is_read {
            self.bound.kept = 0;
        }
    }

    /// Adds the threads in it and below that are allowed on isolated CPUs.
    pub(in crate::collect::cgroups) fn write_strays(&self, ledger: &Ledger, snapshot: &mut Snapshot) {
        if let Some(account) = self.account {
            let strays = self.bound.strays.iter();
            strays.for_each(|(cpus, threads)| ledger.write_stray(account, cpus, *threads, snapshot));
        }
        self.children.iter().for_each(|child| child.write_strays(ledger, snapshot));
    }
}

impl Bound {
    /// Reads the set of a container's cgroup. Returns false if something could not be read.
    fn read_container(&mut self, path: &Path, walk: &mut Walk<'_>) -> bool {
        let Some(sets) = walk.pass.cpu_sets else { return true };
        self.strays.clear();
        // A cgroup without the controller has no file: it has the set of the nearest cgroup above it that has one.
        let above = path.ancestors().take_while(|above| above.starts_with(walk.root));
        let mut read = Outcome::Gone;
        for cgroup in above {
            read = walk.pass.reader.read(&cgroup.join("cpuset.cpus.effective"), parse::cpu_list);
            if read != Outcome::Gone {
                break;
            }
        }
        let Outcome::Got(cpus) = read else {
            self.allowed = Allowed::Any;
            return read == Outcome::Gone;
        };
        self.allowed = sets.allowed(&cpus);
        let Some(stray) = sets.stray(&cpus) else { return true };
        let threads = walk.pass.reader.read(&path.join("cgroup.threads"), |text| Some(parse::lines(text)));
        if let Outcome::Got(threads @ 1..) = threads {
            self.strays.insert(Arc::new(stray), threads);
        }
        threads != Outcome::Failed
    }

    /// Reads the bounds of a unit's new threads, and of all if that is due. Returns false if not all could be read; what
    /// was known then stays.
    fn read_unit(&mut self, is_due: bool, path: &Path, walk: &mut Walk<'_>) -> bool {
        let Some(sets) = walk.pass.cpu_sets else { return true };
        let mut listed = Vec::new();
        let list = path.join("cgroup.threads");
        if walk.pass.reader.read(&list, |text| parse::pids_into(text, &mut listed)) != Outcome::Got(()) {
            return false;
        }
        if listed.len() > MOST {
            let kept = self.kept;
            *self = Bound { kept, ..Bound::default() };
            return true;
        }
        let is_due = is_due || listed.len() <= FEW;
        let mut threads = BTreeMap::new();
        for tid in listed {
            let known = self.threads.get(&tid).filter(|_| !is_due).cloned();
            let cpus = match known {
                Some(cpus) => cpus,
                None => match walk.pass.procfs.file(tid, b"/status", walk.pass.reader, parse::allowed_cpus) {
                    Outcome::Got(cpus) => shared(cpus, &self.threads, &threads),
                    Outcome::Gone => continue,
                    Outcome::Failed => return false,
                },
            };
            threads.insert(tid, cpus);
        }
        if threads.is_empty() {
            (self.threads, self.strays) = (threads, BTreeMap::new());
            return false;
        }
        if !is_due && threads == self.threads {
            return true;
        }
        let mut by_cpus: BTreeMap<&Arc<CpuList>, u64> = BTreeMap::new();
        threads.values().for_each(|cpus| *by_cpus.entry(cpus).or_default() += 1);
        let all = by_cpus.keys().fold(CpuList::default(), |all, cpus| all.with(cpus));
        self.allowed = sets.allowed(&all);
        let strays = by_cpus.into_iter().filter_map(|(cpus, count)| Some((sets.stray(cpus)?, count)));
        self.strays.clear();
        strays.for_each(|(cpus, count)| *self.strays.entry(Arc::new(cpus)).or_default() += count);
        self.threads = threads;
        true
    }
}

/// Returns the list as one that another thread has too: most threads of a unit have the same.
fn shared(
    cpus: CpuList,
    known: &BTreeMap<u32, Arc<CpuList>>,
    new: &BTreeMap<u32, Arc<CpuList>>,
) -> Arc<CpuList> {
    let mut all = new.last_key_value().into_iter().chain(known.first_key_value());
    let same = all.find(|(_, of)| ***of == cpus).map(|(_, of)| Arc::clone(of));
    same.unwrap_or_else(|| Arc::new(cpus))
}
