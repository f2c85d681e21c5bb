//! What groups used while their node did not tell how busy it was: no part of `busy`, and so none of `unattributed`.
//! The steps at which a node was silent come from the samples that it has; asked for is only what groups used then.
use super::ask::{self, Server};
use super::queries::{self, At};
use super::rhythm::Span;
use super::source::Nodes;
use crate::prometheus::{Grid, Series};
use crate::report::Steps;
use anyhow::Result;
use std::collections::BTreeMap;

/// Samples of busy time that are worth their transfer: more than these, and the server finds the silent itself.
const SAMPLES: usize = 100_000;
/// Stretches of silence that are worth a query each, likewise.
const STRETCHES: usize = 16;

/// Steps from the first to the last of a silence, and the nodes that kept it.
type Stretches = BTreeMap<(usize, usize), Vec<String>>;

/// The CPU of `groups`, a metric of groups by node, on nodes that did not tell their busy time at that step.
pub(super) async fn used(
    server: &Server<'_>,
    groups: &str,
    nodes: &Nodes,
    span: Span,
    grid: Grid,
) -> Result<Steps> {
    let mut used = Steps::absent(ask::points(grid));
    // Who never told anything is silent from the first step to the last.
    let told = nodes.complete.iter().chain(&nodes.silent).map(String::as_str);
    let never = queries::select(groups, &[queries::none_of("instance", told)]);
    let never = |at: At| queries::sum_by("", &at.of(&never));
    let (never, stretches) =
        tokio::try_join!(server.one(&never, grid), stretches(server, &nodes.silent, span, grid))?;
    let Some(stretches) = stretches else { return compared(server, groups, nodes, grid).await };
    used.add_all(&never);
    for ((first, last), nodes) in stretches {
        let at = |step: usize| grid.start + step as i64 * grid.step;
        let part = Grid { start: at(first), end: at(last), ..grid };
        let selector = queries::select(groups, &[of(&nodes)]);
        let steps = server.one(&|at: At| queries::sum_by("", &at.of(&selector)), part).await?;
        for (step, value) in (0..steps.count()).filter_map(|step| Some((step, steps.at(step)?))) {
            used.add(first + step, value);
        }
    }
    Ok(used)
}

/// The same by one query, for which the server compares at every step the nodes that did not always tell. Dear where
/// `groups` is a series for each group, cheap where it is one for each class.
pub(super) async fn compared(server: &Server<'_>, groups: &str, nodes: &Nodes, grid: Grid) -> Result<Steps> {
    let others = [queries::none_of("instance", nodes.complete.iter().map(String::as_str))];
    let query = |at: At| {
        let [groups, busy] = [groups, queries::BUSY].map(|name| at.of(&queries::select(name, &others)));
        queries::sum_by("", &format!("{} unless on (instance) {busy}", queries::sum_by("instance", &groups)))
    };
    server.one(&query, grid).await
}

fn of(nodes: &[String]) -> String {
    queries::any_of("instance", nodes.iter().map(String::as_str))
}

/// When these nodes were silent; none where that is too much to be asked for piece by piece.
async fn stretches(
    server: &Server<'_>,
    nodes: &[String],
    span: Span,
    grid: Grid,
) -> Result<Option<Stretches>> {
    let points = ask::points(grid);
    if nodes.is_empty() {
        return Ok(Some(Stretches::new()));
    }
    if nodes.len() * points > SAMPLES {
        return Ok(None);
    }
    let told = queries::samples(&queries::select(queries::BUSY, &[of(nodes)]), span.length());
    let stretches = server.client.instant(&told, span.end, |answer| silences(answer, grid)).await?;
    Ok((stretches.len() <= STRETCHES).then_some(stretches))
}

/// The gaps between the samples of each node, on the grid.
fn silences(answer: &[Series<'_>], grid: Grid) -> Stretches {
    let points = ask::points(grid);
    let mut told: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
    for series in answer {
        let told = told.entry(series.label("instance")).or_insert_with(|| vec![false; points]);
        for (at, _) in series.samples.iter().filter(|(_, value)| value.is_finite()) {
            let step = usize::try_from((at - grid.start).div_euclid(grid.step));
            step.ok().and_then(|step| told.get_mut(step)).into_iter().for_each(|told| *told = true);
        }
    }
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
    use super::{Grid, Series, silences};

    #[test]
    fn a_silence_is_a_gap_between_samples() {
        let grid = Grid { start: 100, end: 150, step: 10 };
        let series = |node: &'static str, samples: &[(i64, f64)]| Series {
            labels: vec![("instance".into(), node.into())],
            samples: samples.to_vec(),
        };
        let answer = [
            series("a", &[(100, 1.0), (110, 1.0), (140, 1.0)]),
            series("b", &[(120, 1.0), (130, f64::NAN), (140, 1.0), (150, 1.0)]),
            // The same node under other labels, one after the other.
            series("b", &[(100, 1.0), (110, 1.0)]),
            series("c", &[(100, 1.0), (110, 1.0), (140, 1.0), (150, 1.0)]),
        ];
        let found: Vec<_> = silences(&answer, grid).into_iter().collect();
        let nodes = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(found, [((2, 3), nodes(&["a", "c"])), ((3, 3), nodes(&["b"])), ((5, 5), nodes(&["a"]))]);
    }
}
