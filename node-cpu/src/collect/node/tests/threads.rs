//! Threads of single processes on the model's machine.

use super::model::{COST, TICK, World};
use super::newborn_process::{Born, X};
use super::*;

#[test]
fn threads_are_named_and_less_than_a_tick_is_exited_until_it_is_one() {
    let mut born = Born::new(true);
    born.world.start_thread(born.pid);
    born.world.run(born.pid, 1, 25_000, 0);
    let names = ["sh", "worker", "(exited)"];
    assert_eq!(born.threads(names), [0, 2 * TICK, 5000 + 2 * COST]);
    // The thread has a tick more, but the group has grown by half of it. The other half is exported once the group has
    // grown.
    born.world.run(born.pid, 1, 5000, 0);
    assert_eq!(born.threads(names), [0, 25_000, 5000 + 2 * COST]);
    born.world.run(born.pid, 0, 5000, 0);
    assert_eq!(born.threads(names), [0, 30_000, 5000 + 2 * COST]);
}

#[test]
fn a_renamed_thread_continues_under_its_new_name_and_the_last_cpu_of_an_ended_one_is_exited() {
    let mut born = Born::new(true);
    born.world.start_thread(born.pid);
    born.world.run(born.pid, 1, 4 * TICK, 0);
    let names = ["sh", "worker", "nginx: w", "(exited)"];
    assert_eq!(born.threads(names), [0, 4 * TICK, 0, 2 * COST]);
    born.world.rename(born.pid, 1, "nginx: w"); // the first thread uses two ticks
    born.world.run(born.pid, 1, 3 * TICK, 0);
    assert_eq!(born.threads(names), [2 * TICK, 4 * TICK, 3 * TICK, 2 * COST]);
    born.world.run(born.pid, 1, TICK, TICK);
    born.world.end_thread(born.pid, 1);
    assert_eq!(born.threads(names), [2 * TICK, 4 * TICK, 3 * TICK, 3 * COST + 2 * TICK]);
    let snapshot = born.pass();
    let count = |name: &str| snapshot.thread_counts.get(&(Class::Host, "y".into(), name.into())).copied();
    assert_eq!((count("sh"), count("nginx: w"), count("worker")), (Some(1), None, None));
}

#[test]
fn an_older_process_counts_from_the_first_pass_on_with_or_without_read_threads() {
    let mut world = World::new();
    let [busy, idle] = [100, 101];
    world.start_thread(busy);
    world.write();
    let mut node = world.open(true);
    let sh = (Class::Host, "x".into(), "sh".into());
    assert_eq!(node.pass().unwrap().thread_counts[&sh], 2, "the idle one is its only thread");
    world.run(busy, 1, 5 * TICK, 0);
    world.run(idle, 0, 0, 7 * TICK);
    world.write();
    let snapshot = node.pass().unwrap();
    let of = |name: &str| snapshot.threads[&(Class::Host, "x".into(), name.into())].total_us();
    assert_eq!((of("worker"), of("sh"), of("(exited)")), (5 * TICK, 7 * TICK, 0));
    assert_eq!(snapshot.work.threads, 3);
    assert_eq!(snapshot.thread_counts[&sh], 2);
}

#[test]
fn a_process_that_moves_leaves_its_earlier_cpu_behind() {
    let mut born = Born::new(true);
    born.world.run(born.pid, 0, 4 * TICK, 0);
    born.pass();
    born.world.run(born.pid, 0, 10 * TICK, 0);
    born.world.move_to(born.pid, X);
    born.world.run(born.pid, 0, TICK, 0);
    let snapshot = born.pass();
    let of = |group: &str, name: &str| snapshot.threads[&(Class::Host, group.into(), name.into())].total_us();
    assert_eq!((of("y", "sh"), of("y", "(exited)")), (4 * TICK, 10 * TICK + 2 * COST));
    assert_eq!((of("x", "sh"), of("x", "(exited)")), (0, TICK + COST));
    born.world.run(born.pid, 0, 3 * TICK, 0);
    let snapshot = born.pass();
    assert_eq!(snapshot.threads[&(Class::Host, "x".into(), "sh".into())].total_us(), 3 * TICK);
}

#[test]
fn threads_add_up_to_their_groups_by_process_too() {
    let mut world = World::new();
    let busy = 100;
    world.start_thread(busy);
    world.write();
    let detail = Detail { threads: true };
    let mut node = Node::open_by_process(&world.paths(), detail).unwrap();
    world.run(busy, 1, 5 * TICK, 0);
    world.write();
    let snapshot = node.pass().unwrap();
    let of = |name: &str| snapshot.threads[&(Class::Host, "sh".into(), name.into())].total_us();
    assert_eq!((of("worker"), of("sh"), of("(exited)")), (5 * TICK, 0, 0));
    // No pass sees this child. Its CPU is in its parent's group, as exited.
    let child = world.fork(0, X, busy);
    world.run(child, 0, 0, 4 * TICK);
    world.end(child, true);
    world.write();
    let snapshot = node.pass().unwrap();
    let of = |name: &str| snapshot.threads[&(Class::Host, "sh".into(), name.into())].total_us();
    assert_eq!((of("worker"), of("sh"), of("(exited)")), (5 * TICK, 0, 4 * TICK));
    assert_eq!(total(&snapshot, Class::Host, "sh"), Some(9 * TICK));
}
