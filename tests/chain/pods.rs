//! Pods on the node: their cgroups, what names them, and what they use; and that Prometheus has each in its own namespace.
use anyhow::{Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use test_cluster::{Cgroups, Load, Prometheus, until};

/// UIDs, and what the monitors of their containers call them; of the last there is none.
const PODS: [(&str, Option<(&str, &str)>); 3] =
    [("u-1", Some(("openshift-etcd", "etcd-0"))), ("u-2", Some(("shop", "web"))), ("u-3", None)];
/// Class, namespace and name of every series.
const EXPECTED: [(&str, &str, &str); 5] = [
    ("infra", "openshift-etcd", "etcd-0"),
    ("pod", "", "(exited)"),
    ("pod", "", "(starting)"),
    ("pod", "", "u-3"),
    ("workload", "shop", "web"),
];

/// Running pods.
pub(crate) struct Pods {
    _loads: Vec<Load>,
    _tree: Cgroups,
}

impl Pods {
    /// Starts them. `None` if this machine has no cgroup tree that we may change; stderr says so.
    pub(crate) fn start() -> Result<Option<Pods>> {
        let Some(tree) = Cgroups::of_pods("chain")? else { return Ok(None) };
        let mut loads = Vec::new();
        for (uid, name) in PODS {
            let pod = format!("kubepods-pod{}.slice", uid.replace('-', "_"));
            if let Some((namespace, name)) = name {
                loads.push(tree.monitor(&pod, namespace, name, uid)?);
            }
            loads.push(tree.load(&format!("{pod}/crio-main.scope"), 0.1, 50)?);
        }
        Ok(Some(Pods { _loads: loads, _tree: tree }))
    }

    /// Waits until all are in Prometheus, and fails if any is in a namespace that is not its own; the groups are in the
    /// exporter's.
    pub(crate) fn await_series(&self, prometheus: &Prometheus) {
        let label = |one: &Value, name: &str| one["metric"][name].as_str().unwrap_or_default().to_owned();
        let labels_of = |metric: &str| -> Result<BTreeSet<[String; 3]>> {
            let series = prometheus.bare.series(metric, None)?;
            Ok(series.iter().map(|one| ["class", "namespace", "pod"].map(|name| label(one, name))).collect())
        };
        let all: BTreeSet<[String; 3]> =
            EXPECTED.map(|(class, namespace, pod)| [class, namespace, pod].map(str::to_owned)).into();
        for metric in ["namedprocess_pod_cpu_seconds_total", "namedprocess_pod_cpu_rate"] {
            until("the pods' series", Duration::from_secs(60), || {
                let found = labels_of(metric)?;
                ensure!(found == all, "{metric}: {found:?}");
                Ok(())
            })
            .unwrap();
        }
        let uses = "count(namedprocess_pod_cpu_rate{pod=~\"etcd-0|web|u-3\"} > 0.01)";
        until("what each uses", Duration::from_secs(60), || {
            let found = prometheus.bare.series(uses, None)?;
            ensure!(found.first().is_some_and(|one| one["value"][1] == "3"), "{found:?}");
            Ok(())
        })
        .unwrap();
        let groups = labels_of("namedprocess_namegroup_cpu_seconds_total").unwrap();
        assert!(
            groups.iter().all(|[_, namespace, pod]| namespace == "openshift-monitoring" && pod.is_empty()),
            "{groups:?}"
        );
    }
}
