//! A reading as Prometheus's text exposition, version 0.0.4.

mod pods;
mod series;
mod starting;
mod text;
mod values;

use node_cpu::{Class, Cpu, Delta, EXITED, Group, Method, Pod, Snapshot, Thread};
use series::{Exposition, Series, Show};
use starting::Starting;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use text::{Text, seconds};

/// The exposition's `Content-Type`; without one, Prometheus 3 refuses it.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is to be remembered from one exposition to the next.
#[derive(Debug)]
pub(crate) struct Exposer {
    groups: Series<Group>,
    pods: Series<Pod>,
    threads: Series<Thread>,
    /// What series that are new have used until they are shown with it.
    starting: Starting,
    /// The length of the last text.
    length: usize,
    /// Expositions so far.
    number: u64,
}

/// What one exposition comes to.
#[derive(Debug)]
pub(crate) struct Exposed {
    pub(crate) text: String,
    /// Its number: 1 is the first.
    pub(crate) number: u64,
    /// The groups, pods and names of threads that are no longer shown.
    pub(crate) left: Vec<Group>,
    pub(crate) left_pods: Vec<Pod>,
    pub(crate) left_threads: Vec<Thread>,
}

/// What the exporter says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own {
    pub(crate) method: Method,
    /// How long the pass took.
    pub(crate) pass: Duration,
    /// The CPU that the exporter has used since it started.
    pub(crate) cpu: Duration,
    /// When it started, since the epoch. `None` if the boot's time is unknown.
    pub(crate) started: Option<Duration>,
    /// Whether the config, and the files of TLS, as they are now could be read; none where there are none.
    pub(crate) config_is_good: Option<bool>,
    pub(crate) tls_is_good: Option<bool>,
}

impl Exposer {
    pub(crate) fn new() -> Exposer {
        let starting = Starting::new();
        let (groups, pods, threads) = (Series::new(), Series::new(), Series::new());
        Exposer { groups, pods, threads, starting, length: 0, number: 0 }
    }

    /// One exposition; every live scraper has got the one numbered `reached` or a later one.
    pub(crate) fn render(&mut self, snapshot: &Snapshot, own: Own, reached: u64) -> Exposed {
        self.number += 1;
        let now = Exposition { number: self.number, at: snapshot.at, reached };
        let mut text = Text::with_capacity(self.length + self.length / 8);
        let Exposer { groups, pods, threads, starting, .. } = self;
        let alive = |key: &Group| snapshot.alive.contains(key);
        let (mut groups, left) =
            shown(groups, &snapshot.groups, &now, alive, |key, more| starting.of_group(key, more));
        let alive = |key: &Pod| snapshot.pods_alive.contains(key);
        let (mut pods, left_pods) = shown(pods, &snapshot.pods, &now, alive, |_, more| starting.of_pod(more));
        let alive = |key: &Thread| snapshot.thread_counts.contains_key(key) || is_its_groups(key);
        let (mut shown_threads, left_threads) =
            shown(threads, &snapshot.threads, &now, alive, |key, more| starting.of_thread(key, more));
        if !left.is_empty() {
            // Threads leave with their group.
            let left: BTreeSet<&Group> = left.iter().collect();
            let stays = |(class, group, _): &Thread| !left.contains(&(*class, Arc::clone(group)));
            shown_threads.retain(|(key, _)| stays(key));
            threads.retain(stays);
        }
        let mut threads = shown_threads;
        starting.settle(&left, &threads);
        groups.extend(starting.groups());
        pods.push(starting.pods());
        if !threads.is_empty() {
            threads.extend(starting.threads());
        }
        text.groups(&groups, snapshot);
        text.pods(&pods);
        text.threads(&threads, snapshot);
        let mut busy = text.counter(
            "namedprocess_node_cpu_seconds_total",
            "Busy CPU of the node since the exporter started, and apart from that, as steal, what a hypervisor took.",
        );
        for (mode, us) in &snapshot.busy {
            busy.sample(&[("mode", mode)], seconds(*us));
        }
        busy.sample(&[("mode", "steal")], seconds(snapshot.stolen_us));
        text.counter(
            "namedprocess_exporter_withheld_seconds_total",
            "Interrupts that the kernel counted in its tasks' time too, and that are therefore no group's of their own.",
        )
        .sample(&[], seconds(snapshot.withheld_us));
        let mut errors =
            text.counter("namedprocess_scrape_errors_total", "Files that could not be read, by reason.");
        for (reason, count) in &snapshot.errors {
            errors.sample(&[("reason", reason)], count);
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
            .sample(&[("method", own.method.as_str())], "1");
        text.gauge("namedprocess_exporter_build_info", "The exporter's version; always 1.")
            .sample(&[("version", env!("CARGO_PKG_VERSION"))], "1");
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

/// The exposition of an exporter whose reading of the node has not ended for so long.
pub(crate) fn running(age: Duration) -> String {
    let mut text = Text::with_capacity(256);
    let help = "How long the reading that is under way has run; there only if it does not end.";
    text.gauge("namedprocess_exporter_pass_running_seconds", help).sample(&[], seconds(micros(age)));
    text.into_string()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// How the series of one kind are shown now, and those that are no more; tells how much more of each is `(starting)`.
fn shown<'a, K: Ord + Clone>(
    series: &mut Series<K>,
    all: &'a BTreeMap<K, Cpu>,
    now: &Exposition,
    alive: impl Fn(&K) -> bool,
    mut starting: impl FnMut(&K, Delta),
) -> (Vec<(&'a K, Cpu)>, Vec<K>) {
    let (mut shown, mut left) = (Vec::with_capacity(all.len()), Vec::new());
    for (key, used) in all {
        let (show, more) = series.show(key, *used, alive(key), now);
        if more != Delta::default() {
            starting(key, more);
        }
        match show {
            Show::Zero => shown.push((key, Cpu::default())),
            Show::Value(used) => shown.push((key, used)),
            Show::Gone => left.push(key.clone()),
        }
    }
    (shown, left)
}

/// Whether a name has no life of its own, and is shown as long as its group: what exited, and a family of kernel threads.
fn is_its_groups((class, _, name): &Thread) -> bool {
    &**name == EXITED || *class == Class::Kernel
}

#[cfg(test)]
mod tests;
