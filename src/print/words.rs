//! Verdicts in words: how many of how many they are about, when and how long, or why nothing is known.
use crate::budget::{Item, LineReport, NodeVerdict, Verdict};
use crate::time::show_duration;
use std::time::Duration;

/// Names a node, and the pod or group on it.
pub(super) fn place(of: &NodeVerdict) -> String {
    let Item { group, namespace, pod, .. } = &of.item;
    match (group, namespace, pod) {
        (Some(group), ..) => format!("{}: {group}", of.node),
        (None, Some(namespace), Some(pod)) => format!("{}: {namespace}/{pod}", of.node),
        _ => of.node.clone(),
    }
}

/// Words a line's verdict, with how many of how many it is about, and the worst one's times or reason.
pub(super) fn of_line(line: &LineReport) -> String {
    let Some(worst) = &line.worst else {
        let why = line.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        return format!("unknown{why}");
    };
    let what = if worst.item == Item::default() { "nodes" } else { "of them" };
    let of_all = |count: usize| match (count, line.judged) {
        (1, 1) => String::new(),
        (count, all) if what == "nodes" => format!(" on {count} of {all} nodes"),
        (count, all) => format!(" by {count} of {all}"),
    };
    match line.verdict {
        Verdict::Kept => format!("kept{}", of_all(line.judged)),
        Verdict::Exceeded => format!("exceeded{}{}", of_all(line.exceeded), times(worst)),
        Verdict::Unknown => format!("unknown{}{}", of_all(line.unknown), reason(worst)),
    }
}

/// Words the verdict on one node.
pub(super) fn of_node(of: &NodeVerdict) -> String {
    match of.verdict {
        Verdict::Kept => "kept".to_owned(),
        Verdict::Exceeded => format!("exceeded{}", times(of)),
        Verdict::Unknown => format!("unknown{}", reason(of)),
    }
}

fn times(of: &NodeVerdict) -> String {
    let above = of.above_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let above = above.map_or_else(String::new, |above| format!(", {} above it", show_duration(above)));
    let at = of.highest_at.map_or_else(String::new, |at| format!(", highest at {at}"));
    format!("{above}{at}")
}

fn reason(of: &NodeVerdict) -> String {
    of.why.as_ref().map_or_else(String::new, |why| format!(": {why}"))
}
