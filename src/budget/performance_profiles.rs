//! Which CPUs are reserved, as the cluster's PerformanceProfiles say, if they may be read.
use super::facts::Reserved;
use crate::cluster::{Cluster, Part};
use anyhow::{Context, Result};
use node_cpu::CpuList;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

const PATH: &str = "/apis/performance.openshift.io/v2/performanceprofiles";
/// Longest time that they are waited for: a budget can be judged without them.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
struct Profiles {
    items: Vec<Profile>,
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
    reserved: Option<String>,
}

impl Reserved {
    /// Fetches the profiles and the nodes that they are of. What fails is kept as the reason why there are none.
    pub async fn fetch(cluster: &Cluster) -> Reserved {
        let fetched = tokio::time::timeout(PATIENCE, fetch(cluster)).await;
        let fetched =
            fetched.unwrap_or_else(|_| Err(anyhow::anyhow!("the API server did not answer in time")));
        match fetched {
            Ok(of_nodes) if of_nodes.is_empty() => {
                Reserved { why_none: Some("there is none".to_owned()), ..Reserved::default() }
            }
            Ok(of_nodes) => Reserved { of_nodes, ..Reserved::default() },
            Err(error) => Reserved { why_none: Some(format!("{error:#}")), ..Reserved::default() },
        }
    }
}

async fn fetch(cluster: &Cluster) -> Result<BTreeMap<String, CpuList>> {
    let server = cluster.server().await?;
    let profiles: Option<Profiles> = server
        .get_opt(PATH, Part::Whole)
        .await
        .map_err(|failure| failure.during("listing PerformanceProfiles", "a cluster reader may"))?;
    let mut of_nodes = BTreeMap::new();
    for Profile { spec } in profiles.map(|profiles| profiles.items).unwrap_or_default() {
        let Some(reserved) = spec.cpu.reserved else { continue };
        let list = CpuList::parse(&reserved).context("a PerformanceProfile's spec.cpu.reserved")?;
        let labels = spec.node_selector.iter().map(|(key, value)| format!("{key}={value}"));
        let selector = labels.collect::<Vec<_>>().join(",");
        for node in cluster.nodes(&selector).await? {
            of_nodes.insert(node, list.clone());
        }
    }
    Ok(of_nodes)
}
