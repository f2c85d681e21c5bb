//! Sets by the exporter's series: of each node's own command line, which tells isolated CPUs and all others.
use super::Cpusets;
use super::strays::Strays;
use crate::cluster::ProfileSets;
use crate::prometheus::{Series, Size};
use crate::query::promql::{self, At};
use crate::query::{Cost, Querier};
use crate::report::Cpuset;
use crate::top::metric_names::{self, CPUSETS};
use crate::top::plan::Plan;
use crate::top::question::{KnownSets, Question};
use anyhow::Result;

/// Fetches the sets and the strays.
pub(super) async fn of_command_lines(
    querier: &Querier<'_>,
    question: &Question,
    plan: &Plan<'_>,
) -> Result<Cpusets> {
    let on: Vec<String> = question.filter.nodes_matcher("instance").into_iter().collect();
    let finer = finer_sets(&question.sets);
    let busy = promql::select(CPUSETS, &on);
    let labels = if question.per_node { "instance, cpuset" } else { "cpuset" };
    let text = |at: &At| promql::sum_by(labels, &at.select(&busy));
    let node = |series: &Series<'_>| question.per_node.then(|| series.label("instance").to_owned());
    let cost = Cost::new(2 * if question.per_node { plan.nodes } else { 1 }, 2 * plan.nodes);
    let key =
        |series: &Series<'_>| (Cpuset::of_label(series.label("cpuset")).unwrap_or(Cpuset::Any), node(series));
    let range = querier.ranges().text(plan.window.length());
    let info = promql::statistic("last", &promql::select(metric_names::CPUSET_INFO, &on), &range);
    let info = format!("max by (instance, cpuset, cpus) ({info})");
    let read = |series: &[Series<'_>]| {
        series.iter().map(|series| (key(series), series.label("cpus").to_owned())).collect::<Vec<_>>()
    };
    let (busy, infos, strays) = tokio::try_join!(
        querier.range(&text, plan.grid, cost, key),
        querier.client().instant(&info, plan.window.end, Size::Many, read),
        Strays::fetch(querier, question, plan.window, plan.nodes),
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
    cpusets.notes.extend(strays.notes);
    cpusets.notes.extend(finer);
    cpusets.strays = Some(strays.found.into_iter().filter(|(key, _)| question.filter.shows(key)).collect());
    cpusets.strays_are_measured = true;
    Ok(cpusets)
}

/// Notes which sets of the profiles the nodes' command lines do not tell apart.
fn finer_sets(sets: &KnownSets) -> Vec<String> {
    let profiles = sets.partitioning.of_nodes.values();
    let any = |set: fn(&ProfileSets) -> bool| profiles.clone().any(set);
    let mut notes = Vec::new();
    if any(|sets| sets.shared.is_some()) {
        notes.push("reserved holds the profile's shared CPUs too".to_owned());
    }
    if any(|sets| sets.ovs_dpdk.is_some()) {
        notes.push("isolated holds the profile's ovsDpdk CPUs too".to_owned());
    }
    if sets.reserved.is_some() {
        notes.push("sets are those of the nodes' command lines, not those of --reserved".to_owned());
    }
    notes
}
