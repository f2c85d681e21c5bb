//! Facts that limits depend on: reserved CPUs of nodes, and requests of pods, as Prometheus has them.
use super::limit::LimitKind;
use super::platform_metrics::{MANAGEMENT, pod_requests};
use super::report::Item;
use super::subject::{Line, Resource};
use crate::cluster::{Partitioning, ProfileSets};
use crate::prometheus::Series;
use crate::query::{Querier, Span};
use crate::report::{Class, Cpuset};
use crate::time::Timestamp;
use anyhow::Result;
use node_cpu::CpuList;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Namespace and name.
pub(super) type Pod = (String, String);

/// Shortest stretch before a window's end in which facts are looked for: they are scraped once a minute.
const SHORTEST: Duration = Duration::from_secs(300);

/// Returns a series' pod.
pub(super) fn pod(series: &Series<'_>) -> Pod {
    (series.label("namespace").to_owned(), series.label("pod").to_owned())
}

/// CPUs of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cpus {
    /// These.
    These(CpuList),
    /// All but these.
    AllBut(CpuList),
}

impl Cpus {
    /// Matches them by the label `cpu`.
    pub(super) fn matcher(&self) -> String {
        let (operator, list) = match self {
            Cpus::These(list) => ("=~", list),
            Cpus::AllBut(list) => ("!~", list),
        };
        let numbers: Vec<String> = list.iter().map(|cpu| cpu.to_string()).collect();
        format!("cpu{operator}\"{}\"", numbers.join("|"))
    }

    /// Returns the least number of them that must be seen.
    pub(super) fn least(&self) -> usize {
        match self {
            Cpus::These(list) => list.count(),
            Cpus::AllBut(_) => 1,
        }
    }
}

/// CPUs that are reserved for the platform, by their numbers.
#[derive(Clone, Debug, Default)]
pub struct Reserved {
    /// Of all nodes, as `--reserved` says.
    pub given: Option<CpuList>,
    /// By node, as PerformanceProfiles say.
    pub of_nodes: BTreeMap<String, ProfileSets>,
    /// Reason why no PerformanceProfile, or not each, could be read. `None` if all were, or none was looked for.
    pub why_none: Option<String>,
}

impl From<Partitioning> for Reserved {
    fn from(found: Partitioning) -> Reserved {
        Reserved { given: None, of_nodes: found.of_nodes, why_none: found.why_none }
    }
}

impl Reserved {
    /// Returns a node's CPUs.
    pub(super) fn cpus_on(&self, node: &str) -> Option<&CpuList> {
        self.given.as_ref().or_else(|| self.of_nodes.get(node).map(|sets| &sets.reserved))
    }

    /// Returns the CPUs of a set of a node, as some or as all but some. `None` if neither the user nor a profile tells them.
    pub(super) fn cpus_of(&self, cpuset: Cpuset, node: &str) -> Option<Cpus> {
        match (cpuset, &self.given) {
            (Cpuset::Reserved, _) => self.cpus_on(node).cloned().map(Cpus::These),
            (_, Some(reserved)) => Some(Cpus::AllBut(reserved.clone())),
            _ => self.of_nodes.get(node)?.isolated.clone().map(Cpus::These),
        }
    }

    /// Explains why those of a node are not known.
    pub(super) fn why(&self) -> String {
        let why = self.why_none.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
        format!(
            "neither a PerformanceProfile nor the node's command line tells which CPUs are reserved{why}: --reserved 0-1,52-53 does"
        )
    }
}

/// What limits depend on.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub reserved: Reserved,
    /// Capacity less allocatable of each node, CPUs.
    pub less_allocatable: BTreeMap<String, f64>,
    /// Requests of pods that workload partitioning manages, cores.
    pub management: BTreeMap<Pod, f64>,
    /// Requests of pods, cores and bytes.
    pub cpu: BTreeMap<Pod, f64>,
    pub memory: BTreeMap<Pod, f64>,
    /// Nodes that are ready at the end of the window. Empty if nothing says so.
    pub nodes: BTreeSet<String>,
}

impl Facts {
    /// Fetches what some lines need of a window. Errors are those of the client.
    pub(super) async fn fetch(
        querier: &Querier<'_>,
        window: Span,
        lines: &[Line],
        reserved: Reserved,
    ) -> Result<Facts> {
        let of_reserved = lines
            .iter()
            .any(|line| matches!(line.limit.kind, LimitKind::OfReserved(_) | LimitKind::OfSystemReserved(_)));
        let of_request = |resource| {
            lines.iter().any(|line| {
                matches!(line.limit.kind, LimitKind::OfRequest(_)) && line.subject.resource == resource
            })
        };
        let end = window.end;
        let range = querier.ranges().text(window.length().max(SHORTEST));
        let by_node = |series: &Series<'_>| series.label("node").to_owned();
        let resource = |of: &str| {
            let last = |name: &str| {
                format!(
                    "max by (node) (last_over_time(kube_node_status_{name}{{resource=\"{of}\"}}[{range}]))"
                )
            };
            format!("{} - {}", last("capacity"), last("allocatable"))
        };
        let requests = |of: &str| pod_requests(of, &range);
        let ready = "count by (node) (kube_node_info) unless on (node) (kube_node_status_condition{condition=\"Ready\",status=\"true\"} == 0)";
        let (less_allocatable, management, cpu, memory, nodes) = tokio::try_join!(
            fetch_if(querier, of_reserved, resource("cpu"), end, by_node),
            fetch_if(querier, true, requests(MANAGEMENT), end, pod),
            fetch_if(querier, of_request(Resource::Cpu), requests("cpu"), end, pod),
            fetch_if(querier, of_request(Resource::Memory), requests("memory"), end, pod),
            fetch_if(querier, true, ready.to_owned(), end, by_node),
        )?;
        let management = management.into_iter().map(|(pod, millicores)| (pod, millicores / 1000.0)).collect();
        let nodes = nodes.into_keys().collect();
        Ok(Facts { reserved, less_allocatable, management, cpu, memory, nodes })
    }

    /// Returns the limit of a line on a node, for a pod if each is judged; the error says why it is not known. `None` if the
    /// limit is a share of a request that the pod has not got.
    pub(super) fn limit(&self, line: &Line, node: &str, item: &Item) -> Option<Result<f64, String>> {
        let pod = || Some((item.namespace.clone()?, item.pod.clone()?));
        match line.limit.kind {
            LimitKind::Plain(amount) | LimitKind::Cores(amount) | LimitKind::Bytes(amount) => {
                Some(Ok(amount))
            }
            LimitKind::OfReserved(share) => Some(self.reserved_count(node).map(|count| share * count)),
            LimitKind::OfSystemReserved(share) => Some(self.system_reserved(node).map(|count| share * count)),
            LimitKind::OfManagementRequest(share) => {
                self.management.get(&pod()?).map(|request| Ok(share * request))
            }
            LimitKind::OfRequest(share) => {
                let pod = pod()?;
                let request = match line.subject.resource {
                    Resource::Memory => self.memory.get(&pod),
                    Resource::Cpu => self.management.get(&pod).or_else(|| self.cpu.get(&pod)),
                };
                request.map(|request| Ok(share * request))
            }
        }
    }

    /// Returns the number of a node's reserved CPUs.
    fn reserved_count(&self, node: &str) -> Result<f64, String> {
        match self.reserved.cpus_on(node) {
            Some(list) => Ok(list.count() as f64),
            None => self.system_reserved(node),
        }
    }

    /// Returns the number of CPUs that a node's kubelet keeps from pods.
    fn system_reserved(&self, node: &str) -> Result<f64, String> {
        if let Some(list) = &self.reserved.given {
            return Ok(list.count() as f64);
        }
        self.less_allocatable.get(node).copied().ok_or_else(|| {
            "no kube_node_status_capacity tells how many CPUs are reserved: --reserved 0-1,52-53 does"
                .to_owned()
        })
    }

    /// Explains why a line that is a share of requests judges nothing.
    pub(super) fn why_no_request(&self, line: &Line) -> String {
        match line.limit.kind {
            LimitKind::OfManagementRequest(_) => {
                "no pod requests management.workload.openshift.io/cores: workload partitioning is off, or kube-state-metrics \
                 is not scraped"
                    .to_owned()
            }
            _ => "no pod has a request: kube-state-metrics tells them".to_owned(),
        }
    }

    /// Returns the pods of other namespaces than the platform's that count as infra, since workload partitioning puts
    /// them where the platform runs.
    pub(super) fn management_pods(&self) -> Vec<Pod> {
        let other = |pod: &&Pod| Class::of_namespace(&pod.0) == Class::Workload;
        self.management.keys().filter(other).cloned().collect()
    }
}

async fn fetch_if<K: Ord>(
    querier: &Querier<'_>,
    wanted: bool,
    query: String,
    end: Timestamp,
    key: impl Fn(&Series<'_>) -> K,
) -> Result<BTreeMap<K, f64>> {
    if !wanted {
        return Ok(BTreeMap::new());
    }
    querier.client().instant_by(&query, end, key).await
}
