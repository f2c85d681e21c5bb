//! Rows `(starting)`: CPU that new series use while they are exported at 0.
//!
//! Each class of groups has a row, the pods have one, and each group has one for its threads. The rows always exist, so
//! that a rate includes each rise. A group's row holds the CPU that its threads hold back beyond the group itself. CPU that
//! a new group holds back is in the row of its class.

use node_cpu::{Class, Cpu, Delta, Group, Pod, STARTING, Thread};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Classes of groups, in their order.
const CLASSES: [Class; 3] = [Class::Host, Class::Pod, Class::Kernel];

/// Signed sum of CPU that is held back, and its exported value.
#[derive(Debug, Default)]
struct Held {
    accrued: Delta,
    exported: Cpu,
}

/// CPU that is held back, since the exporter started.
#[derive(Debug)]
pub(super) struct Starting {
    groups: BTreeMap<Group, Held>,
    pods: (Pod, Held),
    threads: BTreeMap<Thread, Held>,
    /// Rows of the classes as threads, in the order of the groups.
    class_threads: [Thread; CLASSES.len()],
    name: Arc<str>,
}

impl Held {
    fn settle(&mut self) {
        self.exported.follow(self.accrued, i64::MAX);
    }
}

impl Starting {
    pub(super) fn new() -> Starting {
        let name: Arc<str> = STARTING.into();
        let groups = CLASSES.map(|class| ((class, Arc::clone(&name)), Held::default())).into();
        let class_threads = CLASSES.map(|class| (class, Arc::clone(&name), Arc::clone(&name)));
        let pods = (Pod::without_name(Arc::clone(&name)), Held::default());
        Starting { groups, pods, threads: BTreeMap::new(), class_threads, name }
    }

    /// Adds CPU of a group that is held back.
    pub(super) fn add_group(&mut self, (class, group): &Group, more: Delta) {
        if let Some(held) = self.groups.get_mut(&(*class, Arc::clone(&self.name))) {
            held.accrued += more;
        }
        self.add_to_group(*class, group, Delta::default() - more);
    }

    /// Adds CPU of a pod that is held back.
    pub(super) fn add_pod(&mut self, more: Delta) {
        self.pods.1.accrued += more;
    }

    /// Adds CPU of a thread name that is held back.
    pub(super) fn add_thread(&mut self, (class, group, _): &Thread, more: Delta) {
        self.add_to_group(*class, group, more);
    }

    fn add_to_group(&mut self, class: Class, group: &Arc<str>, more: Delta) {
        self.threads.entry((class, Arc::clone(group), Arc::clone(&self.name))).or_default().accrued += more;
    }

    /// Settles the rows at the end of an exposition. Removes the rows of the groups in `left`. `threads` are exported.
    pub(super) fn settle(&mut self, left: &[Group], threads: &[(&Thread, Cpu)]) {
        for (class, group) in left {
            self.threads.remove(&(*class, Arc::clone(group), Arc::clone(&self.name)));
        }
        // `threads` are in the order of their groups. A kernel thread has no row: its family names both group and thread.
        let mut before = None;
        for ((class, group, _), _) in threads.iter().filter(|((class, ..), _)| *class != Class::Kernel) {
            if before.replace((class, group)) != Some((class, group)) {
                self.add_to_group(*class, group, Delta::default());
            }
        }
        if threads.is_empty() {
            self.threads.clear();
        }
        self.groups.values_mut().chain(self.threads.values_mut()).for_each(Held::settle);
        self.pods.1.settle();
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = (&Group, Cpu)> {
        self.groups.iter().map(|(key, held)| (key, held.exported))
    }

    pub(super) fn pods(&self) -> (&Pod, Cpu) {
        (&self.pods.0, self.pods.1.exported)
    }

    /// Returns the rows of groups with exported threads, and those of the classes, which are groups too.
    pub(super) fn threads(&self) -> impl Iterator<Item = (&Thread, Cpu)> {
        let group_rows = self.threads.iter().filter(|((class, ..), _)| *class != Class::Kernel);
        let class_rows = self.class_threads.iter().zip(self.groups.values());
        group_rows.chain(class_rows).map(|(key, held)| (key, held.exported))
    }
}
