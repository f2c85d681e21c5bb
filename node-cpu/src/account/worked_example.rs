//! The tables of docs/design/accounting.md, computed again.

use super::ledger::{Id, Ledger};
use super::reaped_children::{self, Exited, Reaper};
use crate::cpu::{Cpu, Delta};
use crate::snapshot::{Class, EXITED, Group, Snapshot};
use std::time::Instant;
use tables::rows;

#[path = "../../../tests/shared/tables.rs"]
mod tables;

const PAGE: &str = include_str!("../../../docs/design/accounting.md");

fn group(name: &str) -> Group {
    (Class::Host, name.into())
}

/// Returns the numbers of a row, in milliseconds.
fn numbers(row: &[&str]) -> Vec<i64> {
    row.iter().map(|cell| cell.parse().unwrap()).collect()
}

fn delta(milliseconds: i64) -> Delta {
    Delta { user_us: milliseconds * 1000, system_us: 0 }
}

fn written(ledger: &mut Ledger) -> Snapshot {
    ledger.settle();
    let mut snapshot = Snapshot::empty(Instant::now());
    ledger.write(&mut snapshot, true);
    snapshot
}

#[test]
fn a_residual_is_exported_as_its_highest_sum() {
    let mut ledger = Ledger::default();
    let accounts = ["crio", "kubelet", EXITED].map(|name| ledger.acquire(&group(name)));
    let mut used = 0;
    for row in rows(PAGE, "| pass | slice's delta |") {
        let [pass, slice, crio, kubelet, residual, accrued, exported] = numbers(&row)[..] else {
            panic!("{row:?}")
        };
        assert_eq!(residual, slice - crio - kubelet, "pass {pass}");
        for (account, more) in accounts.into_iter().zip([crio, kubelet, residual]) {
            ledger.credit(account, delta(more));
        }
        used += slice;
        let groups = written(&mut ledger).groups;
        assert_eq!(ledger.accrued_us(&group(EXITED)), accrued * 1000, "pass {pass}");
        assert_eq!(groups[&group(EXITED)].total_us(), exported as u64 * 1000, "pass {pass}");
    }
    let total: u64 = written(&mut ledger).groups.values().map(|cpu| cpu.total_us()).sum();
    assert_eq!((used, total), (430, 430_000));
}

#[test]
fn threads_are_bounded_by_their_group() {
    let mut ledger = Ledger::default();
    let account = ledger.acquire(&group("g"));
    let threads = ["a", "b"].map(|name| ledger.begin_thread(account, name));
    let rows = rows(PAGE, "| pass | group's delta |");
    assert_eq!(rows.len(), 3);
    for row in rows {
        let [pass, whole, a, b, exported @ ..] = &numbers(&row)[..] else { panic!("{row:?}") };
        ledger.credit(account, delta(*whole));
        for (thread, ticks) in threads.into_iter().zip([*a, *b]) {
            ledger.credit_thread(thread, delta(ticks));
        }
        let snapshot = written(&mut ledger);
        let of =
            |name: &str| snapshot.threads[&(Class::Host, "g".into(), name.into())].total_us() as i64 / 1000;
        assert_eq!(["a", "b", EXITED].map(of), exported, "pass {pass}");
        assert_eq!(exported.iter().sum::<i64>() * 1000, snapshot.groups[&group("g")].total_us() as i64);
    }
}

/// Returns the names and milliseconds of a cell such as "`make` 10, `git` 20".
fn amounts(cell: &str) -> Vec<(String, u64)> {
    let parts = cell.split(", ").filter(|part| !part.is_empty());
    let amount = |part: &str| {
        let (name, number) = part.split_once(' ').unwrap();
        (name.trim_matches('`').to_owned(), number.parse().unwrap())
    };
    parts.map(amount).collect()
}

#[test]
fn a_reaper_covers_what_was_counted() {
    let names = ["sh", "make", "git"];
    let rows = rows(PAGE, "| what happened |");
    assert_eq!(rows.len(), 5);
    for row in rows {
        let [what, ended, children_times, credited] = row[..] else { panic!("{row:?}") };
        let mut ledger = Ledger::default();
        let ids: Vec<Id> = names.iter().map(|name| ledger.acquire(&group(name))).collect();
        let id_of = |name: &str| ids[names.iter().position(|known| *known == name).unwrap()];
        let child = |(name, milliseconds): (String, u64)| Exited {
            account: id_of(&name),
            counted: Cpu { user_us: milliseconds * 1000, system_us: 0 },
            ancestors: vec![5],
            is_orphan: false,
            is_late: false,
        };
        let children = amounts(ended).into_iter().map(child).collect();
        let reaper = Reaper { account: id_of("sh"), delta: delta(children_times.parse().unwrap()) };
        let settled =
            reaped_children::settle(children, [(5, reaper)].into(), |owners| ledger.common_owner(owners));
        let credits: Vec<_> = settled
            .credits
            .into_iter()
            .map(|(account, delta)| (account, delta.total_us() as u64 / 1000))
            .collect();
        let expected: Vec<_> =
            amounts(credited).into_iter().map(|(name, milliseconds)| (id_of(&name), milliseconds)).collect();
        assert_eq!(credits, expected, "{what}");
    }
}
