//! Metric of the pods.

use super::text::{Text, seconds};
use node_cpu::{Cpu, Pod};

impl Text {
    /// Writes the pods, each with its exported CPU.
    pub(super) fn pods(&mut self, pods: &[(&Pod, Cpu)]) {
        let mut cpu = self.counter(
            "namedprocess_pod_cpu_seconds_total",
            "CPU of a pod since the exporter started; together that of the groups of class pod.",
        );
        for (pod, used) in pods {
            // An empty namespace is written too. Otherwise Prometheus would add the exporter's own.
            let labels = [("class", pod.class.as_str()), ("namespace", &*pod.namespace), ("pod", &*pod.name)];
            cpu.sample(&labels, seconds(used.total_us()));
        }
    }
}
