//! Moves of a process between the root and a unit: its CPU counts in the cgroup that it is in, and nowhere twice.

use super::*;
use crate::naming::Rules;

const TICK: u64 = 10_000;

impl Fake {
    /// Sets the CPU of PID 50, for which a rule has the name `mine`, and of the unit `a`, in ticks. Sets the processes
    /// of both cgroups.
    fn moving(&self, ticks: u64, unit_ticks: u64, in_root: &str, in_unit: &str) {
        let stat = format!("50 (x) S 1 0 0 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 5 0 0\n");
        self.write("proc/50/stat", &stat);
        self.write("proc/50/task/50/stat", &stat);
        self.service(unit_ticks * TICK);
        self.write("cgroup/cgroup.procs", in_root);
        self.write("cgroup/system.slice/a.service/cgroup.procs", in_unit);
    }
}

#[test]
fn cpu_of_a_process_counts_for_the_cgroup_it_is_in() {
    let fake = Fake::new();
    fake.moving(5, 1, "3\n50\n", "");
    let mut node = Node::open(&fake.paths(), Detail { threads: true }).unwrap();
    let rules = Rules::parse("process_names: [{name: mine, comm: [x]}]").unwrap();
    node.set_rules(Some(Arc::new(rules)));
    let totals = |node: &mut Node, (ticks, unit_ticks, in_root, in_unit)| {
        fake.moving(ticks, unit_ticks, in_root, in_unit);
        let snapshot = node.pass().unwrap();
        let mine: Group = (Class::Host, "mine".into());
        let threads =
            snapshot.threads.iter().filter(|((class, group, _), _)| (*class, &**group) == (mine.0, &*mine.1));
        let threads: u64 = threads.map(|(_, cpu)| cpu.total_us()).sum();
        let group = snapshot.groups[&mine].total_us();
        assert_eq!(threads, group, "its threads are not the group");
        assert_eq!(snapshot.counts.get(&mine).map(|counts| (counts.processes, counts.threads)), Some((1, 1)));
        (group / TICK, total(&snapshot, Class::Host, "a").unwrap_or(0) / TICK)
    };
    let (root, unit) = (("3\n50\n", ""), ("3\n", "50\n"));
    let mut at =
        |ticks, unit_ticks, (in_root, in_unit)| totals(&mut node, (ticks, unit_ticks, in_root, in_unit));
    assert_eq!(at(7, 1, root), (2, 0));
    // One tick in the root is unseen, and three are in the unit.
    assert_eq!(at(11, 4, unit), (2, 3));
    assert_eq!(at(13, 6, unit), (4, 3), "a rule's group has what it uses in the unit");
    // One more tick is in the unit, and one in the root before the process is read there.
    assert_eq!(at(15, 7, root), (4, 4));
    assert_eq!(at(16, 7, root), (5, 4));
}
