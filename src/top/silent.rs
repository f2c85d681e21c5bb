//! What groups used while their node did not tell how busy it was: no part of `busy`, and so none of `unattributed`.
//! The steps at which a node was silent come from the samples that it has; asked for is only what groups used then.
use super::answering::Nodes;
use super::series;
use crate::prometheus::{Grid, Series};
use crate::query::Cost;
use crate::query::Span;
use crate::query::promql::{self, At};
use crate::query::{self, Querier};
use crate::report::Steps;
use anyhow::Result;
use std::collections::BTreeMap;

/// Samples of busy time that are worth their transfer: more than these, and the server finds the silent itself.
const SAMPLES: usize = 100_000;
/// Stretches of silence that are worth a query each, likewise.
const STRETCHES: usize = 16;

/// Steps from the first to the last of a silence, and the nodes that kept it.
type Stretches = BTreeMap<(usize, usize), Vec<String>>;

/// The CPU of `groups`, a metric of so many groups by node, on nodes that did not tell their busy time at that step.
pub(super) async fn used(
    server: &Querier<'_>,
    (groups, of_node): (&str, usize),
    nodes: &Nodes,
    span: Span,
    grid: Grid,
) -> Result<Steps> {
    let mut used = Steps::absent(query::points(grid));
    // Who never told anything is silent from the first step to the last.
    let told = nodes.complete.iter().chain(&nodes.silent).map(String::as_str);
    let never = promql::select(groups, &[promql::none_of("instance", told)]);
    let cost = Cost::of(1, of_node).by(&never, "instance");
    let query = |at: &At| promql::sum_by("", &at.of(&never));
    let (never, stretches) =
        tokio::try_join!(server.one(&query, grid, cost), stretches(server, &nodes.silent, span, grid))?;
    let Some(stretches) = stretches else { return compared(server, (groups, of_node), nodes, grid).await };
    used.add_all(&never);
    for ((first, last), nodes) in stretches {
        let at = |step: usize| grid.start + step as i64 * grid.step;
        let part = Grid { start: at(first), end: at(last), ..grid };
        let selector = promql::select(groups, &[of(&nodes)]);
        let cost = Cost::of(1, of_node * nodes.len()).by(&selector, "instance");
        let steps = server.one(&|at: &At| promql::sum_by("", &at.of(&selector)), part, cost).await?;
        for (step, value) in (0..steps.count()).filter_map(|step| Some((step, steps.at(step)?))) {
            used.add(first + step, value);
        }
    }
    Ok(used)
}

/// The same by one query, for which the server compares at every step the nodes that did not always tell. Dear where
/// `groups` is a series for each group, cheap where it is one for each class.
pub(super) async fn compared(
    server: &Querier<'_>,
    (groups, of_node): (&str, usize),
    nodes: &Nodes,
    grid: Grid,
) -> Result<Steps> {
    let others = [promql::none_of("instance", nodes.complete.iter().map(String::as_str))];
    let [groups, busy] = [groups, series::BUSY].map(|name| promql::select(name, &others));
    let query = |at: &At| {
        let groups = promql::sum_by("instance", &at.of(&groups));
        promql::sum_by("", &format!("{groups} unless on (instance) {}", at.of(&busy)))
    };
    let cost = Cost::of(1, (of_node + 1) * nodes.silent.len()).by(&groups, "instance");
    server.one(&query, grid, cost).await
}

fn of(nodes: &[String]) -> String {
    promql::any_of("instance", nodes.iter().map(String::as_str))
}

/// When these nodes were silent; none where that is too much to be asked for piece by piece.
async fn stretches(
    server: &Querier<'_>,
    nodes: &[String],
    span: Span,
    grid: Grid,
) -> Result<Option<Stretches>> {
    let points = query::points(grid);
    if nodes.is_empty() {
        return Ok(Some(Stretches::new()));
    }
    // Asked again and again, the comparison is of the new steps only.
    if nodes.len() * points > SAMPLES || server.has_cache() {
        return Ok(None);
    }
    let busy = promql::select(series::BUSY, &[of(nodes)]);
    let mut told = Told::new();
    let cost = Cost::of(nodes.len(), nodes.len()).by(&busy, "instance");
    let take = |answer: &[Series<'_>]| tell(&mut told, answer, grid);
    server.samples(&busy, span, cost, take).await?;
    let stretches = silences(&told);
    Ok((stretches.len() <= STRETCHES).then_some(stretches))
}

/// Whether each node told its busy time, at each step.
type Told = BTreeMap<String, Vec<bool>>;

fn tell(told: &mut Told, answer: &[Series<'_>], grid: Grid) {
    for series in answer {
        let steps = || vec![false; query::points(grid)];
        let told = told.entry(series.label("instance").to_owned()).or_insert_with(steps);
        for (at, _) in series.samples.iter().filter(|(_, value)| value.is_finite()) {
            let step = usize::try_from((at - grid.start).div_euclid(grid.step));
            step.ok().and_then(|step| told.get_mut(step)).into_iter().for_each(|told| *told = true);
        }
    }
}

/// The gaps between the samples of each node.
fn silences(told: &Told) -> Stretches {
    let mut stretches = Stretches::new();
    for (node, told) in told {
        let mut first = 0;
        for run in told.chunk_by(|a, b| a == b) {
            if run.first() == Some(&false) {
                stretches.entry((first, first + run.len() - 1)).or_default().push(node.to_owned());
            }
            first += run.len();
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::{Grid, Series, Told, silences, tell};

    #[test]
    fn a_silence_is_a_gap_between_samples() {
        let grid = Grid { start: 100, end: 150, step: 10 };
        let series = |node: &'static str, samples: &[(i64, f64)]| Series {
            labels: [("instance".into(), node.into())].into_iter().collect(),
            samples: samples.into(),
        };
        let answer = [
            series("a", &[(100, 1.0), (110, 1.0), (140, 1.0)]),
            series("b", &[(120, 1.0), (130, f64::NAN), (140, 1.0), (150, 1.0)]),
            // The same node under other labels, one after the other.
            series("b", &[(100, 1.0), (110, 1.0)]),
            series("c", &[(100, 1.0), (110, 1.0), (140, 1.0), (150, 1.0)]),
        ];
        let mut told = Told::new();
        tell(&mut told, &answer, grid);
        let found: Vec<_> = silences(&told).into_iter().collect();
        let nodes = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(found, [((2, 3), nodes(&["a", "c"])), ((3, 3), nodes(&["b"])), ((5, 5), nodes(&["a"]))]);
    }
}
