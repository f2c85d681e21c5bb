//! Strays by the exporter's series: what of the platform may run on isolated CPUs, without what is expected there.
use super::{Threads, ThreadsOnNodes};
use crate::prometheus::Series;
use crate::query::promql;
use crate::query::{Cost, Querier, Span, Split};
use crate::report::Class;
use crate::time::Timestamp;
use crate::top::key::Key;
use crate::top::metric_names;
use crate::top::question::Question;
use anyhow::Result;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Number of strays that a node is taken for when the cost of a query is estimated.
const STRAYS_PER_NODE: usize = 100;
/// Step at which threads are added up.
const STEP: &str = "15s";
/// Groups whose affinity OVS itself keeps in step with its load, wherever that is.
const OVS: [&str; 2] = ["ovs-vswitchd", "ovsdb-server"];

/// Strays, as fetched.
#[derive(Debug, Default)]
pub(crate) struct Strays {
    /// Threads of each group or pod that may run on isolated CPUs.
    pub found: BTreeMap<Key, ThreadsOnNodes>,
    /// Notes on what is expected there, or not known.
    pub notes: Vec<String>,
}

impl Strays {
    /// Fetches those of a window on a question's nodes, whatever its other filters: `status` reads all of them. `nodes`: number
    /// of nodes, for the costs.
    pub(crate) async fn fetch(
        querier: &Querier<'_>,
        question: &Question,
        window: Span,
        nodes: usize,
    ) -> Result<Strays> {
        let extent = (window, nodes);
        let (groups, pods, partitioned) = tokio::try_join!(
            stray_threads(querier, question, extent, metric_names::GROUP_STRAYS),
            stray_threads(querier, question, extent, metric_names::POD_STRAYS),
            partitions_pods(querier, question, window.end),
        )?;
        let mut notes = Vec::new();
        let shown = |key: &Key| question.filter.shows(key);
        let (ovs, mut found): (BTreeMap<_, _>, BTreeMap<_, _>) =
            groups.into_iter().partition(|(key, _)| OVS.contains(&key.name.as_str()));
        if ovs.keys().any(&shown) {
            notes.push(
                "OVS may run on isolated CPUs, which is expected: it keeps its affinity in step with its load"
                    .to_owned(),
            );
        }
        match partitioned {
            Some(true) => found.extend(pods),
            _ if !pods.keys().any(shown) => {}
            Some(false) => notes.push(
                "pods of the platform may run on isolated CPUs, which is expected: the cluster was installed without workload partitioning"
                    .to_owned(),
            ),
            None => notes.push(
                "pods of the platform may run on isolated CPUs: whether they should is not known, since Infrastructure/cluster (status.cpuPartitioning) cannot be read"
                    .to_owned(),
            ),
        }
        Ok(Strays { found, notes })
    }
}

/// Fetches the threads that stray, at most at once in the window: by group or pod, node and CPUs.
async fn stray_threads(
    querier: &Querier<'_>,
    question: &Question,
    (window, nodes): (Span, usize),
    metric: &str,
) -> Result<BTreeMap<Key, ThreadsOnNodes>> {
    let strays: RefCell<BTreeMap<Key, ThreadsOnNodes>> = RefCell::default();
    let is_pod = metric == metric_names::POD_STRAYS;
    let of = |series: &Series<'_>, add: &dyn Fn(&mut Threads)| {
        let text = |name: &str| series.label(name).to_owned();
        let node = text("instance");
        let namespace = Some(text("namespace")).filter(|_| is_pod);
        let name = text(if is_pod { "pod" } else { "groupname" });
        let of = question.per_node.then(|| node.clone());
        let class = Class::of_label(series.label("class"));
        let key = Key { namespace, name, node: of, ..Key::of_class(class) };
        add(strays.borrow_mut().entry(key).or_default().entry(node).or_default());
    };
    let lists = |response: &[Series<'_>]| {
        response.iter().for_each(|series| {
            of(series, &|threads| threads.cpus.extend([series.label("cpus").to_owned()]));
        });
    };
    let most = |response: &[Series<'_>]| {
        response.iter().for_each(|series| {
            let now = series.value().unwrap_or_default() as u64;
            of(series, &|threads| threads.most = threads.most.max(now));
        });
    };
    let selector = promql::select(metric, question.filter.nodes_matcher("instance").as_slice());
    let labels = if is_pod { "instance, class, namespace, pod" } else { "instance, class, groupname" };
    let list = |selector: &str, range: &str| promql::statistic("last", selector, range);
    // Threads whose CPUs have changed in the window are on two lists, and not twice as many.
    let at_once = |selector: &str, range: &str| {
        format!("max_over_time({}[{range}:{STEP}])", promql::sum_by(labels, selector))
    };
    let cost = Cost::new(nodes * STRAYS_PER_NODE, nodes * STRAYS_PER_NODE).by(&selector, "instance");
    tokio::try_join!(
        querier.over(list, &selector, window, (Split::Time, cost), lists),
        querier.over(at_once, &selector, window, (Split::Time, cost), most),
    )?;
    let mut strays = strays.into_inner();
    // One whose last sample is older than a step of the other query.
    strays.values_mut().flat_map(BTreeMap::values_mut).for_each(|threads| threads.most = threads.most.max(1));
    Ok(strays)
}

/// Finds whether the platform's pods are bound to reserved CPUs: by the API server, else by the resource that nodes then
/// have. `None` if neither tells.
async fn partitions_pods(querier: &Querier<'_>, question: &Question, end: Timestamp) -> Result<Option<bool>> {
    if let Some(told) = question.sets.partitioning.of_pods {
        return Ok(Some(told));
    }
    let told = querier.client().one(metric_names::PARTITIONED, end).await?;
    Ok(told.filter(|nodes| *nodes > 0.0).map(|_| true))
}
