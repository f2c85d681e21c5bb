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

/// A unit is on a set only if all of its threads are, a container where its cgroup is, and a kernel thread where it is bound.
#[test]
fn cpu_is_told_by_where_it_may_run() {
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
    let container = "kubepods.slice/kubepods-pod1.slice/crio-1.scope";
    let pod = |us: u64| {
        for (place, _) in container.match_indices('/').chain([(container.len(), "")]) {
            let file = format!("cgroup/{}/cpu.stat", &container[..place]);
            fake.write(&file, &format!("usage_usec {us}\nuser_usec {us}\nsystem_usec 0\n"));
        }
    };
    fake.write(&format!("cgroup/{container}/cpuset.cpus.effective"), "1\n");
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

    // One of its threads strays: what it uses from then on may be on any CPU.
    bound(8, "0-1");
    fake.service(81_000);
    stat(&fake, [(600, 10_000), (400, 10_000)]);
    let service = node.pass().unwrap().groups_by_allowed[&(Class::Host, "a".into())];
    assert_eq!((service.reserved_us, service.any_us), (50_000, 30_000));
}
