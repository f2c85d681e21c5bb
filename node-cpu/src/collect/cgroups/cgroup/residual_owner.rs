//! Residual owner: the group or pod that gets a cgroup's CPU beyond that of its living children.

use super::Cgroup;
use crate::account::Id;
use crate::collect::cgroups::Walk;
use crate::cpu::Delta;
use crate::kernel::Outcome;
use crate::kernel::parse;
use crate::naming::{Kind, Owner};
use std::path::Path;

impl Cgroup {
    /// Credits `residual`, the delta of this cgroup beyond the deltas of its children.
    ///
    /// The counter of this cgroup is read before its children and again after them. `residual_before` is the residual
    /// by the first of the two readings. What `residual` is above that may be CPU that the children used after their
    /// own reading. An owner other than this cgroup itself therefore gets at most `residual_before`, and the rest has
    /// no owner.
    pub(super) fn credit_residual(
        &self,
        residual: Delta,
        residual_before: Delta,
        path: &Path,
        walk: &mut Walk<'_>,
    ) {
        let (owner, unowned) = (self.residual_owner(path, walk), self.unowned_account(walk));
        if self.account == Some(owner) || owner == unowned {
            return walk.pass.ledger.credit_on(owner, residual, self.bound.allowed);
        }
        let owner_us = residual_before.total_us().clamp(0, residual.total_us().max(0));
        let user_us = residual.user_us.clamp(0, owner_us);
        let owner_part = Delta { user_us, system_us: owner_us - user_us };
        walk.pass.ledger.credit(owner, owner_part);
        walk.pass.ledger.credit(unowned, residual - owner_part);
        walk.pass.ledger.release(owner);
    }

    /// Returns the account that gets a residual:
    /// - in a unit or pod, its own account;
    /// - in a slice where cgroups have vanished, or come and gone unseen, their owner if it is the same for all;
    /// - in a slice without any cgroups and with processes of its own, the slice's group;
    /// - otherwise the account of CPU without an owner.
    ///
    /// In the second and third case the account is acquired once more, and the caller releases it.
    fn residual_owner(&self, path: &Path, walk: &mut Walk<'_>) -> Id {
        if let Some(account) = self.account {
            return account;
        }
        let owner = self.vanished_owner(Some(path), walk);
        owner.map_or(self.unowned_account(walk), |owner| walk.pass.ledger.acquire_owner(&owner))
    }

    /// Returns the account of CPU without an owner in this part of the tree.
    fn unowned_account(&self, walk: &Walk<'_>) -> Id {
        if self.role.kind == Kind::Pods { walk.exited.pods } else { walk.exited.host }
    }

    /// Returns the owner of the last CPU of cgroups that have vanished in here; `None` if that is not certain. This
    /// cgroup has vanished itself if there is no `path`.
    fn vanished_owner(&self, path: Option<&Path>, walk: &mut Walk<'_>) -> Option<Owner> {
        if self.account.is_some() {
            return self.role.owner.clone();
        }
        let born = walk.born_names.take_names(self.number)?;
        let living: &[Cgroup] = if path.is_some() { &[] } else { &self.children };
        let mut owners = Vec::new();
        for cgroup in living.iter().chain(&self.vanished) {
            owners.push(cgroup.vanished_owner(None, walk)?);
        }
        for name in born {
            if self.children.iter().chain(&self.vanished).any(|known| known.name == name) {
                continue;
            }
            if path.is_some_and(|path| path.join(&name).try_exists().unwrap_or(true)) {
                // This cgroup lives, and counts from its birth in the next pass.
                return None;
            }
            // An unseen cgroup is known by its name. The name of a pod's cgroup does not contain the pod's name.
            match self.role.child(&name).owner? {
                Owner::Pod(_) => return None,
                group => owners.push(group),
            }
        }
        let Some((first, others)) = owners.split_first() else {
            // No cgroup has ended here, so the residual is the slice's own, if it has processes. If there are living
            // cgroups, it may also be theirs, by the kernel's rounding.
            let path = path.filter(|_| self.children.is_empty())?;
            let mut pids = Vec::new();
            let read =
                walk.pass.reader.read(&path.join("cgroup.procs"), |text| parse::pids_into(text, &mut pids));
            let is_own = matches!(read, Outcome::Got(())) && !pids.is_empty();
            return is_own.then(|| self.role.owner_of_slice(&self.name));
        };
        others.iter().all(|other| other == first).then(|| first.clone())
    }
}
