//! The pods' accounts: the CPU of each under its name, with what has none they are the groups of class `pod`, at each
//! reading. Their processes and threads count for the group of all pods.
//!
//! A pod is known by the UID that its cgroup bears, and counts under that until its name is known. What it used before stays
//! there, and under its name it begins at 0. Two of one name, as when one takes the place of the other, count together.

use super::{Id, Ledger};
use crate::cpu::{Cpu, Delta};
use crate::naming::{self, Owner};
use crate::snapshot::{Class, EXITED, OTHER, Pod, Snapshot};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names of pods on a node at most; what comes later is `(other)`. The kubelet takes 250 unless told otherwise, and what is
/// gone is shown for five minutes more.
const MOST_PODS: usize = 1000;

/// One pod, by its UID.
#[derive(Debug)]
struct Instance {
    uid: Arc<str>,
    /// What it counts under.
    pod: Pod,
    named: bool,
    /// How many cgroups and processes are in it.
    holders: u32,
}

/// What all pods of one name have used.
#[derive(Debug, Default)]
struct Account {
    accrued: Delta,
    shown: Cpu,
    /// How many pods count under it.
    instances: u32,
    touched: bool,
}

#[derive(Debug, Default)]
pub(super) struct Pods {
    instances: Vec<Option<Instance>>,
    by_uid: BTreeMap<Arc<str>, u32>,
    accounts: BTreeMap<Pod, Account>,
    touched: Vec<Pod>,
}

impl Pods {
    fn get_mut(&mut self, number: u32) -> Option<&mut Instance> {
        self.instances.get_mut(number as usize)?.as_mut()
    }

    /// One more pod counts under this name, or under `(other)`; under which.
    fn join(&mut self, pod: Pod) -> Pod {
        let full = self.accounts.len() >= MOST_PODS && !self.accounts.contains_key(&pod);
        let pod = if full { Pod::without_name(OTHER.into()) } else { pod };
        self.accounts.entry(pod.clone()).or_default().instances += 1;
        pod
    }

    /// One less; what it used stays.
    fn leave(&mut self, pod: &Pod) {
        if let Some(account) = self.accounts.get_mut(pod) {
            account.instances = account.instances.saturating_sub(1);
            let unseen = account.instances == 0 && !account.touched && is_hidden(pod, account);
            if unseen {
                self.accounts.remove(pod);
            }
        }
    }

    fn open(&mut self, uid: &Arc<str>) -> u32 {
        let pod = self.join(Pod::without_name(Arc::clone(uid)));
        let instance = Instance { uid: Arc::clone(uid), pod, named: false, holders: 0 };
        let free = self.instances.iter().position(Option::is_none).unwrap_or(self.instances.len());
        match self.instances.get_mut(free) {
            Some(slot) => *slot = Some(instance),
            None => self.instances.push(Some(instance)),
        }
        self.by_uid.insert(Arc::clone(uid), free as u32);
        free as u32
    }

    pub(super) fn retain(&mut self, number: u32) {
        if let Some(instance) = self.get_mut(number) {
            instance.holders += 1;
        }
    }

    /// One holder less; whether it was the last, and the pod is gone.
    pub(super) fn release(&mut self, number: u32) -> bool {
        let Some(instance) = self.get_mut(number) else { return false };
        instance.holders = instance.holders.saturating_sub(1);
        if instance.holders > 0 {
            return false;
        }
        let Some(gone) = self.instances.get_mut(number as usize).and_then(Option::take) else { return false };
        self.by_uid.remove(&gone.uid);
        self.leave(&gone.pod);
        true
    }

    pub(super) fn credit(&mut self, number: u32, delta: Delta) {
        let Some(Some(instance)) = self.instances.get(number as usize) else { return };
        let Some(account) = self.accounts.get_mut(&instance.pod) else { return };
        account.accrued += delta;
        if !std::mem::replace(&mut account.touched, true) {
            self.touched.push(instance.pod.clone());
        }
    }

    /// Shows what has been credited; by how much all of them together have risen.
    pub(super) fn settle(&mut self) -> Delta {
        let mut risen = Delta::default();
        for pod in std::mem::take(&mut self.touched) {
            let Some(account) = self.accounts.get_mut(&pod) else { continue };
            account.touched = false;
            risen += account.shown.follow(account.accrued, i64::MAX);
            if account.instances == 0 && is_hidden(&pod, account) {
                self.accounts.remove(&pod);
            }
        }
        risen
    }

    pub(super) fn write(&self, snapshot: &mut Snapshot) {
        let shown = || self.accounts.iter().filter(|(pod, account)| !is_hidden(pod, account));
        snapshot.pods = shown().map(|(pod, account)| (pod.clone(), account.shown)).collect();
        let alive = shown().filter(|(_, account)| account.instances > 0);
        snapshot.pods_alive = alive.map(|(pod, _)| pod.clone()).collect();
    }
}

/// What has no name is there only if it used something.
fn is_hidden(pod: &Pod, account: &Account) -> bool {
    pod.class == Class::Pod && &*pod.name != EXITED && account.shown == Cpu::default()
}

impl Ledger {
    /// As [`Ledger::acquire`], whoever it is.
    pub fn acquire_owner(&mut self, owner: &Owner) -> Id {
        let uid = match owner {
            Owner::Group(key) => return self.acquire(key),
            Owner::Pod(uid) => uid,
        };
        let number = self.pods.by_uid.get(uid).copied().unwrap_or_else(|| {
            self.acquire_all_pods();
            self.pods.open(uid)
        });
        self.pods.retain(number);
        Id::Pod(number)
    }

    /// The group of all pods is held by each.
    fn acquire_all_pods(&mut self) {
        if let Id::Group(number) = self.acquire_shown(&naming::pods()) {
            self.all_pods = Some(number);
        }
    }

    /// Holds the group that a rule calls so, for what is at `home`; of pods, the group of all of them is no carved one.
    pub(crate) fn acquire_named(&mut self, class: Class, name: &Arc<str>, home: Id) -> Id {
        let key = (class, Arc::clone(name));
        if matches!(home, Id::Pod(_)) && key == naming::pods() {
            self.retain(home);
            return home;
        }
        self.acquire(&key)
    }

    /// Whether it is a pod without a name.
    pub(crate) fn lacks_name(&self, id: Id) -> bool {
        let Id::Pod(number) = id else { return false };
        matches!(self.pods.instances.get(number as usize), Some(Some(instance)) if !instance.named)
    }

    /// From now on the pod counts under this name.
    pub fn name_pod(&mut self, id: Id, pod: Pod) {
        let Id::Pod(number) = id else { return };
        let Some(instance) = self.pods.get_mut(number).filter(|instance| !instance.named) else { return };
        instance.named = true;
        let before = instance.pod.clone();
        let after = self.pods.join(pod);
        self.pods.leave(&before);
        if let Some(instance) = self.pods.get_mut(number) {
            instance.pod = after;
        }
    }

    /// Gives what was credited to `from` to a group that is carved out of it. A pod keeps it: it is the group of all pods that
    /// is less by it.
    pub(crate) fn transfer(&mut self, from: Id, to: Id, delta: Delta) {
        self.credit(to, delta);
        self.credit(self.group_of(from), Delta::default() - delta);
    }

    /// Whose it is what one of these used: theirs if all are one, `(exited)` of the pods if all are pods; None otherwise.
    pub(crate) fn common_owner(&self, owners: &[Id]) -> Option<Id> {
        let (first, rest) = owners.split_first()?;
        if rest.iter().all(|owner| owner == first) {
            return Some(*first);
        }
        let exited = self.pods.by_uid.get(EXITED).map(|number| Id::Pod(*number));
        exited.filter(|_| owners.iter().all(|owner| matches!(owner, Id::Pod(_))))
    }

    /// Adds what processes of theirs used before they ended. Which pod a carved group's were in is not known any more.
    pub(crate) fn credit_exited(&mut self, id: Id, delta: Delta) {
        let is_of_a_rule = Id::Group(self.all_pods.unwrap_or(u32::MAX)) != id
            && matches!(id, Id::Group(_))
            && self.get(id).is_some_and(|account| account.key.0 == Class::Pod);
        match self.pods.by_uid.get(EXITED).filter(|_| is_of_a_rule) {
            Some(exited) => {
                let exited = Id::Pod(*exited);
                self.credit(exited, delta);
                self.transfer(exited, id, delta);
            }
            None => self.credit(id, delta),
        }
    }

    /// Closes the account of a pod that is gone; should it come back, it begins at 0.
    pub fn forget_pod(&mut self, pod: &Pod) {
        if self.pods.accounts.get(pod).is_some_and(|account| account.instances == 0 && !account.touched) {
            self.pods.accounts.remove(pod);
        }
    }
}
