//! Sets by the platform's series: their CPUs as a PerformanceProfile or the user tells, and how busy these were.
use super::{Cpusets, affinities};
use crate::prometheus::Series;
use crate::query::promql;
use crate::query::{Cost, Querier};
use crate::report::{Cpuset, Steps};
use crate::top::metric_names;
use crate::top::plan::Plan;
use crate::top::question::{KnownSets, Question};
use anyhow::Result;
use futures_util::future::try_join_all;
use node_cpu::CpuList;
use std::collections::BTreeMap;

/// Fetches how busy the sets were.
pub(super) async fn of_profiles(
    querier: &Querier<'_>,
    question: &Question,
    plan: &Plan<'_>,
) -> Result<Cpusets> {
    let mut cpusets = Cpusets::default();
    cpusets.notes.push(
        "the platform's series do not tell where something may run: rows are of groups and pods; `oc interrogate install` adds it"
            .to_owned(),
    );
    let sets = sets_of_nodes(&question.sets);
    if sets.is_empty() {
        cpusets.notes.push(why_unknown(&question.sets));
        return Ok(cpusets);
    }
    cpusets.strays = affinities::strays(question, &mut cpusets.notes);
    let fetches = sets.iter().map(async |(of, nodes)| {
        let mut matchers = vec![of.matcher()];
        matchers.extend((!nodes.is_empty()).then(|| promql::any_of("instance", nodes.iter().copied())));
        let text = metric_names::cores_of(&metric_names::cpus_busy(&matchers.join(",")));
        let count = nodes.len().max(1);
        let cost = Cost::new(count, count * 100);
        let node = |series: &Series<'_>| series.label("instance").to_owned();
        querier.raw_range(&text, plan.grid, cost, node).await
    });
    let mut seen = false;
    for (of, nodes) in sets.keys().zip(try_join_all(fetches).await?) {
        for (node, steps) in nodes.into_iter().filter(|(node, _)| question.filter.has_node(node)) {
            seen = true;
            let key = (of.cpuset, question.per_node.then_some(node));
            cpusets.lists.entry(key.clone()).or_default().extend(of.name());
            let sum = cpusets.busy.entry(key).or_insert_with(|| Steps::absent(plan.grid.points()));
            sum.add_all(&steps);
        }
    }
    if !seen {
        cpusets.notes.push("node_exporter has no series of these CPUs in this window".to_owned());
    }
    Ok(cpusets)
}

/// Lists the sets that are known, without how busy they were.
pub(super) fn list_sets(question: &Question, cpusets: &mut Cpusets) {
    let sets = sets_of_nodes(&question.sets);
    if sets.is_empty() {
        cpusets.notes.push(why_unknown(&question.sets));
    }
    for (of, nodes) in sets {
        let shown = nodes.iter().filter(|node| question.filter.has_node(node));
        let shown: Vec<Option<String>> = match question.per_node {
            true => shown.map(|node| Some((*node).to_owned())).collect(),
            false if nodes.is_empty() => vec![None],
            false => shown.map(|_| None).collect(),
        };
        for node in shown {
            cpusets.lists.entry((of.cpuset, node)).or_default().extend(of.name());
        }
    }
}

fn why_unknown(sets: &KnownSets) -> String {
    let why = sets.partitioning.why_none.as_deref().unwrap_or("nothing tells");
    format!("which CPUs are reserved is not known ({why}): --reserved 0-1,52-53 tells")
}

/// Set of some nodes: its CPUs, or all but them.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SetOfNodes {
    cpuset: Cpuset,
    cpus: String,
    numbers: Vec<u32>,
    is_complement: bool,
}

impl SetOfNodes {
    fn new(cpuset: Cpuset, cpus: &CpuList, is_complement: bool) -> SetOfNodes {
        SetOfNodes { cpuset, cpus: cpus.to_string(), numbers: cpus.iter().collect(), is_complement }
    }

    fn matcher(&self) -> String {
        let numbers: Vec<String> = self.numbers.iter().map(u32::to_string).collect();
        let matcher = promql::any_of("cpu", numbers.iter().map(String::as_str));
        if self.is_complement { matcher.replacen("=~", "!~", 1) } else { matcher }
    }

    /// Returns the list of its CPUs, if that is known.
    fn name(&self) -> Option<String> {
        (!self.is_complement).then(|| self.cpus.clone())
    }
}

/// Returns the sets that the user or a profile tells, each with its nodes; no nodes are all of them.
fn sets_of_nodes(sets: &KnownSets) -> BTreeMap<SetOfNodes, Vec<&str>> {
    let mut all: BTreeMap<SetOfNodes, Vec<&str>> = BTreeMap::new();
    if let Some(reserved) = &sets.reserved {
        all.insert(SetOfNodes::new(Cpuset::Reserved, reserved, false), Vec::new());
        all.insert(SetOfNodes::new(Cpuset::Isolated, reserved, true), Vec::new());
        return all;
    }
    for (node, profile) in &sets.partitioning.of_nodes {
        let of = [
            (Cpuset::Reserved, Some(&profile.reserved)),
            (Cpuset::Isolated, profile.isolated.as_ref()),
            (Cpuset::Shared, profile.shared.as_ref()),
            (Cpuset::OvsDpdk, profile.ovs_dpdk.as_ref()),
        ];
        for (cpuset, list) in of {
            if let Some(list) = list {
                all.entry(SetOfNodes::new(cpuset, list, false)).or_default().push(node);
            }
        }
    }
    all
}
