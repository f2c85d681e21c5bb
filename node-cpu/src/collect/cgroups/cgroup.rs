//! One cgroup and those in it: reads its counter, and if that has changed, credits its CPU to the owners.

mod allowed;
mod members;
mod pod_name;
mod residual_owner;

use super::Walk;
use super::counter::Counter;
use super::directories::list_directories;
use crate::account::Id;
use crate::cpu::{Cpu, Delta};
use crate::kernel::Outcome;
use crate::kernel::Tries;
use crate::naming::{self, CgroupRole};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Maximum depth and path length, in bytes. The users of a unit may make cgroups in it as deep as they like. Cgroups
/// beyond these limits count for the cgroup that they are in. The kernel takes paths of 4095 bytes, including the file
/// name.
const DEEPEST: usize = 64;
const LONGEST_PATH: usize = 4000;
/// Number of passes that retry a failed reading although no counter has changed.
const RETRIES: u8 = 3;

#[derive(Debug)]
pub(super) struct Cgroup {
    name: OsString,
    /// Identity of the cgroup, together with its path: a unit that is started again has another inode.
    inode: u64,
    /// Identity of the cgroup towards `Processes`.
    number: u32,
    role: CgroupRole,
    /// Acquired account of its group or pod; `None` if it has none of its own.
    account: Option<Id>,
    /// Remaining tries to find the name of its pod.
    name_tries: Tries,
    counter: Counter,
    /// Value of the counter just before the last reading of the cgroups and processes in it. They are read again once
    /// the counter has another value, or in any case if this is `None`.
    counter_before_reading: Option<Cpu>,
    /// Counter before a reading that was incomplete, and the number of retries that are left although it has not
    /// changed.
    incomplete: Option<(Cpu, u8)>,
    /// Counter up to which its CPU has been counted; `None` until it could be read for the first time.
    last_counted: Option<Cpu>,
    /// Its last reading failed.
    last_read_failed: bool,
    /// Children, ordered by name.
    children: Vec<Cgroup>,
    /// Link count of the directory, which changes with the number of children; `None` before they were listed.
    links: Option<u64>,
    /// Value of its counter from which on a child counts that is new in a listing. It is 0 if the child was born since
    /// the first listing. It is `None` if the child may be older: such a child counts from its first reading on.
    baseline: Option<Cpu>,
    /// Children that have vanished since the last pass.
    vanished: Vec<Cgroup>,
    /// PIDs of the processes in it, without those in its children.
    pids: Vec<u32>,
    /// Number of threads in it and below.
    threads: u64,
    /// Numbers of processes and threads that it has added to the counts of its account.
    counted: (i64, i64),
    bound: allowed::Bound,
}

impl Cgroup {
    /// Returns the root of a tree.
    pub(super) fn root(role: CgroupRole) -> Cgroup {
        Cgroup::new(OsString::new(), 0, 0, role, None)
    }

    /// Returns a cgroup that counts from the counter value `baseline` on, as do the children that its first listing
    /// finds. `baseline` is `None` if the cgroup may be older than its parent's first listing.
    fn new(name: OsString, inode: u64, number: u32, role: CgroupRole, baseline: Option<Cpu>) -> Cgroup {
        Cgroup {
            name,
            inode,
            number,
            role,
            account: None,
            name_tries: Tries::default(),
            counter: Counter::default(),
            counter_before_reading: None,
            incomplete: None,
            last_counted: baseline,
            last_read_failed: false,
            children: Vec::new(),
            links: None,
            baseline,
            vanished: Vec::new(),
            pids: Vec::new(),
            threads: 0,
            counted: (0, 0),
            bound: allowed::Bound::default(),
        }
    }

    pub(super) fn count_descendants(&self) -> usize {
        self.children.iter().map(|child| 1 + child.count_descendants()).sum()
    }

    pub(super) fn count_kept_open(&self) -> usize {
        usize::from(self.counter.is_open()) + self.children.iter().map(Cgroup::count_kept_open).sum::<usize>()
    }

    /// Visits all cgroups below the root. Returns true if the root could be listed.
    pub(super) fn visit_root(&mut self, path: &mut PathBuf, walk: &mut Walk<'_>) -> bool {
        let listed = self.list_children_if_changed(path, walk);
        self.visit_children(path, walk);
        self.end_vanished(walk);
        listed
    }

    /// Reads this cgroup and, if its counter has changed, the cgroups and processes in it. Returns true if it still
    /// exists, and the part of its delta that has been credited.
    fn visit(&mut self, path: &mut PathBuf, walk: &mut Walk<'_>) -> (bool, Delta) {
        let before = match self.read_counter(path, walk) {
            Outcome::Got(now) => Some(now),
            // Nothing is left of the cgroup but the delta of its parent.
            Outcome::Gone => return (false, Delta::default()),
            Outcome::Failed => None,
        };
        if !walk.full_scan && before.is_some() && before == self.counter_before_reading {
            return (true, Delta::default());
        }
        let mut is_complete = self.list_children_if_changed(path, walk);
        self.find_pod_name(path, walk);
        let children_delta = self.visit_children(path, walk);
        is_complete &= self.visit_processes(path, walk);
        let is_empty = self.children.is_empty() && self.pids.is_empty();
        let now = match before {
            None => Outcome::Failed,
            Some(before) if is_empty => Outcome::Got(before),
            Some(_) => self.read_counter(path, walk),
        };
        // Delta before the children were read.
        let delta_before =
            before.zip(self.last_counted).map_or(Delta::default(), |(before, last)| before.since(last));
        let delta = match now {
            Outcome::Got(now) => {
                let of_last_pass = !std::mem::take(&mut self.last_read_failed);
                walk.pass.delta(now, self.last_counted.replace(now).unwrap_or(now), of_last_pass)
            }
            // The children existed a moment ago, so their CPU is credited. The parent finds the CPU that this cgroup
            // used last.
            Outcome::Gone => return (false, children_delta),
            // The delta is 0 for now, because `last_counted` stays: the delta of the next good reading contains it.
            // Until then the residual is too small by the children's CPU.
            Outcome::Failed => {
                self.last_read_failed = true;
                Delta::default()
            }
        };
        is_complete &= matches!(now, Outcome::Got(_))
            && self.children.iter().all(|child| child.counter_before_reading.is_some());
        self.counter_before_reading = before.filter(|counter| is_complete || self.retries_used_up(*counter));
        self.update_bound(path, walk);
        self.credit_residual(delta - children_delta, delta_before - children_delta, path, walk);
        if let Some(cgroup) = self.cgroup_ref() {
            walk.processes.reap_in_cgroup(&cgroup, delta - children_delta, walk.pass.ledger);
        }
        self.end_vanished(walk);
        (true, delta)
    }

    /// Counts down the retries of an incomplete reading, and returns true if none is left. A file that can never be
    /// read thus does not make every pass read all around it. The retries begin again once the counter changes.
    fn retries_used_up(&mut self, counter: Cpu) -> bool {
        let retries =
            self.incomplete.filter(|(before, _)| *before == counter).map_or(RETRIES, |(_, retries)| retries);
        self.incomplete = Some((counter, retries.saturating_sub(1)));
        retries == 0
    }

    /// Reads and credits the children. Returns the sum of their deltas.
    fn visit_children(&mut self, path: &mut PathBuf, walk: &mut Walk<'_>) -> Delta {
        let mut sum = Delta::default();
        let mut any_ended = false;
        // The second round finds and reads the replacements of ended children in the same pass.
        for only_new in [false, true] {
            let mut ended = Vec::new();
            for (index, child) in self.children.iter_mut().enumerate() {
                if !only_new || !child.counter.was_read() {
                    path.push(&child.name);
                    let (is_alive, delta) = child.visit(path, walk);
                    path.pop();
                    sum += delta;
                    if !is_alive {
                        ended.push(index);
                    }
                }
            }
            any_ended |= !ended.is_empty();
            for index in ended.into_iter().rev() {
                self.vanished.push(self.children.remove(index));
            }
            if !any_ended || only_new {
                break;
            }
            self.list_children(path, walk);
        }
        sum
    }

    /// Updates the list of children if their number has changed. Returns true if the list is up to date.
    fn list_children_if_changed(&mut self, path: &Path, walk: &mut Walk<'_>) -> bool {
        let links = walk.pass.reader.classify(std::fs::metadata(path)).map(|stat| stat.nlink());
        let Outcome::Got(links) = links else { return false };
        // A file system that does not count its directories always returns 1.
        if self.links == Some(links) && links > 1 {
            return true;
        }
        let listed = self.list_children(path, walk);
        self.links = Some(links).filter(|_| listed);
        listed
    }

    /// Updates the list of children from the directory. Returns true if the directory could be listed.
    fn list_children(&mut self, path: &Path, walk: &mut Walk<'_>) -> bool {
        if self.links.is_none() && self.account.is_none() && self.number != 0 {
            walk.born_names.watch(path, self.number, self.baseline.is_some());
        }
        let Outcome::Got(mut directories) = list_directories(path, walk.pass.reader) else { return false };
        let is_deepest = path.components().count() >= DEEPEST;
        directories.retain(|(name, _)| !is_deepest && path.as_os_str().len() + name.len() < LONGEST_PATH);
        directories.sort_unstable();
        let mut known_children = std::mem::take(&mut self.children).into_iter().peekable();
        for (name, inode) in directories {
            while let Some(vanished) = known_children.next_if(|child| child.name < name) {
                self.vanished.push(vanished);
            }
            let known = known_children.next_if(|child| child.name == name);
            if self.vanished.iter().any(|vanished| vanished.inode == inode) {
                continue; // being removed
            }
            let is_same = known.as_ref().is_some_and(|child| child.inode == inode);
            let (child, replaced) = if is_same { (known, None) } else { (None, known) };
            self.vanished.extend(replaced);
            let child = child.unwrap_or_else(|| {
                *walk.last_number += 1;
                let role = self.role.child(&name);
                let mut child = Cgroup::new(name, inode, *walk.last_number, role, self.baseline);
                child.account = child.role.owner.as_ref().map(|owner| walk.pass.ledger.acquire_owner(owner));
                child
            });
            self.children.push(child);
        }
        self.vanished.extend(known_children);
        self.baseline = Some(Cpu::default());
        self.name_tries = Tries::new(naming::NAME_TRIES);
        true
    }

    fn read_counter(&mut self, path: &mut PathBuf, walk: &mut Walk<'_>) -> Outcome<Cpu> {
        walk.counters_read += 1;
        self.counter.read(path, walk.pass.reader, walk.open_slots)
    }

    /// Releases all that the vanished children have acquired.
    fn end_vanished(&mut self, walk: &mut Walk<'_>) {
        for mut child in std::mem::take(&mut self.vanished) {
            child.end(walk);
        }
    }

    fn end(&mut self, walk: &mut Walk<'_>) {
        self.vanished.append(&mut self.children);
        self.end_vanished(walk);
        walk.processes.vacate(self.number, &self.pids, walk.pass.ledger);
        walk.born_names.forget(self.number);
        if let Some(group) = self.account.take() {
            walk.pass.ledger.adjust_counts(group, -self.counted.0, -self.counted.1);
            walk.pass.ledger.release(group);
        }
        *walk.open_slots += usize::from(self.counter.close());
    }
}
