//! One scrape: the config if it has changed, a pass over the node, and its text.

mod acknowledged;
mod exposition;

pub(super) use acknowledged::Acknowledged;
pub(super) use exposition::Exposition;

use super::reload::Reloaded;
use crate::expose::{Exposer, Own};
use anyhow::Result;
use hyper::body::Bytes;
use node_cpu::{Node, Rules};
use rustix::time::{ClockId, clock_gettime};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// State that a scrape needs.
pub(super) struct Exporter {
    pub(super) node: Node,
    pub(super) exposer: Exposer,
    pub(super) rules: Option<Reloaded<Rules>>,
    /// When the program started, since the epoch. `None` if the boot's time is unknown.
    pub(super) started: Option<Duration>,
    /// Number of the exposition that each scraper has acknowledged.
    pub(super) acknowledged: Arc<Mutex<Acknowledged>>,
    pub(super) say: fn(&str),
}

impl Exporter {
    /// Reads the node. `tls_is_good`: see [`super::tls::Certificates::are_good`].
    pub(super) fn scrape(&mut self, tls_is_good: Option<bool>) -> Result<Exposition> {
        let began = Instant::now();
        if let Some(rules) = &mut self.rules {
            match rules.renew(began) {
                Ok(false) => {}
                Ok(true) => {
                    self.node.set_rules(Some(Arc::clone(rules.value())));
                    (self.say)("the config has changed and is in force");
                }
                Err(error) => {
                    (self.say)(&format!("the config has changed, and the old one stays: {error:#}"))
                }
            }
        }
        let snapshot = self.node.pass()?;
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let own = Own {
            method: self.node.method(),
            pass: began.elapsed(),
            cpu: Duration::try_from(cpu).unwrap_or_default(),
            started: self.started,
            config_is_good: self.rules.as_ref().map(Reloaded::is_good),
            tls_is_good,
        };
        let reached =
            self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).reached(Instant::now());
        let exposed = self.exposer.render(&snapshot, own, reached);
        exposed.left.iter().for_each(|group| self.node.forget(group));
        exposed.left_pods.iter().for_each(|pod| self.node.forget_pod(pod));
        exposed.left_threads.iter().for_each(|thread| self.node.forget_thread(thread));
        Ok(Exposition::new(Bytes::from(exposed.text), exposed.number))
    }
}
