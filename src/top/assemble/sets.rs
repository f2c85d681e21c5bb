//! Sets of CPUs in a report: how busy each was, and what strays.
use crate::report::{Class, Cpuset, CpusetBusy, Steps, Stray};
use crate::top::cpusets::{Cpusets, ThreadsOnNodes};
use crate::top::key::{Key, Samples};
use crate::top::plan::Purpose;
use std::collections::{BTreeMap, BTreeSet};

impl Cpusets {
    /// Returns the busy time of each set. `expected`: number of samples that the window would hold.
    pub(in crate::top) fn busy(&self, expected: f64) -> Vec<CpusetBusy> {
        let one = |((cpuset, node), steps): (&(Cpuset, Option<String>), &Steps)| {
            let lists = self.lists.get(&(*cpuset, node.clone()));
            let cpus = lists.filter(|lists| lists.len() == 1).and_then(|lists| lists.first().cloned());
            Some(CpusetBusy {
                cpuset: *cpuset,
                cpus,
                node: node.clone(),
                stats: Some(steps.stats(expected)?),
            })
        };
        self.busy.iter().filter_map(one).collect()
    }

    /// Returns each set without its busy time.
    pub(in crate::top) fn listed(&self) -> Vec<CpusetBusy> {
        let one = |((cpuset, node), lists): (&(Cpuset, Option<String>), &BTreeSet<String>)| {
            let cpus = lists.first().filter(|_| lists.len() == 1).cloned();
            CpusetBusy { cpuset: *cpuset, cpus, node: node.clone(), stats: None }
        };
        self.lists.iter().map(one).collect()
    }

    /// Returns the strays, the biggest first and at most so many. `parts`: what rows were fetched.
    pub(in crate::top) fn strays(
        &self,
        limit: Option<usize>,
        parts: &BTreeMap<Purpose, BTreeMap<Key, Samples>>,
        expected: f64,
    ) -> Option<Vec<Stray>> {
        let used = used_off_reserved(parts, expected);
        let stray = |(key, by_node): (&Key, &ThreadsOnNodes)| Stray {
            class: key.class,
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            node: key.node.clone(),
            nodes: by_node.len(),
            threads: by_node.values().map(|threads| threads.most).sum(),
            cpus: by_node
                .values()
                .flat_map(|threads| &threads.cpus)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .cloned()
                .collect(),
            avg: self.strays_are_measured.then(|| used.get(key).copied().unwrap_or(0.0)),
            why: Stray::why(key.class),
        };
        let mut strays: Vec<Stray> = self.strays.as_ref()?.iter().map(stray).collect();
        let size = |stray: &Stray| (stray.avg.unwrap_or(0.0), stray.threads as f64);
        strays.sort_by(|a, b| size(b).0.total_cmp(&size(a).0).then(size(b).1.total_cmp(&size(a).1)));
        strays.truncate(limit.unwrap_or(usize::MAX));
        Some(strays)
    }
}

/// Returns the average of what each group or pod used where it was not bound to reserved CPUs.
fn used_off_reserved(parts: &BTreeMap<Purpose, BTreeMap<Key, Samples>>, expected: f64) -> BTreeMap<Key, f64> {
    let mut used = BTreeMap::new();
    for (key, samples) in [Purpose::Groups, Purpose::Pods].iter().flat_map(|of| parts.get(of)).flatten() {
        let counts = match key.cpuset {
            Some(Cpuset::Any) => true,
            // Kernel threads are told one by one, and those bound to a CPU belong there.
            Some(Cpuset::Isolated) => key.class != Class::Kernel,
            _ => false,
        };
        if let (Samples::Each(steps), true) = (samples, counts) {
            let avg = steps.stats(expected).map_or(0.0, |stats| stats.avg);
            *used.entry(Key { cpuset: None, ..key.clone() }).or_insert(0.0) += avg;
        }
    }
    used
}
