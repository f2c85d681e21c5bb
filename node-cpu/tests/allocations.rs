//! What a pass allocates, in a program of its own, as its allocator is another: nothing for what has not moved.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test's helpers fail")]

#[allow(dead_code, reason = "the live tests use the rest")]
#[path = "shared/fake.rs"]
mod fake;

use allocation_counter::measure;
use fake::Fake;
use node_cpu::{Detail, Node};

const DETAIL: Detail = Detail { threads: true };
const TICK_US: u64 = 10_000;
/// In the unit that works, beside idle ones.
const WORKING: [u32; 3] = [50, 51, 52];

/// How many cgroups there are of one group, processes in each, and threads of each.
const SIZES: [(u32, u32, u32); 5] = [(4, 2, 2), (4, 2, 20), (4, 40, 2), (40, 2, 2), (40, 6, 6)];

struct World {
    fake: Fake,
    used_us: u64,
    ticks: u64,
}

impl World {
    fn new(units: u32, processes: u32, threads: u32) -> World {
        let mut fake = Fake::new();
        let mut next = 1000;
        for unit in 0..units {
            let pids: Vec<u32> = (0..processes).map(|number| next + number * threads).collect();
            for pid in &pids {
                fake.process(*pid, 1, "idle", 20, &Vec::from_iter(*pid..*pid + threads));
            }
            next += processes * threads;
            // By their template, all of them are one group: a reading has a row for each group.
            fake.unit(&format!("idle@{unit}"), 100_000, &pids);
        }
        let idle = Vec::from_iter(next..next + processes);
        idle.iter().for_each(|pid| fake.process(*pid, 1, "idle", 20, &[*pid]));
        fake.unit("works", 0, &[&WORKING[..], &idle].concat());
        let mut world = World { fake, used_us: 0, ticks: 0 };
        world.work();
        world
    }

    /// The working unit's processes use a tick in each of two threads.
    fn work(&mut self) {
        self.ticks += 1;
        self.used_us += WORKING.len() as u64 * 2 * TICK_US;
        for pid in WORKING {
            self.fake.process(pid, 1, "works", self.ticks, &[pid, pid + 100]);
        }
        self.fake.unit("works", self.used_us, &[]);
    }

    /// How often a pass allocates in which nothing has moved, and one in which the working unit has.
    fn measured(&mut self, node: &mut Node) -> (u64, u64) {
        let mut pass = || measure(|| drop(node.pass().unwrap())).count_total;
        // What is kept from pass to pass has its size after these.
        for _ in 0..3 {
            self.work();
            pass();
        }
        let still = (pass(), pass()).1;
        self.work();
        (still, pass())
    }
}

#[test]
fn a_pass_allocates_as_much_on_a_large_node_as_on_a_small_one() {
    let paths = |world: &World| world.fake.paths();
    let mut of_all = Vec::new();
    for (units, processes, threads) in SIZES {
        let mut world = World::new(units, processes, threads);
        let mut node = Node::open(&paths(&world), DETAIL).unwrap();
        let by_cgroup = world.measured(&mut node);
        let mut node = Node::open_by_process(&paths(&world), DETAIL).unwrap();
        of_all.push((by_cgroup, world.measured(&mut node)));
    }
    let first = of_all.first().unwrap();
    assert!(first.0.0 > 0, "nothing was counted");
    assert!(of_all.iter().all(|counted| counted == first), "by cgroup and by process: {of_all:?}");
}
