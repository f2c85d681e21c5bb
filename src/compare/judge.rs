//! Judge: which of the joined rows are findings. No I/O.
use super::join::{Pair, Usage};
use super::noise::{ALPHA, holm, smallest, u_test};
use super::report::{Change, RowComparison, Verdict};
use super::side::Side;

/// What a difference must exceed to be a finding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Share of A.
    pub tolerance: f64,
    /// Cores; per node, if the figures are.
    pub floor: f64,
}

/// Rows with their verdicts, and a note if noise could not be judged well.
pub(super) struct Judged {
    pub rows: Vec<RowComparison>,
    pub notes: Vec<String>,
}

/// Judges each pair. A finding is over the tolerance, over the floor, and beyond noise if both sides have samples.
pub(super) fn judge(pairs: Vec<Pair>, a: &Side, b: &Side, limits: Limits) -> Judged {
    let blocks = (a.report.blocks, b.report.blocks);
    let has_samples = blocks.0 > 0 && blocks.1 > 0;
    // Rows of less than the floor cannot be findings, and count for nothing.
    let tested = pairs.iter().filter(|pair| average(&pair.a).max(average(&pair.b)) > limits.floor).count();
    let is_known = |pair: &Pair| a.knows(pair.key.class) && b.knows(pair.key.class);
    let candidates: Vec<bool> = pairs.iter().map(|pair| is_known(pair) && is_over(pair, limits)).collect();
    let mut corrected = Vec::new();
    if has_samples {
        let means = |usage: &Option<Usage>, blocks: usize| {
            usage.as_ref().map_or_else(|| vec![0.0; blocks], |usage| usage.blocks.clone())
        };
        let test = |pair: &Pair| u_test(&means(&pair.a, blocks.0), &means(&pair.b, blocks.1)).unwrap_or(1.0);
        let over = pairs.iter().zip(&candidates).filter(|(_, is_over)| **is_over);
        let each: Vec<f64> = over.map(|(pair, _)| test(pair)).collect();
        corrected = holm(&each, tested);
    }
    let mut corrected = corrected.into_iter();
    let row = |(pair, is_over): (Pair, bool)| {
        let p = if is_over { corrected.next() } else { None };
        let verdict = match is_over {
            _ if !is_known(&pair) => Verdict::Unknown,
            false => Verdict::Same,
            true if p.is_some_and(|p| p > ALPHA) => Verdict::Noise,
            true => direction(&pair),
        };
        let change = Change::of_rows(pair.a.map(|usage| usage.avg), pair.b.map(|usage| usage.avg));
        let super::join::Key { class, namespace, name, workload_type } = pair.key;
        RowComparison { class, namespace, name, workload_type, change, p, verdict }
    };
    let mut rows: Vec<RowComparison> = pairs.into_iter().zip(candidates).map(row).collect();
    let distance = |row: &RowComparison| row.change.difference.unwrap_or(0.0).abs();
    rows.sort_by(|one, other| distance(other).total_cmp(&distance(one)));
    let mut notes = Vec::new();
    if has_samples && smallest(blocks.0, blocks.1) * tested as f64 > ALPHA {
        notes.push(format!(
            "{} and {} blocks of samples are too few to tell the {tested} rows above the floor apart from noise: \
             longer windows tell them",
            blocks.0, blocks.1
        ));
    }
    Judged { rows, notes }
}

fn average(usage: &Option<Usage>) -> f64 {
    usage.as_ref().map_or(0.0, |usage| usage.avg)
}

/// Returns true if a difference is over the tolerance and the floor.
fn is_over(pair: &Pair, limits: Limits) -> bool {
    let (a, b) = (average(&pair.a), average(&pair.b));
    let difference = (b - a).abs();
    let one_is_missing = pair.a.is_none() || pair.b.is_none();
    difference > limits.floor && (one_is_missing || difference > limits.tolerance * a.abs())
}

fn direction(pair: &Pair) -> Verdict {
    match (&pair.a, &pair.b) {
        (None, _) => Verdict::New,
        (_, None) => Verdict::Gone,
        (Some(a), Some(b)) if b.avg > a.avg => Verdict::Worse,
        _ => Verdict::Better,
    }
}
