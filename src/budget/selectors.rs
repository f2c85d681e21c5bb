//! Selectors of the exporter's series that a subject is made of.
use super::facts::Pod;
use super::report::Item;
use super::subject::Subject;
use crate::prometheus::promql::literal;
use crate::query::promql;
use crate::report::Class;
use crate::top::metric_names::{GROUPS, GROUPS_BY_CPUSET, PODS, PODS_BY_CPUSET, of_classes, these};

/// What all selectors depend on.
#[derive(Debug)]
pub(super) struct Selectors {
    /// Nodes that are judged; `None` for all.
    pub nodes: Option<Vec<String>>,
    /// Pods of other namespaces than the platform's that count as infra.
    pub management: Vec<Pod>,
}

impl Selectors {
    /// Returns true if a pod counts as infra though its namespace is none of the platform's.
    pub(super) fn is_management(&self, item: &Item) -> bool {
        let pod = item.namespace.clone().zip(item.pod.clone());
        pod.is_some_and(|pod| self.management.contains(&pod))
    }

    /// Selects the groups of a subject.
    pub(super) fn groups(&self, subject: &Subject) -> String {
        let mut matchers = vec![of_classes(subject.classes())];
        matchers.extend(subject.group.as_ref().map(|group| matching("groupname", &group.text)));
        matchers.extend(on(subject));
        self.select(if subject.on.is_empty() { GROUPS } else { GROUPS_BY_CPUSET }, matchers)
    }

    /// Selects the pods of a subject, by the class that the exporter gives them. The second value tells which of these count:
    /// those that count as infra, or those that do not; `None` for all.
    pub(super) fn pods(&self, subject: &Subject) -> Vec<(String, Option<bool>)> {
        let namespace = subject.namespace.as_ref().map(|only| matching("namespace", &only.text));
        let select = |mut matchers: Vec<String>| {
            matchers.extend(namespace.clone());
            matchers.extend(on(subject));
            self.select(if subject.on.is_empty() { PODS } else { PODS_BY_CPUSET }, matchers)
        };
        let has = |class| subject.classes().contains(&class);
        let mut selected = Vec::new();
        if has(Class::Infra) {
            selected.push((select(vec![of_classes(&[Class::Infra])]), None));
        }
        match (has(Class::Infra), has(Class::Workload)) {
            (_, true) => {
                let of = (!has(Class::Infra)).then_some(false);
                selected.push((select(vec![of_classes(&[Class::Workload])]), of));
            }
            (true, false) if !self.management.is_empty() => {
                selected.push((select(self.management_matchers()), Some(true)));
            }
            _ => {}
        }
        selected
    }

    /// Selects the pods that count as infra, and a few more.
    pub(super) fn management_pods(&self) -> String {
        self.select(PODS, self.management_matchers())
    }

    /// Selects the series of a metric on the nodes that are judged.
    pub(super) fn select(&self, name: &str, mut matchers: Vec<String>) -> String {
        let nodes = self.nodes.as_ref();
        matchers.extend(nodes.map(|nodes| promql::any_of("instance", nodes.iter().map(String::as_str))));
        promql::select(name, &matchers)
    }

    fn management_matchers(&self) -> Vec<String> {
        let [namespaces, names] = these(&self.management);
        vec![of_classes(&[Class::Workload]), namespaces, names]
    }
}

/// Matches the sets of CPUs of a subject.
fn on(subject: &Subject) -> Option<String> {
    let sets = subject.on.iter().map(|cpuset| cpuset.as_str());
    (!subject.on.is_empty()).then(|| promql::any_of("cpuset", sets))
}

fn matching(label: &str, pattern: &str) -> String {
    format!("{label}=~{}", literal(pattern))
}
