//! CPU of groups and pods by where it may run, on a node of several sets of CPUs: the parts of each exported value.

use super::text::{Text, seconds};
use node_cpu::{ByAllowed, Cpu, Group, Pod};
use std::collections::BTreeMap;

/// Parts of series of one kind up to their last exposition at 0, by their key: they are in no exported value.
#[derive(Debug)]
pub(super) struct Bases<K>(BTreeMap<K, ByAllowed>);

impl<K: Ord + Clone> Bases<K> {
    pub(super) fn new() -> Bases<K> {
        Bases(BTreeMap::new())
    }

    /// Returns the parts of each exported value, which add up to it. Forgets the series that are not exported.
    pub(super) fn expose<'a>(
        &mut self,
        exported: &[(&'a K, Cpu)],
        parts: &BTreeMap<K, ByAllowed>,
    ) -> Vec<(&'a K, ByAllowed)> {
        let mut before = std::mem::take(&mut self.0);
        let part = |(key, used): &(&'a K, Cpu)| {
            let now = parts.get(*key).copied().unwrap_or_default();
            // All that a series at 0 has counted is held back.
            let base = if used.total_us() == 0 { now } else { before.remove(*key).unwrap_or_default() };
            self.0.insert((*key).clone(), base);
            let rise = |now: u64, base: u64| now.saturating_sub(base);
            let exported = ByAllowed {
                reserved_us: rise(now.reserved_us, base.reserved_us),
                isolated_us: rise(now.isolated_us, base.isolated_us),
                any_us: rise(now.any_us, base.any_us),
            };
            (*key, exported)
        };
        exported.iter().map(part).collect()
    }
}

/// Returns the parts of a row that is on any CPU.
pub(super) fn on_any(used: Cpu) -> ByAllowed {
    ByAllowed { any_us: used.total_us(), ..ByAllowed::default() }
}

/// Returns the values of the label `cpuset`, with their parts.
fn labelled(of: ByAllowed) -> [(&'static str, u64); 3] {
    [("reserved", of.reserved_us), ("isolated", of.isolated_us), ("any", of.any_us)]
}

impl Text {
    /// Writes the groups' parts.
    pub(super) fn groups_by_allowed(&mut self, groups: &[(&Group, ByAllowed)]) {
        let help = "CPU of a group by the set of CPUs on which it may run: on that alone, or on any.";
        let mut cpu = self.counter("namedprocess_namegroup_cpuset_cpu_seconds_total", help);
        for ((class, group), of) in groups {
            for (cpuset, us) in labelled(*of) {
                let labels = [("class", class.as_str()), ("groupname", &**group), ("cpuset", cpuset)];
                cpu.sample(&labels, seconds(us));
            }
        }
    }

    /// Writes the pods' parts.
    pub(super) fn pods_by_allowed(&mut self, pods: &[(&Pod, ByAllowed)]) {
        let help =
            "CPU of a pod by the set of CPUs on which its containers may run: on that alone, or on any.";
        let mut cpu = self.counter("namedprocess_pod_cpuset_cpu_seconds_total", help);
        for (pod, of) in pods {
            for (cpuset, us) in labelled(*of) {
                let labels = [
                    ("class", pod.class.as_str()),
                    ("namespace", &*pod.namespace),
                    ("pod", &*pod.name),
                    ("cpuset", cpuset),
                ];
                cpu.sample(&labels, seconds(us));
            }
        }
    }
}
