//! Partitioning of nodes: which CPUs PerformanceProfiles give to whom, and whether the platform's pods are bound to theirs.

use super::context::Cluster;
use super::server::{Part, Server};
use anyhow::{Context, Error, Result, anyhow};
use node_cpu::CpuList;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const PROFILES: &str = "/apis/performance.openshift.io/v2/performanceprofiles";
const INFRASTRUCTURE: &str = "/apis/config.openshift.io/v1/infrastructures/cluster";
/// Longest time that they are waited for: reports can be made without them.
const PATIENCE: Duration = Duration::from_secs(15);

/// Partitioning of the CPUs, from the API server.
#[derive(Clone, Debug, Default)]
pub struct Partitioning {
    /// Sets of CPUs of each node that a profile selects.
    pub of_nodes: BTreeMap<String, ProfileSets>,
    /// Reason why no profile, or not each, could be read. `None` if all were, or none was looked for.
    pub why_none: Option<String>,
    /// True if the platform's pods are bound to reserved CPUs on all nodes. `None` if the server does not tell.
    pub of_pods: Option<bool>,
}

/// Sets of CPUs of a PerformanceProfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileSets {
    /// CPUs of the platform.
    pub reserved: CpuList,
    /// CPUs of the workload.
    pub isolated: Option<CpuList>,
    /// CPUs that containers of the workload may share.
    pub shared: Option<CpuList>,
    /// CPUs of OVS's DPDK threads.
    pub ovs_dpdk: Option<CpuList>,
}

#[derive(Deserialize)]
struct Profiles {
    items: Vec<Value>,
}

#[derive(Deserialize)]
struct Profile {
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    cpu: Cpu,
    node_selector: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Cpu {
    reserved: String,
    isolated: Option<String>,
    shared: Option<String>,
    ovs_dpdk: Option<String>,
}

impl Cluster {
    /// Fetches the profiles, the nodes that they select, and the partitioning of pods. What fails is kept as the reason why
    /// there are none.
    pub async fn partitioning(&self) -> Partitioning {
        let fetched = tokio::time::timeout(PATIENCE, fetch(self)).await;
        let fetched = fetched.unwrap_or_else(|_| Err(anyhow!("the API server did not answer in time")));
        fetched.unwrap_or_else(|error| Partitioning {
            why_none: Some(format!("{error:#}")),
            ..Partitioning::default()
        })
    }
}

async fn fetch(cluster: &Cluster) -> Result<Partitioning> {
    let server = cluster.server().await?;
    let (of_pods, profiles) = tokio::join!(of_pods(&server), profiles(cluster, &server));
    Ok(match profiles {
        Ok(found) => Partitioning { of_pods, ..found },
        Err(error) => {
            Partitioning { why_none: Some(format!("{error:#}")), of_pods, ..Partitioning::default() }
        }
    })
}

/// Fetches whether the platform's pods are bound. `None` if there is no such object, or it may not be read.
pub(super) async fn of_pods(server: &Server<'_>) -> Option<bool> {
    let infrastructure: Value = server.get_opt(INFRASTRUCTURE, Part::Whole).await.ok()??;
    binds_pods(&infrastructure)
}

fn binds_pods(infrastructure: &Value) -> Option<bool> {
    match infrastructure.pointer("/status/cpuPartitioning")?.as_str()? {
        "AllNodes" => Some(true),
        "None" => Some(false),
        _ => None,
    }
}

/// Objects of a cluster, as somebody has gathered them.
#[derive(Clone, Debug, Default)]
pub struct GatheredObjects {
    /// PerformanceProfiles.
    pub profiles: Vec<Value>,
    /// Labels of each node.
    pub nodes: BTreeMap<String, BTreeMap<String, String>>,
    /// Infrastructure `cluster`.
    pub infrastructure: Option<Value>,
}

impl Partitioning {
    /// Finds what gathered objects tell.
    pub fn of_objects(objects: &GatheredObjects) -> Partitioning {
        let (mut of_nodes, mut odd) = (BTreeMap::new(), Vec::new());
        for profile in &objects.profiles {
            match read(profile) {
                Ok((sets, selector)) => {
                    let has_all = |labels: &BTreeMap<String, String>| {
                        selector.iter().all(|(key, value)| labels.get(key) == Some(value))
                    };
                    let selected = objects.nodes.iter().filter(|(_, labels)| has_all(labels));
                    of_nodes.extend(selected.map(|(node, _)| (node.clone(), sets.clone())));
                }
                Err(error) => odd.push(explain_odd(profile, &error)),
            }
        }
        let of_pods = objects.infrastructure.as_ref().and_then(binds_pods);
        Partitioning { why_none: why_none(&odd, of_nodes.is_empty()), of_nodes, of_pods }
    }
}

fn explain_odd(profile: &Value, error: &Error) -> String {
    let name = profile.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    format!("PerformanceProfile {name:?}: {error:#}")
}

fn why_none(odd: &[String], is_empty: bool) -> Option<String> {
    match (odd.is_empty(), is_empty) {
        (false, _) => Some(odd.join("; ")),
        (true, true) => Some("there is none".to_owned()),
        (true, false) => None,
    }
}

async fn profiles(cluster: &Cluster, server: &Server<'_>) -> Result<Partitioning> {
    let profiles: Option<Profiles> = server
        .get_opt(PROFILES, Part::Whole)
        .await
        .map_err(|failure| failure.during("listing PerformanceProfiles", "a cluster reader may"))?;
    let (mut of_nodes, mut odd) = (BTreeMap::new(), Vec::new());
    for profile in profiles.map(|profiles| profiles.items).unwrap_or_default() {
        let (sets, node_selector) = match read(&profile) {
            Ok(found) => found,
            // One that cannot be read takes none of the others along.
            Err(error) => {
                odd.push(explain_odd(&profile, &error));
                continue;
            }
        };
        let labels = node_selector.iter().map(|(key, value)| format!("{key}={value}"));
        let selector = labels.collect::<Vec<_>>().join(",");
        for node in cluster.nodes(&selector).await? {
            of_nodes.insert(node, sets.clone());
        }
    }
    Ok(Partitioning { why_none: why_none(&odd, of_nodes.is_empty()), of_nodes, of_pods: None })
}

/// Reads a profile's sets, and the labels of its nodes.
fn read(profile: &Value) -> Result<(ProfileSets, BTreeMap<String, String>)> {
    let Profile { spec } = Profile::deserialize(profile)?;
    let cpu = spec.cpu;
    let list = |name: &'static str, text: Option<String>| {
        let text = text.filter(|text| !text.trim().is_empty());
        let list = text.map(|text| CpuList::parse(&text)).transpose();
        list.with_context(|| format!("spec.cpu.{name}"))
    };
    let sets = ProfileSets {
        reserved: CpuList::parse(&cpu.reserved).context("spec.cpu.reserved")?,
        isolated: list("isolated", cpu.isolated)?,
        shared: list("shared", cpu.shared)?,
        ovs_dpdk: list("ovsDpdk", cpu.ovs_dpdk)?,
    };
    Ok::<_, Error>((sets, spec.node_selector))
}

#[cfg(test)]
mod tests {
    use super::{GatheredObjects, Partitioning, read};
    use serde_json::json;

    #[test]
    fn gathered_profiles_are_of_the_nodes_that_have_their_labels() {
        let profile = |reserved: &str, selector: serde_json::Value| json!({"metadata": {"name": "p"}, "spec": {"cpu": {"reserved": reserved}, "nodeSelector": selector}});
        let labels = |role: &str| [(format!("role/{role}"), String::new())].into();
        let objects = GatheredObjects {
            profiles: vec![profile("0-1", json!({"role/worker": ""})), profile("x", json!({}))],
            nodes: [("a".to_owned(), labels("worker")), ("b".to_owned(), labels("master"))].into(),
            infrastructure: Some(json!({"status": {"cpuPartitioning": "AllNodes"}})),
        };
        let found = Partitioning::of_objects(&objects);
        assert_eq!(found.of_nodes.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(found.of_nodes["a"].reserved.to_string(), "0-1");
        assert!(found.why_none.unwrap().contains("PerformanceProfile \"p\": spec.cpu.reserved"));
        assert_eq!(found.of_pods, Some(true));
        let none = Partitioning::of_objects(&GatheredObjects::default());
        assert_eq!((none.why_none.as_deref(), none.of_pods), (Some("there is none"), None));
    }

    #[test]
    fn a_profile_has_its_sets_and_the_labels_of_its_nodes() {
        let profile = json!({"spec": {
            "cpu": {"reserved": "0-1,52-53", "isolated": "2-9", "shared": "", "ovsDpdk": "10", "balanceIsolated": false},
            "nodeSelector": {"role": "worker"},
        }});
        let (sets, labels) = read(&profile).unwrap();
        assert_eq!(sets.reserved.to_string(), "0-1,52-53");
        assert_eq!(sets.isolated.unwrap().to_string(), "2-9");
        assert_eq!((sets.shared, sets.ovs_dpdk.unwrap().to_string()), (None, "10".to_owned()));
        assert_eq!(labels["role"], "worker");
        for (odd, named) in [
            (json!({"spec": {"cpu": {}}}), "spec.cpu.reserved"),
            (json!({"spec": {"cpu": {"reserved": "0", "isolated": "x"}}}), "spec.cpu.isolated"),
            (json!({"spec": {"cpu": {"reserved": 3}}}), "invalid type"),
        ] {
            assert!(format!("{:#}", read(&odd).unwrap_err()).contains(named), "{odd}");
        }
    }
}
