//! Expositions of snapshots that are written by hand.

use super::*;
use node_cpu::{Class, Counts, Work};
use std::time::Instant;

mod adds_up;
mod worked_example;

fn own() -> Own {
    Own {
        method: Method::Process,
        pass: Duration::from_micros(1234),
        cpu: Duration::from_millis(50),
        started: Some(Duration::from_millis(1_700_000_000_250)),
        config_is_good: Some(false),
        tls_is_good: None,
    }
}

fn cpu(user_us: u64, system_us: u64) -> Cpu {
    Cpu { user_us, system_us }
}

fn samples(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn an_exposition() {
    let odd: Group = (Class::Host, "a\"b\\c\nd".into());
    let mut snapshot = Snapshot::empty(Instant::now());
    snapshot.groups = [(odd.clone(), cpu(1_500_000, 7))].into();
    snapshot.counts = [(odd.clone(), Counts { processes: 2, threads: 9 })].into();
    snapshot.alive = [odd].into();
    snapshot.busy = [("user", 2_000_001)].into();
    (snapshot.stolen_us, snapshot.withheld_us) = (3, 17);
    snapshot.errors = [("other", 3)].into();
    snapshot.work = Work { files_read: 11, files_open: 12, cgroups: 13, processes: 14, threads: 15 };
    let pod = |class, namespace: &str| Pod { class, namespace: namespace.into(), name: "etcd-0".into() };
    snapshot.pods =
        [(pod(Class::Infra, "openshift-etcd"), cpu(1, 2)), (pod(Class::Pod, ""), cpu(4, 0))].into();
    let Exposed { text, number, left, left_pods, left_threads } = Exposer::new().render(&snapshot, own(), 0);
    assert!(left.is_empty() && left_pods.is_empty() && left_threads.is_empty() && number == 1);
    let version = env!("CARGO_PKG_VERSION");
    let want = [
        r#"namedprocess_namegroup_cpu_seconds_total{class="host",groupname="a\"b\\c\nd",mode="user"} 1.500000"#,
        r#"namedprocess_namegroup_cpu_seconds_total{class="host",groupname="a\"b\\c\nd",mode="system"} 0.000007"#,
        r#"namedprocess_namegroup_cpu_seconds_total{class="host",groupname="(starting)",mode="user"} 0.000000"#,
        r#"namedprocess_namegroup_cpu_seconds_total{class="host",groupname="(starting)",mode="system"} 0.000000"#,
        r#"namedprocess_namegroup_cpu_seconds_total{class="pod",groupname="(starting)",mode="user"} 0.000000"#,
        r#"namedprocess_namegroup_cpu_seconds_total{class="pod",groupname="(starting)",mode="system"} 0.000000"#,
        r#"namedprocess_namegroup_cpu_seconds_total{class="kernel",groupname="(starting)",mode="user"} 0.000000"#,
        r#"namedprocess_namegroup_cpu_seconds_total{class="kernel",groupname="(starting)",mode="system"} 0.000000"#,
        r#"namedprocess_namegroup_num_procs{class="host",groupname="a\"b\\c\nd"} 2"#,
        r#"namedprocess_namegroup_num_threads{class="host",groupname="a\"b\\c\nd"} 9"#,
        r#"namedprocess_pod_cpu_seconds_total{class="pod",namespace="",pod="etcd-0"} 0.000004"#,
        r#"namedprocess_pod_cpu_seconds_total{class="infra",namespace="openshift-etcd",pod="etcd-0"} 0.000003"#,
        r#"namedprocess_pod_cpu_seconds_total{class="pod",namespace="",pod="(starting)"} 0.000000"#,
        r#"namedprocess_node_cpu_seconds_total{mode="user"} 2.000001"#,
        r#"namedprocess_node_cpu_seconds_total{mode="steal"} 0.000003"#,
        "namedprocess_exporter_withheld_seconds_total 0.000017",
        r#"namedprocess_scrape_errors_total{reason="other"} 3"#,
        "namedprocess_exporter_passes_total 1",
        "namedprocess_exporter_pass_seconds 0.001234",
        "namedprocess_exporter_files_read 11",
        "namedprocess_exporter_files_open 12",
        "namedprocess_exporter_cgroups_read 13",
        "namedprocess_exporter_processes_read 14",
        "namedprocess_exporter_threads_read 15",
        "process_cpu_seconds_total 0.050000",
        "process_start_time_seconds 1700000000.250000",
        r#"namedprocess_exporter_method{method="process"} 1"#,
        &format!(r#"namedprocess_exporter_build_info{{version="{version}"}} 1"#),
        "namedprocess_exporter_config_last_reload_successful 0",
    ];
    assert_eq!(samples(&text), want);
    assert_eq!(text.matches("# TYPE ").count(), 19);
    assert!(text.ends_with('\n'));
    let unknown = Exposer::new().render(&snapshot, Own { started: None, ..own() }, 0).text;
    assert!(!unknown.contains("process_start_time_seconds"));
}

#[test]
fn a_pass_that_hangs_is_exported_with_its_age() {
    assert_eq!(
        samples(&running(Duration::from_millis(45_100))),
        ["namedprocess_exporter_pass_running_seconds 45.100000"]
    );
}

/// Any process can name a thread so, and a user may read the text on a terminal.
#[test]
fn control_characters_are_spelled_out() {
    let mut snapshot = Snapshot::empty(Instant::now());
    snapshot.groups = [((Class::Host, "a\u{1b}[2J\u{9b}\tü".into()), cpu(0, 0))].into();
    let text = Exposer::new().render(&snapshot, own(), 0).text;
    assert!(text.contains(r#"groupname="a\\x1b[2J\\x9b\\x09ü""#), "{text}");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
}

#[test]
fn threads_and_exited() {
    let mut snapshot = Snapshot::empty(Instant::now());
    let (host, group): (_, Arc<str>) = (Class::Host, "sshd".into());
    let thread = |name: &str| (host, Arc::clone(&group), name.into());
    snapshot.groups = [((host, Arc::clone(&group)), cpu(3, 4))].into();
    snapshot.alive = [(host, Arc::clone(&group))].into();
    snapshot.threads = [(thread("(exited)"), cpu(1, 0)), (thread("sshd"), cpu(2, 4))].into();
    snapshot.thread_counts = [(thread("sshd"), 5), (thread("(idle)"), 7)].into();
    let mut exposer = Exposer::new();
    let text = exposer.render(&snapshot, own(), u64::MAX).text;
    let threads = samples(&text).into_iter().filter(|line| line.contains("thread_"));
    let threads: Vec<&str> = threads.filter(|line| !line.contains(r#"groupname="(starting)""#)).collect();
    let of = r#"class="host",groupname="sshd",threadname"#;
    let want = [
        format!(r#"namedprocess_namegroup_thread_cpu_seconds_total{{{of}="(exited)",mode="user"}} 0.000001"#),
        format!(
            r#"namedprocess_namegroup_thread_cpu_seconds_total{{{of}="(exited)",mode="system"}} 0.000000"#
        ),
        format!(r#"namedprocess_namegroup_thread_cpu_seconds_total{{{of}="sshd",mode="user"}} 0.000002"#),
        format!(r#"namedprocess_namegroup_thread_cpu_seconds_total{{{of}="sshd",mode="system"}} 0.000004"#),
        format!(
            r#"namedprocess_namegroup_thread_cpu_seconds_total{{{of}="(starting)",mode="user"}} 0.000000"#
        ),
        format!(
            r#"namedprocess_namegroup_thread_cpu_seconds_total{{{of}="(starting)",mode="system"}} 0.000000"#
        ),
        format!(r#"namedprocess_namegroup_thread_count{{{of}="sshd"}} 5"#),
        format!(r#"namedprocess_namegroup_thread_count{{{of}="(idle)"}} 7"#),
    ];
    assert_eq!(threads, want);
    // A name without living threads leaves like a group. `(exited)` stays as long as its group.
    snapshot.thread_counts.clear();
    for (seconds, left) in [(15, vec![]), (30, vec![]), (1000, vec![thread("sshd")])] {
        let later = snapshot.at + Duration::from_secs(seconds);
        assert_eq!(
            exposer.render(&Snapshot { at: later, ..snapshot.clone() }, own(), u64::MAX).left_threads,
            left
        );
    }
}

#[test]
fn sets_of_cpus_are_exposed_where_there_are_several() {
    let mut snapshot = Snapshot::empty(Instant::now());
    let rendered = |snapshot: &Snapshot| Exposer::new().render(snapshot, own(), 0).text;
    assert!(!rendered(&snapshot).contains("cpuset"), "none on a node of one set");
    let set = |name, cpus: [u32; 2], us| node_cpu::CpuSet {
        name,
        cpus: cpus.into_iter().collect(),
        busy: [("user", us)].into(),
    };
    snapshot.cpu_sets = vec![set("isolated", [2, 4], 7), set("reserved", [0, 1], 1_500_000)];
    let cpus = Arc::new(node_cpu::CpuList::from_iter([0, 2]));
    snapshot.group_strays = [(((Class::Host, "a".into()), Arc::clone(&cpus)), 3)].into();
    let pod = Pod { class: Class::Infra, namespace: "openshift-x".into(), name: "p".into() };
    snapshot.pod_strays = [((pod, cpus), 2)].into();
    let text = rendered(&snapshot);
    let stray = |line: &&str| line.starts_with("namedprocess_") && line.contains("_stray_");
    let strays: Vec<&str> = text.lines().filter(stray).collect();
    assert_eq!(
        strays,
        [
            r#"namedprocess_namegroup_stray_threads{class="host",groupname="a",cpus="0,2"} 3"#,
            r#"namedprocess_pod_stray_threads{class="infra",namespace="openshift-x",pod="p",cpus="0,2"} 2"#,
        ]
    );
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("{cpuset=")).collect();
    assert_eq!(
        lines,
        [
            r#"namedprocess_node_cpuset_info{cpuset="isolated",cpus="2,4"} 1"#,
            r#"namedprocess_node_cpuset_info{cpuset="reserved",cpus="0-1"} 1"#,
            r#"namedprocess_node_cpuset_cpu_seconds_total{cpuset="isolated",mode="user"} 0.000007"#,
            r#"namedprocess_node_cpuset_cpu_seconds_total{cpuset="reserved",mode="user"} 1.500000"#,
        ]
    );
}
