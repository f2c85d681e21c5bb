//! From the answers to the report: rows in their order, and the totals. Pure, no I/O.
use super::answers::{Answers, Key, Part, Samples};
use super::question::Question;
use crate::prometheus::Grid;
use crate::query::Span;
use crate::query::points;
use crate::report::{Class, ClassTotal, Figures, Percentiles, Report, Row, Source, SourceKind, Stats, Steps};

/// A row, and what it was made of.
#[derive(Debug)]
pub(super) struct Entry {
    pub row: Row,
    /// Whether it is of the pods' own series.
    pub pod: bool,
    /// Its samples, where these were asked for and a limit may need them.
    pub steps: Option<Steps>,
}

/// All rows that filters let through, in the order asked for. They are taken out of the answers.
pub(super) fn entries(question: &Question, answers: &mut Answers) -> Vec<Entry> {
    let mut entries = Vec::new();
    let (span, no_pods) = (answers.span, answers.pods.is_none());
    let mut add = |part: &mut Part, pod: bool| {
        let rows = std::mem::take(&mut part.rows).into_iter();
        // The pods by the exporter's count have a row only where they have none of their own.
        let shown = rows.filter(|(key, _)| pod || no_pods || key.class != Class::Pod);
        let shown = shown.filter_map(|(key, samples)| entry(question, span, part, (key, samples), pod));
        entries.extend(shown.filter(|entry| !is_idle_start(&entry.row)));
    };
    if let Some(groups) = &mut answers.groups {
        add(&mut groups.part, false);
    }
    if let Some(pods) = &mut answers.pods {
        add(pods, true);
    }
    entries.sort_by(|a, b| a.row.order(&b.row, &question.sort));
    entries
}

/// Whether a row is of what new series used before they were shown, and there was none: the exporter has it all the same.
fn is_idle_start(row: &Row) -> bool {
    const STARTING: &str = "(starting)";
    (row.name == STARTING || row.thread.as_deref() == Some(STARTING)) && row.stats.max == 0.0
}

fn entry(
    question: &Question,
    span: Span,
    part: &Part,
    (key, samples): (Key, Samples),
    pod: bool,
) -> Option<Entry> {
    let expected = expected(span, part.grid);
    let (figures, steps) = match samples {
        Samples::Each(steps) => (steps.figures(&question.quantiles(), question.course)?, Some(steps)),
        Samples::Summed(figures) => (figures, None),
    };
    let Key { class, namespace, name, node, thread } = key;
    let node = node.or_else(|| {
        let namespace = namespace.as_ref().filter(|_| pod && !name.is_empty())?;
        let known = part.nodes.get(&(namespace.clone(), name.clone()));
        Some(known.cloned().unwrap_or_default())
    });
    let row = Row {
        class,
        namespace,
        name,
        node,
        thread,
        stats: figures.stats(expected),
        percentiles: percentiles(question, &figures),
        // A window that is no multiple of the step may hold one sample more.
        present: figures.samples.map(|samples| (samples / expected).min(1.0)),
        course: figures.course,
    };
    Some(Entry { row, pod, steps: steps.filter(|_| question.limit.is_some()) })
}

fn percentiles(question: &Question, figures: &Figures) -> Option<Percentiles> {
    let names = question.percentiles.iter().map(|percentile| percentile.name.clone());
    (!question.percentiles.is_empty())
        .then(|| Percentiles(names.zip(figures.quantiles.iter().copied()).collect()))
}

/// The report, of the rows that are left.
pub(super) fn report(answers: Answers, asked: Span, entries: Vec<Entry>, url: &str) -> Report {
    let Answers { span, groups, pods, server, notes } = answers;
    let step = groups.as_ref().map(|groups| groups.part.grid).or(pods.as_ref().map(|pods| pods.grid));
    let kind = groups.as_ref().map_or(SourceKind::Platform, |groups| groups.kind);
    let source = Source {
        url: Some(url.to_owned()),
        series: groups.as_ref().and_then(|groups| groups.series),
        cluster_nodes: server.nodes,
        replica: server.replica,
        ..Source::new(kind, groups.as_ref().map_or(0, |groups| groups.nodes))
    };
    let mut window = span.window(step.map_or(0, |grid| grid.step));
    window.pod_step_seconds = pods.as_ref().map(|pods| pods.grid.step as f64 / 1000.0);
    window.asked_seconds = (asked != span).then(|| asked.length() as f64 / 1000.0);
    let mut report = Report::new(window, source);
    report.notes = notes;
    let parts = || groups.iter().map(|groups| &groups.part).chain(&pods);
    for part in parts() {
        // The pods' own series tell infra and workload apart; without them there is one class of pods.
        let classes = part.classes.iter().filter(|(class, _)| pods.is_none() || **class != Class::Pod);
        report.classes.extend(classes.filter_map(|(class, steps)| {
            Some(ClassTotal { class: *class, stats: stats(steps, span, part.grid)? })
        }));
    }
    let left: Vec<(&Steps, Grid)> =
        parts().filter_map(|part| Some((part.left_out.as_ref()?, part.grid))).collect();
    report.left_out = left_out(&left, span);
    if let Some(groups) = &groups {
        let grid = groups.part.grid;
        report.busy = groups.busy.as_ref().and_then(|busy| stats(busy, span, grid));
        report.unattributed = groups.unattributed.as_ref().and_then(|rest| stats(rest, span, grid));
        if let Some(pods) = &pods {
            let named = Steps::total(points(pods.grid), pods.classes.values());
            if let Some(counted) = groups.part.classes.get(&Class::Pod) {
                report.pods_unnamed = difference((counted, grid), (&named, pods.grid), span);
            }
            if let (SourceKind::Platform, Some(busy), Some(host)) =
                (groups.kind, &groups.busy, groups.part.classes.get(&Class::Host))
            {
                report.unattributed = difference((&busy.less(host), grid), (&named, pods.grid), span);
            }
        }
    }
    report.notes.extend(lacks(&report, pods.is_some(), groups.is_some(), entries.is_empty()));
    report.rows = entries.into_iter().map(|entry| entry.row).collect();
    report
}

/// What a reader would otherwise wonder about.
fn lacks(report: &Report, pods: bool, groups: bool, empty: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if pods {
        notes.push(
            "pods' figures are 5-minute rates: their min and max are smoother than those of groups"
                .to_owned(),
        );
    } else {
        notes.push("no series of pods in this window: pods have no rows of their own".to_owned());
    }
    let source = &report.source;
    if let Some(all) = source.cluster_nodes.filter(|all| groups && *all > source.nodes) {
        let silent = all - source.nodes;
        notes.push(format!("{silent} of {all} nodes have no series of host processes in this window"));
    }
    if !groups {
        notes.push(
            "no series of host processes in this window, neither the exporter's nor the platform's"
                .to_owned(),
        );
    }
    if empty && report.left_out.is_some_and(|stats| stats != Stats::ZERO) {
        notes.push("no rows: the filters left out everything that has samples in this window".to_owned());
    } else if empty {
        notes.push("no rows: nothing has samples in this window".to_owned());
    }
    notes
}

/// Samples that a window would hold: a fraction where it is no multiple of the step.
fn expected(span: Span, grid: Grid) -> f64 {
    span.length() as f64 / grid.step as f64
}

fn stats(steps: &Steps, span: Span, grid: Grid) -> Option<Stats> {
    steps.stats(expected(span, grid))
}

/// What was left out of all parts together: zero where that is nothing. The average is exact; the extremes are over the
/// last part's steps, each with the mean of the other's samples in it.
fn left_out(parts: &[(&Steps, Grid)], span: Span) -> Option<Stats> {
    let avg = parts.iter().filter_map(|(steps, grid)| stats(steps, span, *grid)).map(|stats| stats.avg).sum();
    let Some((last, onto)) = parts.last().copied() else { return Some(Stats::ZERO) };
    let mut sum = last.clone();
    for (steps, grid) in parts.iter().rev().skip(1) {
        sum.add_all(&means(steps, *grid, onto));
    }
    let extremes = sum.stats(1.0).unwrap_or(Stats::ZERO);
    Some(Stats { avg, ..extremes })
}

/// One thing less another of longer steps: the average is exact, the extremes are over the longer steps, each against the
/// mean of the first one's samples in it.
fn difference((more, fine): (&Steps, Grid), (less, coarse): (&Steps, Grid), span: Span) -> Option<Stats> {
    let avg = stats(more, span, fine)?.avg - stats(less, span, coarse)?.avg;
    let extremes = means(more, fine, coarse).minus(less).stats(1.0);
    Some(Stats { avg, min: extremes.map_or(avg, |e| e.min), max: extremes.map_or(avg, |e| e.max) })
}

/// The mean of the samples in each of another grid's steps; a step at `t` stands for what is in `(t - step, t]`.
fn means(steps: &Steps, from: Grid, onto: Grid) -> Steps {
    let mut sums = vec![(0.0, 0u32); points(onto)];
    for index in 0..steps.count() {
        let at = from.start + index as i64 * from.step;
        let tile = usize::try_from((at - onto.start + onto.step - 1).div_euclid(onto.step));
        if let (Ok(tile), Some(value)) = (tile, steps.at(index))
            && let Some((sum, n)) = sums.get_mut(tile)
        {
            *sum += value;
            *n += 1;
        }
    }
    let mut means = Steps::absent(sums.len());
    for (tile, (sum, n)) in sums.into_iter().enumerate().filter(|(_, (_, n))| *n > 0) {
        means.add(tile, sum / f64::from(n));
    }
    means
}

#[cfg(test)]
mod tests {
    use super::{Grid, Span, Stats, Steps, difference, left_out, means};

    fn steps(values: &[f64]) -> Steps {
        let mut steps = Steps::absent(values.len());
        values.iter().enumerate().for_each(|(step, value)| steps.add(step, *value));
        steps
    }

    /// Samples at 15, 30, 45, 60 s, and at 30, 60 s.
    const FINE: Grid = Grid { start: 15, end: 60, step: 15 };
    const COARSE: Grid = Grid { start: 30, end: 60, step: 30 };
    const SPAN: Span = Span { start: 0, end: 60 };

    #[test]
    fn a_long_step_holds_the_short_ones_before_it() {
        assert_eq!(means(&steps(&[1.0, 3.0, 5.0, 9.0]), FINE, COARSE), steps(&[2.0, 7.0]));
        // Off by 10: 15 and 30 are in (10, 40], 45 and 60 in (40, 70].
        let off = Grid { start: 40, end: 70, step: 30 };
        assert_eq!(means(&steps(&[1.0, 3.0, 5.0, 9.0]), FINE, off), steps(&[2.0, 7.0]));
    }

    #[test]
    fn averages_are_exact_and_extremes_are_of_the_longer_steps() {
        let (more, less) = (steps(&[1.0, 3.0, 5.0, 9.0]), steps(&[1.0, 8.0]));
        let expected = Stats { avg: 4.5 - 4.5, min: -1.0, max: 1.0 };
        assert_eq!(difference((&more, FINE), (&less, COARSE), SPAN), Some(expected));
        let expected = Stats { avg: 4.5 + 4.5, min: 3.0, max: 15.0 };
        assert_eq!(left_out(&[(&more, FINE), (&less, COARSE)], SPAN), Some(expected));
        assert_eq!(left_out(&[], SPAN), Some(Stats::ZERO));
    }
}
