//! Whose it is what a cgroup has used beyond its living children.

use super::Cgroup;
use crate::account::Id;
use crate::collect::cgroups::Walk;
use crate::cpu::Delta;
use crate::kernel::Outcome;
use crate::kernel::parse;
use crate::naming::{Kind, Owner};
use std::path::Path;

impl Cgroup {
    /// Credits what this cgroup has grown by beyond its children, `residual`. Of that they may have used some themselves, between
    /// their reading and this one's second: `sure` is the same by its first. To whom it belongs gets no more than that.
    pub(super) fn credit_residual(&self, residual: Delta, sure: Delta, path: &Path, walk: &mut Walk<'_>) {
        let (owner, nobody) = (self.owner_of_residual(path, walk), self.nobody(walk));
        if self.account == Some(owner) || owner == nobody {
            return walk.pass.ledger.credit(owner, residual);
        }
        let tail_us = sure.total_us().clamp(0, residual.total_us().max(0));
        let user_us = residual.user_us.clamp(0, tail_us);
        let tail = Delta { user_us, system_us: tail_us - user_us };
        walk.pass.ledger.credit(owner, tail);
        walk.pass.ledger.credit(nobody, residual - tail);
        walk.pass.ledger.release(owner);
    }

    /// Whose a residual is: a unit's or a pod's own; in a slice that of the group or pod whose cgroups alone have vanished or
    /// come and gone there, or the slice's own where there are processes in it and nothing else has been; else nobody's. It
    /// is held once more if it is none that this cgroup holds itself.
    fn owner_of_residual(&self, path: &Path, walk: &mut Walk<'_>) -> Id {
        if let Some(account) = self.account {
            return account;
        }
        let owner = self.owner_of_tail(Some(path), walk);
        owner.map_or(self.nobody(walk), |owner| walk.pass.ledger.acquire_owner(&owner))
    }

    /// The account of what is nobody's here.
    fn nobody(&self, walk: &Walk<'_>) -> Id {
        if self.naming.kind == Kind::Pods { walk.exited.pods } else { walk.exited.host }
    }

    /// To whom the last CPU of what has vanished in here, or of this cgroup if it has vanished itself (without a `path`),
    /// belongs; None if that is not certain.
    fn owner_of_tail(&self, path: Option<&Path>, walk: &mut Walk<'_>) -> Option<Owner> {
        if self.account.is_some() {
            return self.naming.owner.clone();
        }
        let born = walk.births.take(self.number)?;
        let living: &[Cgroup] = if path.is_some() { &[] } else { &self.children };
        let mut owners = Vec::new();
        for cgroup in living.iter().chain(&self.gone) {
            owners.push(cgroup.owner_of_tail(None, walk)?);
        }
        for name in born {
            if self.children.iter().chain(&self.gone).any(|known| known.name == name) {
                continue;
            }
            if path.is_some_and(|path| path.join(&name).try_exists().unwrap_or(true)) {
                // It lives, and counts from its birth in the next pass.
                return None;
            }
            // What nobody has seen is known by its name; a pod's cgroup does not tell the pod's.
            match self.naming.child(&name).owner? {
                Owner::Pod(_) => return None,
                group => owners.push(group),
            }
        }
        let Some((first, others)) = owners.split_first() else {
            // Beside units it may be theirs by the kernel's rounding.
            let path = path.filter(|_| self.children.is_empty())?;
            let mut pids = Vec::new();
            let read =
                walk.pass.reader.read(&path.join("cgroup.procs"), |text| parse::pids_into(text, &mut pids));
            let is_own = matches!(read, Outcome::Got(())) && !pids.is_empty();
            return is_own.then(|| self.naming.own_of_slice(&self.name));
        };
        others.iter().all(|other| other == first).then(|| first.clone())
    }
}
