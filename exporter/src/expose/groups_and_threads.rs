//! Metrics of a snapshot's groups and threads, with process-exporter's names and the additional label `class`.

use super::in_order::InOrder;
use super::text::{Text, seconds};
use node_cpu::{Cpu, EXITED, Group, IDLE, INTERRUPTS, STARTING, Snapshot, Thread};

impl Text {
    /// Writes the groups, each with its exported CPU.
    pub(super) fn groups(&mut self, groups: &[(&Group, Cpu)], snapshot: &Snapshot) {
        let mut cpu = self.counter(
            "namedprocess_namegroup_cpu_seconds_total",
            "CPU of a group since the exporter started, what has exited included.",
        );
        for ((class, group), used) in groups {
            for (mode, us) in [("user", used.user_us), ("system", used.system_us)] {
                cpu.sample(&[("class", class.as_str()), ("groupname", group), ("mode", mode)], seconds(us));
            }
        }
        let counts = || {
            let keys = groups.iter().map(|(key, _)| *key).filter(|key| has_processes(key));
            keys.map(|key| (key, snapshot.counts.get(key).copied().unwrap_or_default()))
        };
        let mut processes = self.gauge("namedprocess_namegroup_num_procs", "Processes of a group that live.");
        for ((class, group), counts) in counts() {
            processes.sample(&[("class", class.as_str()), ("groupname", group)], counts.processes);
        }
        let mut threads =
            self.gauge("namedprocess_namegroup_num_threads", "Threads of a group's living processes.");
        for ((class, group), counts) in counts() {
            threads.sample(&[("class", class.as_str()), ("groupname", group)], counts.threads);
        }
    }

    /// Writes the groups' threads, each name with its exported CPU: in their order, and rows `(starting)` after them.
    pub(super) fn threads(&mut self, threads: &[(&Thread, Cpu)], snapshot: &Snapshot) {
        if threads.is_empty() {
            return;
        }
        let mut cpu = self.counter(
            "namedprocess_namegroup_thread_cpu_seconds_total",
            "CPU of a group's threads by name; with what its living threads do not account for, (exited), the group's.",
        );
        for ((class, group, name), used) in threads {
            for (mode, us) in [("user", used.user_us), ("system", used.system_us)] {
                let labels =
                    [("class", class.as_str()), ("groupname", group), ("threadname", name), ("mode", mode)];
                cpu.sample(&labels, seconds(us));
            }
        }
        let mut counts =
            self.gauge("namedprocess_namegroup_thread_count", "Threads of a name in a group that live.");
        let named = threads.iter().map(|(key, _)| *key).filter(|key| ![EXITED, STARTING].contains(&&*key.2));
        let mut living = InOrder::new(&snapshot.thread_counts);
        let named = named.map(|key| (key, living.get(key).copied().unwrap_or_default()));
        // Idle threads have used nothing, and so have no series of CPU.
        let idle = snapshot.thread_counts.iter().filter(|(key, _)| &*key.2 == IDLE);
        for ((class, group, name), count) in named.chain(idle.map(|(key, count)| (key, *count))) {
            let labels = [("class", class.as_str()), ("groupname", group), ("threadname", name)];
            counts.sample(&labels, count);
        }
    }
}

/// Returns true if a group's CPU is that of processes.
fn has_processes((_, group): &Group) -> bool {
    ![EXITED, INTERRUPTS, STARTING].contains(&&**group)
}
