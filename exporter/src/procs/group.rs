//! The class and group of a process that is new or has executed another program.

use super::{Procs, Scope};
use crate::parse::Stat;
use crate::place::{self, Key};
use crate::read::{Outcome, Reader};
use crate::reading::Class;
use std::collections::BTreeMap;

/// Ancestors that are followed; a chain read from a changing system might be a circle.
pub(super) const DEEPEST: usize = 1000;
const INIT: u32 = 1;

impl Procs {
    /// Whose the process is; `keys` are those of the processes placed so far.
    pub(super) fn place(
        &self,
        pid: u32,
        now: &BTreeMap<u32, Stat>,
        keys: &BTreeMap<u32, Key>,
        reader: &mut Reader,
    ) -> Key {
        let Some(stat) = now.get(&pid) else { return place::exited() };
        if stat.kernel_thread {
            return (Class::Kernel, place::kernel_family(&stat.comm));
        }
        if self.scope == Scope::All {
            let path = self.procfs.join(format!("{pid}/cgroup"));
            let class = reader.read(&path, |text| Some(place::class_by_text(text, self.relative)));
            if class == Outcome::Got(Class::Pod) {
                return place::pods();
            }
        }
        (Class::Host, self.lineage(pid, stat, now, keys, reader))
    }

    /// The name of the ancestor whose parent is PID 1, or of the topmost that can be seen; an ancestor that keeps
    /// a group from before hands it down.
    fn lineage(
        &self,
        pid: u32,
        stat: &Stat,
        now: &BTreeMap<u32, Stat>,
        keys: &BTreeMap<u32, Key>,
        reader: &mut Reader,
    ) -> String {
        let (mut top, mut stat) = (pid, stat.clone());
        for _ in 0..DEEPEST {
            let parent = stat.ppid;
            if top == INIT || parent <= INIT {
                break;
            }
            match keys.get(&parent) {
                Some((Class::Kernel, _)) => break,
                Some((_, group)) => return group.clone(),
                None => {}
            }
            // Beside a cgroup tree the parent may be in a unit, and is read only for its name.
            let found = now.get(&parent).cloned().map_or_else(|| self.stat(parent, reader), Outcome::Got);
            match found {
                Outcome::Got(found) if !found.kernel_thread => (top, stat) = (parent, found),
                _ => break,
            }
        }
        self.name(top, &stat.comm, reader)
    }

    fn name(&self, pid: u32, comm: &[u8], reader: &mut Reader) -> String {
        if place::may_be_cut(comm) {
            let path = self.procfs.join(format!("{pid}/cmdline"));
            let name = reader.read(&path, |cmdline| Some(place::process_name(comm, cmdline)));
            if let Outcome::Got(name) = name {
                return name;
            }
        }
        place::process_name(comm, b"")
    }
}
