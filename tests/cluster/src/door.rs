//! Target of the Route, for the length of one test.

use std::sync::MutexGuard;
use std::thread::panicking;

use anyhow::Result;

use crate::cluster::Cluster;
use crate::objects::{ROUTE, admit, publish, publish_defaults, published, route};
use crate::prometheus::Prometheus;

/// The Route, and what else shows the way, this test's alone: there is one in a cluster, and other tests wait. When
/// dropped, it leads to the cluster's own Prometheus again, and the ConfigMaps are what they were.
pub struct Door<'a> {
    cluster: &'a Cluster,
    _alone: MutexGuard<'a, ()>,
}

impl<'a> Door<'a> {
    pub(crate) fn new(cluster: &'a Cluster, alone: MutexGuard<'a, ()>) -> Self {
        Self { cluster, _alone: alone }
    }

    /// The Route leads to `prometheus`.
    pub fn lead_to(&self, prometheus: &Prometheus) -> Result<()> {
        self.lead_to_host(&prometheus.host)
    }

    /// The Route is admitted under `host`, whatever is there ([`add_host`](crate::add_host)).
    pub fn lead_to_host(&self, host: &str) -> Result<()> {
        admit(self.cluster.api(), host, true)
    }

    /// The router has refused the Route.
    pub fn refuse(&self) -> Result<()> {
        admit(self.cluster.api(), &self.cluster.prometheus().host, false)
    }

    /// ConfigMap `name` of `openshift-config-managed` holds `text` under `key`.
    pub fn publish(&self, name: &str, key: &str, text: &str) -> Result<()> {
        publish(self.cluster.api(), name, key, text)
    }

    /// There is no ConfigMap `name` in `openshift-config-managed`.
    pub fn withdraw(&self, name: &str) -> Result<()> {
        self.cluster.api().delete(&published(name))
    }

    /// There is no Route.
    pub fn remove(&self) -> Result<()> {
        self.cluster.api().delete(ROUTE)
    }
}

impl Drop for Door<'_> {
    #[allow(clippy::panic, reason = "the next test would fail for no reason of its own")]
    fn drop(&mut self) {
        let api = self.cluster.api();
        let restored = route(api, &self.cluster.prometheus().host).and_then(|()| publish_defaults(api));
        if let (Err(error), false) = (restored, panicking()) {
            panic!("what leads there could not be restored: {error:#}");
        }
    }
}
