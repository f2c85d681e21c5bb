//! Owners of pods, as kube-state-metrics and a rule of the platform have them: of most one, of some two, of some none, and
//! of some for a part of the time only.

use std::collections::{BTreeMap, BTreeSet};

use crate::steps::Window;
use crate::{History, Series, metric};

/// Milliseconds between two samples, and from the last one to the history's end.
const STEP_MS: i64 = 30_000;
const AGE_MS: i64 = 21_000;

/// Returns the series of the owners of pods, of which the first so many are the exporter's own.
pub(crate) fn series(pods: &[(String, String)], own: usize, end_ms: i64, duration_s: u32) -> Vec<Series> {
    let times = |from: i64, to: i64| {
        let all = (0..).map(move |step| end_ms - AGE_MS - step * STEP_MS);
        let all = all.take_while(move |at| *at > end_ms - i64::from(duration_s) * 1000);
        let mut times: Vec<(i64, f64)> =
            all.filter(|at| (from..to).contains(at)).map(|at| (at, 1.0)).collect();
        times.reverse();
        times
    };
    let begin = end_ms - i64::from(duration_s) * 1000;
    let quarter = begin + i64::from(duration_s) * 250;
    let mut all = Vec::new();
    for (index, (namespace, pod)) in pods.iter().enumerate() {
        let (name, of) = match index {
            index if index < own => ("process-exporter".to_owned(), "daemonset"),
            // A name that is that of a pod, and one name of two types.
            index if index % 17 == 3 => (pod.clone(), "statefulset"),
            index => (format!("work-{}", index % 3), if index % 2 == 0 { "deployment" } else { "job" }),
        };
        // Pods that are gone have the owner of the time when they were there.
        let to = if index % 5 == 4 { quarter } else { end_ms };
        let mut owned_by = |name: &str, of: &str, from: i64, to: i64| {
            let labels = [("namespace", namespace.as_str()), ("pod", pod), ("workload", name)];
            let labels = labels.into_iter().chain([("workload_type", of)]);
            let labels = labels.map(|(label, value)| (label, value.to_owned())).collect();
            all.push(Series { metric: metric::OWNER, labels, samples: times(from, to) });
        };
        if index % 11 != 10 || index < own {
            owned_by(&name, of, begin, to);
        }
        if index % 13 == 12 && index >= own {
            owned_by("another", "replicaset", quarter, end_ms);
        }
    }
    all
}

/// The workload and its type of each pod that has exactly one owner in a window.
pub(crate) fn of_pods(history: &History, window: Window) -> BTreeMap<(&str, &str), (&str, &str)> {
    let mut owners: BTreeMap<(&str, &str), BTreeSet<(&str, &str)>> = BTreeMap::new();
    for series in history.series.iter().filter(|series| series.metric == metric::OWNER) {
        if series.samples.iter().any(|(at, _)| window.holds(*at)) {
            let pod = (series.label("namespace"), series.label("pod"));
            owners.entry(pod).or_default().insert((series.label("workload"), series.label("workload_type")));
        }
    }
    owners.retain(|_, workloads| workloads.len() == 1);
    owners.into_iter().filter_map(|(pod, workloads)| Some((pod, workloads.into_iter().next()?))).collect()
}
