//! Readings of threads: which threads a pass reads, and when it lists them.

use super::model::{TICK, World};
use super::newborn_process::{Born, POD};
use super::*;

/// Returns the number of living threads of a name in the group `x`.
fn count(snapshot: &Snapshot, name: &str) -> Option<u64> {
    snapshot.thread_counts.get(&(Class::Host, "x".into(), name.into())).copied()
}

#[test]
fn threads_are_named_before_they_run_up_to_the_limit() {
    let mut world = World::new();
    let (idle, of_pod) = (101, world.fork(0, POD, 1));
    (0..3).for_each(|_| world.start_thread(idle));
    (0..3).for_each(|_| world.start_thread(of_pod));
    world.write();
    // The other process there has a single thread.
    for (limit, named, unnamed) in [(6, Some(3), None), (5, None, Some(3)), (0, None, Some(3))] {
        let mut node = world.open_with_naming_limit(limit);
        let snapshot = node.pass().unwrap();
        assert_eq!((count(&snapshot, "worker"), count(&snapshot, "(idle)")), (named, unnamed), "{limit}");
        assert_eq!(count(&snapshot, "sh"), Some(2), "threads with the name of their process, {limit}");
        let pods = (Class::Pod, "conmon".into(), "(idle)".into());
        assert_eq!(snapshot.thread_counts.get(&pods), Some(&3), "threads of pods are not named early");
        assert_eq!(snapshot.work.threads, 0, "and nothing is read again, {limit}");
    }
}

#[test]
fn past_the_limit_threads_are_read_once_the_first_one_does_not_account_for_their_process() {
    let mut world = World::new();
    let idle = 101;
    world.start_thread(idle);
    world.run(idle, 1, 2 * TICK, 0);
    world.write();
    let mut node = world.open_with_naming_limit(0);
    assert_eq!(node.work().threads, 2, "those of the two busy ones");
    world.run(idle, 0, 3 * TICK, 0);
    world.write();
    let snapshot = node.pass().unwrap();
    let of = |snapshot: &Snapshot, name: &str| {
        snapshot.threads.get(&(Class::Host, "x".into(), name.into())).map_or(0, |cpu| cpu.total_us())
    };
    // Two of the three may have been used before.
    assert_eq!(
        (of(&snapshot, "sh"), of(&snapshot, "worker"), of(&snapshot, "(exited)")),
        (TICK, 0, 2 * TICK)
    );
    world.run(idle, 0, 4 * TICK, 0);
    world.write();
    let snapshot = node.pass().unwrap();
    assert_eq!((of(&snapshot, "sh"), snapshot.work.threads), (5 * TICK, 1), "the first accounts for it");
    world.run(idle, 1, 6 * TICK, 0);
    world.write();
    let snapshot = node.pass().unwrap();
    assert_eq!((of(&snapshot, "sh"), of(&snapshot, "worker")), (5 * TICK, 6 * TICK));
    assert_eq!((snapshot.work.threads, count(&snapshot, "(idle)")), (2, None));
}

#[test]
fn a_thread_that_is_read_late_gets_all_cpu_beyond_the_first_one() {
    let mut world = World::new();
    let idle = 101;
    world.start_thread(idle);
    world.write();
    let mut node = world.open_with_naming_limit(0);
    world.run(idle, 0, 4 * TICK, 0);
    world.write();
    assert_eq!(node.pass().unwrap().work.threads, 1);
    world.run(idle, 1, 3 * TICK, 0);
    world.write();
    let snapshot = node.pass().unwrap();
    assert_eq!(snapshot.threads[&(Class::Host, "x".into(), "worker".into())].total_us(), 3 * TICK);
    assert_eq!(snapshot.work.threads, 2);
}

#[test]
fn a_replaced_thread_is_listed_even_if_another_accounts_for_the_process() {
    let mut born = Born::new(true);
    born.world.start_thread(born.pid);
    // The worker is then the first to be read.
    for _ in 0..2 {
        born.world.run(born.pid, 1, 5 * TICK, 0);
        born.pass();
    }
    born.world.end_thread(born.pid, 1);
    born.world.start_thread(born.pid);
    born.world.rename(born.pid, 1, "sleep");
    let snapshot = born.pass();
    let count = |name: &str| snapshot.thread_counts.get(&(Class::Host, "y".into(), name.into())).copied();
    assert_eq!((count("sh"), count("worker"), count("sleep")), (Some(1), None, Some(1)));
}

#[test]
fn threads_that_account_for_their_process_are_read_first_and_alone_and_none_starves() {
    const NAMES: [&str; 4] = ["sh", "worker-2", "nginx: w", "sleep"];
    let mut born = Born::new(true);
    for (thread, name) in NAMES.iter().enumerate().skip(1) {
        born.world.start_thread(born.pid);
        born.world.rename(born.pid, thread, name);
    }
    born.pass();
    born.world.run(born.pid, 2, 5 * TICK, 0);
    born.pass();
    born.world.run(born.pid, 2, 5 * TICK, 0);
    assert_eq!(born.pass().work.threads, 1);
    let names = ["sh", "worker", "nginx: w", "sleep"];
    let before = born.threads(names);
    let mut truth = [0; NAMES.len()];
    // The threads use much and little, in turns that do not repeat.
    for round in 0..200u64 {
        for (thread, truth) in truth.iter_mut().enumerate() {
            let used = (round * 7919 + thread as u64 * 104_729) % 13 * 1000 * (1 + thread as u64 % 2 * 3);
            born.world.run(born.pid, thread, used, 0);
            *truth += used;
        }
        born.pass();
    }
    for ((now, before), (truth, name)) in born.threads(names).iter().zip(before).zip(truth.iter().zip(names))
    {
        let counted = now - before;
        assert!(counted.abs_diff(*truth) <= 2 * TICK, "{name}: counted {counted} of {truth} us");
    }
}

/// A thread that cannot be read, for instance because its line is malformed, does not make each pass read all the
/// others.
#[test]
fn an_unreadable_thread_does_not_make_every_pass_read_all() {
    let mut born = Born::new(true);
    for _ in 0..9 {
        born.world.start_thread(born.pid);
    }
    let unreadable = |born: &Born| {
        let task = born.world.paths().procfs.join(format!("{}/task", born.pid));
        let last = fs::read_dir(&task).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
        fs::write(last.join("stat"), "?").unwrap();
    };
    let mut read = Vec::new();
    for _ in 0..5 {
        born.world.run(born.pid, 0, 5 * TICK, 0);
        born.world.write();
        unreadable(&born);
        read.push(born.node.pass().unwrap().work.threads);
    }
    assert_eq!(read[2..], [1, 1, 1], "the one that ran accounts for its process: {read:?}");
}
