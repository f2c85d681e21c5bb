//! Metrics of a node's sets of CPUs: which CPUs they are, and how busy. A node of one set has none of them.

use super::text::{Text, seconds};
use node_cpu::CpuSet;

impl Text {
    /// Writes the sets.
    pub(super) fn cpu_sets(&mut self, sets: &[CpuSet]) {
        if sets.is_empty() {
            return;
        }
        let help = "CPUs of each set of a node that is partitioned, by the kernel's command line; always 1.";
        let mut info = self.gauge("namedprocess_node_cpuset_info", help);
        for set in sets {
            info.sample(&[("cpuset", set.name), ("cpus", &set.cpus.to_string())], "1");
        }
        let help = "Busy CPU of each set of CPUs since the exporter started.";
        let mut busy = self.counter("namedprocess_node_cpuset_cpu_seconds_total", help);
        for set in sets {
            for (mode, us) in &set.busy {
                busy.sample(&[("cpuset", set.name), ("mode", mode)], seconds(*us));
            }
        }
    }
}
