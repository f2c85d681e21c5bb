//! The pods of a history, each on the nodes that it was on: names that only look like others, pods that move, and what no
//! named pod has.

use fastrand::Rng;

use crate::Spec;
use crate::generate::{Column, first, last, life, only, usage};

/// Usage of one pod on one node.
pub(crate) struct PodOnNode {
    pub(crate) node: usize,
    pub(crate) class: &'static str,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) column: Column,
}

/// Pods for so many steps, the exporter's own first.
pub(crate) fn generate(spec: &Spec, rng: &mut Rng, steps: u32) -> Vec<PodOnNode> {
    let steps = steps as usize;
    let mut pods = Vec::new();
    for (index, (namespace, name)) in names(spec).into_iter().enumerate() {
        let own = index < spec.nodes;
        let life = if own { vec![true; steps] } else { life(rng, steps) };
        let column = only(&life, &usage(rng, steps, if own { 400 } else { 4_000 }));
        let (Some(born), Some(gone)) = (first(&life), last(&life)) else { continue };
        // A pod that moves is on no node for a moment.
        let moves = if !own && index % spec.movers == 5 { born + (gone - born) / 2 } else { usize::MAX - 1 };
        let [before, after]: [Vec<bool>; 2] = [
            (0..steps).map(|step| step < moves).collect(),
            (0..steps).map(|step| step > moves + 1).collect(),
        ];
        for (node, there) in [(index, before), (index + 1, after)] {
            let (class, column) = (class(&namespace), only(&there, &column));
            let (namespace, name) = (namespace.clone(), name.clone());
            pods.push(PodOnNode { node: node % spec.nodes, class, namespace, name, column });
        }
    }
    for node in 0..spec.nodes {
        let unnamed = |name: &str, column| PodOnNode {
            node,
            class: "pod",
            namespace: String::new(),
            name: name.to_owned(),
            column,
        };
        pods.push(unnamed("(exited)", usage(rng, steps, 60)));
        // Nothing in most histories: it has no row then.
        pods.push(unnamed("(starting)", vec![Some(0); steps]));
        if node % 3 == 1 {
            let life = life(rng, steps);
            pods.push(unnamed(&format!("8f14e45f-{node:04}"), only(&life, &usage(rng, steps, 300))));
        }
    }
    pods
}

/// Returns the owners of a namespace's pods.
pub(crate) fn class(namespace: &str) -> &'static str {
    let infra = matches!(namespace, "default" | "openshift")
        || namespace.starts_with("openshift-")
        || namespace.starts_with("kube-");
    if infra { "infra" } else { "workload" }
}

/// Namespace and name of each pod, the exporter's own first. Names come twice, in neighbouring namespaces.
pub(crate) fn names(spec: &Spec) -> Vec<(String, String)> {
    // Half of them look like infra and are none.
    let known = [
        "openshift-monitoring",
        "openshifty",
        "default",
        "default-apps",
        "kube-system",
        "kube",
        "openshift",
        "my-openshift-logging",
        "openshift-etcd",
    ];
    let apps = (0..).map(|i| format!("app-{i}"));
    let namespaces: Vec<_> = known.map(str::to_owned).into_iter().chain(apps).take(spec.namespaces).collect();
    let own = (0..spec.nodes).map(|i| ("openshift-monitoring".into(), format!("process-exporter-{i:05}")));
    let others = namespaces.iter().cycle().enumerate().map(|(i, namespace)| {
        // Pods of the same name in another namespace, and of another name in the same one.
        let name = match i {
            0 => "my-process-exporter-0".into(),
            1 => "process-exporter-00000".into(),
            i if i == namespaces.len() => "process-exporters-00000".into(),
            // In openshift-monitoring, as in every cluster.
            i if i == 2 * namespaces.len() => "prometheus-k8s-0".into(),
            _ => format!("pod-{}", i / 2),
        };
        (namespace.clone(), name)
    });
    own.chain(others).take(spec.nodes * spec.pods_per_node).collect()
}
