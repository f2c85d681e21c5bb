//! Properties that hold for any life of a machine: the CPU adds up, and nothing falls.

use super::model::{Step, TICK, World, steps};
use super::*;
use crate::naming::Rules;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn groups_us(snapshot: &Snapshot) -> u64 {
    snapshot.groups.values().map(|cpu| cpu.total_us()).sum()
}

fn pods_us(snapshot: &Snapshot) -> u64 {
    snapshot.pods.values().map(|cpu| cpu.total_us()).sum()
}

fn all_pods_us(snapshot: &Snapshot) -> u64 {
    snapshot.groups[&naming::pods()].total_us()
}

/// Checks that nothing has fallen, and that threads and `(exited)` add up to their groups.
fn check_totals(before: &Snapshot, now: &Snapshot, threads: bool) -> Result<(), TestCaseError> {
    for (group, cpu) in &before.groups {
        let now = now.groups[group];
        prop_assert!(now.user_us >= cpu.user_us && now.system_us >= cpu.system_us, "{:?} fell", group);
    }
    for (pod, cpu) in &before.pods {
        let now = now.pods[pod];
        prop_assert!(now.user_us >= cpu.user_us && now.system_us >= cpu.system_us, "{:?} fell", pod);
    }
    for (thread, cpu) in &before.threads {
        let now = now.threads[thread];
        prop_assert!(now.user_us >= cpu.user_us && now.system_us >= cpu.system_us, "{:?} fell", thread);
    }
    for ((class, group), cpu) in &now.groups {
        let of_group = now.threads.iter().filter(|(thread, _)| (&thread.0, &thread.1) == (class, group));
        let all: u64 = of_group.map(|(_, cpu)| cpu.total_us()).sum();
        prop_assert_eq!(all, if threads { cpu.total_us() } else { 0 }, "threads of {}", group);
        let of_group =
            now.thread_counts.iter().filter(|(thread, _)| (&thread.0, &thread.1) == (class, group));
        let living: u64 = of_group.map(|(_, count)| count).sum();
        let all = now.counts.get(&(*class, Arc::clone(group))).map_or(0, |counts| counts.threads);
        prop_assert_eq!(living, if threads { all } else { 0 }, "living threads of {}", group);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Sums are exact to the microsecond without rules.
    #[test]
    fn groups_add_up_to_the_top_and_threads_to_their_groups(steps in steps(), named in prop::option::of(0usize..12)) {
        let mut world = World::new();
        let (top, of_pods, threads) = (world.total_us(), world.pods_us(), named.is_some());
        let mut node = named.map_or_else(|| world.open(false), |most| world.open_with_naming_limit(most));
        let mut before = node.pass().unwrap();
        for step in steps.into_iter().chain([Step::Pass, Step::Pass]) {
            if !matches!(step, Step::Pass) {
                world.apply(&step);
                continue;
            }
            world.write();
            let now = node.pass().unwrap();
            prop_assert_eq!(groups_us(&now), world.total_us() - top);
            prop_assert_eq!(pods_us(&now), world.pods_us() - of_pods);
            prop_assert_eq!(pods_us(&now), all_pods_us(&now));
            check_totals(&before, &now, threads)?;
            prop_assert!(threads || now.work.processes == 0, "processes are read only if threads are counted");
            let counts: BTreeMap<String, (u64, u64)> =
                now.counts.iter().map(|(group, n)| (group.1.to_string(), (n.processes, n.threads))).collect();
            prop_assert_eq!(counts, world.counts());
            let errors: u64 = now.errors.values().sum();
            prop_assert_eq!(errors, 0, "{:?}", now.errors);
            before = now;
        }
    }

    /// Nothing falls while rules come and go. The CPU of a rule's group is in ticks, that of its unit is exact. The two
    /// may differ by ticks of each process, but do not drift.
    #[test]
    fn cpu_of_a_rule_group_is_subtracted_from_its_unit(steps in steps()) {
        let rules = "process_names:\n- name: work\n  comm: [worker-1, worker-2]\n- name: '{{.Comm}}s'\n  comm: [sleep]\n";
        let mut world = World::new();
        let (top, of_pods) = (world.total_us(), world.pods_us());
        let mut node = world.open(true);
        let mut before = node.pass().unwrap();
        let mut processes = BTreeSet::new();
        for (at, step) in steps.into_iter().chain([Step::Pass, Step::Pass]).enumerate() {
            if at % 23 == 3 {
                let rules = Arc::new(Rules::parse(rules).unwrap());
                node.set_rules(Some(rules).filter(|_| at % 2 == 1));
            }
            if !matches!(step, Step::Pass) {
                world.apply(&step);
                processes.extend(world.processes());
                continue;
            }
            world.write();
            let now = node.pass().unwrap();
            let (counted, truth) = (groups_us(&now), world.total_us() - top);
            let slack = 4 * TICK * processes.len() as u64;
            prop_assert!(truth <= counted && counted <= truth + slack, "{} of {}", counted, truth);
            prop_assert_eq!(pods_us(&now), world.pods_us() - of_pods, "a pod keeps the CPU of rule groups");
            check_totals(&before, &now, true)?;
            let counted: u64 = now.counts.values().map(|n| n.processes).sum();
            prop_assert_eq!(counted, world.processes().count() as u64);
            before = now;
        }
    }
}
