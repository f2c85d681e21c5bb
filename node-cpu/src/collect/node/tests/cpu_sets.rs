//! Sets of CPUs of a whole node: which there are, and how busy each is.

use super::{Detail, Fake, Node};
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
