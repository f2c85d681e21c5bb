//! Queries of a plan by the exporter's series, which know each node.
use super::{Form, NAMESPACES, Planned, Planner, Purpose};
use crate::query::promql;
use crate::report::Class;
use crate::top::metric_names::{self, CLASS_COUNT, OWN_NAMESPACE, OWN_PODS};
use crate::top::question::By;

/// Numbers of series that one node's groups, threads and pods are taken for when the cost of a query is estimated.
const GROUPS_PER_NODE: usize = 100;
const THREADS_PER_NODE: usize = 500;
const PODS_PER_NODE: usize = 60;

impl Planner<'_> {
    pub(super) fn of_exporter(&self) -> Vec<Planned> {
        let (question, filter, mut queries) = (self.question, &self.question.filter, Vec::new());
        let of_each = question.by.is_fine();
        let groups = filter.included_classes(&[Class::Host, Class::Kernel]);
        let pods = filter.included_classes(&[Class::Infra, Class::Workload]);
        if of_each && !groups.is_empty() {
            queries.push(self.groups(&groups));
            if question.by == By::Thread {
                queries.push(self.on_each_node(
                    Purpose::Threads,
                    metric_names::THREADS,
                    "class, groupname, threadname",
                    &groups,
                    THREADS_PER_NODE,
                ));
            }
        }
        if of_each && !pods.is_empty() {
            let mut matchers = vec![metric_names::of_classes(&pods)];
            matchers.extend(filter.namespace.as_ref().map(|name| promql::equal("namespace", name)));
            matchers.extend(self.question.filter.nodes_matcher("instance"));
            let (read, labels) = (self.nodes * PODS_PER_NODE, "class, namespace, pod, instance".to_owned());
            let form = match question.by {
                // Samples of a workload's pods are added up.
                By::Workload => Form::Each(labels),
                By::Cpuset => {
                    Form::Parts(labels + ", cpuset", promql::select(metric_names::PODS_BY_CPUSET, &matchers))
                }
                _ => Form::Statistics(labels),
            };
            queries.push(Planned {
                purpose: Purpose::Pods,
                selector: promql::select(metric_names::PODS, &matchers),
                form,
                returned: read,
                read,
                split: Some("instance"),
            });
        }
        if of_each && filter.has_class(Class::Pod) {
            let labels = self.labels("pod");
            queries.push(self.pods(
                Purpose::Unnamed,
                labels,
                vec![metric_names::of_classes(&[Class::Pod])],
                10 * self.nodes,
            ));
        }
        if !of_each && question.of_nodes() || filter.nodes.is_some() {
            let mut matchers = Vec::new();
            matchers.extend(self.question.filter.nodes_matcher("instance"));
            let read = self.nodes * CLASS_COUNT;
            queries.push(Planned {
                purpose: Purpose::OnNodes,
                selector: promql::select(metric_names::CLASSES_ON_NODES, &matchers),
                form: Form::Sum(self.labels("class")),
                returned: if question.per_node { read } else { CLASS_COUNT },
                read,
                split: Some("instance"),
            });
        }
        if !pods.is_empty() && (!of_each || filter.picks_namespaces()) {
            let matchers = vec![metric_names::of_classes(&pods)];
            if question.of_nodes() {
                let labels = self.labels("class, namespace");
                queries.push(self.pods(Purpose::Namespaces, labels, matchers, self.nodes * PODS_PER_NODE));
            } else {
                queries.push(Planned {
                    purpose: Purpose::Namespaces,
                    selector: promql::select(metric_names::NAMESPACE_SUMS, &matchers),
                    form: Form::Sum("class, namespace".to_owned()),
                    returned: NAMESPACES,
                    read: NAMESPACES,
                    split: None,
                });
            }
        }
        if filter.leaves_out_own() {
            let own = promql::equal("namespace", OWN_NAMESPACE);
            let (purpose, pods) = match of_each {
                true => (Purpose::Own, format!("pod=~\"{OWN_PODS}\"")),
                false => (Purpose::Neighbours, format!("pod!~\"{OWN_PODS}\"")),
            };
            queries.push(self.pods(purpose, self.labels(""), vec![own, pods], 10 * self.nodes));
        }
        queries
    }

    /// Plans rows of groups: recorded sums as they are, or those of some nodes.
    fn groups(&self, classes: &[Class]) -> Planned {
        let labels = "class, groupname";
        if self.question.by == By::Cpuset {
            let whole =
                self.on_each_node(Purpose::Groups, metric_names::GROUPS, labels, classes, GROUPS_PER_NODE);
            let mut matchers = vec![metric_names::of_classes(classes)];
            matchers.extend(self.question.filter.nodes_matcher("instance"));
            let parts = promql::select(metric_names::GROUPS_BY_CPUSET, &matchers);
            return Planned { form: Form::Parts(self.labels(labels) + ", cpuset", parts), ..whole };
        }
        if self.question.of_nodes() {
            return self.on_each_node(
                Purpose::Groups,
                metric_names::GROUPS,
                labels,
                classes,
                GROUPS_PER_NODE,
            );
        }
        Planned {
            purpose: Purpose::Groups,
            selector: promql::select(metric_names::GROUP_SUMS, &[metric_names::of_classes(classes)]),
            form: Form::Statistics(labels.to_owned()),
            returned: GROUPS_PER_NODE,
            read: GROUPS_PER_NODE,
            split: Some("groupname"),
        }
    }

    /// Plans rows that are single series if each node has its own, and sums over nodes if not.
    fn on_each_node(
        &self,
        purpose: Purpose,
        metric: &str,
        labels: &str,
        classes: &[Class],
        per_node: usize,
    ) -> Planned {
        let mut matchers = vec![metric_names::of_classes(classes)];
        matchers.extend(self.question.filter.nodes_matcher("instance"));
        let (labels, read) = (self.labels(labels), self.nodes * per_node);
        Planned {
            purpose,
            selector: promql::select(metric, &matchers),
            form: if self.question.per_node { Form::Statistics(labels) } else { Form::Sum(labels) },
            returned: if self.question.per_node { read } else { per_node },
            read,
            split: Some("instance"),
        }
    }

    /// Plans a sum of pods on the nodes asked for.
    fn pods(&self, purpose: Purpose, labels: String, mut matchers: Vec<String>, read: usize) -> Planned {
        matchers.extend(self.question.filter.nodes_matcher("instance"));
        let each = if purpose == Purpose::Namespaces { NAMESPACES } else { 1 };
        let returned = if self.question.per_node { read } else { each.max(1) };
        let selector = promql::select(metric_names::PODS, &matchers);
        Planned { purpose, selector, form: Form::Sum(labels), returned, read, split: Some("instance") }
    }

    /// Adds the node to labels, if each node has rows of its own.
    fn labels(&self, labels: &str) -> String {
        match (self.question.per_node, labels) {
            (false, labels) => labels.to_owned(),
            (true, "") => "instance".to_owned(),
            (true, labels) => format!("instance, {labels}"),
        }
    }
}
