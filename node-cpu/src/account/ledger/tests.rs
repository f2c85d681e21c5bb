//! Sums that noise, splits and threads are put through.

use super::accounts::MOST_GROUPS;
use super::*;
use crate::snapshot::OTHER;
use proptest::prelude::*;
use std::time::Instant;

fn key(name: &str) -> Group {
    (Class::Host, name.into())
}

fn delta(user_us: i64, system_us: i64) -> Delta {
    Delta { user_us, system_us }
}

fn written(ledger: &mut Ledger) -> Snapshot {
    ledger.settle();
    let mut snapshot = Snapshot::empty(Instant::now());
    ledger.write(&mut snapshot, true);
    snapshot
}

/// What a name of threads of the group `a` has used.
fn thread(snapshot: &Snapshot, name: &str) -> Option<Cpu> {
    snapshot.threads.get(&(Class::Host, "a".into(), name.into())).copied()
}

#[test]
fn noise_is_held_back_and_does_not_pile_up() {
    let mut ledger = Ledger::default();
    let a = ledger.acquire(&key("a"));
    for (noise, want) in [(7, 7), (-9, 7), (9, 7), (-9, 7), (12, 10)] {
        ledger.credit(a, delta(0, noise));
        assert_eq!(written(&mut ledger).groups[&key("a")].total_us(), want);
    }
}

#[test]
fn a_split_that_moves_the_other_way_costs_no_total() {
    let mut ledger = Ledger::default();
    let a = ledger.acquire(&key("a"));
    ledger.credit(a, delta(100, 0));
    ledger.settle();
    ledger.credit(a, delta(-60, 100));
    assert_eq!(written(&mut ledger).groups[&key("a")], Cpu { user_us: 100, system_us: 40 });
}

#[test]
fn a_group_lives_while_it_is_held_and_only_then_stays() {
    let mut ledger = Ledger::default();
    let a = ledger.acquire_shown(&key("a"));
    assert_eq!(ledger.acquire(&key("a")), a);
    ledger.release(a);
    assert_eq!(written(&mut ledger).alive, [key("a")].into());
    ledger.forget(&key("a"));
    assert_eq!(written(&mut ledger).groups.len(), 1, "it is held");
    ledger.release(a);
    let snapshot = written(&mut ledger);
    assert!(snapshot.alive.is_empty() && snapshot.groups.len() == 1);
    ledger.forget(&key("a"));
    assert!(written(&mut ledger).groups.is_empty());
    let b = ledger.acquire(&key("b"));
    ledger.credit(b, delta(3, 0));
    assert_eq!(written(&mut ledger).groups, [(key("b"), Cpu { user_us: 3, system_us: 0 })].into());
}

#[test]
fn past_the_limit_is_other() {
    let mut ledger = Ledger::default();
    // What has no process and uses nothing is no group.
    for n in 0..2 * MOST_GROUPS {
        ledger.acquire(&key(&format!("idle {n}")));
    }
    for n in 0..MOST_GROUPS {
        let id = ledger.acquire(&key(&n.to_string()));
        ledger.count(id, 1, 1);
    }
    let (x, y) = (ledger.acquire(&key("x")), ledger.acquire(&key("y")));
    ledger.count(x, 1, 2);
    ledger.credit(x, delta(5, 0));
    ledger.credit(y, delta(0, 6));
    let snapshot = written(&mut ledger);
    assert_eq!(snapshot.groups.len(), MOST_GROUPS + 1);
    assert_eq!(snapshot.groups[&key(OTHER)].total_us(), 11);
    assert_eq!(snapshot.counts[&key(OTHER)].threads, 2);
    // Who is there already goes on as itself, and who is gone makes room.
    let first = ledger.acquire(&key("0"));
    ledger.release(first);
    ledger.release(first);
    ledger.forget(&key("0"));
    ledger.forget(&key(OTHER));
    assert_eq!(written(&mut ledger).groups.len(), MOST_GROUPS, "the other is still held");
    let z = ledger.acquire(&key("z"));
    ledger.credit(z, delta(1, 0));
    assert_eq!(written(&mut ledger).groups[&key("z")].total_us(), 1);
    // Those that it holds let go of it when they are gone.
    ledger.count(x, -1, -2);
    [x, y].into_iter().for_each(|id| ledger.release(id));
    ledger.forget(&key(OTHER));
    assert_eq!(written(&mut ledger).groups.len(), MOST_GROUPS);
}

#[test]
fn past_the_limit_of_names_is_other() {
    let mut ledger = Ledger::default();
    let a = ledger.acquire(&key("a"));
    for n in 0..64 {
        ledger.begin_thread(a, &format!("t{n}"));
    }
    let (x, y) = (ledger.begin_thread(a, "x"), ledger.begin_thread(a, "y"));
    assert_eq!(x, y);
    ledger.credit(a, delta(9, 0));
    ledger.credit_thread(x, delta(5, 0));
    let snapshot = written(&mut ledger);
    assert_eq!(thread(&snapshot, OTHER), Some(Cpu { user_us: 5, system_us: 0 }));
    assert_eq!(thread(&snapshot, EXITED), Some(Cpu { user_us: 4, system_us: 0 }));
    assert_eq!(snapshot.threads.len(), 64 + 2);
    // A name whose threads are gone makes room once it is forgotten, and not while one lives.
    let gone = (Class::Host, "a".into(), "t7".into());
    ledger.forget_thread(&gone);
    assert_eq!(ledger.begin_thread(a, "z"), x);
    let t7 = ledger.begin_thread(a, "t7");
    ledger.end_thread(t7);
    ledger.end_thread(t7);
    ledger.forget_thread(&gone);
    ledger.begin_thread(a, "z");
    let snapshot = written(&mut ledger);
    assert!(thread(&snapshot, "z").is_some() && thread(&snapshot, "t7").is_none());
    assert_eq!(snapshot.thread_counts[&(Class::Host, "a".into(), OTHER.into())], 3);
}

#[test]
fn threads_are_within_their_group_and_the_rest_exited() {
    let mut ledger = Ledger::default();
    let a = ledger.acquire(&key("a"));
    let (x, y) = (ledger.begin_thread(a, "x"), ledger.begin_thread(a, "y"));
    // The group's growth, its threads', and what is shown of them and of what exited.
    for (group, of_x, of_y, shown) in [
        (100, 60, 10, [60, 10, 30]),
        (10, 30, 10, [67, 13, 30]), // they want 40 of the 10: in proportion, and nothing is lost between them
        (0, 0, 0, [67, 13, 30]),
        (100, 0, 0, [90, 20, 100]), // what was held back comes first
    ] {
        ledger.credit(a, delta(group, 0));
        ledger.credit_thread(x, delta(of_x, 0));
        ledger.credit_thread(y, delta(of_y, 0));
        let snapshot = written(&mut ledger);
        let now = ["x", "y", EXITED].map(|name| thread(&snapshot, name).map_or(0, Cpu::total_us));
        assert_eq!(now, shown);
        assert_eq!(now.iter().sum::<u64>(), snapshot.groups[&key("a")].total_us());
    }
}

#[test]
fn what_a_thread_used_before_it_came_is_not_carried_for_ever() {
    let mut ledger = Ledger::default();
    let a = ledger.acquire(&key("a"));
    let x = ledger.begin_thread(a, "x");
    ledger.credit(a, delta(1000, 0));
    ledger.credit_thread(x, delta(400_000, 300_000));
    assert_eq!(thread(&written(&mut ledger), "x").unwrap().total_us(), 1000);
    ledger.credit(a, delta(100_000, 0));
    let snapshot = written(&mut ledger);
    assert_eq!(thread(&snapshot, "x").unwrap().total_us(), 1000 + 20_000);
    assert_eq!(thread(&snapshot, EXITED).unwrap().total_us(), 80_000);
}

#[test]
fn a_kernel_group_is_its_own_thread() {
    let mut ledger = Ledger::default();
    let rcu: Group = (Class::Kernel, "rcu".into());
    let id = ledger.acquire(&rcu);
    ledger.credit(id, delta(0, 7));
    ledger.count(id, 2, 2);
    let snapshot = written(&mut ledger);
    let thread = (Class::Kernel, Arc::from("rcu"), Arc::from("rcu"));
    assert_eq!(snapshot.threads, [(thread.clone(), Cpu { user_us: 0, system_us: 7 })].into());
    assert_eq!(snapshot.thread_counts, [(thread, 2)].into());
}

proptest! {
    #[test]
    fn shown_is_the_highest_sum_so_far(steps in prop::collection::vec((-1000i64..2000, -1000i64..2000), 1..60)) {
        let mut ledger = Ledger::default();
        let a = ledger.acquire(&key("a"));
        let (mut sum, mut highest, mut before) = (0, 0, Cpu::default());
        for (user, system) in steps {
            sum += user + system;
            highest = highest.max(sum);
            ledger.credit(a, delta(user, system));
            let now = written(&mut ledger).groups[&key("a")];
            prop_assert_eq!(now.total_us() as i64, highest);
            prop_assert!(now.user_us >= before.user_us && now.system_us >= before.system_us);
            before = now;
        }
    }

    /// Whatever the group and its threads are credited, and whatever comes and goes: at each reading the threads and
    /// what exited are the group, and nothing falls.
    #[test]
    fn threads_and_what_exited_are_the_group(
        steps in prop::collection::vec((-500i64..2000, -500i64..2000, 0usize..4, 0i64..1500, 0i64..1500), 1..60),
    ) {
        let mut ledger = Ledger::default();
        let a = ledger.acquire(&key("a"));
        let mut before = Snapshot::empty(Instant::now());
        let series = ["w", "x", "y", "z"].map(|name| ledger.begin_thread(a, name));
        for (user, system, which, thread_user, thread_system) in steps {
            ledger.credit(a, delta(user, system));
            ledger.credit_thread(series[which], delta(thread_user, thread_system));
            let now = written(&mut ledger);
            let all: u64 = now.threads.values().map(|cpu| cpu.total_us()).sum();
            prop_assert_eq!(all, now.groups[&key("a")].total_us());
            for (key, cpu) in &before.threads {
                let now = now.threads[key];
                prop_assert!(now.user_us >= cpu.user_us && now.system_us >= cpu.system_us, "{:?} fell", key);
            }
            before = now;
        }
    }
}

/// What is past the limit is a group of its own to who holds it, and what it used at last comes after its end.
#[test]
fn what_is_past_the_limit_lives_while_it_is_held() {
    let mut ledger = Ledger::default();
    for n in 0..MOST_GROUPS {
        ledger.acquire_shown(&key(&n.to_string()));
    }
    let unit = ledger.acquire_shown(&key("0"));
    let late = ledger.acquire(&key("late"));
    ledger.credit(unit, delta(9, 0));
    ledger.transfer(unit, late, delta(4, 0));
    ledger.retain(late);
    ledger.release(late);
    ledger.transfer(unit, late, delta(3, 0));
    ledger.release(late);
    let snapshot = written(&mut ledger);
    assert_eq!((snapshot.groups[&key(OTHER)].total_us(), snapshot.groups[&key("0")].total_us()), (7, 2));
    assert_eq!(snapshot.groups.len(), MOST_GROUPS + 1);
    // Its number may be another's now, and that one begins at 0.
    let next = ledger.acquire(&key("next"));
    assert!(!written(&mut ledger).alive.contains(&key(OTHER)));
    ledger.credit(next, delta(1, 0));
    assert_eq!(written(&mut ledger).groups[&key(OTHER)].total_us(), 8);
}
