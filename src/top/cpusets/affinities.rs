//! Strays by the CPUs that each thread of a node was allowed to use, as a must-gather lists them.
use super::{Threads, ThreadsOnNodes};
use crate::report::Class;
use crate::top::key::Key;
use crate::top::question::{Affinity, KnownSets, Question};
use node_cpu::CpuList;
use std::collections::BTreeMap;

/// What the lists lack, for the reader.
const NAMES_ALONE: &str = "strays are by the CPUs that a must-gather lists for each thread, which tells neither pods nor kernel threads nor CPU: names are of \
                           processes whose threads may run on reserved and on isolated CPUs";

/// Finds what may run both on reserved and on isolated CPUs, by nodes: the workload's own is bound to the latter, and what is
/// bound to one CPU belongs there. `None` if nothing lists threads on nodes whose sets are known.
pub(super) fn strays(question: &Question, notes: &mut Vec<String>) -> Option<BTreeMap<Key, ThreadsOnNodes>> {
    let mut found: BTreeMap<Key, ThreadsOnNodes> = BTreeMap::new();
    let mut is_known = false;
    for (node, affinities) in &question.sets.affinities {
        let Some((reserved, isolated)) =
            sets_on(&question.sets, node).filter(|_| question.filter.has_node(node))
        else {
            continue;
        };
        is_known = true;
        let is_isolated = |cpu: u32| match isolated {
            Some(isolated) => isolated.contains(cpu),
            None => !reserved.contains(cpu),
        };
        for Affinity { process, cpus, threads } in affinities {
            if cpus.iter().any(|cpu| reserved.contains(cpu)) && cpus.iter().any(is_isolated) {
                let of = question.per_node.then(|| node.clone());
                let key = Key { name: process.clone(), node: of, ..Key::of_class(Class::Host) };
                if !question.filter.shows(&key) {
                    continue;
                }
                let here: &mut Threads = found.entry(key).or_default().entry(node.clone()).or_default();
                here.most += threads;
                here.cpus.insert(cpus.to_string());
            }
        }
    }
    notes.extend(is_known.then(|| NAMES_ALONE.to_owned()));
    is_known.then_some(found)
}

/// Returns the reserved CPUs of a node, and the isolated ones if they are told and not all others.
fn sets_on<'a>(sets: &'a KnownSets, node: &str) -> Option<(&'a CpuList, Option<&'a CpuList>)> {
    if let Some(reserved) = &sets.reserved {
        return Some((reserved, None));
    }
    let sets = sets.partitioning.of_nodes.get(node)?;
    Some((&sets.reserved, sets.isolated.as_ref()))
}
