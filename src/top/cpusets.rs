//! Sets of CPUs of a report's nodes: how busy each is, and what of the platform may run on those of the workload.
//!
//! With the exporter's series both are by each node's own command line. Without them a PerformanceProfile or the user tells
//! the sets, the platform's series how busy their CPUs were, and nothing who may run there.
mod affinities;
mod exporter;
mod platform;
mod strays;

use super::filter::Filter;
use super::key::{Key, Samples};
use super::plan::{Plan, Purpose};
use super::question::Question;
use crate::query::Querier;
use crate::report::{Class, Cpuset, CpusetBusy, SourceKind, Steps, Stray};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use strays::Strays;

/// Threads that stray on each node.
pub(crate) type ThreadsOnNodes = BTreeMap<String, Threads>;

/// Threads of a group or pod on a node that may run on isolated CPUs.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    /// The most at once.
    pub most: u64,
    /// Lists of CPUs that some of them had.
    pub cpus: BTreeSet<String>,
}

/// Sets and strays, as fetched.
#[derive(Debug, Default)]
pub(super) struct Cpusets {
    /// Busy time of each set, by node if rows are.
    pub busy: BTreeMap<(Cpuset, Option<String>), Steps>,
    /// Lists of CPUs that the set has on some node, likewise.
    pub lists: BTreeMap<(Cpuset, Option<String>), BTreeSet<String>>,
    /// Threads of each group or pod that may run on isolated CPUs. `None` if the source does not tell.
    pub strays: Option<BTreeMap<Key, ThreadsOnNodes>>,
    /// True if rows tell what strays used.
    pub strays_are_measured: bool,
    pub notes: Vec<String>,
}

impl Cpusets {
    /// Fetches them for a plan's window and nodes. Errors are those of the client.
    pub(super) async fn fetch(
        querier: &Querier<'_>,
        question: &Question,
        plan: &Plan<'_>,
    ) -> Result<Cpusets> {
        let mut cpusets = match plan.kind {
            SourceKind::Exporter => exporter::fetch(querier, question, plan).await?,
            _ => platform::fetch(querier, question, plan).await?,
        };
        cpusets.leave(plan.filter);
        Ok(cpusets)
    }

    /// Returns the busy time of each set. `expected`: number of samples that the window would hold.
    pub(super) fn busy(&self, expected: f64) -> Vec<CpusetBusy> {
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

    /// Finds what is known without any sample.
    pub(super) fn of_known(question: &Question) -> Cpusets {
        let mut cpusets = Cpusets::default();
        platform::list_sets(question, &mut cpusets);
        cpusets.strays = affinities::strays(question, &mut cpusets.notes);
        cpusets.leave(&question.filter);
        cpusets
    }

    /// Leaves the strays that the filters let through.
    pub(super) fn leave(&mut self, filter: &Filter) {
        self.strays.iter_mut().for_each(|strays| strays.retain(|key, _| shows(filter, key)));
    }

    /// Returns each set without its busy time.
    pub(super) fn listed(&self) -> Vec<CpusetBusy> {
        let one = |((cpuset, node), lists): (&(Cpuset, Option<String>), &BTreeSet<String>)| {
            let cpus = lists.first().filter(|_| lists.len() == 1).cloned();
            CpusetBusy { cpuset: *cpuset, cpus, node: node.clone(), stats: None }
        };
        self.lists.iter().map(one).collect()
    }

    /// Returns the strays, the biggest first and at most so many. `parts`: what rows were fetched.
    pub(super) fn strays(
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

/// Returns true if the filters let a group or pod through.
fn shows(filter: &Filter, key: &Key) -> bool {
    match &key.namespace {
        Some(namespace) => filter.has_pod(namespace, &key.name),
        None => filter.has_class(key.class),
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
