//! Queries of a plan by the platform's series: pods without a node, and the services of each node.
use super::{Form, NAMESPACES, Planned, Planner, Purpose};
use crate::query::promql;
use crate::report::Class;
use crate::top::metric_names::{self, OWN_NAMESPACE, OWN_PODS};
use crate::top::probe::PODS;
use crate::top::question::By;

/// Number of services that one node is taken for when the cost of a query is estimated.
const SERVICES_PER_NODE: usize = 60;
/// Number of samples that a rate of five minutes reads at each step.
const RATE_READS: usize = 10;

impl Planner<'_> {
    pub(super) fn of_platform(&self) -> Vec<Planned> {
        let (question, filter) = (self.question, &self.question.filter);
        let of_each = question.by.is_fine();
        let services = |purpose, labels: String, matchers, returned| Planned {
            purpose,
            selector: String::new(),
            form: Form::Services(labels, matchers),
            returned,
            read: self.nodes * SERVICES_PER_NODE * RATE_READS,
            split: None,
        };
        let pods = |purpose, labels: &str, matchers: &[String], returned| Planned {
            purpose,
            selector: promql::select(metric_names::PLATFORM_PODS, matchers),
            form: Form::Sum(labels.to_owned()),
            returned,
            read: PODS,
            split: Some("namespace"),
        };
        let mut queries = vec![
            Planned {
                purpose: Purpose::Busy,
                selector: metric_names::PLATFORM_BUSY.to_owned(),
                form: Form::Sum(String::new()),
                returned: 1,
                read: self.nodes,
                split: None,
            },
            services(Purpose::Host, String::new(), Vec::new(), 1),
            pods(Purpose::Namespaces, "namespace", &[], NAMESPACES),
        ];
        let on_nodes: Vec<String> = self.question.filter.nodes_matcher("node").into_iter().collect();
        if filter.has_class(Class::Host) && (of_each || question.of_nodes()) {
            let node = if question.per_node { "node" } else { "" };
            let (labels, each) = match (of_each, question.per_node) {
                (true, true) => ("node, id", self.nodes * SERVICES_PER_NODE),
                (true, false) => ("id", SERVICES_PER_NODE),
                (false, _) => (node, self.nodes),
            };
            let purpose = if of_each { Purpose::Groups } else { Purpose::OnNodes };
            queries.push(services(purpose, labels.to_owned(), on_nodes, each));
        }
        let own = promql::equal("namespace", OWN_NAMESPACE);
        let shows_pods = !filter.included_classes(&[Class::Infra, Class::Workload]).is_empty();
        if shows_pods && (of_each || question.of_nodes()) {
            let matchers: Vec<String> =
                filter.namespace.iter().map(|name| promql::equal("namespace", name)).collect();
            let labels = "namespace, pod".to_owned();
            let (purpose, form) = match (question.of_nodes(), question.by) {
                (true, _) => (Purpose::PlacedPods, Form::Each(labels)),
                (false, By::Workload) => (Purpose::Pods, Form::Each(labels)),
                (false, _) => (Purpose::Pods, Form::Statistics(labels)),
            };
            queries.push(Planned { purpose, form, returned: PODS, ..pods(purpose, "", &matchers, PODS) });
        }
        if filter.leaves_out_own() {
            queries.push(match of_each || question.of_nodes() {
                true => pods(Purpose::Own, "", &[own, format!("pod=~\"{OWN_PODS}\"")], 1),
                false => pods(Purpose::Neighbours, "", &[own, format!("pod!~\"{OWN_PODS}\"")], 1),
            });
        }
        queries
    }
}
