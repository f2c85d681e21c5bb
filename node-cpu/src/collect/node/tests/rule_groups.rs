//! Groups of rules on the model's machine: CPU of processes that a rule separates from their unit.

use super::model::{COST, TICK};
use super::newborn_process::{Born, X, Y};
use super::*;
use crate::naming::Rules;

/// Returns the CPU of each of these groups.
fn groups<const N: usize>(snapshot: &Snapshot, names: [&str; N]) -> [u64; N] {
    names.map(|name| total(snapshot, Class::Host, name).unwrap_or(0))
}

#[test]
fn a_rule_group_gets_a_process_its_children_and_their_unseen_cpu() {
    let text = "process_names:\n- name: work\n  comm: [worker-1]\n";
    for threads in [true, false] {
        let mut born = Born::new(threads);
        born.node.set_rules(Some(Arc::new(Rules::parse(text).unwrap())));
        born.world.run(born.pid, 0, 3 * TICK, 0);
        let names = ["work", "y"];
        assert_eq!(groups(&born.pass(), names), [0, 3 * TICK + COST]);
        // The process executes another program, which the rule names. It uses two ticks for that.
        born.world.rename(born.pid, 0, "worker-1");
        assert_eq!(groups(&born.pass(), names), [2 * TICK, 3 * TICK + COST]);
        // A pass sees a child without a name of its own, which then uses more CPU and ends.
        let child = born.world.fork(0, Y, born.pid);
        born.world.run(child, 0, 5 * TICK, 0);
        let snapshot = born.pass();
        assert_eq!(groups(&snapshot, names), [7 * TICK, 3 * TICK + 2 * COST]);
        assert_eq!(snapshot.counts[&(Class::Host, "work".into())].processes, 2);
        born.world.run(child, 0, 4 * TICK, 0);
        born.world.end(child, true);
        assert_eq!(groups(&born.pass(), names), [11 * TICK, 3 * TICK + 3 * COST]);
        // A child in another unit has its CPU there, whichever process waits for it.
        let in_x = born.world.fork(0, X, born.pid);
        born.world.run(in_x, 0, 6 * TICK, 0);
        born.world.end(in_x, true);
        born.world.run(born.pid, 0, 7 * TICK, 0);
        assert_eq!(
            groups(&born.pass(), ["work", "y", "x"]),
            [18 * TICK, 3 * TICK + 3 * COST, 6 * TICK + 2 * COST]
        );
        // The process counts for its unit again without rules.
        born.node.set_rules(None);
        born.world.run(born.pid, 0, TICK, 0);
        assert_eq!(groups(&born.pass(), names), [18 * TICK, 4 * TICK + 3 * COST]);
    }
}
