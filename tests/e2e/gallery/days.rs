//! Two days of a node of 16 CPUs, made up: what docs/gallery.md says of them, and no more, is in these samples.

use fastrand::Rng;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

/// End of the second day: 2026-03-04T00:00:00Z.
pub(crate) const END: u32 = 1_772_582_400;
pub(crate) const DAY: u32 = 86_400;
/// Seconds between two samples.
const STEP: u32 = 30;
const HOUR: u32 = 3600;

pub(crate) const STORY: &str = "\
One node of 16 CPUs on two days, made up and sampled every 30 s (`tests/e2e/gallery/days.rs`). On both a shop has
customers from 8 to 20 o'clock, and at 2 o'clock a backup runs for half an hour. On the second day kubelet takes half
as much again, the shop has a new part, `offers`, and from 14:10 to 14:35 nothing was sampled.";

/// Something that uses CPU: its class, its namespace if it is a pod, its name, and its cores at night and by day.
struct User(&'static str, &'static str, &'static str, f64, f64);

const USERS: [User; 13] = [
    User("host", "", "kubelet", 0.35, 0.5),
    User("host", "", "crio", 0.2, 0.35),
    User("host", "", "ovs-vswitchd", 0.1, 0.4),
    User("host", "", "systemd-journald", 0.03, 0.06),
    User("kernel", "", "(interrupts)", 0.05, 0.25),
    User("kernel", "", "ksoftirqd", 0.02, 0.15),
    User("kernel", "", "kworker", 0.03, 0.05),
    User("infra", "openshift-etcd", "etcd-sno", 0.3, 0.4),
    User("infra", "openshift-monitoring", "prometheus-k8s-0", 0.35, 0.5),
    User("infra", "openshift-ovn-kubernetes", "ovnkube-node-x7k2p", 0.15, 0.3),
    User("workload", "shop", "cart-6d4f9c7b8-abcde", 0.1, 2.2),
    User("workload", "shop", "search-77b5d9c46-fghij", 0.1, 1.5),
    User("workload", "backup", "backup-7f9c8d6b5-klmno", 0.0, 0.0),
];

/// Writes the samples that the exporter's rules and kube-state-metrics' would have recorded, in OpenMetrics without its end.
pub(crate) fn samples() -> String {
    let mut rng = Rng::with_seed(28);
    let times: Vec<u32> = (END - 2 * DAY + STEP..=END).step_by(STEP as usize).collect();
    let offers = User("workload", "shop", "offers-5c8d7f6b9-pqrst", 0.05, 0.8);
    // By metric and labels: Prometheus wants a metric's series together, and each in the order of time.
    let mut series: BTreeMap<(&str, String), BTreeMap<u32, f64>> = BTreeMap::new();
    let mut add = |metric, labels: String, at, cores: f64| {
        *series.entry((metric, labels)).or_default().entry(at).or_default() += cores;
    };
    for at in times.into_iter().filter(|at| !gap().contains(at)) {
        let second_day = at > END - DAY;
        let mut busy = 0.0;
        for user in USERS.iter().chain(second_day.then_some(&offers)) {
            let User(class, namespace, name, ..) = user;
            let cores = cores(user, at, &mut rng);
            let cores = (cores * if second_day && *name == "kubelet" { 15_000.0 } else { 10_000.0 }).round()
                / 10_000.0;
            busy += cores;
            if namespace.is_empty() {
                let of = format!("class=\"{class}\",groupname=\"{name}\"");
                add("namedprocess_namegroup_cpu_rate", format!("instance=\"sno\",{of}"), at, cores);
                add("class_groupname:namedprocess_namegroup_cpu_rate:sum", of, at, cores);
            } else {
                let of = format!("class=\"{class}\",namespace=\"{namespace}\"");
                add("namedprocess_pod_cpu_rate", format!("instance=\"sno\",{of},pod=\"{name}\""), at, cores);
                add("class_namespace:namedprocess_pod_cpu_rate:sum", of, at, cores);
                let workload = name.split('-').next().unwrap_or(name);
                let owner = format!(
                    "namespace=\"{namespace}\",pod=\"{name}\",workload=\"{workload}\",workload_type=\"deployment\""
                );
                add("namespace_workload_pod:kube_pod_owner:relabel", owner, at, 1.0);
            }
            add(
                "instance_class:namedprocess_cpu_rate:sum",
                format!("instance=\"sno\",class=\"{class}\""),
                at,
                cores,
            );
            add("class:namedprocess_cpu_rate:sum", format!("class=\"{class}\""), at, cores);
        }
        // What nothing accounts for: the two clocks of the kernel differ, either way.
        let rest = (f64::from(rng.i32(-200..800))) / 10_000.0;
        add("instance:namedprocess_node_cpu_rate:sum", "instance=\"sno\"".to_owned(), at, busy + rest);
        add("cluster:namedprocess_node_cpu_rate:sum", String::new(), at, busy + rest);
        add("cluster:namedprocess_node_cpu_rate:count", String::new(), at, 1.0);
        add("cluster:namedprocess_node_cpu_unattributed_rate:sum", String::new(), at, rest);
    }
    let mut text = String::new();
    for ((metric, labels), samples) in series {
        for (at, cores) in samples {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{metric}{{{labels}}} {:.4} {at}", cores);
        }
    }
    text
}

/// When nothing was sampled.
fn gap() -> Range<u32> {
    let noon = END - DAY / 2;
    noon + 2 * HOUR + 600..noon + 2 * HOUR + 2100
}

fn cores(User(_, _, name, night, day): &User, at: u32, rng: &mut Rng) -> f64 {
    let hour = f64::from(at % DAY) / f64::from(HOUR);
    // Customers come and go; most of them are there at 14 o'clock.
    let customers =
        if (8.0..20.0).contains(&hour) { ((hour - 8.0) / 12.0 * std::f64::consts::PI).sin() } else { 0.0 };
    let backup = if (2.0..2.5).contains(&hour) { 1.0 } else { 0.0 };
    let backed_up = match *name {
        "backup-7f9c8d6b5-klmno" => 1.5,
        "etcd-sno" => 1.2,
        "crio" | "kworker" => 0.8,
        _ => 0.0,
    };
    let noise = 0.9 + 0.2 * rng.f64();
    (night + (day - night) * customers) * noise + backed_up * backup * noise
}
