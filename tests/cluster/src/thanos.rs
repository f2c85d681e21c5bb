//! Thanos over replicas of Prometheus, as OpenShift's `thanos-querier` is: a sidecar beside each, and a querier that
//! takes series for one that differ in `prometheus_replica` alone.

use anyhow::{Context, Result, ensure};
use reqwest::blocking::Client;
use serde_json::Value;

use crate::api::{fetch, with_ring};
use crate::bare::Bare;
use crate::namespace::{free_port, tool};
use crate::process::{Process, start};

/// A running querier with its sidecars; ended when dropped.
pub struct Thanos {
    /// Base URL of the querier: plain HTTP on loopback.
    pub url: String,
    sidecars: Vec<Process>,
    client: Client,
    /// Ended with this struct.
    querier: Process,
}

impl Thanos {
    /// The configuration of a Prometheus that is the replica of this name; without it a sidecar does not start.
    pub fn replica(name: &str) -> String {
        format!(
            "global: {{external_labels: {{prometheus: openshift-monitoring/k8s, prometheus_replica: {name}}}}}"
        )
    }

    /// Starts one called `name`, unique in this process, over `replicas`. When this returns, it holds all of them for
    /// healthy.
    pub fn start(name: &str, replicas: &[&Bare]) -> Result<Self> {
        let (mut sidecars, mut stores) = (Vec::new(), Vec::new());
        for (number, replica) in replicas.iter().enumerate() {
            let store = local();
            let arguments = [
                "sidecar".to_owned(),
                format!("--prometheus.url={}", replica.url),
                format!("--tsdb.path={}", replica.data.display()),
                format!("--grpc-address={store}"),
                format!("--http-address={}", local()),
            ];
            sidecars.push(start(&format!("{name}-sidecar-{number}"), tool("thanos")?, &arguments)?);
            stores.push(store);
        }
        let address = local();
        let mut arguments = vec![
            "query".to_owned(),
            format!("--http-address={address}"),
            format!("--grpc-address={}", local()),
            "--query.replica-label=prometheus_replica".to_owned(),
        ];
        arguments.extend(stores.iter().map(|store| format!("--endpoint={store}")));
        let querier = start(name, tool("thanos")?, &arguments)?;
        let mut thanos =
            Self { url: format!("http://{address}"), sidecars, client: with_ring().build()?, querier };
        thanos.await_stores(replicas.len())?;
        Ok(thanos)
    }

    /// Kills the sidecar of a replica, by its place in the list; the querier no longer holds it for healthy when this
    /// returns.
    pub fn lose(&mut self, replica: usize) -> Result<()> {
        let left = self.healthy()?.saturating_sub(1);
        self.sidecars.get_mut(replica).context("no such replica")?.kill();
        self.await_stores(left)
    }

    fn await_stores(&mut self, count: usize) -> Result<()> {
        let (client, url) = (&self.client, &self.url);
        self.querier.await_ready(|| {
            let healthy = healthy(client, url)?;
            ensure!(healthy == count, "{healthy} of {count} stores are healthy");
            Ok(())
        })
    }

    fn healthy(&self) -> Result<usize> {
        healthy(&self.client, &self.url)
    }
}

/// Number of sidecars that the querier has no error of.
fn healthy(client: &Client, url: &str) -> Result<usize> {
    let (status, text) = fetch(client, &format!("{url}/api/v1/stores"), None)?;
    let stores: Value = serde_json::from_str(&text).with_context(|| format!("{status}: {text}"))?;
    let sidecars = stores.pointer("/data/sidecar").and_then(Value::as_array).into_iter().flatten();
    Ok(sidecars.filter(|store| store.get("lastError").is_none_or(Value::is_null)).count())
}

fn local() -> String {
    format!("127.0.0.1:{}", free_port())
}
