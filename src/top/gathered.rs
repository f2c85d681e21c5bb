//! Gathered: the report of a must-gather without samples. It tells sets of CPUs and what may leave them, and no CPU.
use super::cpusets::Cpusets;
use super::question::Question;
use crate::query::Span;
use crate::report::{Report, Source, SourceKind};
use std::collections::BTreeMap;
use std::time::Duration;

const NO_SAMPLES: &str = "there are no samples, so how busy anything was is not known: sets of CPUs and strays are of when it was gathered";

/// Makes the report of what a question knows beforehand. `file`: name of what it is from.
pub fn gathered(question: &Question, file: &str) -> Report {
    let window = Span::ending(question.end, Duration::ZERO).window(Duration::ZERO);
    let nodes = question.sets.partitioning.of_nodes.len().max(question.sets.affinities.len());
    let mut report = question.empty_report(window, Source::in_file(file, SourceKind::File, nodes));
    let cpusets = Cpusets::of_known(question);
    report.cpusets = Some(cpusets.listed());
    report.strays = cpusets.strays(question.limit, &BTreeMap::new(), 0.0);
    report.notes = cpusets.notes;
    report.notes.push(NO_SAMPLES.to_owned());
    report
}
