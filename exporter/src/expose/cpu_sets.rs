//! Metrics of a node's sets of CPUs: which CPUs they are, how busy, and which threads of the platform may leave theirs. A
//! node of one set has none of them.

use super::text::{Text, seconds};
use node_cpu::Snapshot;

impl Text {
    /// Writes the sets and the strays.
    pub(super) fn cpu_sets(&mut self, snapshot: &Snapshot) {
        let sets = &snapshot.cpu_sets;
        if sets.is_empty() {
            return;
        }
        let help = "CPUs of each set of a node that is partitioned, by the kernel's command line; always 1.";
        let mut info = self.gauge("namedprocess_node_cpuset_info", help);
        for set in sets {
            info.sample(&[("cpuset", set.name), ("cpus", &set.cpus.to_string())], 1_u64);
        }
        let help = "Busy CPU of each set of CPUs since the exporter started.";
        let mut busy = self.counter("namedprocess_node_cpuset_cpu_seconds_total", help);
        for set in sets {
            for (mode, us) in &set.busy {
                busy.sample(&[("cpuset", set.name), ("mode", mode)], seconds(*us));
            }
        }
        let help = "Threads of a group outside of pods that are allowed on isolated CPUs, by all that they are allowed on.";
        let mut threads = self.gauge("namedprocess_namegroup_stray_threads", help);
        for (((class, group), cpus), count) in &snapshot.group_strays {
            let labels = [("class", class.as_str()), ("groupname", &**group), ("cpus", &cpus.to_string())];
            threads.sample(&labels, *count);
        }
        let help = "Threads of a pod of the platform that are allowed on isolated CPUs, likewise.";
        let mut threads = self.gauge("namedprocess_pod_stray_threads", help);
        for ((pod, cpus), count) in &snapshot.pod_strays {
            let labels = [
                ("class", pod.class.as_str()),
                ("namespace", &*pod.namespace),
                ("pod", &*pod.name),
                ("cpus", &cpus.to_string()),
            ];
            threads.sample(&labels, *count);
        }
    }
}
