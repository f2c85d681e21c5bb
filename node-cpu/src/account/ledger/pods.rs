//! Accounts of pods: the CPU of each pod under its name.
//!
//! At each reading, the pods with and without a name add up to the groups of class `pod`. The processes and threads of
//! pods count for the group of all pods.
//!
//! A pod is known by the UID in the name of its cgroup, and counts under that UID until its name is known. CPU from
//! before stays under the UID, and the pod begins at 0 under its name. Two pods of one name count together, for
//! instance if one replaces the other.

use super::allowed::Split;
use super::{Id, Ledger};
use crate::cpu::{Cpu, Delta};
use crate::naming::{self, Owner};
use crate::snapshot::{Allowed, Class, EXITED, OTHER, Pod, Snapshot};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Maximum number of pod names on a node; later ones are `(other)`. The kubelet runs at most 250 pods by default, and
/// an ended pod is exported for five minutes more.
const MAX_PODS: usize = 1000;

/// One pod, by its UID.
#[derive(Debug)]
struct Instance {
    uid: Arc<str>,
    /// Key of the account that it counts for.
    pod: Pod,
    is_named: bool,
    /// Number of cgroups and processes that have acquired it.
    references: u32,
}

/// CPU of all pods of one name.
#[derive(Debug, Default)]
struct PodAccount {
    accrued: Delta,
    exported: Cpu,
    split: Split,
    /// Number of pods that count for it.
    instances: u32,
    touched: bool,
}

#[derive(Debug, Default)]
pub(super) struct Pods {
    instances: Vec<Option<Instance>>,
    by_uid: BTreeMap<Arc<str>, u32>,
    accounts: BTreeMap<Pod, PodAccount>,
    touched: Vec<Pod>,
}

impl Pods {
    fn instance_mut(&mut self, number: u32) -> Option<&mut Instance> {
        self.instances.get_mut(number as usize)?.as_mut()
    }

    /// Adds a pod to the account of this name, or to `(other)`. Returns the name of that account.
    fn add_instance(&mut self, pod: Pod) -> Pod {
        let is_full = self.accounts.len() >= MAX_PODS && !self.accounts.contains_key(&pod);
        let pod = if is_full { Pod::without_name(OTHER.into()) } else { pod };
        self.accounts.entry(pod.clone()).or_default().instances += 1;
        pod
    }

    /// Removes a pod from the account; its CPU stays.
    fn remove_instance(&mut self, pod: &Pod) {
        if let Some(account) = self.accounts.get_mut(pod) {
            account.instances = account.instances.saturating_sub(1);
            let is_unused = account.instances == 0 && !account.touched && is_hidden(pod, account);
            if is_unused {
                self.accounts.remove(pod);
            }
        }
    }

    fn open_instance(&mut self, uid: &Arc<str>) -> u32 {
        let pod = self.add_instance(Pod::without_name(Arc::clone(uid)));
        let instance = Instance { uid: Arc::clone(uid), pod, is_named: false, references: 0 };
        let slot = self.instances.iter().position(Option::is_none).unwrap_or(self.instances.len());
        match self.instances.get_mut(slot) {
            Some(empty) => *empty = Some(instance),
            None => self.instances.push(Some(instance)),
        }
        self.by_uid.insert(Arc::clone(uid), slot as u32);
        slot as u32
    }

    pub(super) fn retain(&mut self, number: u32) {
        if let Some(instance) = self.instance_mut(number) {
            instance.references += 1;
        }
    }

    /// Releases one reference. Returns true if it was the last one and the pod has ended.
    pub(super) fn release(&mut self, number: u32) -> bool {
        let Some(instance) = self.instance_mut(number) else { return false };
        instance.references = instance.references.saturating_sub(1);
        if instance.references > 0 {
            return false;
        }
        let Some(ended) = self.instances.get_mut(number as usize).and_then(Option::take) else {
            return false;
        };
        self.by_uid.remove(&ended.uid);
        self.remove_instance(&ended.pod);
        true
    }

    /// Returns the name of the account that a pod counts for.
    pub(super) fn name_of(&self, number: u32) -> Option<&Pod> {
        self.instances.get(number as usize)?.as_ref().map(|instance| &instance.pod)
    }

    pub(super) fn credit(&mut self, number: u32, delta: Delta, allowed: Allowed) {
        let Some(Some(instance)) = self.instances.get(number as usize) else { return };
        let Some(account) = self.accounts.get_mut(&instance.pod) else { return };
        account.accrued += delta;
        account.split.add(allowed, delta.total_us());
        if !std::mem::replace(&mut account.touched, true) {
            self.touched.push(instance.pod.clone());
        }
    }

    /// Raises the exported totals to the accrued sums. Returns by how much all of them together have risen, and the parts
    /// of that that may run on reserved CPUs alone and on isolated ones alone, in microseconds.
    pub(super) fn settle(&mut self) -> (Delta, [i64; 2]) {
        let (mut risen, mut parts) = (Delta::default(), [0; 2]);
        for pod in std::mem::take(&mut self.touched) {
            let Some(account) = self.accounts.get_mut(&pod) else { continue };
            account.touched = false;
            let rise = account.exported.follow(account.accrued, i64::MAX);
            risen += rise;
            let taken = account.split.settle(rise.total_us());
            parts.iter_mut().zip(taken).for_each(|(part, taken)| *part += taken);
            if account.instances == 0 && is_hidden(&pod, account) {
                self.accounts.remove(&pod);
            }
        }
        (risen, parts)
    }

    pub(super) fn write_by_allowed(&self, snapshot: &mut Snapshot) {
        let visible = self.accounts.iter().filter(|(pod, account)| !is_hidden(pod, account));
        let parts = |account: &PodAccount| account.split.parts(account.exported.total_us());
        snapshot.pods_by_allowed = visible.map(|(pod, account)| (pod.clone(), parts(account))).collect();
    }

    pub(super) fn write(&self, snapshot: &mut Snapshot) {
        let visible = || self.accounts.iter().filter(|(pod, account)| !is_hidden(pod, account));
        snapshot.pods = visible().map(|(pod, account)| (pod.clone(), account.exported)).collect();
        let alive = visible().filter(|(_, account)| account.instances > 0);
        snapshot.pods_alive = alive.map(|(pod, _)| pod.clone()).collect();
    }
}

/// Returns true for a pod without a name that has used nothing; such a pod is not exported.
fn is_hidden(pod: &Pod, account: &PodAccount) -> bool {
    pod.class == Class::Pod && &*pod.name != EXITED && account.exported == Cpu::default()
}

impl Ledger {
    /// Acquires the account of an owner, a group's as with [`Ledger::acquire`] or a pod's.
    pub fn acquire_owner(&mut self, owner: &Owner) -> Id {
        let uid = match owner {
            Owner::Group(group) => return self.acquire(group),
            Owner::Pod(uid) => uid,
        };
        let number = self.pods.by_uid.get(uid).copied().unwrap_or_else(|| {
            self.acquire_all_pods();
            self.pods.open_instance(uid)
        });
        self.pods.retain(number);
        Id::Pod(number)
    }

    /// Acquires the group of all pods. Each pod has a reference to it.
    fn acquire_all_pods(&mut self) {
        if let Id::Group(number) = self.acquire_exported(&naming::pods()) {
            self.all_pods = Some(number);
        }
    }

    /// Acquires the group to which a rule assigns a process that counts for `account`. A rule cannot separate the group
    /// of all pods from pods, so those keep `account`.
    pub(crate) fn acquire_rule_group(&mut self, class: Class, name: &Arc<str>, account: Id) -> Id {
        let group = (class, Arc::clone(name));
        if matches!(account, Id::Pod(_)) && group == naming::pods() {
            self.retain(account);
            return account;
        }
        self.acquire(&group)
    }

    /// Returns true if this is a pod without a name.
    pub(crate) fn is_unnamed_pod(&self, id: Id) -> bool {
        let Id::Pod(number) = id else { return false };
        matches!(self.pods.instances.get(number as usize), Some(Some(instance)) if !instance.is_named)
    }

    /// Names a pod: from now on it counts under this name.
    pub fn name_pod(&mut self, id: Id, pod: Pod) {
        let Id::Pod(number) = id else { return };
        let Some(instance) = self.pods.instance_mut(number).filter(|instance| !instance.is_named) else {
            return;
        };
        instance.is_named = true;
        let before = instance.pod.clone();
        let after = self.pods.add_instance(pod);
        self.pods.remove_instance(&before);
        if let Some(instance) = self.pods.instance_mut(number) {
            instance.pod = after;
        }
    }

    /// Transfers a delta that was credited to `from` to the group that a rule separates from it. A pod keeps the delta;
    /// the group of all pods loses it.
    pub(crate) fn transfer(&mut self, from: Id, to: Id, delta: Delta, allowed: Allowed) {
        self.credit_on(to, delta, allowed);
        self.credit_on(self.resolve_group(from), Delta::default() - delta, allowed);
    }

    /// Returns the account of CPU that one of `owners` used, if it is unknown which one. It is their account if all have
    /// the same, and `(exited)` of the pods if all are pods. `None` otherwise.
    pub(crate) fn common_owner(&self, owners: &[Id]) -> Option<Id> {
        let (first, rest) = owners.split_first()?;
        if rest.iter().all(|owner| owner == first) {
            return Some(*first);
        }
        let exited = self.pods.by_uid.get(EXITED).map(|number| Id::Pod(*number));
        exited.filter(|_| owners.iter().all(|owner| matches!(owner, Id::Pod(_))))
    }

    /// Credits CPU that exited processes of this account used. If the account is a rule's group in pods, it does not
    /// tell in which pod the processes were, so the CPU also counts for the pod `(exited)`.
    pub(crate) fn credit_exited(&mut self, id: Id, delta: Delta) {
        let is_rule_group = Id::Group(self.all_pods.unwrap_or(u32::MAX)) != id
            && matches!(id, Id::Group(_))
            && self.group_account(id).is_some_and(|account| account.group.0 == Class::Pod);
        match self.pods.by_uid.get(EXITED).filter(|_| is_rule_group) {
            Some(exited) => {
                let exited = Id::Pod(*exited);
                self.credit(exited, delta);
                self.transfer(exited, id, delta, Allowed::Any);
            }
            None => self.credit(id, delta),
        }
    }

    /// Closes the account of a pod that has ended. The account begins at 0 if the pod comes back.
    pub fn forget_pod(&mut self, pod: &Pod) {
        if self.pods.accounts.get(pod).is_some_and(|account| account.instances == 0 && !account.touched) {
            self.pods.accounts.remove(pod);
        }
    }
}
