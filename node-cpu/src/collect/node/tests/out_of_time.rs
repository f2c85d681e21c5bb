//! Passes without any time left, on the model's machine and on the one that runs the tests.

use super::model::{TICK, World};
use super::*;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(600);

#[test]
fn a_late_pass_has_the_units_counters_and_the_next_the_threads() {
    let mut world = World::new();
    let busy = 100;
    world.start_thread(busy);
    world.write();
    let mut node = world.open(true);
    let mut used_ticks = |ticks: u64, longest: Duration| {
        world.run(busy, 1, ticks * TICK, 0);
        world.write();
        node.reader.take_at_most(longest);
        let snapshot = node.pass().unwrap();
        let of = |name: &str| snapshot.threads[&(Class::Host, "x".into(), name.into())].total_us() / TICK;
        let unit = total(&snapshot, Class::Host, "x").unwrap() / TICK;
        (unit, of("worker"), of("(exited)"), snapshot.errors["deadline"] > 0, snapshot.work.processes)
    };
    assert_eq!(used_ticks(0, LONG), (0, 0, 0, false, 0));
    assert_eq!(used_ticks(3, Duration::ZERO), (3, 0, 3, true, 0));
    // CPU that `(exited)` got stays there.
    assert_eq!(used_ticks(2, LONG), (5, 2, 3, true, 2));
}

#[test]
fn a_first_pass_without_time_does_not_count_the_past_later() {
    let machine = Paths { procfs: "/proc".into(), cgroupfs: None };
    let mut reader = Reader::new();
    reader.take_at_most(Duration::ZERO);
    let began = Instant::now();
    let detail = Detail { threads: true };
    let none = Discovered::None("it was not asked for".to_owned());
    let mut node = Node::open_discovered(&machine, detail, none, reader, Ledger::default(), 0).unwrap();
    assert_eq!(node.processes.outside_units_counts(), (0, 0));
    node.reader.take_at_most(LONG);
    let first = node.pass().unwrap();
    assert!(first.errors["deadline"] > 0 && first.counts.len() > 1, "{:?}", first.errors);
    let used: u64 = node.pass().unwrap().groups.values().map(|cpu| cpu.total_us()).sum();
    // A tick may have begun before.
    let threads: u64 = first.counts.values().map(|counts| counts.threads).sum();
    let cpus = std::thread::available_parallelism().unwrap().get() as u64;
    let most = began.elapsed().as_micros() as u64 * cpus + threads * TICK;
    assert!(used <= most, "{used} us of at most {most} since the beginning");
}
