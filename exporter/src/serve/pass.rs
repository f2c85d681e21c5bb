//! One pass: the config if it has changed, the node's counters, and their text.

use super::passes::Exposed;
use super::reload::Watched;
use crate::expose::{Audience, Exposer, Own};
use anyhow::Result;
use hyper::body::Bytes;
use node_cpu::{Node, Rules};
use rustix::time::{ClockId, clock_gettime};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Everything that a pass takes.
pub(super) struct Exporter {
    pub(super) node: Node,
    pub(super) exposer: Exposer,
    pub(super) rules: Option<Watched<Rules>>,
    pub(super) audience: Arc<Mutex<Audience>>,
    pub(super) say: fn(&str),
}

impl Exporter {
    /// Reads the node; `tls_is_good`: as of [`super::trust::Trust::is_good`].
    pub(super) fn pass(&mut self, tls_is_good: Option<bool>) -> Result<Exposed> {
        let began = Instant::now();
        if let Some(rules) = &mut self.rules {
            match rules.look(began) {
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
            config_is_good: self.rules.as_ref().map(Watched::is_good),
            tls_is_good,
        };
        let reached = self.audience.lock().unwrap_or_else(PoisonError::into_inner).reached(Instant::now());
        let exposed = self.exposer.render(&snapshot, own, reached);
        exposed.left.iter().for_each(|group| self.node.forget(group));
        exposed.left_pods.iter().for_each(|pod| self.node.forget_pod(pod));
        exposed.left_threads.iter().for_each(|thread| self.node.forget_thread(thread));
        Ok(Exposed { text: Bytes::from(exposed.text), number: exposed.number })
    }
}
