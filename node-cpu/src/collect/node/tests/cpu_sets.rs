//! Sets of CPUs of a whole node: which there are, and how busy each is.

use super::{Class, Detail, Fake, Group, Node};
use std::collections::BTreeMap;

/// Two CPUs of which the second is isolated, with their ticks of user and idle.
fn stat(fake: &Fake, ticks: [(u64, u64); 2]) {
    let line = |name: &str, user: u64, idle: u64| format!("{name} {user} 0 0 {idle} 0 0 0 0 0 0\n");
    let [reserved, isolated] = ticks;
    let lines = [
        line("cpu ", reserved.0 + isolated.0, reserved.1 + isolated.1),
        line("cpu0", reserved.0, reserved.1),
        line("cpu1", isolated.0, isolated.1),
    ];
    fake.write("proc/stat", &lines.concat());
}

#[test]
fn each_set_has_its_busy_time() {
    let fake = Fake::new();
    fake.write("proc/cmdline", "quiet rcu_nocbs=1 tuned.non_isolcpus=00000001\n");
    stat(&fake, [(0, 0), (0, 0)]);
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    // Idle for longer than between two readings: then the ticks tell.
    stat(&fake, [(300, 10_000), (200, 10_000)]);
    let snapshot = node.pass().unwrap();
    let sets: BTreeMap<_, _> =
        snapshot.cpu_sets.iter().map(|set| (set.name, (set.cpus.to_string(), set.busy["user"]))).collect();
    assert_eq!(sets["reserved"], ("0".to_owned(), 3_000_000));
    assert_eq!(sets["isolated"], ("1".to_owned(), 2_000_000));
    assert_eq!(snapshot.busy["user"], 5_000_000, "together they are the node");
}

#[test]
fn a_node_of_one_set_has_none() {
    for options in ["quiet\n", "rcu_nocbs=0-1\n", "rcu_nocbs=x\n"] {
        let fake = Fake::new();
        fake.write("proc/cmdline", options);
        stat(&fake, [(0, 0), (0, 0)]);
        let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
        assert!(node.pass().unwrap().cpu_sets.is_empty(), "{options}");
    }
    let fake = Fake::new();
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    assert!(node.pass().unwrap().cpu_sets.is_empty(), "without a command line");
}

/// Of a unit of many threads a new one is known at the next reading, and the others are not read again.
#[test]
fn a_new_thread_is_read_and_others_seldom() {
    let fake = Fake::new();
    fake.write("proc/cmdline", "rcu_nocbs=1\n");
    stat(&fake, [(0, 0), (0, 0)]);
    let bound = |tid: u32, cpus: &str| {
        fake.write(&format!("proc/{tid}/status"), &format!("Cpus_allowed_list:\t{cpus}\n"));
    };
    let threads = |tids: std::ops::Range<u32>| {
        let list: String = tids.map(|tid| format!("{tid}\n")).collect();
        fake.write("cgroup/system.slice/a.service/cgroup.threads", &list);
    };
    threads(100..140);
    (100..140).for_each(|tid| bound(tid, "0"));
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    let mut pass = |us: u64| {
        fake.service(us);
        node.pass().unwrap()
    };
    pass(51_000);
    bound(140, "1");
    threads(100..141);
    let snapshot = pass(52_000);
    assert_eq!(strays(&snapshot), [("a".to_owned(), "1".to_owned(), 1)]);
    assert!(snapshot.work.files_read < 40, "{} files read", snapshot.work.files_read);
    // What somebody binds anew is seen at the latest after 16 readings.
    bound(100, "0-1");
    let seen = (0..17).position(|round| strays(&pass(60_000 + 1000 * round)).len() == 2);
    assert!(seen.is_some());
}

/// What is in no unit is read again in each pass in which it has run.
#[test]
fn a_process_that_is_bound_anew_is_there_at_the_next_reading() {
    let fake = Fake::new();
    fake.write("proc/cmdline", "rcu_nocbs=1\n");
    stat(&fake, [(0, 0), (0, 0)]);
    fake.write("cgroup/cgroup.procs", "3\n20\n");
    let runs = |ticks: u64, cpus: &str| {
        let stat = format!("20 (loop) R 1 0 0 0 -1 4194304 0 0 0 0 {ticks} 0 0 0 20 0 1 0 5 0 0\n");
        fake.write("proc/20/stat", &stat);
        fake.write("proc/20/status", &format!("Cpus_allowed_list:\t{cpus}\n"));
    };
    runs(100, "0");
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    for (pass, (cpus, expected)) in (1..).zip([("0", [1, 0, 0]), ("1", [1, 1, 0]), ("0-1", [1, 1, 1])]) {
        runs(100 + pass * 2, cpus);
        let of = node.pass().unwrap().groups_by_allowed[&(Class::Host, "loop".into())];
        let parts = [of.reserved_us, of.isolated_us, of.any_us].map(|us| us / 20_000);
        assert_eq!(parts, expected, "{cpus}");
    }
}

/// Strays as of a snapshot: name, CPUs and number of threads.
fn strays(snapshot: &crate::Snapshot) -> Vec<(String, String, u64)> {
    let groups = snapshot.group_strays.iter().map(|(((_, group), cpus), count)| (group, cpus, count));
    let pods = snapshot.pod_strays.iter().map(|((pod, cpus), count)| (&pod.name, cpus, count));
    groups.chain(pods).map(|(name, cpus, count)| (name.to_string(), cpus.to_string(), *count)).collect()
}

/// A unit is on a set only if all of its threads are, a container where its cgroup is, and a kernel thread where it is bound.
#[test]
fn cpu_is_split_by_where_it_may_run() {
    let fake = Fake::new();
    fake.write("proc/cmdline", "rcu_nocbs=1\n");
    stat(&fake, [(0, 0), (0, 0)]);
    let bound = |tid: u32, cpus: &str| {
        fake.write(
            &format!("proc/{tid}/status"),
            &format!("Name:\tx\nCpus_allowed:\t3\nCpus_allowed_list:\t{cpus}\n"),
        );
    };
    let unit = "system.slice/a.service";
    fake.write(&format!("cgroup/{unit}/cgroup.threads"), "7\n8\n");
    [(7, "0"), (8, "0"), (3, "1")].into_iter().for_each(|(tid, cpus)| bound(tid, cpus));
    // The cgroup that the processes are in has no set of its own.
    let scope = "kubepods.slice/kubepods-pod1.slice/crio-1.scope";
    let container = "kubepods.slice/kubepods-pod1.slice/crio-1.scope/container";
    let pod = |us: u64| {
        for (place, _) in container.match_indices('/').chain([(container.len(), "")]) {
            let file = format!("cgroup/{}/cpu.stat", &container[..place]);
            fake.write(&file, &format!("usage_usec {us}\nuser_usec {us}\nsystem_usec 0\n"));
        }
    };
    fake.write(&format!("cgroup/{scope}/cpuset.cpus.effective"), "1\n");
    fake.write(&format!("cgroup/{container}/cgroup.procs"), "9\n");
    pod(100);
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    fake.service(51_000);
    pod(20_100);
    fake.ksoftirqd(102);
    stat(&fake, [(300, 10_000), (200, 10_000)]);
    let snapshot = node.pass().unwrap();
    let of = |group: Group| snapshot.groups_by_allowed[&group];
    let service = of((Class::Host, "a".into()));
    assert_eq!((service.reserved_us, service.isolated_us, service.any_us), (50_000, 0, 0));
    assert_eq!(of((Class::Kernel, "ksoftirqd".into())).isolated_us, 20_000);
    let pods: u64 = snapshot.pods_by_allowed.values().map(|of| of.isolated_us).sum();
    assert_eq!(pods, 20_000);
    assert_eq!(strays(&snapshot), [], "a pod without a name, and a kernel thread that is bound to one CPU");

    // One of its threads strays: what it uses from then on may be on any CPU.
    bound(8, "0-1");
    fake.service(81_000);
    stat(&fake, [(600, 10_000), (400, 10_000)]);
    let snapshot = node.pass().unwrap();
    let service = snapshot.groups_by_allowed[&(Class::Host, "a".into())];
    assert_eq!((service.reserved_us, service.any_us), (50_000, 30_000));
    assert_eq!(strays(&snapshot), [("a".to_owned(), "0-1".to_owned(), 1)]);

    // A kernel thread of any CPU strays too. CPUs that are not present are none that it is on.
    bound(3, "0-127");
    bound(8, "0");
    fake.service(91_000);
    for _ in 0..32 {
        node.pass().unwrap();
    }
    let snapshot = node.pass().unwrap();
    assert_eq!(strays(&snapshot), [("ksoftirqd".to_owned(), "0-1".to_owned(), 1)]);
}
