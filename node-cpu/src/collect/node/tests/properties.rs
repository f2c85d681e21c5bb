//! What must hold in whatever a machine lives through: it adds up, and nothing falls.

use super::model::{Step, TICK, World, steps};
use super::*;
use crate::naming::Rules;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn sum(snapshot: &Snapshot) -> u64 {
    snapshot.groups.values().map(|cpu| cpu.total_us()).sum()
}

fn pods(snapshot: &Snapshot) -> u64 {
    snapshot.pods.values().map(|cpu| cpu.total_us()).sum()
}

fn conmon(snapshot: &Snapshot) -> u64 {
    snapshot.groups[&naming::pods()].total_us()
}

/// Nothing has fallen, and threads with what exited are their groups.
fn sound(before: &Snapshot, now: &Snapshot, threads: bool) -> Result<(), TestCaseError> {
    for (key, cpu) in &before.groups {
        let now = now.groups[key];
        prop_assert!(now.user_us >= cpu.user_us && now.system_us >= cpu.system_us, "{:?} fell", key);
    }
    for (pod, cpu) in &before.pods {
        let now = now.pods[pod];
        prop_assert!(now.user_us >= cpu.user_us && now.system_us >= cpu.system_us, "{:?} fell", pod);
    }
    for (key, cpu) in &before.threads {
        let now = now.threads[key];
        prop_assert!(now.user_us >= cpu.user_us && now.system_us >= cpu.system_us, "{:?} fell", key);
    }
    for ((class, group), cpu) in &now.groups {
        let of_group = now.threads.iter().filter(|(key, _)| (&key.0, &key.1) == (class, group));
        let all: u64 = of_group.map(|(_, cpu)| cpu.total_us()).sum();
        prop_assert_eq!(all, if threads { cpu.total_us() } else { 0 }, "threads of {}", group);
        let of_group = now.thread_counts.iter().filter(|(key, _)| (&key.0, &key.1) == (class, group));
        let living: u64 = of_group.map(|(_, count)| count).sum();
        let all = now.counts.get(&(*class, Arc::clone(group))).map_or(0, |counts| counts.threads);
        prop_assert_eq!(living, if threads { all } else { 0 }, "living threads of {}", group);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Without rules, to the microsecond.
    #[test]
    fn groups_are_the_top_and_threads_are_their_groups(steps in steps(), named in prop::option::of(0usize..12)) {
        let mut world = World::new();
        let (top, of_pods, threads) = (world.top(), world.pods(), named.is_some());
        let mut node = named.map_or_else(|| world.open(false), |most| world.open_naming(most));
        let mut before = node.pass().unwrap();
        for step in steps.into_iter().chain([Step::Pass, Step::Pass]) {
            if !matches!(step, Step::Pass) {
                world.take(&step);
                continue;
            }
            world.write();
            let now = node.pass().unwrap();
            prop_assert_eq!(sum(&now), world.top() - top);
            prop_assert_eq!(pods(&now), world.pods() - of_pods);
            prop_assert_eq!(pods(&now), conmon(&now));
            sound(&before, &now, threads)?;
            prop_assert!(threads || now.work.processes == 0, "what nobody asks for is not read");
            let counts: BTreeMap<String, (u64, u64)> =
                now.counts.iter().map(|(key, n)| (key.1.to_string(), (n.processes, n.threads))).collect();
            prop_assert_eq!(counts, world.counts());
            let errors: u64 = now.errors.values().sum();
            prop_assert_eq!(errors, 0, "{:?}", now.errors);
            before = now;
        }
    }

    /// With rules that come and go: what is carved out is in ticks and what it is carved out of is exact, so that they
    /// may differ by ticks of each process, but do not drift; nothing falls.
    #[test]
    fn what_is_carved_out_is_taken_from_its_unit(steps in steps()) {
        let rules = "process_names:\n- name: work\n  comm: [worker-1, worker-2]\n- name: '{{.Comm}}s'\n  comm: [sleep]\n";
        let mut world = World::new();
        let (top, of_pods) = (world.top(), world.pods());
        let mut node = world.open(true);
        let mut before = node.pass().unwrap();
        let mut processes = BTreeSet::new();
        for (at, step) in steps.into_iter().chain([Step::Pass, Step::Pass]).enumerate() {
            if at % 23 == 3 {
                let rules = Arc::new(Rules::parse(rules).unwrap());
                node.set_rules(Some(rules).filter(|_| at % 2 == 1));
            }
            if !matches!(step, Step::Pass) {
                world.take(&step);
                processes.extend(world.processes());
                continue;
            }
            world.write();
            let now = node.pass().unwrap();
            let (counted, truth) = (sum(&now), world.top() - top);
            let slack = 4 * TICK * processes.len() as u64;
            prop_assert!(truth <= counted && counted <= truth + slack, "{} of {}", counted, truth);
            prop_assert_eq!(pods(&now), world.pods() - of_pods, "a pod has what is carved out of it");
            sound(&before, &now, true)?;
            let counted: u64 = now.counts.values().map(|n| n.processes).sum();
            prop_assert_eq!(counted, world.processes().count() as u64);
            before = now;
        }
    }
}
