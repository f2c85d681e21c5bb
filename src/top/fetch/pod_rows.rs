//! Owners: the rows that pods are a part of. A row is of a pod, of the workload that owns it, of its namespace or its class.
use super::Pod;
use crate::prometheus::Series;
use crate::query::{Cost, Querier, Span, Split};
use crate::report::Class;
use crate::top::key::Key;
use crate::top::metric_names;
use crate::top::probe::PODS;
use crate::top::question::By;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

/// Name and type of a workload.
type Workload = (String, String);

const NO_OWNERS: &str = "no series of the pods' owners in this window: rows are of pods; kube-state-metrics and a rule of \
                         the platform make those series";

/// Owner of each pod, the same for the whole window.
#[derive(Debug)]
pub(in crate::top) struct Owners {
    by: By,
    /// Workload of each pod that has exactly one.
    workloads: BTreeMap<Pod, Workload>,
    /// Notes for the reader.
    pub(in crate::top) notes: Vec<String>,
}

impl Owners {
    /// Fetches the owners in a window, if rows are of workloads.
    pub(in crate::top) async fn fetch(querier: &Querier<'_>, by: By, window: Span) -> Result<Owners> {
        let mut found: BTreeMap<Pod, BTreeSet<Workload>> = BTreeMap::new();
        if by == By::Workload {
            let take = |response: &[Series<'_>]| {
                for series in response {
                    let text = |name: &str| series.label(name).to_owned();
                    let pod = (text("namespace"), text("pod"));
                    found.entry(pod).or_default().insert((text("workload"), text("workload_type")));
                }
            };
            let cost = Cost::new(PODS, PODS).by(metric_names::OWNERS, "namespace");
            querier
                .over(metric_names::owners_in, metric_names::OWNERS, window, (Split::Label, cost), take)
                .await?;
        }
        Ok(Owners::new(by, found))
    }

    /// Returns no owners: rows are of pods, namespaces or classes.
    pub(super) fn none(by: By) -> Owners {
        Owners::new(by, BTreeMap::new())
    }

    /// Makes them of the workloads of each pod.
    pub(in crate::top) fn new(by: By, found: BTreeMap<Pod, BTreeSet<Workload>>) -> Owners {
        let several = found.values().filter(|workloads| workloads.len() > 1).count();
        let one = |(pod, workloads): (Pod, BTreeSet<Workload>)| {
            let only = workloads.len() == 1;
            Some((pod, workloads.into_iter().next().filter(|_| only)?))
        };
        let mut notes = Vec::new();
        if by == By::Workload && found.is_empty() {
            notes.push(NO_OWNERS.to_owned());
        }
        if by == By::Workload && several > 0 {
            notes.push(format!(
                "pods with several owners in this window, which have rows of their own: {several}"
            ));
        }
        Owners { by, workloads: found.into_iter().filter_map(one).collect(), notes }
    }

    /// Returns the key of the row that a pod on a node is a part of. `node`: if each node has rows of its own.
    pub(in crate::top) fn key(&self, class: Class, pod: &Pod, node: Option<&str>) -> Key {
        let (namespace, name) = pod;
        let node = node.map(str::to_owned);
        let in_namespace =
            Key { namespace: Some(namespace.clone()), node: node.clone(), ..Key::of_class(class) };
        match self.by {
            By::Class => Key { node, ..Key::of_class(class) },
            By::Namespace => in_namespace,
            By::Group | By::Thread | By::Cpuset | By::Workload => match self.workloads.get(pod) {
                None => Key { name: name.clone(), ..in_namespace },
                Some((name, of)) => {
                    Key { name: name.clone(), workload_type: Some(of.clone()), ..in_namespace }
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{By, Class, Owners};

    #[test]
    fn a_pod_with_one_owner_is_a_part_of_it_and_every_other_a_row_of_its_own() {
        let text = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
        let web = ("web", "deployment");
        let of = [("web-1", vec![web]), ("web-2", vec![web]), ("odd", vec![web, ("web", "replicaset")])];
        let found = of.map(|(pod, owners)| (text(("shop", pod)), owners.into_iter().map(text).collect()));
        let owners = Owners::new(By::Workload, found.into());
        let rows = ["web-1", "web-2", "odd", "bare"].map(|pod| {
            let key = owners.key(Class::Workload, &text(("shop", pod)), None);
            (key.name, key.workload_type)
        });
        let typed = ("web".to_owned(), Some("deployment".to_owned()));
        let untyped = |name: &str| (name.to_owned(), None);
        assert_eq!(rows, [typed.clone(), typed, untyped("odd"), untyped("bare")]);
        assert_eq!(owners.notes.len(), 1);
        assert!(owners.notes[0].ends_with(": 1"), "{:?}", owners.notes);
    }

    #[test]
    fn without_owners_rows_are_of_pods_and_a_note_says_so() {
        let owners = Owners::new(By::Workload, Default::default());
        let key = owners.key(Class::Infra, &("default".to_owned(), "a".to_owned()), Some("n"));
        assert_eq!((key.name.as_str(), key.node.as_deref(), key.workload_type), ("a", Some("n"), None));
        assert_eq!(owners.notes.len(), 1);
        assert!(Owners::new(By::Group, Default::default()).notes.is_empty());
    }
}
