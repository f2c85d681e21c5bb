//! Sums that a file lacks, though it has their parts: whoever dumps few metrics has rows all the same.
use crate::evaluate::{Evaluator, Store};
use crate::openmetrics::Series;
use crate::time::Timestamp;
use crate::top::metric_names as names;
use anyhow::Result;
use std::collections::BTreeSet;
use std::time::Duration;

/// Sums by labels, each with the expression of its rule.
const SUMS: [(&str, &str, &str); 3] = [
    (names::GROUP_SUMS, names::GROUPS, "sum by (class, groupname) (namedprocess_namegroup_cpu_rate)"),
    (names::NAMESPACE_SUMS, names::PODS, "sum by (class, namespace) (namedprocess_pod_cpu_rate)"),
    (
        names::CLASSES_ON_NODES,
        names::PODS,
        "sum by (instance, class) (namedprocess_namegroup_cpu_rate{class!=\"pod\"}) \
         or sum by (instance, class) (namedprocess_pod_cpu_rate)",
    ),
];
/// Distance of a sum to its parts: they are of one evaluation.
const SAME_TIME: Duration = Duration::from_millis(1);

/// Adds the sums that are missing.
pub(super) fn add_sums(store: Store) -> Result<Evaluator> {
    let missing: Vec<_> = SUMS
        .into_iter()
        .filter(|(sum, parts, _)| {
            store.series_of(sum).next().is_none() && store.series_of(parts).next().is_some()
        })
        .collect();
    let mut evaluator = Evaluator::new(store);
    if missing.is_empty() {
        return Ok(evaluator);
    }
    let of = |series: &Series| series.samples.iter().map(|(at, _)| *at).collect::<Vec<_>>();
    let times: BTreeSet<Timestamp> = evaluator.store().series_of(names::CLUSTER_BUSY).flat_map(of).collect();
    let times: Vec<Timestamp> = times.into_iter().collect();
    for (sum, _, expression) in missing {
        let made = evaluator.range(expression, &times, Some(SAME_TIME))?;
        let series = made.into_iter().map(|one| Series {
            metric: sum.to_owned(),
            labels: one.labels,
            samples: one.samples,
        });
        evaluator.add(series.collect());
    }
    Ok(evaluator)
}

#[cfg(test)]
mod tests {
    use super::{SUMS, add_sums};
    use crate::evaluate::Store;
    use crate::openmetrics;
    use crate::time::Timestamp;

    /// The expressions are those of the rules that `install` brings.
    #[test]
    fn sums_are_those_of_the_rules() {
        let rules = include_str!("../../manifests/prometheusrule.yaml");
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        for (sum, _, expression) in SUMS {
            let (_, after) = rules.split_once(&format!("record: {sum}\n")).unwrap();
            let rule = flat(after.split_once("- record").unwrap().0);
            assert!(rule.contains(&flat(expression)), "{sum}: {rule}");
        }
    }

    #[test]
    fn what_is_missing_is_made_and_what_is_there_is_left() {
        let text = "cluster:namedprocess_node_cpu_rate:sum{} 2 15\n\
                    namedprocess_namegroup_cpu_rate{class=\"host\",groupname=\"crio\",instance=\"a\"} 0.5 15\n\
                    namedprocess_namegroup_cpu_rate{class=\"host\",groupname=\"crio\",instance=\"b\"} 0.25 15\n\
                    namedprocess_pod_cpu_rate{class=\"infra\",namespace=\"n\",pod=\"p\",instance=\"b\"} 1 15\n\
                    class_namespace:namedprocess_pod_cpu_rate:sum{class=\"infra\",namespace=\"n\"} 7 15\n# EOF\n";
        let contents = openmetrics::read(text.as_bytes(), |_, _| true).unwrap();
        let evaluator = add_sums(Store::new(contents.series)).unwrap();
        let value = |query: &str| {
            let all = evaluator.instant(query, Timestamp::from_seconds(15.0)).unwrap();
            all.iter().map(|one| one.samples[0].1).collect::<Vec<_>>()
        };
        assert_eq!(value("class_groupname:namedprocess_namegroup_cpu_rate:sum"), [0.75]);
        assert_eq!(value("class_namespace:namedprocess_pod_cpu_rate:sum"), [7.0]);
        assert_eq!(value("instance_class:namedprocess_cpu_rate:sum{instance=\"b\"}"), [0.25, 1.0]);
    }
}
