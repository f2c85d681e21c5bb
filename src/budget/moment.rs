//! The worst moment: the highest sample of the line that is nearest to its limit, or the most above it, and its parts.
use super::judge::{Judged, share_left};
use super::report::{Part, WorstMoment};
use super::subject::{Line, Resource, Sum};
use super::totals::Totals;

/// Line, node and step of a moment.
#[derive(Clone, Debug)]
pub(super) struct Moment<'a> {
    pub line: &'a Line,
    pub node: String,
    pub step: usize,
    at: jiff::Timestamp,
    cores: f64,
}

/// Finds the worst moment. `None` if no line has samples of CPU and a limit that is known.
pub(super) fn find_worst<'a>(lines: &'a [Line], judged: &[Judged], totals: &Totals) -> Option<Moment<'a>> {
    let candidates = lines.iter().zip(judged).filter(|(line, judged)| {
        let subject = &line.subject;
        let has_parts = !matches!(subject.sum, Sum::Cpuset(_)) && subject.on.is_empty();
        let sum = subject.resource == Resource::Cpu && has_parts && subject.each.is_none();
        sum && judged.report.worst.left.is_some()
    });
    let share = |judged: &Judged| share_left(&judged.report.worst);
    let (line, judged) = candidates.min_by(|(_, a), (_, b)| share(a).total_cmp(&share(b)))?;
    let worst = judged.worst.as_ref()?;
    let (at, cores) = worst.highest()?;
    let step = totals.grid.index(at)?;
    Some(Moment { line, node: worst.node.clone(), step, at: at.into(), cores })
}

impl Moment<'_> {
    /// Makes the report of its parts.
    pub(super) fn report(self, mut parts: Vec<Part>, totals: &Totals) -> WorstMoment {
        parts.retain(|part| part.cores != 0.0);
        let rest = totals.unattributed_at(&self.line.subject.sum, &self.node, self.step);
        let name = "unattributed".to_owned();
        parts.extend(rest.map(|cores| Part { class: None, namespace: None, name, cores }));
        parts.sort_by(|a, b| b.cores.total_cmp(&a.cores).then_with(|| a.name.cmp(&b.name)));
        WorstMoment { line: self.line.name.clone(), node: self.node, time: self.at, cores: self.cores, parts }
    }
}
