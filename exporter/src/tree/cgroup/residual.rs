//! Whose it is what a cgroup has used beyond its living children.

use super::Cgroup;
use crate::ledger::Id;
use crate::parse;
use crate::place::Key;
use crate::read::Outcome;
use crate::tree::Pass;
use std::path::Path;

impl Cgroup {
    /// Whose a residual is: a unit's own; in a slice that of the group whose cgroups alone have vanished or come and gone
    /// there, or the slice's own where there are processes in it and nothing else has been; else nobody's. It is held once more if it is none that this cgroup holds itself.
    pub(super) fn heir_of_residual(&self, path: &Path, pass: &mut Pass<'_>) -> Id {
        if let Some(group) = self.group {
            return group;
        }
        let heir = self.heir_of_tail(Some(path), pass);
        heir.map_or(pass.exited, |key| pass.ledger.hold(&key))
    }

    /// To whom the last CPU of what has vanished in here, or of this cgroup if it has vanished itself (without a `path`),
    /// belongs; None if that is not certain.
    fn heir_of_tail(&self, path: Option<&Path>, pass: &mut Pass<'_>) -> Option<Key> {
        if self.group.is_some() {
            return self.place.group().cloned();
        }
        let born = pass.births.take(self.number)?;
        let living: &[Cgroup] = if path.is_some() { &[] } else { &self.children };
        let mut heirs = Vec::new();
        for cgroup in living.iter().chain(&self.gone) {
            heirs.push(cgroup.heir_of_tail(None, pass)?);
        }
        for name in born {
            if self.children.iter().chain(&self.gone).any(|known| known.name == name) {
                continue;
            }
            if path.is_some_and(|path| path.join(&name).try_exists().unwrap_or(true)) {
                // It lives, and counts from its birth in the next pass.
                return None;
            }
            heirs.push(self.place.child(&name).group()?.clone());
        }
        let Some((first, others)) = heirs.split_first() else {
            // Beside units it may be theirs by the kernel's rounding.
            let path = path.filter(|_| self.children.is_empty())?;
            let mut pids = Vec::new();
            let read = pass.reader.read(&path.join("cgroup.procs"), |text| parse::pids_into(text, &mut pids));
            let is_own = matches!(read, Outcome::Got(())) && !pids.is_empty();
            return is_own.then(|| self.place.own_of_slice(&self.name));
        };
        others.iter().all(|other| other == first).then(|| first.clone())
    }
}
