//! Which CPUs are reserved, as the cluster's PerformanceProfiles say, if they may be read.
use super::facts::Reserved;
use crate::cluster::{Cluster, Part};
use anyhow::{Context, Result};
use node_cpu::CpuList;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const PATH: &str = "/apis/performance.openshift.io/v2/performanceprofiles";
/// Longest time that they are waited for: a budget can be judged without them.
const PATIENCE: Duration = Duration::from_secs(15);

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
#[serde(default)]
struct Cpu {
    reserved: String,
}

impl Reserved {
    /// Fetches the profiles and the nodes that they are of. What fails is kept as the reason why there are none.
    pub async fn fetch(cluster: &Cluster) -> Reserved {
        let fetched = tokio::time::timeout(PATIENCE, fetch(cluster)).await;
        let fetched =
            fetched.unwrap_or_else(|_| Err(anyhow::anyhow!("the API server did not answer in time")));
        fetched
            .unwrap_or_else(|error| Reserved { why_none: Some(format!("{error:#}")), ..Reserved::default() })
    }
}

async fn fetch(cluster: &Cluster) -> Result<Reserved> {
    let server = cluster.server().await?;
    let profiles: Option<Profiles> = server
        .get_opt(PATH, Part::Whole)
        .await
        .map_err(|failure| failure.during("listing PerformanceProfiles", "a cluster reader may"))?;
    let (mut of_nodes, mut odd) = (BTreeMap::new(), Vec::new());
    for profile in profiles.map(|profiles| profiles.items).unwrap_or_default() {
        let (list, node_selector) = match read(&profile) {
            Ok(found) => found,
            // One that cannot be read takes none of the others along.
            Err(error) => {
                let name = profile.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
                odd.push(format!("PerformanceProfile {name:?}: {error:#}"));
                continue;
            }
        };
        let labels = node_selector.iter().map(|(key, value)| format!("{key}={value}"));
        let selector = labels.collect::<Vec<_>>().join(",");
        for node in cluster.nodes(&selector).await? {
            of_nodes.insert(node, list.clone());
        }
    }
    let why_none = match (odd.is_empty(), of_nodes.is_empty()) {
        (false, _) => Some(odd.join("; ")),
        (true, true) => Some("there is none".to_owned()),
        (true, false) => None,
    };
    Ok(Reserved { of_nodes, why_none, ..Reserved::default() })
}

/// Reads a profile's reserved CPUs, and the labels of its nodes.
fn read(profile: &Value) -> Result<(CpuList, BTreeMap<String, String>)> {
    let Profile { spec } = Profile::deserialize(profile)?;
    let list = CpuList::parse(&spec.cpu.reserved).context("spec.cpu.reserved")?;
    Ok((list, spec.node_selector))
}
