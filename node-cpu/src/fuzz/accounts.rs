//! What passes do to the ledger in any order, beside a model of it that knows only what must come out.

use crate::account::{Id, Ledger, Series};
use crate::cpu::Delta;
use crate::snapshot::{Class, EXITED, Group, Snapshot, Thread};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Of a group: the signed sum, and its highest value at a settlement.
#[derive(Default)]
struct Sum {
    accrued: i64,
    highest: i64,
}

#[derive(Default)]
struct Model {
    ledger: Ledger,
    held: Vec<(Id, Group)>,
    threads: Vec<(Series, Id, Group, String)>,
    sums: BTreeMap<Group, Sum>,
    shown: BTreeMap<Thread, u64>,
    /// What the names had that are shown no longer, by group.
    left: BTreeMap<Group, i64>,
}

/// Fewer than the ledger has room for: what is past that shares one account.
const NAMES: u8 = 100;

pub(super) fn ledger(data: &[u8]) {
    let mut model = Model::default();
    for step in data.chunks_exact(4) {
        model.step(step[0], step[1], i64::from(i16::from_le_bytes([step[2], step[3]])));
    }
    model.settle();
}

impl Model {
    fn step(&mut self, what: u8, who: u8, amount: i64) {
        let at = |length: usize| usize::from(who) % length.max(1);
        let delta = Delta { user_us: amount, system_us: amount / 3 };
        match what % 9 {
            0 => {
                let class = [Class::Host, Class::Pod, Class::Kernel][usize::from(who % 3)];
                let key = (class, Arc::from(format!("g{}", who % NAMES)));
                self.held.push((self.ledger.acquire_shown(&key), key.clone()));
                self.sums.entry(key).or_default();
            }
            1 if !self.held.is_empty() => {
                let (id, _) = self.held.swap_remove(at(self.held.len()));
                self.ledger.release(id);
            }
            2 => {
                let Some((id, key)) = self.held.get(at(self.held.len())) else { return };
                self.ledger.credit(*id, delta);
                self.sums.get_mut(key).unwrap().accrued += delta.total_us();
            }
            3 => {
                // Whoever counts a thread holds its group.
                let Some((id, key)) = self.held.get(at(self.held.len())).cloned() else { return };
                let name = format!("t{}", amount.rem_euclid(i64::from(NAMES)));
                self.ledger.retain(id);
                self.threads.push((self.ledger.begin_thread(id, &name), id, key, name));
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
                let Some(key) = self.sums.keys().nth(at(self.sums.len())).cloned() else { return };
                self.ledger.forget(&key);
                let held = self.held.iter().any(|(_, k)| *k == key);
                if !held && self.threads.iter().all(|(_, _, k, _)| *k != key) {
                    self.sums.remove(&key);
                    self.left.remove(&key);
                    self.shown.retain(|(class, group, _), _| (*class, group) != (key.0, &key.1));
                }
            }
            8 => self.forget_thread(who),
            _ => {}
        }
    }

    /// A name of which none lives is shown no longer; should it come back, it begins at 0.
    fn forget_thread(&mut self, who: u8) {
        let snapshot = self.settle();
        let gone =
            |thread: &&Thread| !snapshot.thread_counts.contains_key(*thread) && thread.0 != Class::Kernel;
        let gone: Vec<_> =
            self.shown.keys().filter(gone).filter(|(_, _, name)| **name != *EXITED).cloned().collect();
        let Some(thread) = gone.get(usize::from(who) % gone.len().max(1)) else { return };
        self.ledger.forget_thread(thread);
        let used = self.shown.remove(thread).unwrap() as i64;
        *self.left.entry((thread.0, Arc::clone(&thread.1))).or_default() += used;
    }

    /// Ends a pass, and compares all that is shown.
    fn settle(&mut self) -> Snapshot {
        self.ledger.settle();
        let mut snapshot = Snapshot::empty(Instant::now());
        self.ledger.write(&mut snapshot, true);
        assert!(snapshot.groups.keys().eq(self.sums.keys()), "{:?}", snapshot.groups);
        for (key, sum) in &mut self.sums {
            sum.highest = sum.highest.max(sum.accrued);
            let (class, group) = key;
            let shown = snapshot.groups[key].total_us() as i64;
            assert_eq!(shown, sum.highest, "{group} shows its highest sum");
            let of_group = |(c, g, _): &&Thread| c == class && g == group;
            let threads = snapshot.threads.iter().filter(|(thread, _)| of_group(thread));
            let threads: i64 = threads.map(|(_, cpu)| cpu.total_us() as i64).sum();
            let left = self.left.get(key).copied().unwrap_or_default();
            assert_eq!(threads + left, shown, "{group}'s threads and what exited are the group");
            let living = snapshot.thread_counts.iter().filter(|(thread, _)| of_group(thread));
            let living: u64 = living.map(|(_, living)| living).sum();
            let began = self.threads.iter().filter(|(_, _, k, _)| k == key).count() as u64;
            assert!(
                *class == Class::Kernel || living == began,
                "{living} of {began} threads of {group} live"
            );
        }
        for (thread, before) in &self.shown {
            let now = snapshot.threads.get(thread).map(|cpu| cpu.total_us());
            assert!(now >= Some(*before), "{thread:?} fell from {before} to {now:?}");
        }
        self.shown = snapshot.threads.iter().map(|(thread, cpu)| (thread.clone(), cpu.total_us())).collect();
        snapshot
    }
}
