//! Series that this tool's questions read: what a capture holds, and what is read of a file.
use crate::budget::SERIES as OF_BUDGETS;
use crate::top::metric_names as names;

/// Series by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Rows and totals.
    Rows,
    /// Rows of threads.
    Threads,
    /// Sets of CPUs.
    Cpusets,
    /// What budgets are judged by besides.
    Budgets,
}

impl Needs {
    /// All of them, in the order in which a capture holds them.
    pub const ALL: [Needs; 4] = [Needs::Rows, Needs::Cpusets, Needs::Budgets, Needs::Threads];

    /// Returns the selectors, one for each metric.
    pub fn selectors(self) -> Vec<&'static str> {
        match self {
            Needs::Rows => [&names::TOTALS[..], &ROWS[..]].concat(),
            Needs::Threads => vec![names::THREADS],
            Needs::Cpusets => CPUSETS.to_vec(),
            Needs::Budgets => OF_BUDGETS.to_vec(),
        }
    }
}

/// Selectors that queries look back for, besides those of budgets: a file must tell where their series end.
const LOOKED_BACK_FOR: [&str; 2] = [names::NODE_INFO, ALLOCATABLE];

/// Returns true if queries look back for a selector: its newest sample counts for five minutes, unless the series has ended.
pub(super) fn is_looked_back_for(selector: &str) -> bool {
    LOOKED_BACK_FOR.contains(&selector) || OF_BUDGETS.contains(&selector)
}

const ALLOCATABLE: &str =
    "kube_node_status_allocatable{resource=~\"cpu|management_workload_openshift_io_cores\"}";

const ROWS: [&str; 13] = [
    names::GROUPS,
    names::PODS,
    names::GROUP_SUMS,
    names::NAMESPACE_SUMS,
    names::CLASSES_ON_NODES,
    names::BUSY,
    names::OWNERS,
    names::PLATFORM_BUSY,
    names::PLATFORM_PODS,
    names::PLATFORM_SERVICES,
    names::POD_INFO,
    names::NODE_INFO,
    // Tells that the exporter is there if its rules are not. One mode does.
    "namedprocess_node_cpu_seconds_total{mode=\"user\"}",
];

const CPUSETS: [&str; 8] = [
    names::CPUSETS,
    names::GROUPS_BY_CPUSET,
    names::PODS_BY_CPUSET,
    names::CPUSET_INFO,
    names::GROUP_STRAYS,
    names::POD_STRAYS,
    // A budget's sets are of these too.
    "node_cpu_seconds_total{mode!~\"idle|iowait|steal\"}",
    ALLOCATABLE,
];

#[cfg(test)]
mod tests {
    use super::{LOOKED_BACK_FOR, Needs};
    use crate::evaluate::Selection;
    use std::collections::BTreeSet;

    #[test]
    fn each_metric_has_one_selector() {
        let all: Vec<&str> = Needs::ALL.into_iter().flat_map(Needs::selectors).collect();
        Selection::parse(all.iter().copied()).unwrap();
        let metrics: BTreeSet<&str> =
            all.iter().map(|selector| selector.split('{').next().unwrap()).collect();
        assert_eq!(metrics.len(), all.len(), "a metric of two selectors would be read by one of them");
    }

    /// Within them the two shells of a must-gather's command would expand it, or end the quotes.
    #[test]
    fn none_has_what_a_shell_expands_within_quotes() {
        let all: Vec<&str> = Needs::ALL.into_iter().flat_map(Needs::selectors).collect();
        assert!(all.iter().all(|selector| !selector.contains(['\'', '$', '`', '\\'])), "{all:?}");
        assert!(LOOKED_BACK_FOR.iter().all(|selector| all.contains(selector)));
    }
}
