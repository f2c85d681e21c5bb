//! Verdicts in words: how many of how many they are about, when and how long, or why nothing is known.
use crate::budget::{Finding, Item, LineReport, NodeVerdict, Verdict};
use crate::time::show_duration;
use std::time::Duration;

/// Names a node, and the pod or group on it; nothing if there is no node.
pub(super) fn place(of: &Finding) -> String {
    let Item { group, namespace, pod, .. } = &of.item;
    let node = of.node.clone().unwrap_or_default();
    match (group, namespace, pod) {
        (Some(group), ..) => format!("{node}: {group}"),
        (None, Some(namespace), Some(pod)) => format!("{node}: {namespace}/{pod}"),
        _ => node,
    }
}

/// Words a line's verdict, with how many of how many it is about, and the worst one's times or reason.
pub(super) fn of_line(line: &LineReport) -> String {
    let of_nodes = line.worst.item == Item::default();
    let of_all = |count: usize| match (count, line.count) {
        (1, 1) | (_, 0) => String::new(),
        (count, all) if of_nodes => format!(" on {count} of {all} nodes"),
        (count, all) => format!(" by {count} of {all}"),
    };
    match line.verdict {
        Verdict::Kept => format!("kept{}", of_all(line.count)),
        Verdict::Exceeded => format!("exceeded{}{}", of_all(line.exceeded), times(&line.worst)),
        Verdict::Unknown => format!("unknown{}{}", of_all(line.unknown), reason(&line.worst)),
    }
}

/// Words the verdict on one node.
pub(super) fn of_node(of: &NodeVerdict) -> String {
    match of.verdict {
        Verdict::Kept => "kept".to_owned(),
        Verdict::Exceeded => format!("exceeded{}", times(&of.found)),
        Verdict::Unknown => format!("unknown{}", reason(&of.found)),
    }
}

fn times(of: &Finding) -> String {
    let above = of.above_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let above = above.map_or_else(String::new, |above| format!(", {} above it", show_duration(above)));
    let at = of.highest_at.map_or_else(String::new, |at| format!(", highest at {at}"));
    format!("{above}{at}")
}

fn reason(of: &Finding) -> String {
    of.why.as_ref().map_or_else(String::new, |why| format!(": {why}"))
}
