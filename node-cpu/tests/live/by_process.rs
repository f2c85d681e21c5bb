//! Tests counting by process on this machine, with loads of a known size, against the shell's own account of them.

use crate::shell::{DETAIL, Shell, Times, compare, parent, skip, total};
use node_cpu::{Class, Node, Paths};

const TICK_US: u64 = 10_000;

fn open() -> Node {
    Node::open_by_process(&Paths { procfs: "/proc".into(), cgroupfs: None }, DETAIL).unwrap()
}

/// Starts an orphan shell called `name`. `None` if PID 1 does not adopt orphans here.
fn start_orphan(test: &str, name: &str, dir: &tempfile::TempDir) -> Option<Shell> {
    let shell = Shell::orphan(name, dir.path());
    if parent(shell.pid) == 1 {
        return Some(shell);
    }
    skip(test, "something between PID 1 and this test adopts orphans");
    None
}

/// Returns the CPU that a shell and its children used between two times, in microseconds.
fn used_us(before: Times, after: Times) -> u64 {
    after.own_us + after.children_us - before.own_us - before.children_us
}

#[test]
fn a_living_process_counts_to_the_tick() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut shell) = start_orphan("living", "ocint-living", &dir) else { return };
    let before = shell.run(":");
    let mut node = open();
    let after = shell.run("burn 200");
    let counted = total(&node.pass().unwrap(), Class::Host, "ocint-living");
    // Both ends cut user and system to ticks.
    compare("living", counted, used_us(before, after), 2 * TICK_US);
}

#[test]
fn children_that_start_and_exit_between_passes_count() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut shell) = start_orphan("unseen", "ocint-unseen", &dir) else { return };
    let before = shell.run(":");
    let mut node = open();
    let after = shell.run("for c in 1 2 3 4 5 6 7 8; do (burn 30); done");
    assert!(after.children_us > before.children_us, "the load is in the children");
    let counted = total(&node.pass().unwrap(), Class::Host, "ocint-unseen");
    // Four numbers are cut, which are the shell's own and its children's.
    compare("started and exited", counted, used_us(before, after), 4 * TICK_US);
}

#[test]
fn a_child_seen_alive_is_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut shell) = start_orphan("seen", "ocint-seen", &dir) else { return };
    let before = shell.run(":");
    let mut node = open();
    shell.begin("(burn 150; echo half; read; burn 100)");
    assert_eq!(shell.line(), "half");
    let half = total(&node.pass().unwrap(), Class::Host, "ocint-seen");
    shell.begin("on");
    let after = shell.finish();
    let whole = total(&node.pass().unwrap(), Class::Host, "ocint-seen");
    assert!(0 < half && half < whole, "{half} of {whole}: the pass saw the child half-way");
    compare("seen half-way", whole, used_us(before, after), 4 * TICK_US);
    let again = total(&node.pass().unwrap(), Class::Host, "ocint-seen");
    assert_eq!(again, whole, "nothing is added when nothing runs");
}

#[test]
fn children_that_end_during_a_pass_are_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut shell) = start_orphan("racing", "ocint-racing", &dir) else { return };
    let before = shell.run(":");
    let mut node = open();
    // Some children have children of their own, so that some lose their parent first.
    shell.begin("for c in {1..30}; do (burn 10; (burn 10) & burn 5; wait) & (burn 15); wait; done");
    let waiting = std::thread::spawn(move || (shell.finish(), shell));
    while !waiting.is_finished() {
        node.pass().unwrap();
    }
    let (after, _shell) = waiting.join().unwrap();
    let counted = total(&node.pass().unwrap(), Class::Host, "ocint-racing");
    // A child that is missed or counted twice would be 10 to 50 ms. Each pass may have cut a living child's ticks,
    // but the next one counts them.
    compare("ended during passes", counted, used_us(before, after), 4 * TICK_US);
}

#[test]
fn the_kernel_and_the_node_are_seen() {
    let mut node = open();
    let snapshot = node.pass().unwrap();
    let group = |class, name: &str| snapshot.groups.contains_key(&(class, name.into()));
    assert!(group(Class::Kernel, "(interrupts)"), "{snapshot:?}");
    assert_eq!(
        snapshot.busy.keys().copied().collect::<Vec<_>>(),
        ["irq", "nice", "softirq", "system", "user"]
    );
    // No kernel threads are visible inside of a container without the node's PIDs.
    if std::fs::read_to_string("/proc/2/comm").is_ok_and(|comm| comm == "kthreadd\n") {
        assert!(group(Class::Kernel, "ksoftirqd") && group(Class::Kernel, "kworker"), "{snapshot:?}");
    } else {
        skip("kernel threads", "none are visible here");
    }
}
