//! Single lives of threads and of processes that rules carve out, on the model's machine.

use super::model::{COST, Step, TICK, World};
use super::*;
use crate::naming::Rules;

/// `x` and `y` are units of the model; processes begin as `sh`, further threads of theirs as `worker-1`.
const X: usize = 0;
const Y: usize = 1;
const POD: usize = 4;

/// A process that is born after the first pass.
struct Born {
    world: World,
    node: Node,
    pid: u32,
}

impl Born {
    fn new(threads: bool) -> Born {
        let mut world = World::new();
        world.take(&Step::Make(Y));
        world.write();
        let node = world.open(threads);
        let pid = world.fork(0, Y, 1);
        Born { world, node, pid }
    }

    fn pass(&mut self) -> Snapshot {
        self.world.write();
        self.node.pass().unwrap()
    }

    /// What each of these names of threads has used, in the group `y`.
    fn threads<const N: usize>(&mut self, names: [&str; N]) -> [u64; N] {
        let snapshot = self.pass();
        names.map(|name| {
            snapshot.threads.get(&(Class::Host, "y".into(), name.into())).map_or(0, |cpu| cpu.total_us())
        })
    }
}

#[test]
fn threads_are_told_by_name_and_what_is_less_than_a_tick_exited_until_it_is_one() {
    let mut born = Born::new(true);
    born.world.thread(born.pid);
    born.world.run(born.pid, 1, 25_000, 0);
    let names = ["sh", "worker", "(exited)"];
    assert_eq!(born.threads(names), [0, 2 * TICK, 5000 + 2 * COST]);
    // A tick more, though the group has grown by half of it: the other half waits until the group has.
    born.world.run(born.pid, 1, 5000, 0);
    assert_eq!(born.threads(names), [0, 25_000, 5000 + 2 * COST]);
    born.world.run(born.pid, 0, 5000, 0);
    assert_eq!(born.threads(names), [0, 30_000, 5000 + 2 * COST]);
}

#[test]
fn a_renamed_thread_goes_on_under_its_new_name_and_an_ended_one_leaves_its_tail_to_exited() {
    let mut born = Born::new(true);
    born.world.thread(born.pid);
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
fn who_was_there_before_counts_from_the_first_pass_on_whether_its_threads_were_read_or_not() {
    let mut world = World::new();
    let [busy, idle] = [100, 101];
    world.thread(busy);
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

/// How many live of a name of threads in the group `x`.
fn count(snapshot: &Snapshot, name: &str) -> Option<u64> {
    snapshot.thread_counts.get(&(Class::Host, "x".into(), name.into())).copied()
}

#[test]
fn where_there_is_room_threads_that_never_ran_are_named_too() {
    let mut world = World::new();
    let (idle, of_pod) = (101, world.fork(0, POD, 1));
    (0..3).for_each(|_| world.thread(idle));
    (0..3).for_each(|_| world.thread(of_pod));
    world.write();
    // The other process there is single-threaded.
    for (room, named, unnamed) in [(6, Some(3), None), (5, None, Some(3)), (0, None, Some(3))] {
        let mut node = world.open_naming(room);
        let snapshot = node.pass().unwrap();
        assert_eq!((count(&snapshot, "worker"), count(&snapshot, "(idle)")), (named, unnamed), "{room}");
        assert_eq!(count(&snapshot, "sh"), Some(2), "who has its process's name, {room}");
        let pods = (Class::Pod, "conmon".into(), "(idle)".into());
        assert_eq!(snapshot.thread_counts.get(&pods), Some(&3), "names of pods' threads tell little");
        assert_eq!(snapshot.work.threads, 0, "and nothing is read again, {room}");
    }
}

#[test]
fn where_there_is_no_room_they_are_read_once_their_process_runs_and_its_first_thread_does_not_account_for_it()
{
    let mut world = World::new();
    let idle = 101;
    world.thread(idle);
    world.run(idle, 1, 2 * TICK, 0);
    world.write();
    let mut node = world.open_naming(0);
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
fn who_is_read_late_has_all_that_the_first_thread_has_not() {
    let mut world = World::new();
    let idle = 101;
    world.thread(idle);
    world.write();
    let mut node = world.open_naming(0);
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
fn who_takes_the_place_of_an_ended_one_is_found_though_another_accounts_for_the_process() {
    let mut born = Born::new(true);
    born.world.thread(born.pid);
    // So that it is the first to be read.
    for _ in 0..2 {
        born.world.run(born.pid, 1, 5 * TICK, 0);
        born.pass();
    }
    born.world.end_thread(born.pid, 1);
    born.world.thread(born.pid);
    born.world.rename(born.pid, 1, "sleep");
    let snapshot = born.pass();
    let count = |name: &str| snapshot.thread_counts.get(&(Class::Host, "y".into(), name.into())).copied();
    assert_eq!((count("sh"), count("worker"), count("sleep")), (Some(1), None, Some(1)));
}

#[test]
fn threads_that_account_for_their_process_are_read_first_and_alone_and_nobody_starves() {
    const NAMES: [&str; 4] = ["sh", "worker-2", "nginx: w", "sleep"];
    let mut born = Born::new(true);
    for (thread, name) in NAMES.iter().enumerate().skip(1) {
        born.world.thread(born.pid);
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
    // Much and little, in turns that do not repeat.
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

/// A thread that nobody can read, as one whose line the kernel got wrong, costs no reading of all the others in each pass.
#[test]
fn a_thread_that_cannot_be_read_does_not_have_all_read_for_ever() {
    let mut born = Born::new(true);
    for _ in 0..9 {
        born.world.thread(born.pid);
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

#[test]
fn who_moves_takes_nothing_along_that_it_used_elsewhere() {
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

/// What each of these groups has used.
fn groups<const N: usize>(snapshot: &Snapshot, names: [&str; N]) -> [u64; N] {
    names.map(|name| total(snapshot, Class::Host, name).unwrap_or(0))
}

#[test]
fn a_rule_carves_out_a_process_its_children_and_what_those_used_unseen() {
    let text = "process_names:\n- name: work\n  comm: [worker-1]\n";
    for threads in [true, false] {
        let mut born = Born::new(threads);
        born.node.set_rules(Some(Arc::new(Rules::parse(text).unwrap())));
        born.world.run(born.pid, 0, 3 * TICK, 0);
        let names = ["work", "y"];
        assert_eq!(groups(&born.pass(), names), [0, 3 * TICK + COST]);
        // It executes another program, which the rule names; it uses two ticks for that.
        born.world.rename(born.pid, 0, "worker-1");
        assert_eq!(groups(&born.pass(), names), [2 * TICK, 3 * TICK + COST]);
        // A child of no name of its own, which a pass sees, and which then uses more and ends.
        let child = born.world.fork(0, Y, born.pid);
        born.world.run(child, 0, 5 * TICK, 0);
        let snapshot = born.pass();
        assert_eq!(groups(&snapshot, names), [7 * TICK, 3 * TICK + 2 * COST]);
        assert_eq!(snapshot.counts[&(Class::Host, "work".into())].processes, 2);
        born.world.run(child, 0, 4 * TICK, 0);
        born.world.end(child, true);
        assert_eq!(groups(&born.pass(), names), [11 * TICK, 3 * TICK + 3 * COST]);
        // What a child elsewhere used is there, whoever waits for it.
        let elsewhere = born.world.fork(0, X, born.pid);
        born.world.run(elsewhere, 0, 6 * TICK, 0);
        born.world.end(elsewhere, true);
        born.world.run(born.pid, 0, 7 * TICK, 0);
        assert_eq!(
            groups(&born.pass(), ["work", "y", "x"]),
            [18 * TICK, 3 * TICK + 3 * COST, 6 * TICK + 2 * COST]
        );
        // Without rules it is its unit's again.
        born.node.set_rules(None);
        born.world.run(born.pid, 0, TICK, 0);
        assert_eq!(groups(&born.pass(), names), [18 * TICK, 4 * TICK + 3 * COST]);
    }
}

#[test]
fn by_process_threads_are_their_groups_too() {
    let mut world = World::new();
    let busy = 100;
    world.thread(busy);
    world.write();
    let detail = Detail { threads: true };
    let mut node = Node::open_by_process(&world.paths(), detail).unwrap();
    world.run(busy, 1, 5 * TICK, 0);
    world.write();
    let snapshot = node.pass().unwrap();
    let of = |name: &str| snapshot.threads[&(Class::Host, "sh".into(), name.into())].total_us();
    assert_eq!((of("worker"), of("sh"), of("(exited)")), (5 * TICK, 0, 0));
    // A child that no pass sees: its CPU is its parent's group's, and exited.
    let child = world.fork(0, X, busy);
    world.run(child, 0, 0, 4 * TICK);
    world.end(child, true);
    world.write();
    let snapshot = node.pass().unwrap();
    let of = |name: &str| snapshot.threads[&(Class::Host, "sh".into(), name.into())].total_us();
    assert_eq!((of("worker"), of("sh"), of("(exited)")), (5 * TICK, 0, 4 * TICK));
    assert_eq!(total(&snapshot, Class::Host, "sh"), Some(9 * TICK));
}
