//! Sets of CPUs of this machine's recording: how busy each was, and what strayed when the last sample was taken.
use super::{Grid, Used, of_class};
use crate::report::{Class, Cpuset};
use crate::top::cpusets::Cpusets;
use crate::top::key::Key;
use node_cpu::{ByAllowed, Snapshot};
use std::collections::BTreeMap;

const ONE_SET: &str = "this machine isolates no CPUs by its kernel's command line, as a PerformanceProfile would: rows are of groups and pods";

/// Busy time of each set.
#[derive(Debug, Default)]
pub(super) struct RecordedSets(BTreeMap<Cpuset, Used>);

impl RecordedSets {
    /// Adds the busy time since the snapshot before.
    pub(super) fn add(&mut self, interval: usize, now: &Snapshot, before: &Snapshot) {
        for set in &now.cpu_sets {
            let last = before.cpu_sets.iter().find(|known| known.name == set.name);
            let total = |set: &node_cpu::CpuSet| set.busy.values().sum::<u64>();
            let used = total(set).saturating_sub(last.map_or(0, total)) as f64 / 1e6;
            self.0.entry(named(set.name)).or_default().push((interval, used));
        }
    }

    /// Drops the intervals before `gone`.
    pub(super) fn keep_from(&mut self, gone: usize) {
        self.0.values_mut().for_each(|used| super::keep_from(used, gone));
    }

    /// Returns the sets on a grid; `node` is this one's name, if rows are of nodes.
    pub(super) fn on_grid(&self, grid: &Grid, newest: &Snapshot, node: Option<&str>) -> Cpusets {
        let mut cpusets = Cpusets::default();
        if self.0.is_empty() {
            cpusets.notes.push(ONE_SET.to_owned());
            return cpusets;
        }
        let node = node.map(str::to_owned);
        let busy = self.0.iter().map(|(set, used)| ((*set, node.clone()), grid.steps(used)));
        cpusets.busy = busy.collect();
        for set in &newest.cpu_sets {
            let key = (named(set.name), node.clone());
            cpusets.lists.insert(key, [set.cpus.to_string()].into());
        }
        let groups = newest.group_strays.iter().map(|(((class, group), cpus), threads)| {
            (Key { name: group.to_string(), ..of_class(*class) }, cpus, threads)
        });
        let pods = newest.pod_strays.iter().map(|((pod, cpus), threads)| {
            let namespace = Some(pod.namespace.to_string());
            (Key { namespace, name: pod.name.to_string(), ..Key::of_class(Class::Infra) }, cpus, threads)
        });
        cpusets.strays_are_measured = true;
        let strays = cpusets.strays.insert(BTreeMap::new());
        for (key, cpus, threads) in groups.chain(pods) {
            let on_nodes = strays.entry(Key { node: node.clone(), ..key }).or_default();
            let here = on_nodes.entry(String::new()).or_default();
            here.most += *threads;
            here.cpus.insert(cpus.to_string());
        }
        cpusets
    }
}

fn named(set: &str) -> Cpuset {
    Cpuset::of_label(set).unwrap_or(Cpuset::Any)
}

/// Returns the rise of each part since another time, in seconds.
pub(super) fn rises(now: ByAllowed, before: ByAllowed) -> [(Cpuset, f64); 3] {
    let rise = |now: u64, before: u64| now.saturating_sub(before) as f64 / 1e6;
    [
        (Cpuset::Reserved, rise(now.reserved_us, before.reserved_us)),
        (Cpuset::Isolated, rise(now.isolated_us, before.isolated_us)),
        (Cpuset::Any, rise(now.any_us, before.any_us)),
    ]
}
