//! The rows `(starting)`: what new series have used while they are shown at 0.
//!
//! One for each class of groups, one for the pods, and one in each group for its threads. They are always there, so that what
//! they grow by is part of a rate. A group's own is what its threads hold back beyond what the group itself does, for what a
//! new group holds back is in its class's row.

use node_cpu::{Class, Cpu, Delta, Group, Pod, STARTING, Thread};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Of groups, in their order.
const CLASSES: [Class; 3] = [Class::Host, Class::Pod, Class::Kernel];

/// A signed sum, and what is shown of it.
#[derive(Debug, Default)]
struct Held {
    owed: Delta,
    shown: Cpu,
}

/// What is held back, in all since the exporter started.
#[derive(Debug)]
pub(super) struct Starting {
    groups: BTreeMap<Group, Held>,
    pods: (Pod, Held),
    threads: BTreeMap<Thread, Held>,
    /// The classes' rows as threads, in the order of the groups.
    of_classes: [Thread; CLASSES.len()],
    name: Arc<str>,
}

impl Held {
    fn settle(&mut self) {
        self.shown.follow(self.owed, i64::MAX);
    }
}

impl Starting {
    pub(super) fn new() -> Starting {
        let name: Arc<str> = STARTING.into();
        let groups = CLASSES.map(|class| ((class, Arc::clone(&name)), Held::default())).into();
        let of_classes = CLASSES.map(|class| (class, Arc::clone(&name), Arc::clone(&name)));
        let pods = (Pod::without_name(Arc::clone(&name)), Held::default());
        Starting { groups, pods, threads: BTreeMap::new(), of_classes, name }
    }

    /// So much more of a group is held back.
    pub(super) fn of_group(&mut self, (class, group): &Group, more: Delta) {
        if let Some(held) = self.groups.get_mut(&(*class, Arc::clone(&self.name))) {
            held.owed += more;
        }
        self.in_group(*class, group, Delta::default() - more);
    }

    /// So much more of a pod.
    pub(super) fn of_pod(&mut self, more: Delta) {
        self.pods.1.owed += more;
    }

    /// So much more of a name of threads.
    pub(super) fn of_thread(&mut self, (class, group, _): &Thread, more: Delta) {
        self.in_group(*class, group, more);
    }

    fn in_group(&mut self, class: Class, group: &Arc<str>, more: Delta) {
        self.threads.entry((class, Arc::clone(group), Arc::clone(&self.name))).or_default().owed += more;
    }

    /// Ends an exposition without these groups, of which threads are shown.
    pub(super) fn settle(&mut self, left: &[Group], threads: &[(&Thread, Cpu)]) {
        for (class, group) in left {
            self.threads.remove(&(*class, Arc::clone(group), Arc::clone(&self.name)));
        }
        // They are in the order of their groups; of a kernel thread, the family is the name of both.
        let mut before = None;
        for ((class, group, _), _) in threads.iter().filter(|((class, ..), _)| *class != Class::Kernel) {
            if before.replace((class, group)) != Some((class, group)) {
                self.in_group(*class, group, Delta::default());
            }
        }
        if threads.is_empty() {
            self.threads.clear();
        }
        self.groups.values_mut().chain(self.threads.values_mut()).for_each(Held::settle);
        self.pods.1.settle();
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = (&Group, Cpu)> {
        self.groups.iter().map(|(key, held)| (key, held.shown))
    }

    pub(super) fn pods(&self) -> (&Pod, Cpu) {
        (&self.pods.0, self.pods.1.shown)
    }

    /// Of groups whose threads are shown, and of the classes' rows, which are groups as others.
    pub(super) fn threads(&self) -> impl Iterator<Item = (&Thread, Cpu)> {
        let of_groups = self.threads.iter().filter(|((class, ..), _)| *class != Class::Kernel);
        let of_classes = self.of_classes.iter().zip(self.groups.values());
        of_groups.chain(of_classes).map(|(key, held)| (key, held.shown))
    }
}
