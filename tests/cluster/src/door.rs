//! Where the Route leads, for the length of one test.

use std::sync::MutexGuard;
use std::thread::panicking;

use anyhow::Result;

use crate::cluster::Cluster;
use crate::objects::{ROUTE, admit, route};
use crate::prometheus::Prometheus;

/// The Route, this test's alone: there is one of it in a cluster, and other tests wait. When dropped, it leads to the
/// cluster's own Prometheus again.
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

    /// There is no Route.
    pub fn remove(&self) -> Result<()> {
        self.cluster.api().delete(ROUTE)
    }
}

impl Drop for Door<'_> {
    #[allow(clippy::panic, reason = "the next test would fail for no reason of its own")]
    fn drop(&mut self) {
        let restored = route(self.cluster.api(), &self.cluster.prometheus().host);
        if let (Err(error), false) = (restored, panicking()) {
            panic!("the Route could not be restored: {error:#}");
        }
    }
}
