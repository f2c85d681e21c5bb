//! The table of docs/design/accounting.md on new series, computed again.

use crate::expose::series_lifetime::{Appearance, Exposition, Series};
use node_cpu::Cpu;
use std::time::Instant;
use tables::rows;

#[path = "../../../../tests/shared/tables.rs"]
mod tables;

/// The series begins in the second exposition since the exporter started.
#[test]
fn what_a_new_series_used_at_first_is_starting() {
    let (mut series, mut starting) = (Series::new(), 0);
    for row in rows(include_str!("../../../../docs/design/accounting.md"), "| exposition | used so far |") {
        let [number, used, exported, expected]: [u64; 4] =
            row.iter().map(|cell| cell.parse().unwrap()).collect::<Vec<_>>().try_into().unwrap();
        let now = Exposition { number: number + 1, at: Instant::now(), reached: number };
        let seconds = |seconds: u64| Cpu { user_us: seconds * 1_000_000, system_us: 0 };
        let (all, mut exposed) = ([("backup", seconds(used))].into(), None);
        series.expose(&all, &now, |_| true, |_, appearance, held| exposed = Some((appearance, held)));
        let (appearance, held) = exposed.unwrap();
        starting += held.total_us();
        let value = if exported == 0 { Appearance::Zero } else { Appearance::Value(seconds(exported)) };
        assert_eq!((appearance, starting), (value, expected as i64 * 1_000_000), "exposition {number}");
    }
    assert!(starting > 0, "no row found");
}
