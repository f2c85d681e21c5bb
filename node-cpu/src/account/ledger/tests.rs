//! Tests of the ledger: noise, splits, limits and threads.

use super::account_lifetimes::MAX_GROUPS;
use super::*;
use crate::cpu_list::CpuList;
use crate::naming::{self, Owner};
use crate::snapshot::{Allowed, ByAllowed, OTHER, Pod};
use proptest::prelude::*;
use std::time::Instant;

fn group(name: &str) -> Group {
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

/// Returns the CPU of a thread name of the group `a`.
fn thread(snapshot: &Snapshot, name: &str) -> Option<Cpu> {
    snapshot.threads.get(&(Class::Host, "a".into(), name.into())).copied()
}

#[test]
fn noise_is_not_exported_and_does_not_pile_up() {
    let mut ledger = Ledger::default();
    let a = ledger.acquire(&group("a"));
    for (noise, want) in [(7, 7), (-9, 7), (9, 7), (-9, 7), (12, 10)] {
        ledger.credit(a, delta(0, noise));
        assert_eq!(written(&mut ledger).groups[&group("a")].total_us(), want);
    }
}

#[test]
fn a_split_that_moves_the_other_way_costs_no_total() {
    let mut ledger = Ledger::default();
    let a = ledger.acquire(&group("a"));
    ledger.credit(a, delta(100, 0));
    ledger.settle();
    ledger.credit(a, delta(-60, 100));
    assert_eq!(written(&mut ledger).groups[&group("a")], Cpu { user_us: 100, system_us: 40 });
}

#[test]
fn a_group_is_alive_and_stays_while_it_has_references() {
    let mut ledger = Ledger::default();
    let a = ledger.acquire_exported(&group("a"));
    assert_eq!(ledger.acquire(&group("a")), a);
    ledger.release(a);
    assert_eq!(written(&mut ledger).alive, [group("a")].into());
    ledger.forget(&group("a"));
    assert_eq!(written(&mut ledger).groups.len(), 1, "it has a reference");
    ledger.release(a);
    let snapshot = written(&mut ledger);
    assert!(snapshot.alive.is_empty() && snapshot.groups.len() == 1);
    ledger.forget(&group("a"));
    assert!(written(&mut ledger).groups.is_empty());
    let b = ledger.acquire(&group("b"));
    ledger.credit(b, delta(3, 0));
    assert_eq!(written(&mut ledger).groups, [(group("b"), Cpu { user_us: 3, system_us: 0 })].into());
}

#[test]
fn groups_past_the_limit_are_other() {
    let mut ledger = Ledger::default();
    // A cgroup that has no process and uses nothing is no group.
    for n in 0..2 * MAX_GROUPS {
        ledger.acquire(&group(&format!("idle {n}")));
    }
    for n in 0..MAX_GROUPS {
        let id = ledger.acquire(&group(&n.to_string()));
        ledger.adjust_counts(id, 1, 1);
    }
    let (x, y) = (ledger.acquire(&group("x")), ledger.acquire(&group("y")));
    ledger.adjust_counts(x, 1, 2);
    ledger.credit(x, delta(5, 0));
    ledger.credit(y, delta(0, 6));
    let snapshot = written(&mut ledger);
    assert_eq!(snapshot.groups.len(), MAX_GROUPS + 1);
    assert_eq!(snapshot.groups[&group(OTHER)].total_us(), 11);
    assert_eq!(snapshot.counts[&group(OTHER)].threads, 2);
    // A group that is there already keeps its own account, and one that is forgotten makes room.
    let first = ledger.acquire(&group("0"));
    ledger.release(first);
    ledger.release(first);
    ledger.forget(&group("0"));
    ledger.forget(&group(OTHER));
    assert_eq!(written(&mut ledger).groups.len(), MAX_GROUPS, "(other) still has references");
    let z = ledger.acquire(&group("z"));
    ledger.credit(z, delta(1, 0));
    assert_eq!(written(&mut ledger).groups[&group("z")].total_us(), 1);
    // The groups that are part of `(other)` release it when they end.
    ledger.adjust_counts(x, -1, -2);
    [x, y].into_iter().for_each(|id| ledger.release(id));
    ledger.forget(&group(OTHER));
    assert_eq!(written(&mut ledger).groups.len(), MAX_GROUPS);
}

#[test]
fn thread_names_past_the_limit_are_other() {
    let mut ledger = Ledger::default();
    let a = ledger.acquire(&group("a"));
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
    // A name makes room once it is forgotten, but not while one of its threads lives.
    let ended = (Class::Host, "a".into(), "t7".into());
    ledger.forget_thread(&ended);
    assert_eq!(ledger.begin_thread(a, "z"), x);
    let t7 = ledger.begin_thread(a, "t7");
    ledger.end_thread(t7);
    ledger.end_thread(t7);
    ledger.forget_thread(&ended);
    ledger.begin_thread(a, "z");
    let snapshot = written(&mut ledger);
    assert!(thread(&snapshot, "z").is_some() && thread(&snapshot, "t7").is_none());
    assert_eq!(snapshot.thread_counts[&(Class::Host, "a".into(), OTHER.into())], 3);
}

#[test]
fn threads_stay_within_their_group_and_the_remainder_is_exited() {
    let mut ledger = Ledger::default();
    let a = ledger.acquire(&group("a"));
    let (x, y) = (ledger.begin_thread(a, "x"), ledger.begin_thread(a, "y"));
    // Delta of the group and of its threads, and the exported CPU of the threads and of `(exited)`.
    for (group_us, x_us, y_us, exported) in [
        (100, 60, 10, [60, 10, 30]),
        (10, 30, 10, [67, 13, 30]), // 40 are pending for 10: shared in proportion, and nothing is lost
        (0, 0, 0, [67, 13, 30]),
        (100, 0, 0, [90, 20, 100]), // carried CPU comes first
    ] {
        ledger.credit(a, delta(group_us, 0));
        ledger.credit_thread(x, delta(x_us, 0));
        ledger.credit_thread(y, delta(y_us, 0));
        let snapshot = written(&mut ledger);
        let now = ["x", "y", EXITED].map(|name| thread(&snapshot, name).map_or(0, Cpu::total_us));
        assert_eq!(now, exported);
        assert_eq!(now.iter().sum::<u64>(), snapshot.groups[&group("a")].total_us());
    }
}

#[test]
fn cpu_of_a_thread_from_another_group_is_not_carried_forever() {
    let mut ledger = Ledger::default();
    let a = ledger.acquire(&group("a"));
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
    ledger.adjust_counts(id, 2, 2);
    let snapshot = written(&mut ledger);
    let thread = (Class::Kernel, Arc::from("rcu"), Arc::from("rcu"));
    assert_eq!(snapshot.threads, [(thread.clone(), Cpu { user_us: 0, system_us: 7 })].into());
    assert_eq!(snapshot.thread_counts, [(thread, 2)].into());
}

proptest! {
    #[test]
    fn exported_is_the_highest_sum_so_far(steps in prop::collection::vec((-1000i64..2000, -1000i64..2000), 1..60)) {
        let mut ledger = Ledger::default();
        let a = ledger.acquire(&group("a"));
        let (mut sum, mut highest, mut before) = (0, 0, Cpu::default());
        for (user, system) in steps {
            sum += user + system;
            highest = highest.max(sum);
            ledger.credit(a, delta(user, system));
            let now = written(&mut ledger).groups[&group("a")];
            prop_assert_eq!(now.total_us() as i64, highest);
            prop_assert!(now.user_us >= before.user_us && now.system_us >= before.system_us);
            before = now;
        }
    }

    /// Threads and `(exited)` add up to the group at each reading, and nothing falls, for any credits and any changes.
    #[test]
    fn threads_and_exited_add_up_to_the_group(
        steps in prop::collection::vec((-500i64..2000, -500i64..2000, 0usize..4, 0i64..1500, 0i64..1500), 1..60),
    ) {
        let mut ledger = Ledger::default();
        let a = ledger.acquire(&group("a"));
        let mut before = Snapshot::empty(Instant::now());
        let series = ["w", "x", "y", "z"].map(|name| ledger.begin_thread(a, name));
        for (user, system, which, thread_user, thread_system) in steps {
            ledger.credit(a, delta(user, system));
            ledger.credit_thread(series[which], delta(thread_user, thread_system));
            let now = written(&mut ledger);
            let all: u64 = now.threads.values().map(|cpu| cpu.total_us()).sum();
            prop_assert_eq!(all, now.groups[&group("a")].total_us());
            for (thread, cpu) in &before.threads {
                let now = now.threads[thread];
                prop_assert!(now.user_us >= cpu.user_us && now.system_us >= cpu.system_us, "{:?} fell", thread);
            }
            before = now;
        }
    }
}

/// A group past the limit is a group of its own to its users. Its last CPU is credited after its end.
#[test]
fn a_group_past_the_limit_lives_while_it_has_references() {
    let mut ledger = Ledger::default();
    for n in 0..MAX_GROUPS {
        ledger.acquire_exported(&group(&n.to_string()));
    }
    let unit = ledger.acquire_exported(&group("0"));
    let late = ledger.acquire(&group("late"));
    ledger.credit(unit, delta(9, 0));
    ledger.transfer(unit, late, delta(4, 0), Allowed::Any);
    ledger.retain(late);
    ledger.release(late);
    ledger.transfer(unit, late, delta(3, 0), Allowed::Any);
    ledger.release(late);
    let snapshot = written(&mut ledger);
    assert_eq!((snapshot.groups[&group(OTHER)].total_us(), snapshot.groups[&group("0")].total_us()), (7, 2));
    assert_eq!(snapshot.groups.len(), MAX_GROUPS + 1);
    // Its number may be given to another group, which begins at 0.
    let next = ledger.acquire(&group("next"));
    assert!(!written(&mut ledger).alive.contains(&group(OTHER)));
    ledger.credit(next, delta(1, 0));
    assert_eq!(written(&mut ledger).groups[&group(OTHER)].total_us(), 8);
}

/// The platform's pods stray on isolated CPUs, the users' belong there, and one without a name is nobody's.
#[test]
fn strays_are_the_platforms() {
    let mut ledger = Ledger::default();
    let pods = ["1", "2", "3"].map(|uid| ledger.acquire_owner(&Owner::Pod(uid.into())));
    let named = |class, namespace: &str| Pod { class, namespace: namespace.into(), name: "p".into() };
    ledger.name_pod(pods[0], named(Class::Infra, "openshift-x"));
    ledger.name_pod(pods[1], named(Class::Workload, "app"));
    let unit = ledger.acquire_exported(&group("a"));
    let cpus = Arc::new(CpuList::from_iter([1, 2]));
    let mut snapshot = Snapshot::empty(Instant::now());
    for id in pods.into_iter().chain([unit, unit]) {
        ledger.write_stray(id, &cpus, 2, &mut snapshot);
    }
    assert_eq!(snapshot.group_strays, [((group("a"), Arc::clone(&cpus)), 4)].into());
    assert_eq!(snapshot.pod_strays, [((named(Class::Infra, "openshift-x"), cpus), 2)].into());
}

/// The group of all pods has the parts of all pods, and each account's parts add up to it.
#[test]
fn parts_by_allowed_cpus_add_up() {
    let mut ledger = Ledger::default();
    let unit = ledger.acquire_exported(&group("a"));
    let pods = ["1", "2"].map(|uid| ledger.acquire_owner(&Owner::Pod(uid.into())));
    ledger.credit_on(unit, delta(10, 0), Allowed::Reserved);
    ledger.credit(unit, delta(5, 0));
    ledger.credit_on(pods[0], delta(3, 4), Allowed::Isolated);
    ledger.credit_on(pods[1], delta(2, 0), Allowed::Reserved);
    ledger.settle();
    let mut snapshot = Snapshot::empty(Instant::now());
    ledger.write(&mut snapshot, false);
    ledger.write_by_allowed(&mut snapshot);
    let parts = |reserved_us, isolated_us, any_us| ByAllowed { reserved_us, isolated_us, any_us };
    assert_eq!(snapshot.groups_by_allowed[&group("a")], parts(10, 0, 5));
    assert_eq!(snapshot.groups_by_allowed[&naming::pods()], parts(2, 7, 0));
    for (group, of) in &snapshot.groups_by_allowed {
        let ByAllowed { reserved_us, isolated_us, any_us } = *of;
        assert_eq!(reserved_us + isolated_us + any_us, snapshot.groups[group].total_us(), "{group:?}");
    }
    assert_eq!(snapshot.pods_by_allowed.values().map(|of| of.isolated_us).sum::<u64>(), 7);
}
