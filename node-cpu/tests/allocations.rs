//! Tests that a pass allocates nothing for what has not changed. It is a program of its own, because of its allocator.
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
/// PIDs that use CPU, in a unit with idle ones.
const WORKING: [u32; 3] = [50, 51, 52];

/// Number of cgroups of one group, of processes in each cgroup, and of threads in each process.
const SIZES: [(u32, u32, u32); 5] = [(4, 2, 2), (4, 2, 20), (4, 40, 2), (40, 2, 2), (40, 6, 6)];

struct Load {
    fake: Fake,
    used_us: u64,
    ticks: u64,
}

impl Load {
    fn new(units: u32, processes: u32, threads: u32) -> Load {
        let mut fake = Fake::new();
        let mut next = 1000;
        for unit in 0..units {
            let pids: Vec<u32> = (0..processes).map(|number| next + number * threads).collect();
            for pid in &pids {
                fake.process(*pid, 1, "idle", 20, &Vec::from_iter(*pid..*pid + threads));
            }
            next += processes * threads;
            // All of them are one group by their template. Otherwise each of them would add a row to the snapshot.
            fake.unit(&format!("idle@{unit}"), 100_000, &pids);
        }
        let idle = Vec::from_iter(next..next + processes);
        idle.iter().for_each(|pid| fake.process(*pid, 1, "idle", 20, &[*pid]));
        fake.unit("works", 0, &[&WORKING[..], &idle].concat());
        let mut load = Load { fake, used_us: 0, ticks: 0 };
        load.work();
        load
    }

    /// Lets the working unit's processes use a tick in each of two threads.
    fn work(&mut self) {
        self.ticks += 1;
        self.used_us += WORKING.len() as u64 * 2 * TICK_US;
        for pid in WORKING {
            self.fake.process(pid, 1, "works", self.ticks, &[pid, pid + 100]);
        }
        self.fake.unit("works", self.used_us, &[]);
    }

    /// Returns the number of allocations of a pass without changes, and of one in which the working unit has changed.
    fn measure_passes(&mut self, node: &mut Node) -> (u64, u64) {
        let mut pass = || measure(|| drop(node.pass().unwrap())).count_total;
        // State that is kept from pass to pass has its final size after these passes.
        for _ in 0..3 {
            self.work();
            pass();
        }
        let unchanged = (pass(), pass()).1;
        self.work();
        (unchanged, pass())
    }
}

#[test]
fn a_pass_allocates_as_much_on_a_large_node_as_on_a_small_one() {
    let paths = |load: &Load| load.fake.paths();
    let mut allocations = Vec::new();
    for (units, processes, threads) in SIZES {
        let mut load = Load::new(units, processes, threads);
        let mut node = Node::open(&paths(&load), DETAIL).unwrap();
        let by_cgroup = load.measure_passes(&mut node);
        let mut node = Node::open_by_process(&paths(&load), DETAIL).unwrap();
        allocations.push((by_cgroup, load.measure_passes(&mut node)));
    }
    let first = allocations.first().unwrap();
    assert!(first.0.0 > 0, "nothing was counted");
    assert!(allocations.iter().all(|counted| counted == first), "by cgroup and by process: {allocations:?}");
}
