//! From the answers to the report: rows, what was left out of them, and the totals. Pure, no I/O.
use super::answers::{Answers, Exporter, Pod, Pods};
use super::queries;
use super::question::{By, Question};
use super::rhythm::Span;
use crate::report::{Class, ClassTotal, Report, Row, Source, SourceKind, Stats, Steps};
use std::collections::BTreeMap;

/// Computes the report of a question.
pub(super) fn report(question: &Question, answers: Answers, url: &str) -> Report {
    let Answers { span, exporter, pods, notes } = answers;
    let step = exporter.as_ref().map(|e| e.step).or(pods.as_ref().map(|p| p.step)).unwrap_or_default();
    let mut report = Report::new(
        span.window(step),
        Source {
            kind: if exporter.is_some() { SourceKind::Exporter } else { SourceKind::Platform },
            url: Some(url.to_owned()),
            nodes: exporter.as_ref().map_or(0, |exporter| exporter.nodes),
        },
    );
    report.notes = notes;
    if let Some(exporter) = &exporter {
        let part = Part { span, step: exporter.step };
        report.rows.extend(group_rows(question, exporter, part, pods.is_none()));
        for class in [Class::Host, Class::Kernel] {
            report.classes.extend(class_total(class, &of_class(exporter, class), part));
        }
        report.busy = exporter.busy.as_ref().and_then(|busy| part.stats(busy));
        report.unattributed = exporter.unattributed.as_ref().and_then(|rest| part.stats(rest));
    } else {
        report.notes.push(
            "no series of the exporter in this window: host processes and kernel threads are not known"
                .to_owned(),
        );
    }
    if let Some(pods) = &pods {
        let part = Part { span, step: pods.step };
        report.rows.extend(pod_rows(question, pods, part));
        for class in [Class::Infra, Class::Workload] {
            let members = pods.namespaces.iter().chain(&pods.exporters);
            let members = members.filter(|(namespace, _)| Class::of_namespace(namespace) == class);
            report.classes.extend(class_total(
                class,
                &Steps::total(pods.steps, members.map(|(_, s)| s)),
                part,
            ));
        }
        report.left_out = Some(left_out(question, pods, part));
        report.pods_unnamed = exporter.as_ref().and_then(|exporter| pods_unnamed(exporter, pods, span));
        report.notes.push(
            "pods' figures are 5-minute rates: their min and max are smoother than those of groups"
                .to_owned(),
        );
    } else {
        report
            .notes
            .push(format!("no series {} in this window: pods have no rows of their own", queries::PODS));
    }
    if report.rows.is_empty() {
        report
            .notes
            .push("no rows: nothing has samples in this window, or all of it was left out".to_owned());
    }
    report.sort(question.sort);
    report
}

/// A window and the distance of samples in it: what statistics need.
#[derive(Clone, Copy)]
struct Part {
    span: Span,
    step: i64,
}

impl Part {
    /// Samples that the window would hold: a fraction where it is no multiple of the step.
    fn expected(self) -> f64 {
        self.span.length() as f64 / self.step as f64
    }

    fn stats(self, steps: &Steps) -> Option<Stats> {
        steps.stats(self.expected())
    }

    /// Samples there were of samples expected; a window that is no multiple of the step may hold one more.
    fn present(self, samples: f64) -> f64 {
        (samples / self.expected()).min(1.0)
    }

    fn row(self, class: Class, namespace: Option<String>, name: String, steps: &Steps) -> Option<Row> {
        let present = self.present(steps.samples() as f64);
        Some(Row { class, namespace, name, node: None, stats: self.stats(steps)?, present })
    }
}

/// All groups of a class together.
fn of_class(exporter: &Exporter, class: Class) -> Steps {
    let count = exporter.groups.values().next().map_or(0, Steps::count);
    Steps::total(count, exporter.groups.iter().filter(|((c, _), _)| *c == class).map(|(_, steps)| steps))
}

fn class_total(class: Class, steps: &Steps, part: Part) -> Option<ClassTotal> {
    Some(ClassTotal { class, stats: part.stats(steps)? })
}

/// Rows of host and kernel; the pods by the exporter's count only where they have no rows of their own.
fn group_rows(question: &Question, exporter: &Exporter, part: Part, with_pods: bool) -> Vec<Row> {
    let shown = |class: Class| with_pods || class != Class::Pod;
    match question.by {
        By::Group => exporter
            .groups
            .iter()
            .filter(|((class, _), _)| shown(*class))
            .filter_map(|((class, name), steps)| part.row(*class, None, name.clone(), steps))
            .collect(),
        By::Class | By::Namespace => [Class::Host, Class::Kernel, Class::Pod]
            .into_iter()
            .filter(|class| shown(*class))
            .filter_map(|class| part.row(class, None, String::new(), &of_class(exporter, class)))
            .collect(),
    }
}

fn pod_rows(question: &Question, pods: &Pods, part: Part) -> Vec<Row> {
    if question.by == By::Group {
        let shown = |pod: &&Pod| {
            !question.skip.contains(&pod.namespace)
                && (question.include_exporter || !queries::is_exporter_pod(&pod.namespace, &pod.name))
        };
        let row = |pod: &Pod| Row {
            class: Class::of_namespace(&pod.namespace),
            namespace: Some(pod.namespace.clone()),
            name: pod.name.clone(),
            node: Some(pod.node.clone()),
            stats: Stats { avg: pod.sum / part.expected(), min: pod.min, max: pod.max },
            present: part.present(pod.samples),
        };
        return pods.each.iter().filter(shown).map(row).collect();
    }
    let mut shown: BTreeMap<(Class, Option<String>), Steps> = BTreeMap::new();
    let exporters = pods.exporters.iter().filter(|_| question.include_exporter);
    for (namespace, steps) in pods.namespaces.iter().chain(exporters) {
        if !question.skip.contains(namespace) {
            let by_namespace = (question.by == By::Namespace).then(|| namespace.clone());
            let key = (Class::of_namespace(namespace), by_namespace);
            shown.entry(key).or_insert_with(|| Steps::absent(pods.steps)).add_all(steps);
        }
    }
    shown
        .into_iter()
        .filter_map(|((class, namespace), steps)| part.row(class, namespace, String::new(), &steps))
        .collect()
}

/// The pods that have no row: of skipped namespaces, and the exporter's own.
fn left_out(question: &Question, pods: &Pods, part: Part) -> Stats {
    let skipped = pods.namespaces.iter().filter(|(namespace, _)| question.skip.contains(namespace));
    let exporters = pods
        .exporters
        .iter()
        .filter(|(namespace, _)| !question.include_exporter || question.skip.contains(namespace));
    let steps = Steps::total(pods.steps, skipped.chain(exporters).map(|(_, steps)| steps));
    part.stats(&steps).unwrap_or(Stats::ZERO)
}

/// The pods by the exporter's count less their own series. The two have different steps: the average is exact, the
/// extremes are over the pods' steps, each against the mean of the exporter's samples in it.
fn pods_unnamed(exporter: &Exporter, pods: &Pods, span: Span) -> Option<Stats> {
    let counted = of_class(exporter, Class::Pod);
    let counted_avg = Part { span, step: exporter.step }.stats(&counted)?.avg;
    let named = Steps::total(pods.steps, pods.namespaces.values().chain(pods.exporters.values()));
    let named_avg = Part { span, step: pods.step }.stats(&named)?.avg;
    let mut sums = vec![(0.0, 0u32); pods.steps];
    for step in 0..counted.count() {
        let at = exporter.first + step as i64 * exporter.step;
        // The pods' sample at t stands for (t - step, t].
        let tile = (at - pods.first + pods.step - 1).div_euclid(pods.step);
        if let (Ok(tile), Some(value)) = (usize::try_from(tile), counted.at(step))
            && let Some((sum, n)) = sums.get_mut(tile)
        {
            *sum += value;
            *n += 1;
        }
    }
    let mut means = Steps::absent(pods.steps);
    for (tile, (sum, n)) in sums.into_iter().enumerate() {
        if n > 0 {
            means.add(tile, sum / f64::from(n));
        }
    }
    let avg = counted_avg - named_avg;
    let extremes = means.minus(&named).stats(1.0);
    Some(Stats { avg, min: extremes.map_or(avg, |e| e.min), max: extremes.map_or(avg, |e| e.max) })
}
