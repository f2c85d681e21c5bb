//! Names and selectors of the platform's own series that budgets are judged by.

/// Namespaces of the platform, as [`Class::of_namespace`](crate::report::Class::of_namespace) has them.
pub(super) const INFRA: &str = "openshift|openshift-.*|kube-.*|default";
/// Resource that workload partitioning makes of the CPU request of a pod of the platform, in millicores whatever its name
/// says.
pub(super) const MANAGEMENT: &str = "management_workload_openshift_io_cores";
/// Working set of the host's services. What the kernel has for itself is in none.
pub(super) const SLICES_MEMORY: &str = "container_memory_working_set_bytes{id=~\"/(system|ovs)[.]slice\"}";

/// Selectors of these series, one for each metric, besides those that reports are made of: what a file must hold.
pub(crate) const SERIES: [&str; 5] = [
    "kube_pod_container_resource_requests{resource=~\"cpu|memory|management_workload_openshift_io_cores\"}",
    "kube_node_status_capacity{resource=\"cpu\"}",
    "kube_node_status_condition{condition=\"Ready\",status=\"true\"}",
    "container_memory_working_set_bytes{container=\"\"}",
    "node_cpu_info",
];

/// Selects the requests of a resource.
pub(super) fn requests(resource: &str) -> String {
    format!("kube_pod_container_resource_requests{{resource=\"{resource}\"}}")
}

/// Writes the requests of each pod within a range, above 0. Each container counts once, however many kube-state-metrics
/// there were.
pub(super) fn pod_requests(resource: &str, range: &str) -> String {
    let each = format!("max by (namespace, pod, container) (max_over_time({}[{range}]))", requests(resource));
    format!("sum by (namespace, pod) ({each}) > 0")
}

/// Selects the working sets of pods; `matchers` begin with a comma, if there are any.
pub(super) fn pods_memory(matchers: &str) -> String {
    format!("container_memory_working_set_bytes{{container=\"\",pod!=\"\"{matchers}}}")
}

/// Matches the namespaces of the platform, or (`not`) all others.
pub(super) fn infra(not: bool) -> String {
    format!(",namespace{}~\"{INFRA}\"", if not { "!" } else { "=" })
}

#[cfg(test)]
mod tests {
    use super::INFRA;
    use crate::report::Class;
    use regex::Regex;

    #[test]
    fn the_namespaces_of_the_platform_are_those_of_class_infra() {
        let infra = Regex::new(&format!("^(?:{INFRA})$")).unwrap();
        for namespace in [
            "openshift",
            "openshift-etcd",
            "openshifty",
            "kube-system",
            "kube",
            "default",
            "default-2",
            "",
            "my-kube-x",
        ] {
            let is_infra = Class::of_namespace(namespace) == Class::Infra;
            assert_eq!(infra.is_match(namespace), is_infra, "{namespace}");
        }
    }
}
