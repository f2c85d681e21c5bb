//! Sets and strays by the exporter's series: of the node's own command line, which tells isolated CPUs and all others.
use super::{Cpusets, ThreadsOnNodes, shows};
use crate::cluster::ProfileSets;
use crate::prometheus::{Series, Size};
use crate::query::promql::{self, At};
use crate::query::{Cost, Querier, Split};
use crate::report::{Class, Cpuset};
use crate::top::key::Key;
use crate::top::metric_names::{self, CPUSETS};
use crate::top::plan::Plan;
use crate::top::question::Question;
use anyhow::Result;
use std::collections::BTreeMap;

/// Number of strays that a node is taken for when the cost of a query is estimated.
const STRAYS_PER_NODE: usize = 100;
/// Groups whose affinity OVS itself keeps in step with its load, wherever that is.
const OVS: [&str; 2] = ["ovs-vswitchd", "ovsdb-server"];

pub(super) async fn fetch(querier: &Querier<'_>, question: &Question, plan: &Plan) -> Result<Cpusets> {
    let on: Vec<String> = nodes_matcher(question, "instance").into_iter().collect();
    let busy = promql::select(CPUSETS, &on);
    let labels = if question.per_node { "instance, cpuset" } else { "cpuset" };
    let text = |at: &At| promql::sum_by(labels, &at.of(&busy));
    let node = |series: &Series<'_>| question.per_node.then(|| series.label("instance").to_owned());
    let cost = Cost::of(2 * if question.per_node { plan.nodes } else { 1 }, 2 * plan.nodes);
    let key =
        |series: &Series<'_>| (Cpuset::of_label(series.label("cpuset")).unwrap_or(Cpuset::Any), node(series));
    let range = querier.ranges().text(plan.window.length());
    let info = promql::statistic("last", &promql::select(metric_names::CPUSET_INFO, &on), &range);
    let info = format!("max by (instance, cpuset, cpus) ({info})");
    let read = |series: &[Series<'_>]| {
        series.iter().map(|series| (key(series), series.label("cpus").to_owned())).collect::<Vec<_>>()
    };
    let (busy, infos, groups, pods, partitioned) = tokio::try_join!(
        querier.range(&text, plan.grid, cost, key),
        querier.client().instant(&info, plan.window.end, Size::Many, read),
        stray_threads(querier, question, plan, metric_names::GROUP_STRAYS, &on),
        stray_threads(querier, question, plan, metric_names::POD_STRAYS, &on),
        partitions_pods(querier, question, plan),
    )?;
    let mut cpusets = Cpusets { busy, ..Cpusets::default() };
    for (of, cpus) in infos {
        cpusets.lists.entry(of).or_default().insert(cpus);
    }
    if cpusets.busy.is_empty() {
        cpusets.notes.push(
            "no node isolates CPUs by its kernel's command line, as a PerformanceProfile would: rows are of groups and pods"
                .to_owned(),
        );
        return Ok(cpusets);
    }
    let (ovs, mut strays): (BTreeMap<_, _>, BTreeMap<_, _>) =
        groups.into_iter().partition(|(key, _)| OVS.contains(&key.name.as_str()));
    if ovs.keys().any(|key| shows(question, key)) {
        cpusets.notes.push(
            "OVS may run on isolated CPUs, which is expected: it keeps its affinity in step with its load"
                .to_owned(),
        );
    }
    match partitioned {
        Some(true) => strays.extend(pods),
        _ if !pods.keys().any(|key| shows(question, key)) => {}
        Some(false) => cpusets.notes.push(
            "pods of the platform may run on isolated CPUs, which is expected: the cluster was installed without workload partitioning"
                .to_owned(),
        ),
        None => cpusets.notes.push(
            "pods of the platform may run on isolated CPUs: whether they should is not known, since Infrastructure/cluster (status.cpuPartitioning) cannot be read"
                .to_owned(),
        ),
    }
    cpusets.notes.extend(finer_sets(question));
    cpusets.strays = Some(strays);
    Ok(cpusets)
}

/// Fetches the threads that stray, at most at once in the window: by group or pod, node and CPUs.
async fn stray_threads(
    querier: &Querier<'_>,
    question: &Question,
    plan: &Plan,
    metric: &str,
    on: &[String],
) -> Result<BTreeMap<Key, ThreadsOnNodes>> {
    let mut strays: BTreeMap<Key, ThreadsOnNodes> = BTreeMap::new();
    let read = |response: &[Series<'_>]| {
        for series in response {
            let text = |name: &str| series.label(name).to_owned();
            let node = text("instance");
            let namespace = Some(text("namespace")).filter(|_| metric == metric_names::POD_STRAYS);
            let name = text(if namespace.is_some() { "pod" } else { "groupname" });
            let of = question.per_node.then(|| node.clone());
            let class = Class::of_label(series.label("class"));
            let key = Key { namespace, name, node: of, ..Key::of_class(class) };
            let threads = series.value().unwrap_or_default() as u64;
            let most =
                strays.entry(key).or_default().entry(node).or_default().entry(text("cpus")).or_default();
            *most = threads.max(*most);
        }
    };
    let selector = promql::select(metric, on);
    let query = |selector: &str, range: &str| promql::statistic("max", selector, range);
    let cost = Cost::of(plan.nodes * STRAYS_PER_NODE, plan.nodes * STRAYS_PER_NODE).by(&selector, "instance");
    querier.over(query, &selector, plan.window, (Split::Time, cost), read).await?;
    Ok(strays)
}

/// Finds whether the platform's pods are bound to reserved CPUs: by the API server, else by the resource that nodes then
/// have. `None` if neither tells.
async fn partitions_pods(querier: &Querier<'_>, question: &Question, plan: &Plan) -> Result<Option<bool>> {
    if let Some(told) = question.sets.partitioning.of_pods {
        return Ok(Some(told));
    }
    let nodes = querier.client().one(metric_names::PARTITIONED, plan.window.end).await?;
    Ok(nodes.filter(|nodes| *nodes > 0.0).map(|_| true))
}

/// Notes which sets of the profiles the nodes' command lines do not tell apart.
fn finer_sets(question: &Question) -> Vec<String> {
    let profiles = question.sets.partitioning.of_nodes.values();
    let any = |set: fn(&ProfileSets) -> bool| profiles.clone().any(set);
    let mut notes = Vec::new();
    if any(|sets| sets.shared.is_some()) {
        notes.push("reserved holds the profile's shared CPUs too".to_owned());
    }
    if any(|sets| sets.ovs_dpdk.is_some()) {
        notes.push("isolated holds the profile's ovsDpdk CPUs too".to_owned());
    }
    if question.sets.reserved.is_some() {
        notes.push("sets are those of the nodes' command lines, not those of --reserved".to_owned());
    }
    notes
}

fn nodes_matcher(question: &Question, label: &str) -> Option<String> {
    let nodes = question.filter.nodes.as_ref()?;
    Some(promql::any_of(label, nodes.iter().map(String::as_str)))
}
