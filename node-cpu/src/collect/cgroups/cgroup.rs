//! One cgroup and those in it: whether it moved, and if so, whose what it used is.

mod pod_name;
mod processes;
mod residual;

use super::Walk;
use super::files::{Counter, directories};
use crate::account::Id;
use crate::cpu::{Cpu, Delta};
use crate::kernel::Outcome;
use crate::kernel::Tries;
use crate::naming::{self, CgroupRole};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Whoever was given a unit may make cgroups in it as deep as they like: what is below so many directories, or has a longer
/// path in bytes (the kernel takes 4095, its files included), counts for the cgroup that it is in.
const DEEPEST: usize = 64;
const LONGEST_PATH: usize = 4000;
/// Passes in which what could not be read is tried again although nothing has moved.
const RETRIES: u8 = 3;

#[derive(Debug)]
pub(super) struct Cgroup {
    name: OsString,
    /// With the path, its identity: a unit that is started again has another.
    inode: u64,
    /// Its identity to who looks at processes.
    number: u32,
    naming: CgroupRole,
    /// The account of its group or pod, held; None where it has none of its own.
    account: Option<Id>,
    /// How often the name of its pod is still looked for.
    tries: Tries,
    counter: Counter,
    /// Its counter before what is below it was read for the last time; None where that is to be read whatever it says.
    unchanged_since: Option<Cpu>,
    /// The same where not all could be read, and how often it may still be tried although nothing has moved.
    tried: Option<(Cpu, u8)>,
    /// Up to where it has been counted; None until it could be read for the first time.
    last: Option<Cpu>,
    /// Whether its last reading failed.
    missed: bool,
    /// By name.
    children: Vec<Cgroup>,
    /// The directory's links, which tell how many children it has; None before it was listed.
    links: Option<u64>,
    /// Where the counter of a child begins that is listed for the first time: a child that was there before is
    /// counted from its first reading on, one that was born since from 0.
    begin: Option<Cpu>,
    /// The children that vanished since the last pass.
    gone: Vec<Cgroup>,
    /// The processes in it, and the threads in it and below, as counted last.
    pids: Vec<u32>,
    threads: u64,
    counted: (i64, i64),
}

impl Cgroup {
    /// The root of a tree.
    pub(super) fn top(naming: CgroupRole) -> Cgroup {
        Cgroup::new(OsString::new(), 0, 0, naming, None)
    }

    /// `begin`: its counter before its first reading, and that of its children; None where they were there before.
    fn new(name: OsString, inode: u64, number: u32, naming: CgroupRole, begin: Option<Cpu>) -> Cgroup {
        Cgroup {
            name,
            inode,
            number,
            naming,
            account: None,
            tries: Tries::default(),
            counter: Counter::default(),
            unchanged_since: None,
            tried: None,
            last: begin,
            missed: false,
            children: Vec::new(),
            links: None,
            begin,
            gone: Vec::new(),
            pids: Vec::new(),
            threads: 0,
            counted: (0, 0),
        }
    }

    pub(super) fn descendants(&self) -> usize {
        self.children.iter().map(|child| 1 + child.descendants()).sum()
    }

    pub(super) fn kept_open(&self) -> usize {
        usize::from(self.counter.is_open()) + self.children.iter().map(Cgroup::kept_open).sum::<usize>()
    }

    /// Visits all below the root; whether that could be listed.
    pub(super) fn visit_top(&mut self, path: &mut PathBuf, walk: &mut Walk<'_>) -> bool {
        let listed = self.list_if_changed(path, walk);
        self.visit_children(path, walk);
        self.end_gone(walk);
        listed
    }

    /// Reads this cgroup and, if it moved, what is in it. Whether it is still there, and how much of its growth has
    /// been credited somewhere.
    fn visit(&mut self, path: &mut PathBuf, walk: &mut Walk<'_>) -> (bool, Delta) {
        let before = match self.read(path, walk) {
            Outcome::Got(now) => Some(now),
            // Nothing of it or in it is left but what its parent has grown by.
            Outcome::Gone => return (false, Delta::default()),
            Outcome::Failed => None,
        };
        if !walk.full_scan && before.is_some() && before == self.unchanged_since {
            return (true, Delta::default());
        }
        let mut complete = self.list_if_changed(path, walk);
        self.look_for_name(path, walk);
        let below = self.visit_children(path, walk);
        complete &= self.visit_processes(path, walk);
        let alone = self.children.is_empty() && self.pids.is_empty();
        let now = match before {
            None => Outcome::Failed,
            Some(before) if alone => Outcome::Got(before),
            Some(_) => self.read(path, walk),
        };
        // What it had grown by before its children were read.
        let first = before.zip(self.last).map_or(Delta::default(), |(before, last)| before.since(last));
        let delta = match now {
            Outcome::Got(now) => {
                let exact = !std::mem::take(&mut self.missed);
                walk.pass.delta(now, self.last.replace(now).unwrap_or(now), exact)
            }
            // Its children were there a moment ago: theirs is credited, its own tail is found by its parent.
            Outcome::Gone => return (false, below),
            // What the children used is taken from here for now, and comes back with the next good reading.
            Outcome::Failed => {
                self.missed = true;
                Delta::default()
            }
        };
        complete &= matches!(now, Outcome::Got(_))
            && self.children.iter().all(|child| child.unchanged_since.is_some());
        self.unchanged_since = before.filter(|counter| complete || self.is_tried_out(*counter));
        self.credit_residual(delta - below, first - below, path, walk);
        if let Some(cgroup) = self.as_ref() {
            walk.processes.reap_unit(&cgroup, delta - below, walk.pass.ledger);
        }
        self.end_gone(walk);
        (true, delta)
    }

    /// Whether what cannot be read in here has been tried often enough: what can never be read does not keep the way to it
    /// open, and once something moves it is tried again.
    fn is_tried_out(&mut self, counter: Cpu) -> bool {
        let left = self.tried.filter(|(before, _)| *before == counter).map_or(RETRIES, |(_, left)| left);
        self.tried = Some((counter, left.saturating_sub(1)));
        left == 0
    }

    /// Reads and credits the children; the sum of their growth.
    fn visit_children(&mut self, path: &mut PathBuf, walk: &mut Walk<'_>) -> Delta {
        let mut sum = Delta::default();
        let (mut from, mut exited) = (0, false);
        // Who takes the place of one that ended is found and read in the same pass.
        for _ in 0..2 {
            let mut gone = Vec::new();
            for (at, child) in self.children.iter_mut().enumerate() {
                if from == 0 || !child.counter.was_read() {
                    path.push(&child.name);
                    let (alive, delta) = child.visit(path, walk);
                    path.pop();
                    sum += delta;
                    if !alive {
                        gone.push(at);
                    }
                }
            }
            exited |= !gone.is_empty();
            for at in gone.into_iter().rev() {
                self.gone.push(self.children.remove(at));
            }
            if !exited || from > 0 {
                break;
            }
            from = 1;
            self.list(path, walk);
        }
        sum
    }

    /// Brings the children up to date if their number is another; whether that could be done.
    fn list_if_changed(&mut self, path: &Path, walk: &mut Walk<'_>) -> bool {
        let links = walk.pass.reader.sort(std::fs::metadata(path)).map(|stat| stat.nlink());
        let Outcome::Got(links) = links else { return false };
        // A file system that does not count its directories says 1.
        if self.links == Some(links) && links > 1 {
            return true;
        }
        let listed = self.list(path, walk);
        self.links = Some(links).filter(|_| listed);
        listed
    }

    /// Brings the children up to date with the directory; whether it could be listed.
    fn list(&mut self, path: &Path, walk: &mut Walk<'_>) -> bool {
        if self.links.is_none() && self.account.is_none() && self.number != 0 {
            walk.births.watch(path, self.number, self.begin.is_some());
        }
        let Outcome::Got(mut found) = directories(path, walk.pass.reader) else { return false };
        let deepest = path.components().count() >= DEEPEST;
        found.retain(|(name, _)| !deepest && path.as_os_str().len() + name.len() < LONGEST_PATH);
        found.sort_unstable();
        let mut before = std::mem::take(&mut self.children).into_iter().peekable();
        for (name, inode) in found {
            while let Some(vanished) = before.next_if(|child| child.name < name) {
                self.gone.push(vanished);
            }
            let known = before.next_if(|child| child.name == name);
            if self.gone.iter().any(|gone| gone.inode == inode) {
                continue; // it is being removed
            }
            let same = known.as_ref().is_some_and(|child| child.inode == inode);
            let (child, replaced) = if same { (known, None) } else { (None, known) };
            self.gone.extend(replaced);
            let child = child.unwrap_or_else(|| {
                *walk.born += 1;
                let naming = self.naming.child(&name);
                let mut child = Cgroup::new(name, inode, *walk.born, naming, self.begin);
                child.account =
                    child.naming.owner.as_ref().map(|owner| walk.pass.ledger.acquire_owner(owner));
                child
            });
            self.children.push(child);
        }
        self.gone.extend(before);
        self.begin = Some(Cpu::default());
        self.tries = Tries::new(naming::NAME_TRIES);
        true
    }

    fn read(&mut self, path: &mut PathBuf, walk: &mut Walk<'_>) -> Outcome<Cpu> {
        walk.read += 1;
        self.counter.read(path, walk.pass.reader, walk.room)
    }

    /// Lets go of all that the vanished children held.
    fn end_gone(&mut self, walk: &mut Walk<'_>) {
        for mut child in std::mem::take(&mut self.gone) {
            child.end(walk);
        }
    }

    fn end(&mut self, walk: &mut Walk<'_>) {
        self.gone.append(&mut self.children);
        self.end_gone(walk);
        walk.processes.vacate(self.number, &self.pids, walk.pass.ledger);
        walk.births.forget(self.number);
        if let Some(group) = self.account.take() {
            walk.pass.ledger.count(group, -self.counted.0, -self.counted.1);
            walk.pass.ledger.release(group);
        }
        *walk.room += usize::from(self.counter.close());
    }
}
