//! Tests of trees in a temporary directory: the exporter takes any directory as a path.

use super::*;
use crate::collect::plausibility::Plausibility;
use crate::collect::processes::Scope;
use crate::kernel::{ProcFs, Reader};
use crate::options::Detail;
use crate::snapshot::{Class, Snapshot};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

mod pods;
mod residual;
mod unchanged_counter;

/// A cgroup tree of files. Removed cgroups are moved aside, so that no later directory gets their inode.
struct Fake {
    dir: tempfile::TempDir,
    removed: usize,
}

impl Fake {
    fn new() -> Fake {
        let fake = Fake { dir: tempfile::tempdir().unwrap(), removed: 0 };
        fs::create_dir(fake.dir.path().join("root")).unwrap();
        fs::create_dir(fake.dir.path().join("removed")).unwrap();
        fake
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    fn set(&self, cgroup: &str, user_us: u64, system_us: u64) {
        let path = self.root().join(cgroup);
        fs::create_dir_all(&path).unwrap();
        let text =
            format!("usage_usec {}\nuser_usec {user_us}\nsystem_usec {system_us}\n", user_us + system_us);
        fs::write(path.join("cpu.stat"), text).unwrap();
    }

    fn remove(&mut self, cgroup: &str) {
        self.removed += 1;
        let aside = self.dir.path().join(format!("removed/{}", self.removed));
        fs::rename(self.root().join(cgroup), aside).unwrap();
    }
}

/// A tree with its passes. It keeps no files open: a file that was moved aside may still be read, a cgroup's may not.
struct PassRunner {
    tree: Tree,
    procfs: ProcFs,
    reader: Reader,
    ledger: Ledger,
    processes: Processes,
}

/// Returns processes of units alone, without any outside of them.
fn unit_processes() -> Processes {
    Processes::new(Scope::Root("/none".into()), Detail::default(), false)
}

impl PassRunner {
    fn new(fake: &Fake) -> PassRunner {
        let mut ledger = Ledger::default();
        let mut runner = PassRunner {
            tree: Tree::new(fake.root(), 0, &mut ledger),
            procfs: ProcFs::open(fake.dir.path()).unwrap(),
            reader: Reader::new(),
            ledger,
            processes: unit_processes(),
        };
        runner.pass();
        runner
    }

    fn snapshot(&mut self) -> Snapshot {
        self.processes.begin(1);
        let PassRunner { tree, procfs, reader, ledger, processes } = self;
        let pass = Pass { procfs, reader, plausibility: &Plausibility::new(), ledger, cpu_sets: None };
        tree.pass(pass, processes, false).unwrap();
        self.processes.end();
        let PassRunner { ledger, .. } = self;
        ledger.settle();
        let mut snapshot = Snapshot::empty(Instant::now());
        ledger.write(&mut snapshot, false);
        snapshot
    }

    /// Takes one pass. Returns each group's total in microseconds, without those at 0.
    fn pass(&mut self) -> BTreeMap<String, u64> {
        let named =
            self.snapshot().groups.into_iter().map(|((_, group), cpu)| (group.to_string(), cpu.total_us()));
        named.filter(|(_, us)| *us > 0).collect()
    }

    /// Takes one pass. Returns the numbers of counters and of other files that it reads.
    fn count_reads(&mut self) -> (u64, u64) {
        self.reader.begin();
        self.pass();
        (self.tree.counters_read(), self.reader.files() - self.tree.counters_read())
    }
}

fn groups<const N: usize>(want: [(&str, u64); N]) -> BTreeMap<String, u64> {
    want.map(|(group, us)| (group.to_owned(), us)).into()
}

#[test]
fn totals_begin_at_the_first_pass_and_the_born_count_in_full() {
    let fake = Fake::new();
    fake.set("system.slice", 1000, 500);
    fake.set("system.slice/a.service", 600, 300);
    fake.set("kubepods.slice", 50, 50);
    fake.set("kubepods.slice/pod.slice", 40, 40);
    let mut runner = PassRunner::new(&fake);
    assert_eq!(runner.pass(), groups([]));
    fake.set("system.slice", 1030, 507);
    fake.set("system.slice/a.service", 610, 300);
    fake.set("system.slice/b.service", 20, 7);
    fake.set("kubepods.slice", 55, 50);
    assert_eq!(runner.pass(), groups([("a", 10), ("b", 27), ("conmon", 5)]));
    let alive: Vec<String> = runner.snapshot().alive.iter().map(|(_, group)| group.to_string()).collect();
    assert_eq!(alive, ["(exited)", "a", "b", "conmon"]);
}

#[test]
fn a_units_inner_cgroups_are_its_own() {
    let fake = Fake::new();
    for cgroup in ["a.service", "a.service/in", "a.service/in/b.scope"] {
        fake.set(cgroup, 0, 0);
    }
    let mut runner = PassRunner::new(&fake);
    fake.set("a.service", 100, 0);
    fake.set("a.service/in", 90, 0);
    fake.set("a.service/in/b.scope", 70, 0);
    assert_eq!(runner.pass(), groups([("a", 100)]), "whatever they are called");
}

#[test]
fn a_cgroup_that_vanishes_during_its_reading_counts_once() {
    let fake = Fake::new();
    for name in ["", "b.slice", "b.slice/z.scope"] {
        fake.set(&format!("a.slice/{name}"), 0, 0);
    }
    let mut runner = PassRunner::new(&fake);
    // The child's counter is readable, its own is not.
    fake.set("a.slice/b.slice/z.scope", 10, 0);
    fs::remove_file(fake.root().join("a.slice/b.slice/cpu.stat")).unwrap();
    fake.set("a.slice", 15, 0);
    assert_eq!(runner.pass(), groups([("z", 15)]));
}

#[test]
fn the_same_name_with_another_inode_is_another_unit() {
    let mut fake = Fake::new();
    fake.set("system.slice", 0, 0);
    fake.set("system.slice/a.service", 0, 0);
    let mut runner = PassRunner::new(&fake);
    fake.set("system.slice", 50, 0);
    fake.set("system.slice/a.service", 50, 0);
    runner.pass();
    fake.remove("system.slice/a.service");
    fake.set("system.slice/a.service", 70, 0);
    fake.set("system.slice", 50 + 5 + 70, 0);
    assert_eq!(runner.pass(), groups([("a", 50 + 5 + 70)]));
    // That pass found the new unit.
    fake.set("system.slice/a.service", 71, 0);
    fake.set("system.slice", 50 + 5 + 71, 0);
    assert_eq!(runner.pass(), groups([("a", 50 + 5 + 71)]));
}

#[test]
fn a_cgroup_that_is_unreadable_for_a_while_is_corrected_later() {
    let fake = Fake::new();
    fake.set("system.slice", 0, 0);
    fake.set("system.slice/a.service", 0, 0);
    let mut runner = PassRunner::new(&fake);
    fake.set("system.slice", 10, 0);
    fs::write(fake.root().join("system.slice/a.service/cpu.stat"), "?").unwrap();
    assert_eq!(runner.pass(), groups([("(exited)", 10)]));
    assert_eq!(runner.reader.errors().get("malformed"), Some(&1));
    fake.set("system.slice", 14, 0);
    fake.set("system.slice/a.service", 14, 0);
    runner.pass();
    // The 10 that were exported as exited stay there. CPU that exits now is in them already.
    fake.set("system.slice", 14 + 13, 0);
    assert_eq!(runner.pass(), groups([("(exited)", 13), ("a", 14)]));
}

#[test]
fn a_cgroup_that_is_unreadable_at_first_counts_from_its_first_reading() {
    let fake = Fake::new();
    fake.set("a.service", 1, 0);
    fs::write(fake.root().join("a.service/cpu.stat"), "?").unwrap();
    let mut runner = PassRunner::new(&fake);
    fake.set("a.service", 5000, 0);
    assert_eq!(runner.pass(), groups([]));
    fake.set("a.service", 5003, 0);
    assert_eq!(runner.pass(), groups([("a", 3)]));
}

#[test]
fn a_missing_root_is_an_error_that_names_it() {
    let fake = Fake::new();
    let missing = fake.root().join("none");
    let mut ledger = Ledger::default();
    let mut tree = Tree::new(missing.clone(), 0, &mut ledger);
    let (procfs, mut reader) = (ProcFs::open(fake.dir.path()).unwrap(), Reader::new());
    let (procfs, plausibility) = (&procfs, &Plausibility::new());
    let pass = Pass { procfs, reader: &mut reader, plausibility, ledger: &mut ledger, cpu_sets: None };
    let error = tree.pass(pass, &mut unit_processes(), false).unwrap_err().to_string();
    assert!(error.contains(&missing.display().to_string()), "{error}");
}

/// Units of the model; CPU of a unit is CPU of all cgroups above it.
const UNITS: [&str; 6] = [
    "a.slice/x.service",
    "a.slice/y.service",
    "a.slice/b.slice/z.scope",
    "a.slice/b.slice/w-1.scope",
    "s.service/in.scope",
    "kubepods.slice/kubepods-pod1.slice",
];

#[derive(Clone, Debug)]
enum Step {
    AddCpu(usize, u64, u64),
    Start(usize),
    End(usize),
    Pass,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let unit = 0..UNITS.len();
    let step = prop_oneof![
        4 => (unit.clone(), 0u64..1000, 0u64..1000).prop_map(|(unit, user, system)| Step::AddCpu(unit, user, system)),
        1 => unit.clone().prop_map(Step::Start),
        1 => unit.prop_map(Step::End),
        2 => Just(Step::Pass),
    ];
    prop::collection::vec(step, 0..60)
}

/// Returns all cgroups of a unit's path that have a `cpu.stat`, the unit itself last.
fn path_of(unit: &str) -> impl Iterator<Item = &str> {
    unit.match_indices('/').map(|(end, _)| &unit[..end]).chain([unit])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The groups add up to the top, and none ever falls, for any births, deltas and ends.
    #[test]
    fn groups_add_up_to_the_top(steps in steps()) {
        let mut fake = Fake::new();
        let mut usage: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for top in ["a.slice", "a.slice/b.slice", "s.service", "kubepods.slice"] {
            usage.insert(top, (7, 7));
            fake.set(top, 7, 7);
        }
        let mut runner = PassRunner::new(&fake);
        let (mut used_us, mut before) = (0, runner.pass());
        for step in steps.into_iter().chain([Step::Pass]) {
            match step {
                Step::AddCpu(unit, user, system) if usage.contains_key(UNITS[unit]) => {
                    for (depth, cgroup) in path_of(UNITS[unit]).enumerate() {
                        let used = usage.get_mut(cgroup).unwrap();
                        // Each cgroup splits the same total in its own way, as the kernel does.
                        let shifted = if depth % 2 == 0 { 0 } else { user / 2 };
                        *used = (used.0 + user - shifted, used.1 + system + shifted);
                        fake.set(cgroup, used.0, used.1);
                    }
                    used_us += user + system;
                }
                Step::Start(unit) if !usage.contains_key(UNITS[unit]) => {
                    usage.insert(UNITS[unit], (0, 0));
                    fake.set(UNITS[unit], 0, 0);
                }
                Step::End(unit) if usage.remove(UNITS[unit]).is_some() => fake.remove(UNITS[unit]),
                Step::Pass => {
                    let now = runner.pass();
                    prop_assert_eq!(now.values().sum::<u64>(), used_us);
                    for (group, us) in &before {
                        prop_assert!(now.get(group) >= Some(us), "{} fell from {} to {:?}", group, us, now.get(group));
                    }
                    before = now;
                }
                _ => {}
            }
        }
        prop_assert!(runner.snapshot().groups.keys().all(|group| group.0 != Class::Kernel));
    }
}
