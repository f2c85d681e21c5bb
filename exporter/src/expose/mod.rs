//! A snapshot as Prometheus's text exposition, version 0.0.4.

mod by_allowed;
mod cpu_sets;
mod groups_and_threads;
mod in_order;
mod pods;
mod series_lifetime;
mod starting_rows;
mod text;

use by_allowed::{Bases, on_any};
use in_order::InOrder;
use node_cpu::{Class, Cpu, Delta, EXITED, Group, Method, Pod, Snapshot, Thread};
use series_lifetime::{Appearance, Exposition, Series};
use starting_rows::Starting;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use text::{Text, seconds};

/// `Content-Type` of the exposition. Prometheus 3 refuses a response without one.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// State that is kept from one exposition to the next.
#[derive(Debug)]
pub(crate) struct Exposer {
    groups: Series<Group>,
    pods: Series<Pod>,
    threads: Series<Thread>,
    /// Parts of groups and pods by where they may run, if the node has several sets of CPUs.
    group_bases: Bases<Group>,
    pod_bases: Bases<Pod>,
    /// CPU that new series used before it is exported as theirs.
    starting: Starting,
    /// Length of the last text, in bytes.
    length: usize,
    /// Number of expositions so far.
    number: u64,
}

/// Result of one exposition.
#[derive(Debug)]
pub(crate) struct Exposed {
    pub(crate) text: String,
    /// Number of the exposition; the first is 1.
    pub(crate) number: u64,
    /// Groups, pods and thread names whose series have ended.
    pub(crate) left: Vec<Group>,
    pub(crate) left_pods: Vec<Pod>,
    pub(crate) left_threads: Vec<Thread>,
}

/// Facts about the exporter itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own {
    pub(crate) method: Method,
    /// Duration of the pass.
    pub(crate) pass: Duration,
    /// CPU that the exporter has used since it started.
    pub(crate) cpu: Duration,
    /// Start time of the exporter, since the epoch. `None` if the boot's time is unknown.
    pub(crate) started: Option<Duration>,
    /// True if the current version of the config could be read. `None` without a config.
    pub(crate) config_is_good: Option<bool>,
    /// True if the current versions of the TLS files could be read. `None` without TLS.
    pub(crate) tls_is_good: Option<bool>,
}

impl Exposer {
    pub(crate) fn new() -> Exposer {
        let (groups, pods, threads) = (Series::new(), Series::new(), Series::new());
        let (group_bases, pod_bases, starting) = (Bases::new(), Bases::new(), Starting::new());
        Exposer { groups, pods, threads, group_bases, pod_bases, starting, length: 0, number: 0 }
    }

    /// Renders one exposition. Every live scraper has received the one numbered `reached` or a later one.
    pub(crate) fn render(&mut self, snapshot: &Snapshot, own: Own, reached: u64) -> Exposed {
        self.number += 1;
        let now = Exposition { number: self.number, at: snapshot.at, reached };
        let mut text = Text::with_capacity(self.length + self.length / 8);
        let Exposer { groups, pods, threads, starting, .. } = self;
        let alive = |key: &Group| snapshot.alive.contains(key);
        let (mut groups, left) =
            expose_series(groups, &snapshot.groups, &now, alive, |key, more| starting.add_group(key, more));
        let alive = |key: &Pod| snapshot.pods_alive.contains(key);
        let (mut pods, left_pods) =
            expose_series(pods, &snapshot.pods, &now, alive, |_, more| starting.add_pod(more));
        let mut counts = InOrder::new(&snapshot.thread_counts);
        let alive = |key: &Thread| counts.get(key).is_some() || lives_with_group(key);
        let (mut exported_threads, left_threads) =
            expose_series(threads, &snapshot.threads, &now, alive, |key, more| {
                starting.add_thread(key, more)
            });
        if !left.is_empty() {
            // The threads' series end with their group.
            let left: BTreeSet<&Group> = left.iter().collect();
            let stays = |(class, group, _): &Thread| !left.contains(&(*class, Arc::clone(group)));
            exported_threads.retain(|(key, _)| stays(key));
            threads.retain(stays);
        }
        let mut threads = exported_threads;
        starting.settle(&left, &threads);
        let has_sets = !snapshot.cpu_sets.is_empty();
        let sets = has_sets.then(|| {
            let mut of_groups = self.group_bases.expose(&groups, &snapshot.groups_by_allowed);
            of_groups.extend(starting.groups().map(|(key, used)| (key, on_any(used))));
            let mut of_pods = self.pod_bases.expose(&pods, &snapshot.pods_by_allowed);
            let (key, used) = starting.pods();
            of_pods.push((key, on_any(used)));
            (of_groups, of_pods)
        });
        groups.extend(starting.groups());
        pods.push(starting.pods());
        if !threads.is_empty() {
            threads.extend(starting.threads());
        }
        text.groups(&groups, snapshot);
        text.pods(&pods);
        text.threads(&threads, snapshot);
        if let Some((of_groups, of_pods)) = sets {
            text.groups_by_allowed(&of_groups);
            text.pods_by_allowed(&of_pods);
        }
        let mut busy = text.counter(
            "namedprocess_node_cpu_seconds_total",
            "Busy CPU of the node since the exporter started, and apart from that, as steal, what a hypervisor took.",
        );
        for (mode, us) in &snapshot.busy {
            busy.sample(&[("mode", mode)], seconds(*us));
        }
        busy.sample(&[("mode", "steal")], seconds(snapshot.stolen_us));
        text.cpu_sets(snapshot);
        text.counter(
            "namedprocess_exporter_withheld_seconds_total",
            "Interrupts that the kernel counted in its tasks' time too, and that are therefore no group's of their own.",
        )
        .sample(&[], seconds(snapshot.withheld_us));
        let mut errors =
            text.counter("namedprocess_scrape_errors_total", "Files that could not be read, by reason.");
        for (reason, count) in &snapshot.errors {
            errors.sample(&[("reason", reason)], *count);
        }
        text.counter("namedprocess_exporter_passes_total", "Readings of the node that were exposed.")
            .sample(&[], self.number);
        text.gauge("namedprocess_exporter_pass_seconds", "How long the reading for this scrape took.")
            .sample(&[], seconds(micros(own.pass)));
        for (name, help, count) in [
            (
                "files_read",
                "Files and directories that the reading for this scrape read.",
                snapshot.work.files_read,
            ),
            (
                "files_open",
                "Files that are kept open from one reading to the next.",
                snapshot.work.files_open,
            ),
            ("cgroups_read", "Cgroups whose counter was read for this scrape.", snapshot.work.cgroups),
            ("processes_read", "Processes whose counter was read for this scrape.", snapshot.work.processes),
            ("threads_read", "Threads whose counter was read for this scrape.", snapshot.work.threads),
        ] {
            text.gauge(&format!("namedprocess_exporter_{name}"), help).sample(&[], count);
        }
        text.counter("process_cpu_seconds_total", "CPU of the exporter itself since it started.")
            .sample(&[], seconds(micros(own.cpu)));
        if let Some(started) = own.started {
            text.gauge("process_start_time_seconds", "When the exporter started, since the epoch.")
                .sample(&[], seconds(micros(started)));
        }
        text.gauge("namedprocess_exporter_method", "By what the node is counted; always 1.")
            .sample(&[("method", own.method.as_str())], 1_u64);
        text.gauge("namedprocess_exporter_build_info", "The exporter's version; always 1.")
            .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1_u64);
        let reloads = [
            ("namedprocess_exporter_config_last_reload_successful", "the config", own.config_is_good),
            ("namedprocess_exporter_tls_last_reload_successful", "the certificates", own.tls_is_good),
        ];
        for (name, what, good) in reloads {
            if let Some(good) = good {
                let help = format!(
                    "Whether {what} could be read when last changed; 0: what was read before is in force."
                );
                text.gauge(name, &help).sample(&[], u64::from(good));
            }
        }
        let text = text.into_string();
        self.length = text.len();
        Exposed { text, number: self.number, left, left_pods, left_threads }
    }
}

/// Renders the exposition of an exporter whose pass is still running after `age`.
pub(crate) fn running(age: Duration) -> String {
    let mut text = Text::with_capacity(256);
    let help = "How long the reading that is under way has run; there only if it does not end.";
    text.gauge("namedprocess_exporter_pass_running_seconds", help).sample(&[], seconds(micros(age)));
    text.into_string()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Returns the exported CPU of all series of one kind, and the keys of series that have ended. Calls `starting` with the
/// CPU of each new series that goes to `(starting)`.
fn expose_series<'a, K: Ord + Clone>(
    series: &mut Series<K>,
    all: &'a BTreeMap<K, Cpu>,
    now: &Exposition,
    alive: impl FnMut(&K) -> bool,
    mut starting: impl FnMut(&K, Delta),
) -> (Vec<(&'a K, Cpu)>, Vec<K>) {
    let (mut exported, mut left) = (Vec::with_capacity(all.len()), Vec::new());
    series.expose(all, now, alive, |key, appearance, more| {
        if more != Delta::default() {
            starting(key, more);
        }
        match appearance {
            Appearance::Zero => exported.push((key, Cpu::default())),
            Appearance::Value(used) => exported.push((key, used)),
            Appearance::Gone => left.push(key.clone()),
        }
    });
    (exported, left)
}

/// Returns true if the series of a thread name lasts as long as its group: `(exited)`, and a family of kernel threads.
fn lives_with_group((class, _, name): &Thread) -> bool {
    &**name == EXITED || *class == Class::Kernel
}

#[cfg(test)]
mod tests;
