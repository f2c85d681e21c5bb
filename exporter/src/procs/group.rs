//! The class and group of a process that is new or has executed another program.

use super::{Now, Procs, Scope};
use crate::parse::{Comm, Stat};
use crate::place::{self, Key};
use crate::procfs::ProcFs;
use crate::read::{Outcome, Reader};
use crate::reading::Class;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Ancestors that are followed; a chain read from a changing system might be a circle.
pub(super) const DEEPEST: usize = 1000;
const INIT: u32 = 1;

impl Procs {
    /// The groups of those that are new or have executed another program.
    pub(super) fn place_new(&self, now: &[Now], procfs: &ProcFs, reader: &mut Reader) -> BTreeMap<u32, Key> {
        let mut keys = BTreeMap::new();
        for (pid, stat) in now {
            if self.kept_key(*pid, stat).is_none() {
                let key = self.place(*pid, stat, now, &keys, procfs, reader);
                keys.insert(*pid, key);
            }
        }
        keys
    }

    /// A process keeps its group unless it executes another program; a kernel thread while its family is the same.
    pub(super) fn kept_key(&self, pid: u32, stat: &Stat) -> Option<&Key> {
        let proc = self.same(pid, stat)?;
        let same = |comm: &Comm| match stat.kernel_thread {
            true => place::kernel_stem(comm.as_bytes()) == place::kernel_stem(stat.comm.as_bytes()),
            false => *comm == stat.comm,
        };
        same(&proc.stat.comm).then_some(&proc.key)
    }

    /// Whose the process is; `keys` are those of the new processes placed so far.
    fn place(
        &self,
        pid: u32,
        stat: &Stat,
        now: &[Now],
        keys: &BTreeMap<u32, Key>,
        procfs: &ProcFs,
        reader: &mut Reader,
    ) -> Key {
        if stat.kernel_thread {
            return (Class::Kernel, place::kernel_family(stat.comm.as_bytes()).into());
        }
        if self.scope == Scope::All {
            let class = |text: &[u8]| Some(place::class_by_text(text, self.relative));
            if procfs.file(pid, b"/cgroup", reader, class) == Outcome::Got(Class::Pod) {
                return place::pods();
            }
        }
        (Class::Host, self.lineage(pid, stat, now, keys, procfs, reader))
    }

    /// The name of the ancestor whose parent is PID 1, or of the topmost that can be seen; an ancestor that keeps
    /// a group from before hands it down.
    fn lineage(
        &self,
        pid: u32,
        stat: &Stat,
        now: &[Now],
        keys: &BTreeMap<u32, Key>,
        procfs: &ProcFs,
        reader: &mut Reader,
    ) -> Arc<str> {
        let (mut top, mut stat) = (pid, *stat);
        for _ in 0..DEEPEST {
            let parent = stat.ppid;
            if top == INIT || parent <= INIT {
                break;
            }
            let found = now.binary_search_by_key(&parent, |(pid, _)| *pid).ok().and_then(|at| now.get(at));
            let key = keys.get(&parent).or_else(|| found.and_then(|(pid, stat)| self.kept_key(*pid, stat)));
            match key {
                Some((Class::Kernel, _)) => break,
                Some((_, group)) => return Arc::clone(group),
                None => {}
            }
            // Beside a cgroup tree the parent may be in a unit, and is read only for its name.
            let found = match found {
                Some((_, stat)) => Outcome::Got(*stat),
                None => procfs.process(parent, reader),
            };
            match found {
                Outcome::Got(found) if !found.kernel_thread => (top, stat) = (parent, found),
                _ => break,
            }
        }
        name(top, stat.comm.as_bytes(), procfs, reader).into()
    }
}

fn name(pid: u32, comm: &[u8], procfs: &ProcFs, reader: &mut Reader) -> String {
    if place::may_be_cut(comm) {
        let name = |cmdline: &[u8]| place::process_name(comm, cmdline);
        if let Outcome::Got(name) = procfs.cmdline(pid, reader, name) {
            return name;
        }
    }
    place::process_name(comm, b"")
}
