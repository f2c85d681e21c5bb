//! Recorded series of which there is one each, asked for together and kept as they are: when they were sampled, how often,
//! and what they were at each step. A question costs a server and the way there more than such a series does.
use super::rhythm::{Labels, samples_of};
use crate::prometheus::Grid;
use crate::query::Cost;
use crate::query::Span;
use crate::query::promql::{self, At};
use crate::query::{Querier, add_samples, points};
use crate::report::Steps;
use anyhow::Result;
use std::collections::BTreeMap;

/// The samples of some series in a window, by their metrics' names.
#[derive(Debug, Clone)]
pub(super) struct Singles {
    span: Span,
    series: BTreeMap<String, Single>,
}

#[derive(Debug, Clone, Default)]
struct Single {
    /// Of the fullest series where there are several.
    samples: Vec<(i64, f64)>,
    several: bool,
}

impl Singles {
    /// None.
    pub(super) fn none(span: Span) -> Singles {
        Singles { span, series: BTreeMap::new() }
    }

    /// Asks for the series of some metrics that a matcher lets through, all where there is none.
    pub(super) async fn find(
        server: &Querier<'_>,
        metrics: &[&str],
        matcher: Option<&str>,
        span: Span,
    ) -> Result<Singles> {
        let selector = promql::any_metric(metrics, matcher);
        samples_of(server, &selector, span, metrics.len()).await.map(|series| Singles::of(span, series))
    }

    fn of(span: Span, series: BTreeMap<Labels, Vec<(i64, f64)>>) -> Singles {
        let mut singles = Singles::none(span);
        for (labels, samples) in series {
            let name = labels.get("__name__").cloned().unwrap_or_default();
            let several = singles.series.contains_key(&name);
            let single = singles.series.entry(name).or_default();
            single.several |= several;
            if samples.len() > single.samples.len() {
                single.samples = samples;
            }
        }
        singles
    }

    /// The samples of a metric's series, by time; of the fullest where there are several.
    pub(super) fn samples(&self, metric: &str) -> &[(i64, f64)] {
        self.series.get(metric).map_or(&[], |single| &single.samples)
    }

    /// What a metric's series are together at each step: asked for where these samples do not tell it, and where
    /// answers are remembered by what was asked.
    pub(super) async fn total(&self, server: &Querier<'_>, metric: &str, grid: Grid) -> Result<Steps> {
        let known = if server.has_cache() { None } else { self.steps(metric, grid) };
        match known {
            Some(steps) => Ok(steps),
            None => server.one(&|at: &At| promql::sum_by("", &at.of(metric)), grid, Cost::of(1, 1)).await,
        }
    }

    /// The samples at the steps of a grid; none where a question would answer otherwise: beyond the window, of several
    /// series, of samples between the steps.
    fn steps(&self, metric: &str, grid: Grid) -> Option<Steps> {
        let inside = grid.start > self.span.start && grid.end <= self.span.end;
        let Single { samples, .. } = self.series.get(metric).filter(|single| inside && !single.several)?;
        let first = samples.partition_point(|(at, _)| *at <= grid.start - grid.step);
        let last = samples.partition_point(|(at, _)| *at <= grid.end);
        let within = samples.get(first..last)?;
        let mut steps = Steps::absent(points(grid));
        add_samples(&mut steps, grid, within);
        within.iter().all(|(at, _)| *at >= grid.start && (at - grid.start) % grid.step == 0).then_some(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::{Grid, Singles, Span};

    #[test]
    fn samples_are_steps_where_each_is_of_one() {
        let series = |name: &str, more: &str, times: &[i64]| {
            let labels = [("__name__", name), ("more", more)]
                .map(|(label, value)| (label.to_owned(), value.to_owned()));
            (labels.into(), times.iter().map(|at| (*at, *at as f64)).collect())
        };
        let all = [
            series("regular", "", &[5, 15, 25, 45, 55]),
            series("between", "", &[15, 25, 30, 45]),
            series("before", "", &[12, 25]),
            series("two", "one", &[15]),
            series("two", "other", &[15, 25]),
        ];
        let singles = Singles::of(Span { start: 10, end: 50 }, all.into());
        assert_eq!(singles.samples("two").len(), 2);
        let steps = |name, start, end| {
            let steps = singles.steps(name, Grid { start, end, step: 10 })?;
            Some((0..steps.count()).map(|step| steps.at(step)).collect::<Vec<_>>())
        };
        let all = vec![Some(15.0), Some(25.0), None, Some(45.0)];
        assert_eq!(steps("regular", 15, 45), Some(all.clone()));
        assert_eq!(steps("regular", 25, 35), Some(all[1..3].to_vec()));
        for (name, start, end) in [
            ("regular", 5, 45),
            ("regular", 15, 55),
            ("between", 15, 45),
            ("before", 15, 45),
            ("two", 15, 45),
            ("none", 15, 45),
        ] {
            assert_eq!(steps(name, start, end), None, "{name} {start} {end}");
        }
    }
}
