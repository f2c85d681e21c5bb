//! Workloads by the names of pods, if no series of owners tells them: what is generated of a name is cut off.
use std::collections::BTreeSet;

/// Letters and digits that Kubernetes generates names of: none that could make a word.
const ALPHABET: &str = "bcdfghjklmnpqrstvwxz2456789";
/// Length of the suffix of a pod, and of the hash of a ReplicaSet before it.
const SUFFIX: usize = 5;
const HASH: std::ops::RangeInclusive<usize> = 6..=10;
/// Number of digits of a CronJob's schedule, at least: minutes since 1970.
const SCHEDULE: usize = 8;
/// Type of the workload that a static pod is, as the owners' series has it.
pub(super) const STATIC_POD: &str = "staticpod";

/// Returns the workload of a pod by its name, and its type if the name tells it. `nodes`: names of the cluster's nodes.
pub(super) fn of_pod<'a>(pod: &'a str, nodes: &BTreeSet<String>) -> (&'a str, Option<&'static str>) {
    if let Some(name) = without_node(pod, nodes) {
        return (name, Some(STATIC_POD));
    }
    match without(pod, SUFFIX..=SUFFIX, is_generated) {
        Some(name) => {
            let owner = without(name, HASH, is_generated);
            (owner.or_else(|| without_schedule(name)).unwrap_or(name), None)
        }
        // Pods of a StatefulSet are numbered.
        None => (without(pod, 1..=usize::MAX, is_number).unwrap_or(pod), None),
    }
}

/// Returns the workload that the owners' series name, without what of its name is generated anew.
pub(super) fn of_owner<'a>(
    name: &'a str,
    of: &'a str,
    nodes: &BTreeSet<String>,
) -> (&'a str, Option<&'a str>) {
    match of {
        // Pods without an owner are their own.
        STATIC_POD => (without_node(name, nodes).unwrap_or(name), Some(of)),
        "barepod" => (of_pod(name, nodes).0, Some(of)),
        // A ReplicaSet whose Deployment is not known.
        "replicaset" => match without(name, HASH, is_generated) {
            Some(name) => (name, None),
            None => (name, Some(of)),
        },
        "job" => match without_schedule(name) {
            Some(name) => (name, Some("cronjob")),
            None => (name, Some(of)),
        },
        _ => (name, Some(of)),
    }
}

/// Cuts off the node of a static pod, and the number of what is run on each node again and again.
fn without_node<'a>(pod: &'a str, nodes: &BTreeSet<String>) -> Option<&'a str> {
    // The longest node first: one may end as another does.
    let names = nodes.iter().filter_map(|node| pod.strip_suffix(node.as_str())?.strip_suffix('-'));
    let name = names.filter(|name| !name.is_empty()).min_by_key(|name| name.len())?;
    Some(without(name, 1..=usize::MAX, is_number).unwrap_or(name))
}

fn without_schedule(name: &str) -> Option<&str> {
    without(name, SCHEDULE..=usize::MAX, is_number)
}

/// Cuts the last part of a name off, if it has one of these lengths and such characters.
fn without(name: &str, lengths: std::ops::RangeInclusive<usize>, of: fn(char) -> bool) -> Option<&str> {
    let (rest, last) = name.rsplit_once('-')?;
    (!rest.is_empty() && lengths.contains(&last.len()) && last.chars().all(of)).then_some(rest)
}

fn is_generated(c: char) -> bool {
    ALPHABET.contains(c)
}

fn is_number(c: char) -> bool {
    c.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::{of_owner, of_pod};

    #[test]
    fn what_is_generated_of_a_name_is_cut_off() {
        let nodes = ["master-0", "worker-0.example.com", "0"].map(str::to_owned).into();
        for (pod, workload) in [
            ("web-7c6b5d4f8-x2x4z", "web"),
            ("web-2-68d5b4c9fd-vwxz2", "web-2"),
            ("node-exporter-x7k2p", "node-exporter"),
            ("prometheus-k8s-0", "prometheus-k8s"),
            ("backup-28812345-bcdfg", "backup"),
            ("migrate-bcdfg", "migrate"),
            ("etcd-master-0", "etcd"),
            ("kube-apiserver-guard-master-0", "kube-apiserver-guard"),
            ("installer-7-master-0", "installer"),
            ("kube-proxy-worker-0.example.com", "kube-proxy"),
            // Words, and what is too short or too long.
            ("my-proxy", "my-proxy"),
            ("redis-cache", "redis-cache"),
            ("a-b", "a-b"),
            ("single", "single"),
            ("-bcdfg", "-bcdfg"),
            ("", ""),
        ] {
            assert_eq!(of_pod(pod, &nodes).0, workload, "{pod}");
        }
        assert_eq!(of_pod("etcd-master-0", &nodes).1, Some("staticpod"));
    }

    #[test]
    fn owners_that_are_made_anew_lose_what_is_generated() {
        let nodes = ["master-0"].map(str::to_owned).into();
        for (owner, of, workload) in [
            ("web", "deployment", ("web", Some("deployment"))),
            ("backup-28812345", "job", ("backup", Some("cronjob"))),
            ("migrate-2", "job", ("migrate-2", Some("job"))),
            ("web-7c6b5d4f8", "replicaset", ("web", None)),
            ("another", "replicaset", ("another", Some("replicaset"))),
            ("etcd-master-0", "staticpod", ("etcd", Some("staticpod"))),
            ("etcd-elsewhere-0", "staticpod", ("etcd-elsewhere-0", Some("staticpod"))),
        ] {
            assert_eq!(of_owner(owner, of, &nodes), workload, "{owner}");
        }
    }
}
