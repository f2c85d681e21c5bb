//! Trees in a temporary directory: what is a path to the exporter may be any directory.

use super::*;
use crate::collect::plausibility::Plausibility;
use crate::collect::processes::Scope;
use crate::kernel::{ProcFs, Reader};
use crate::snapshot::{Class, Detail, Snapshot};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

mod pods;
mod residual;
mod unchanged_since;

/// A cgroup tree of files. What is removed is moved aside, so that no later directory gets its inode.
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

/// A tree being watched, none of its files kept open: a file that is moved aside may still be read, a cgroup's not.
struct Watch {
    tree: Tree,
    procfs: ProcFs,
    reader: Reader,
    ledger: Ledger,
    processes: Processes,
}

/// Processes of units alone: none is the machine's own.
fn unit_processes() -> Processes {
    Processes::new(Scope::Root("/none".into()), Detail::default(), false)
}

impl Watch {
    fn new(fake: &Fake) -> Watch {
        let mut ledger = Ledger::default();
        let mut watch = Watch {
            tree: Tree::new(fake.root(), 0, &mut ledger),
            procfs: ProcFs::open(fake.dir.path()).unwrap(),
            reader: Reader::new(),
            ledger,
            processes: unit_processes(),
        };
        watch.pass();
        watch
    }

    fn snapshot(&mut self) -> Snapshot {
        self.processes.begin(1);
        let Watch { tree, procfs, reader, ledger, processes } = self;
        let pass = Pass { procfs, reader, plausibility: &Plausibility::new(), ledger };
        tree.pass(pass, processes, false).unwrap();
        self.processes.end();
        let Watch { ledger, .. } = self;
        ledger.settle();
        let mut snapshot = Snapshot::empty(Instant::now());
        ledger.write(&mut snapshot, false);
        snapshot
    }

    /// One pass: each group's total in microseconds, those at 0 left out.
    fn pass(&mut self) -> BTreeMap<String, u64> {
        let named =
            self.snapshot().groups.into_iter().map(|((_, group), cpu)| (group.to_string(), cpu.total_us()));
        named.filter(|(_, us)| *us > 0).collect()
    }

    /// How many counters and other files the next pass reads.
    fn effort(&mut self) -> (u64, u64) {
        self.reader.begin();
        self.pass();
        (self.tree.read(), self.reader.files() - self.tree.read())
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
    let mut watch = Watch::new(&fake);
    assert_eq!(watch.pass(), groups([]));
    fake.set("system.slice", 1030, 507);
    fake.set("system.slice/a.service", 610, 300);
    fake.set("system.slice/b.service", 20, 7);
    fake.set("kubepods.slice", 55, 50);
    assert_eq!(watch.pass(), groups([("a", 10), ("b", 27), ("conmon", 5)]));
    let alive: Vec<String> = watch.snapshot().alive.iter().map(|(_, group)| group.to_string()).collect();
    assert_eq!(alive, ["(exited)", "a", "b", "conmon"]);
}

#[test]
fn a_units_inner_cgroups_are_its_own() {
    let fake = Fake::new();
    for cgroup in ["a.service", "a.service/in", "a.service/in/b.scope"] {
        fake.set(cgroup, 0, 0);
    }
    let mut watch = Watch::new(&fake);
    fake.set("a.service", 100, 0);
    fake.set("a.service/in", 90, 0);
    fake.set("a.service/in/b.scope", 70, 0);
    assert_eq!(watch.pass(), groups([("a", 100)]), "whatever they are called");
}

#[test]
fn what_vanishes_while_it_is_read_counts_once() {
    let fake = Fake::new();
    for name in ["", "b.slice", "b.slice/z.scope"] {
        fake.set(&format!("a.slice/{name}"), 0, 0);
    }
    let mut watch = Watch::new(&fake);
    // Its child could still be read, itself no more.
    fake.set("a.slice/b.slice/z.scope", 10, 0);
    fs::remove_file(fake.root().join("a.slice/b.slice/cpu.stat")).unwrap();
    fake.set("a.slice", 15, 0);
    assert_eq!(watch.pass(), groups([("z", 15)]));
}

#[test]
fn the_same_name_with_another_inode_is_another_unit() {
    let mut fake = Fake::new();
    fake.set("system.slice", 0, 0);
    fake.set("system.slice/a.service", 0, 0);
    let mut watch = Watch::new(&fake);
    fake.set("system.slice", 50, 0);
    fake.set("system.slice/a.service", 50, 0);
    watch.pass();
    fake.remove("system.slice/a.service");
    fake.set("system.slice/a.service", 70, 0);
    fake.set("system.slice", 50 + 5 + 70, 0);
    assert_eq!(watch.pass(), groups([("a", 50 + 5 + 70)]));
    // The new one was found in that pass.
    fake.set("system.slice/a.service", 71, 0);
    fake.set("system.slice", 50 + 5 + 71, 0);
    assert_eq!(watch.pass(), groups([("a", 50 + 5 + 71)]));
}

#[test]
fn what_cannot_be_read_for_a_while_is_put_right_later() {
    let fake = Fake::new();
    fake.set("system.slice", 0, 0);
    fake.set("system.slice/a.service", 0, 0);
    let mut watch = Watch::new(&fake);
    fake.set("system.slice", 10, 0);
    fs::write(fake.root().join("system.slice/a.service/cpu.stat"), "?").unwrap();
    assert_eq!(watch.pass(), groups([("(exited)", 10)]));
    assert_eq!(watch.reader.errors().get("malformed"), Some(&1));
    fake.set("system.slice", 14, 0);
    fake.set("system.slice/a.service", 14, 0);
    watch.pass();
    // The 10 that were shown as exited are no more owed: what exits now is in them already.
    fake.set("system.slice", 14 + 13, 0);
    assert_eq!(watch.pass(), groups([("(exited)", 13), ("a", 14)]));
}

#[test]
fn what_was_unreadable_at_first_counts_from_its_first_reading() {
    let fake = Fake::new();
    fake.set("a.service", 1, 0);
    fs::write(fake.root().join("a.service/cpu.stat"), "?").unwrap();
    let mut watch = Watch::new(&fake);
    fake.set("a.service", 5000, 0);
    assert_eq!(watch.pass(), groups([]));
    fake.set("a.service", 5003, 0);
    assert_eq!(watch.pass(), groups([("a", 3)]));
}

#[test]
fn a_missing_root_is_an_error_that_names_it() {
    let fake = Fake::new();
    let missing = fake.root().join("none");
    let mut ledger = Ledger::default();
    let mut tree = Tree::new(missing.clone(), 0, &mut ledger);
    let (procfs, mut reader) = (ProcFs::open(fake.dir.path()).unwrap(), Reader::new());
    let (procfs, plausibility) = (&procfs, &Plausibility::new());
    let pass = Pass { procfs, reader: &mut reader, plausibility, ledger: &mut ledger };
    let error = tree.pass(pass, &mut unit_processes(), false).unwrap_err().to_string();
    assert!(error.contains(&missing.display().to_string()), "{error}");
}

/// The units of the model; a growth of one is a growth of all cgroups above it.
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
    Grow(usize, u64, u64),
    Start(usize),
    End(usize),
    Pass,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let unit = 0..UNITS.len();
    let step = prop_oneof![
        4 => (unit.clone(), 0u64..1000, 0u64..1000).prop_map(|(unit, user, system)| Step::Grow(unit, user, system)),
        1 => unit.clone().prop_map(Step::Start),
        1 => unit.prop_map(Step::End),
        2 => Just(Step::Pass),
    ];
    prop::collection::vec(step, 0..60)
}

/// All cgroups of a unit's path that have a `cpu.stat`, itself last.
fn path_of(unit: &str) -> impl Iterator<Item = &str> {
    unit.match_indices('/').map(|(end, _)| &unit[..end]).chain([unit])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is born, grows and ends: the groups add up to the top, and none ever falls.
    #[test]
    fn groups_add_up_to_the_top(steps in steps()) {
        let mut fake = Fake::new();
        let mut usage: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for top in ["a.slice", "a.slice/b.slice", "s.service", "kubepods.slice"] {
            usage.insert(top, (7, 7));
            fake.set(top, 7, 7);
        }
        let mut watch = Watch::new(&fake);
        let (mut grown, mut before) = (0, watch.pass());
        for step in steps.into_iter().chain([Step::Pass]) {
            match step {
                Step::Grow(unit, user, system) if usage.contains_key(UNITS[unit]) => {
                    for (depth, cgroup) in path_of(UNITS[unit]).enumerate() {
                        let used = usage.get_mut(cgroup).unwrap();
                        // Each cgroup splits the same total in its own way, as the kernel does.
                        let moved = if depth % 2 == 0 { 0 } else { user / 2 };
                        *used = (used.0 + user - moved, used.1 + system + moved);
                        fake.set(cgroup, used.0, used.1);
                    }
                    grown += user + system;
                }
                Step::Start(unit) if !usage.contains_key(UNITS[unit]) => {
                    usage.insert(UNITS[unit], (0, 0));
                    fake.set(UNITS[unit], 0, 0);
                }
                Step::End(unit) if usage.remove(UNITS[unit]).is_some() => fake.remove(UNITS[unit]),
                Step::Pass => {
                    let now = watch.pass();
                    prop_assert_eq!(now.values().sum::<u64>(), grown);
                    for (group, us) in &before {
                        prop_assert!(now.get(group) >= Some(us), "{} fell from {} to {:?}", group, us, now.get(group));
                    }
                    before = now;
                }
                _ => {}
            }
        }
        prop_assert!(watch.snapshot().groups.keys().all(|key| key.0 != Class::Kernel));
    }
}
