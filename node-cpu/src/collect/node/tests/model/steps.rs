//! Random lives of the model's machine, in steps.

use super::{NAMES, Time, UNITS, World};
use proptest::prelude::*;
use std::fs;

#[derive(Clone, Debug)]
pub(in super::super) enum Step {
    Make(usize),
    Remove(usize),
    /// Starts a process in a unit, as a child of a living one; the flag reuses a PID that was there before.
    Fork(usize, usize, bool),
    Thread(usize),
    Run(usize, usize, u64, u64),
    Rename(usize, usize, usize),
    EndThread(usize, usize),
    /// Ends a process; the flag means that its parent waits for it.
    End(usize, bool),
    Move(usize, usize),
    Pass,
}

pub(in super::super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (unit, which, name) = (0..UNITS.len(), 0usize..1000, 0..NAMES.len());
    let time = prop_oneof![0u64..300, 0u64..60_000];
    let step = prop_oneof![
        2 => unit.clone().prop_map(Step::Make),
        1 => unit.clone().prop_map(Step::Remove),
        4 => (unit.clone(), which.clone(), any::<bool>()).prop_map(|(a, b, c)| Step::Fork(a, b, c)),
        2 => which.clone().prop_map(Step::Thread),
        8 => (which.clone(), which.clone(), time.clone(), time).prop_map(|(a, b, c, d)| Step::Run(a, b, c, d)),
        2 => (which.clone(), which.clone(), name).prop_map(|(a, b, c)| Step::Rename(a, b, c)),
        1 => (which.clone(), which.clone()).prop_map(|(a, b)| Step::EndThread(a, b)),
        2 => (which.clone(), any::<bool>()).prop_map(|(a, b)| Step::End(a, b)),
        1 => (which, unit).prop_map(|(a, b)| Step::Move(a, b)),
        6 => Just(Step::Pass),
    ];
    prop::collection::vec(step, 1..80)
}

impl World {
    pub(in super::super) fn apply(&mut self, step: &Step) {
        self.now += 1;
        match *step {
            Step::Make(unit) => {
                let path = UNITS[unit].0;
                let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                if !self.cgroup(parent).is_dir() || !self.units.insert(unit) {
                    return;
                }
                fs::create_dir(self.cgroup(path)).unwrap();
                self.used.insert(path, Time::default());
            }
            Step::Remove(unit) => {
                let path = UNITS[unit].0;
                let inside: Vec<usize> =
                    self.units.iter().copied().filter(|other| UNITS[*other].0.starts_with(path)).collect();
                for unit in inside.iter().rev() {
                    let pids: Vec<u32> =
                        self.processes.iter().filter(|(_, p)| p.unit == *unit).map(|(pid, _)| *pid).collect();
                    pids.into_iter().for_each(|pid| self.end(pid, true));
                    self.units.remove(unit);
                    self.used.remove(UNITS[*unit].0);
                    // The directory is moved aside, so that no later directory gets its inode.
                    self.removed += 1;
                    let aside = self.dir.path().join(format!("removed/{}", self.removed));
                    fs::rename(self.cgroup(UNITS[*unit].0), aside).unwrap();
                }
            }
            Step::Fork(unit, parent, again) if self.may_hold_processes(unit) => {
                let parent = self.nth_process(parent).unwrap_or(1);
                let pid = self.free_pids.pop().filter(|_| again).unwrap_or(self.next_pid);
                self.fork(pid, unit, parent);
            }
            Step::Thread(any) => self.nth_process(any).into_iter().for_each(|pid| self.start_thread(pid)),
            Step::Run(any, thread, user, system) => {
                self.nth_process(any).into_iter().for_each(|pid| self.run(pid, thread, user, system));
            }
            Step::Rename(any, thread, name) => {
                self.nth_process(any).into_iter().for_each(|pid| self.rename(pid, thread, NAMES[name]));
            }
            Step::EndThread(any, thread) => {
                self.nth_process(any).into_iter().for_each(|pid| self.end_thread(pid, thread));
            }
            Step::End(any, waited) => self.nth_process(any).into_iter().for_each(|pid| self.end(pid, waited)),
            Step::Move(any, unit) if self.may_hold_processes(unit) => {
                self.nth_process(any).into_iter().for_each(|pid| self.move_to(pid, unit));
            }
            _ => {}
        }
    }
}
