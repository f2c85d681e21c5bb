//! Operations of passes on the ledger in any order, compared with a model that knows only the expected results.

use crate::account::{Id, Ledger, Series};
use crate::cpu::Delta;
use crate::snapshot::{Class, EXITED, Group, Snapshot, Thread};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Signed sum of a group, and its highest value at a settlement.
#[derive(Default)]
struct Sum {
    accrued: i64,
    highest: i64,
}

#[derive(Default)]
struct Model {
    ledger: Ledger,
    acquired: Vec<(Id, Group)>,
    threads: Vec<(Series, Id, Group, String)>,
    sums: BTreeMap<Group, Sum>,
    exported: BTreeMap<Thread, u64>,
    /// CPU of the thread names that are no longer exported, by group.
    forgotten_us: BTreeMap<Group, i64>,
}

/// Number of names, below the ledger's limits: names past those share one account.
const NAMES: u8 = 100;

pub(super) fn ledger(data: &[u8]) {
    let mut model = Model::default();
    for step in data.chunks_exact(4) {
        model.step(step[0], step[1], i64::from(i16::from_le_bytes([step[2], step[3]])));
    }
    model.settle();
}

impl Model {
    fn step(&mut self, operation: u8, choice: u8, amount: i64) {
        let at = |length: usize| usize::from(choice) % length.max(1);
        let delta = Delta { user_us: amount, system_us: amount / 3 };
        match operation % 9 {
            0 => {
                let class = [Class::Host, Class::Pod, Class::Kernel][usize::from(choice % 3)];
                let group = (class, Arc::from(format!("g{}", choice % NAMES)));
                self.acquired.push((self.ledger.acquire_exported(&group), group.clone()));
                self.sums.entry(group).or_default();
            }
            1 if !self.acquired.is_empty() => {
                let (id, _) = self.acquired.swap_remove(at(self.acquired.len()));
                self.ledger.release(id);
            }
            2 => {
                let Some((id, group)) = self.acquired.get(at(self.acquired.len())) else { return };
                self.ledger.credit(*id, delta);
                self.sums.get_mut(group).unwrap().accrued += delta.total_us();
            }
            3 => {
                // A thread acquires its group.
                let Some((id, group)) = self.acquired.get(at(self.acquired.len())).cloned() else { return };
                let name = format!("t{}", amount.rem_euclid(i64::from(NAMES)));
                self.ledger.retain(id);
                self.threads.push((self.ledger.begin_thread(id, &name), id, group, name));
            }
            4 if !self.threads.is_empty() => {
                let (series, id, _, _) = self.threads.swap_remove(at(self.threads.len()));
                self.ledger.end_thread(series);
                self.ledger.release(id);
            }
            5 => {
                let Some((series, ..)) = self.threads.get(at(self.threads.len())) else { return };
                self.ledger.credit_thread(*series, delta);
            }
            6 => drop(self.settle()),
            7 => {
                let Some(group) = self.sums.keys().nth(at(self.sums.len())).cloned() else { return };
                self.ledger.forget(&group);
                let acquired = self.acquired.iter().any(|(_, other)| *other == group);
                if !acquired && self.threads.iter().all(|(_, _, other, _)| *other != group) {
                    self.sums.remove(&group);
                    self.forgotten_us.remove(&group);
                    self.exported.retain(|(class, name, _), _| (*class, name) != (group.0, &group.1));
                }
            }
            8 => self.forget_thread(choice),
            _ => {}
        }
    }

    /// Forgets a name without living threads. It begins at 0 if it comes back.
    fn forget_thread(&mut self, choice: u8) {
        let snapshot = self.settle();
        let is_ended =
            |thread: &&Thread| !snapshot.thread_counts.contains_key(*thread) && thread.0 != Class::Kernel;
        let ended: Vec<_> =
            self.exported.keys().filter(is_ended).filter(|(_, _, name)| **name != *EXITED).cloned().collect();
        let Some(thread) = ended.get(usize::from(choice) % ended.len().max(1)) else { return };
        self.ledger.forget_thread(thread);
        let used = self.exported.remove(thread).unwrap() as i64;
        *self.forgotten_us.entry((thread.0, Arc::clone(&thread.1))).or_default() += used;
    }

    /// Ends a pass, and compares all that is exported.
    fn settle(&mut self) -> Snapshot {
        self.ledger.settle();
        let mut snapshot = Snapshot::empty(Instant::now());
        self.ledger.write(&mut snapshot, true);
        assert!(snapshot.groups.keys().eq(self.sums.keys()), "{:?}", snapshot.groups);
        for (group, sum) in &mut self.sums {
            sum.highest = sum.highest.max(sum.accrued);
            let (class, name) = group;
            let exported = snapshot.groups[group].total_us() as i64;
            assert_eq!(exported, sum.highest, "{name} exports its highest sum");
            let of_group = |(c, g, _): &&Thread| c == class && g == name;
            let threads = snapshot.threads.iter().filter(|(thread, _)| of_group(thread));
            let threads: i64 = threads.map(|(_, cpu)| cpu.total_us() as i64).sum();
            let forgotten = self.forgotten_us.get(group).copied().unwrap_or_default();
            assert_eq!(threads + forgotten, exported, "{name}'s threads and what exited are the group");
            let living = snapshot.thread_counts.iter().filter(|(thread, _)| of_group(thread));
            let living: u64 = living.map(|(_, living)| living).sum();
            let began = self.threads.iter().filter(|(_, _, other, _)| other == group).count() as u64;
            assert!(*class == Class::Kernel || living == began, "{living} of {began} threads of {name} live");
        }
        for (thread, before) in &self.exported {
            let now = snapshot.threads.get(thread).map(|cpu| cpu.total_us());
            assert!(now >= Some(*before), "{thread:?} fell from {before} to {now:?}");
        }
        self.exported =
            snapshot.threads.iter().map(|(thread, cpu)| (thread.clone(), cpu.total_us())).collect();
        snapshot
    }
}
