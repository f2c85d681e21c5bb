//! The cgroup v2 tree: what each unit has used, the ended ones included.
//!
//! A cgroup's `cpu.stat` holds all that ever ran in it and below, so what a parent's has grown by more than
//! its living children's is what the parent's own processes used, or what exited. Children are read before
//! their parent. The root has no such residual, for its `cpu.stat` is another clock (sampled, per node): what a
//! cgroup directly below the root uses between its last reading and its end is the one thing that is lost.

pub(crate) mod find;

use crate::cpu::{Cpu, Growth};
use crate::ledger::Ledger;
use crate::parse;
use crate::place::{self, Key, Place};
use crate::read::{Outcome, Reader};
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};

/// The node's tree as of the last pass.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
    /// Stands for the root; it is listed, but itself not counted.
    top: Cgroup,
}

#[derive(Debug)]
struct Cgroup {
    /// With the path, its identity: a unit that is started again has another.
    inode: u64,
    place: Place,
    /// None until it could be read for the first time.
    last: Option<Cpu>,
    children: BTreeMap<OsString, Cgroup>,
    /// Where the counter of a child begins that is listed for the first time: a child that was there before is
    /// counted from its first reading on, one that was born since from 0.
    begin: Option<Cpu>,
    /// The children that vanished since the last pass.
    gone: Vec<Cgroup>,
}

impl Tree {
    pub(crate) fn new(root: PathBuf) -> Tree {
        let top = Cgroup::new(0, Place::root(), None);
        Tree { root, top }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// How many cgroups are counted, the root not among them.
    pub(crate) fn len(&self) -> usize {
        self.top.descendants()
    }

    /// The first half of a pass: which cgroups there are. Fails when the root cannot be listed.
    pub(crate) fn list(&mut self, reader: &mut Reader) -> Result<()> {
        if !self.top.list(&mut self.root.clone(), reader) {
            bail!("cannot list the cgroups in {}: is it still mounted, and readable?", self.root.display());
        }
        Ok(())
    }

    /// The second half: reads every counter and credits what has grown.
    pub(crate) fn read(&mut self, reader: &mut Reader, ledger: &mut Ledger) {
        self.top.read_children(&mut self.root.clone(), reader, ledger);
        self.top.gone.clear();
        ledger.keep(&place::exited());
    }
}

impl Cgroup {
    /// `begin`: its counter before its first reading, and that of its children; None where they were there before.
    fn new(inode: u64, place: Place, begin: Option<Cpu>) -> Cgroup {
        Cgroup { inode, place, last: begin, children: BTreeMap::new(), begin, gone: Vec::new() }
    }

    fn descendants(&self) -> usize {
        self.children.values().map(|child| 1 + child.descendants()).sum()
    }

    /// Brings the children up to date with the directory; whether it could be listed.
    fn list(&mut self, path: &mut PathBuf, reader: &mut Reader) -> bool {
        if self.place.pods {
            return true;
        }
        let Outcome::Got(found) = reader.sort(directories(path)) else { return false };
        let mut before = std::mem::take(&mut self.children);
        for (name, inode) in found {
            let known = before.remove(&name);
            let same = known.as_ref().is_some_and(|child| child.inode == inode);
            let (child, replaced) = if same { (known, None) } else { (None, known) };
            self.gone.extend(replaced);
            let mut child = child.unwrap_or_else(|| Cgroup::new(inode, self.place.child(&name), self.begin));
            path.push(&name);
            child.list(path, reader);
            path.pop();
            self.children.insert(name, child);
        }
        self.gone.extend(before.into_values());
        self.begin = Some(Cpu::default());
        true
    }

    /// Reads and credits the children; the sum of their growth.
    fn read_children(&mut self, path: &mut PathBuf, reader: &mut Reader, ledger: &mut Ledger) -> Growth {
        let mut sum = Growth::default();
        let mut ended = Vec::new();
        for (name, child) in &mut self.children {
            path.push(name);
            let (alive, growth) = child.read(path, reader, ledger);
            path.pop();
            sum += growth;
            if !alive {
                ended.push(name.clone());
            }
        }
        self.gone.extend(ended.iter().filter_map(|name| self.children.remove(name)));
        sum
    }

    /// Reads this cgroup after its children and credits its residual. Whether it is still there, and how much of
    /// its growth has been credited somewhere.
    fn read(&mut self, path: &mut PathBuf, reader: &mut Reader, ledger: &mut Ledger) -> (bool, Growth) {
        let below = self.read_children(path, reader, ledger);
        path.push("cpu.stat");
        let stat = reader.read(path, parse::cpu_stat);
        path.pop();
        let growth = match stat {
            Outcome::Got(now) => now.since(self.last.replace(now).unwrap_or(now)),
            // Its children were there a moment ago: theirs is credited, its own tail is found by its parent.
            Outcome::Gone => return (false, below),
            // What the children used is taken from here for now, and comes back with the next good reading.
            Outcome::Failed => Growth::default(),
        };
        let heir = self.heir_of_residual();
        ledger.credit(&heir, growth - below);
        self.gone.clear();
        if let Some(own) = self.place.own.as_ref().filter(|_| !self.place.slice) {
            ledger.keep(own);
        }
        (true, growth)
    }

    /// Whose a residual is: a unit's own; in a slice that of the one child that vanished, else nobody's.
    fn heir_of_residual(&self) -> Key {
        let own = self.place.own.as_ref().filter(|_| !self.place.slice);
        let heir = own.or_else(|| match self.gone.as_slice() {
            [one] => one.heir_of_tail(),
            _ => None,
        });
        heir.cloned().unwrap_or_else(place::exited)
    }

    /// To whom the last CPU of a vanished cgroup belongs, where that is certain.
    fn heir_of_tail(&self) -> Option<&Key> {
        if !self.place.slice {
            return self.place.own.as_ref();
        }
        let mut inside = self.children.values().chain(&self.gone);
        match (inside.next(), inside.next()) {
            (Some(only), None) => only.heir_of_tail(),
            _ => None,
        }
    }
}

fn directories(path: &Path) -> std::io::Result<Vec<(OsString, u64)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push((entry.file_name(), entry.ino()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
