//! Tests counting by cgroup on a real cgroup v2 tree, against the kernel's own `cpu.stat` of each unit.
//!
//! Each test creates its own tree in the machine's tree, and counts it as if it were a node's.

use crate::cgroups::Cgroups;
use crate::shell::{DETAIL, Shell, compare, skip, total};
use node_cpu::{Class, Node, Paths, Snapshot};
use std::fs;

/// Largest error of a sum in microseconds. `cpu.stat` cuts its numbers to microseconds, so each end may be off by one.
const ROUNDING_US: u64 = 2;

/// Returns the total of a group of class `host`, in microseconds.
fn host_total(snapshot: &Snapshot, group: &str) -> u64 {
    total(snapshot, Class::Host, group)
}

#[test]
fn a_living_unit_is_counted_as_the_kernel_does() {
    let Some(tree) = Cgroups::new("living") else { return };
    let mut shell = tree.unit("a");
    shell.run("burn 50");
    let before = tree.used("system.slice/a.service");
    let mut node = tree.open();
    shell.run("burn 200; (burn 30)");
    let used = tree.used("system.slice/a.service") - before;
    let snapshot = node.pass().unwrap();
    assert!(used > 10_000, "the load is {used} us");
    compare("living unit", host_total(&snapshot, "a"), used, ROUNDING_US);
    compare("exited", host_total(&snapshot, "(exited)"), 0, ROUNDING_US);
    assert!(snapshot.errors.values().all(|count| *count == 0), "{:?}", snapshot.errors);
}

#[test]
fn a_unit_that_starts_later_counts_from_its_start_to_its_end() {
    let Some(tree) = Cgroups::new("later") else { return };
    let mut node = tree.open();
    let mut shell = tree.unit("b");
    shell.run("burn 60");
    let half = host_total(&node.pass().unwrap(), "b");
    compare("born since", half, tree.used("system.slice/b.service"), ROUNDING_US);
    shell.run("burn 60");
    let used = tree.end("b", shell);
    assert!(used > half + 10_000, "{used} us is more than the {half} us that a pass has seen");
    compare("and ended", host_total(&node.pass().unwrap(), "b"), used, ROUNDING_US);
}

/// Tests CPU of units that no pass saw. The kernel reports which came and went, so the owner is certain if it was one.
#[test]
fn a_unit_that_no_pass_saw_is_counted_if_no_other_came_and_went() {
    let Some(tree) = Cgroups::new("unseen") else { return };
    let mut node = tree.open();
    let mut shell = tree.unit("c");
    shell.run("burn 60");
    let used = tree.end("c", shell);
    let snapshot = node.pass().unwrap();
    assert!(used > 10_000, "the load is {used} us");
    compare("born and gone", host_total(&snapshot, "c"), used, ROUNDING_US);
    assert_eq!(host_total(&snapshot, "(exited)"), 0);
    let (mut d, mut e) = (tree.unit("d"), tree.unit("e"));
    d.run("burn 40");
    e.run("burn 40");
    let used = tree.end("d", d) + tree.end("e", e);
    let snapshot = node.pass().unwrap();
    compare("two born and gone", host_total(&snapshot, "(exited)"), used, 2 * ROUNDING_US);
    assert_eq!((host_total(&snapshot, "d"), host_total(&snapshot, "e")), (0, 0));
}

#[test]
fn a_unit_that_is_started_again_goes_on_as_the_same_group() {
    let Some(tree) = Cgroups::new("again") else { return };
    let mut node = tree.open();
    let mut shell = tree.unit("d");
    shell.run("burn 40");
    node.pass().unwrap();
    shell.run("burn 40");
    let first = tree.end("d", shell);
    let mut shell = tree.unit("d");
    shell.run("burn 40");
    let snapshot = node.pass().unwrap();
    compare(
        "started again",
        host_total(&snapshot, "d"),
        first + tree.used("system.slice/d.service"),
        2 * ROUNDING_US,
    );
}

#[test]
fn two_that_end_at_once_leave_their_tails_unnamed() {
    let Some(tree) = Cgroups::new("two") else { return };
    let mut node = tree.open();
    let (mut e, mut f) = (tree.unit("e"), tree.unit("f"));
    e.run("burn 40");
    f.run("burn 40");
    let seen = node.pass().unwrap();
    e.run("burn 40");
    f.run("burn 40");
    let used = tree.end("e", e) + tree.end("f", f);
    let snapshot = node.pass().unwrap();
    let (before, after) = (
        host_total(&seen, "e") + host_total(&seen, "f"),
        host_total(&snapshot, "e") + host_total(&snapshot, "f"),
    );
    assert_eq!(before, after);
    compare("two tails", host_total(&snapshot, "(exited)") + after, used, 2 * ROUNDING_US);
}

#[test]
fn a_process_in_no_unit_is_counted_beside_them() {
    let Some(tree) = Cgroups::new("root") else { return };
    let mut shell = Shell::child("ocint-root", tree.links.path());
    fs::write(tree.root.join("cgroup.procs"), shell.pid.to_string()).unwrap();
    let before = shell.run(":");
    let mut node = tree.open();
    let after = shell.run("burn 200");
    let snapshot = node.pass().unwrap();
    // The shell is the only process there. It is the whole class, whatever the names of its ancestors are.
    let groups =
        snapshot.groups.iter().filter(|((class, _), _)| *class == Class::Host).map(|(_, cpu)| cpu.total_us());
    compare("in no unit", groups.sum(), after.own_us - before.own_us, 20_000);
}

#[test]
fn a_units_process_that_the_root_waits_for_counts_once() {
    let Some(tree) = Cgroups::new("waited") else { return };
    tree.make("system.slice/g.service");
    let unit = tree.root.join("system.slice/g.service/cgroup.procs");
    let mut shell = Shell::child("ocint-waits", tree.links.path());
    fs::write(tree.root.join("cgroup.procs"), shell.pid.to_string()).unwrap();
    let before = shell.run(":");
    let mut node = tree.open();
    // A pass sees one child of the root, and another child is in the unit. One process waits for both at once.
    shell.begin("(burn 30; echo half; read)");
    assert_eq!(shell.line(), "half");
    node.pass().unwrap();
    shell.begin("on");
    shell.finish();
    let after = shell.run(&format!("(echo $BASHPID > {}; burn 200)", unit.display()));
    let snapshot = node.pass().unwrap();
    let used = tree.used("system.slice/g.service");
    assert!(used > 10 * 20_000, "the load is {used} us");
    compare("in the unit", host_total(&snapshot, "g"), used, ROUNDING_US);
    let all = after.own_us + after.children_us - before.own_us - before.children_us;
    let others =
        snapshot.groups.iter().filter(|((class, group), _)| *class == Class::Host && &**group != "g");
    let others = others.map(|(_, cpu)| cpu.total_us()).sum();
    // CPU may be missing of the root's child since the pass, and of the other child before it was in the unit.
    compare("in the root", others, all - used, 20_000);
}

#[test]
fn the_machines_own_root_has_the_kernels_threads() {
    let Some(tree) = Cgroups::new("kernel") else { return };
    let mount = tree.root.parent().unwrap().to_owned();
    if mount.join("cgroup.events").exists() {
        return skip("the kernel's threads", "this is a container's part of the tree");
    }
    let mut node = Node::open(&Paths { procfs: "/proc".into(), cgroupfs: Some(mount) }, DETAIL).unwrap();
    let snapshot = node.pass().unwrap();
    for family in ["ksoftirqd", "kworker", "rcu", "(interrupts)"] {
        assert!(snapshot.groups.contains_key(&(Class::Kernel, family.into())), "{family} in {snapshot:?}");
    }
}
