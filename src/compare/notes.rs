//! Notes of a comparison: what keeps its two sides from being alike.
use super::judge::Limits;
use super::side::Side;

/// Share of a window below which it is said how much of it is covered.
const WHOLE: f64 = 0.999;

/// Returns the notes about both sides.
pub(super) fn of_sides(a: &Side, b: &Side, per_node: bool, limits: Limits) -> Vec<String> {
    let mut notes = Vec::new();
    if per_node {
        notes.push(format!(
            "A has {} nodes and B {}: all figures, and the floor, are averages per node",
            a.report.nodes, b.report.nodes
        ));
    }
    if a.report.source != b.report.source {
        notes.push(format!(
            "A is of the source {}, and B of {}: what these count differently is among the differences",
            a.report.source, b.report.source
        ));
    }
    let (step_a, step_b) = (a.report.window.step_seconds, b.report.window.step_seconds);
    if step_a != step_b {
        notes.push(format!("samples are {step_a} s apart in A, and {step_b} s in B"));
    }
    for (name, side) in [("A", a), ("B", b)] {
        if side.report.coverage < WHOLE {
            let percent = 100.0 * side.report.coverage;
            notes.push(format!("samples of {name} cover {percent:.1} % of the window that was asked for"));
        }
        if side.report.blocks == 0 {
            notes.push(match side.rows.is_empty() {
                true => format!("{name} has no rows"),
                false => format!(
                    "{name} ({}) holds too few samples, or none: what is noise cannot be told, and verdicts are by \
                     tolerance and floor alone",
                    side.report.asked
                ),
            });
        }
    }
    let [excluded_a, excluded_b] = [a, b].map(|side| side.excluded.unwrap_or(0.0));
    if (excluded_b - excluded_a).abs() > limits.floor {
        notes.push(format!(
            "filters or a limit left {excluded_a:.3} cores out of the rows of A, and {excluded_b:.3} out of those of B: rows \
             may be new or gone by that alone"
        ));
    }
    let (window_a, window_b) = (&a.report.window, &b.report.window);
    let overlap = window_a.start < window_b.end && window_b.start < window_a.end;
    if overlap && a.report.url == b.report.url && window_a != window_b {
        notes.push("the windows overlap, so that a part of the samples is in both".to_owned());
    }
    notes
}
