//! Checks of the data, from made-up values of a few nodes.
use super::*;
use crate::status::report::CheckStatus;

fn nodes(figures: &[(&str, f64)]) -> ByNode {
    figures.iter().map(|(node, figure)| ((*node).to_owned(), *figure)).collect()
}

#[test]
fn samples_are_fresh_and_of_every_node() {
    let newest = nodes(&[("a", 990.0), ("b", 941.0)]);
    let of = |desired, down: &[&str]| Nodes { desired, down: down.iter().map(ToString::to_string).collect() };
    let check = |desired, interval| check_newest(&newest, 1000.0, &of(desired, &[]), interval);
    assert_eq!(check(Some(2), 15.0).status, CheckStatus::Ok);
    assert_eq!(check(None, 15.0).message, "2 of 2 nodes have fresh samples, the newest 10 s old");
    assert_eq!(check(Some(3), 15.0).status, CheckStatus::Failed);
    let old = check(Some(2), 10.0);
    assert!(old.status == CheckStatus::Failed && old.message.ends_with("; none of late of b"), "{old:?}");
    for (down, desired, expected) in [
        (&["b"][..], 2, CheckStatus::Warning),
        (&["b", "c"], 3, CheckStatus::Warning),
        (&["c"], 3, CheckStatus::Failed),
        (&["a"], 2, CheckStatus::Failed),
    ] {
        let check = check_newest(&newest, 1000.0, &of(Some(desired), down), 10.0);
        assert_eq!(check.status, expected, "{down:?} of {desired}: {check:?}");
    }
}

#[test]
fn the_table_of_checks_has_these_limits() {
    let shares = format!("{:.0} to {:.0} % of the busy time", 100.0 * MIN_SHARE, 100.0 * MAX_SHARE);
    assert!(CheckName::Attributed.condition().contains(&shares), "{shares}");
    assert!(CheckName::Cost.condition().contains(&format!("more than {MAX_COST} cores")));
}

#[test]
fn what_is_attributed_is_weighed_by_busy_time() {
    let busy = nodes(&[("a", 9.0), ("b", 1.0), ("idle", 0.0)]);
    let counts = nodes(&[("a", 10.0), ("b", 10.0)]);
    let attributed = |classes: &ByNode, sample_counts: &ByNode| {
        let (busy, classes, sample_counts) = (busy.clone(), classes.clone(), sample_counts.clone());
        Data { busy, classes, sample_counts, ..Data::default() }.check_attributed()
    };
    let check = attributed(&nodes(&[("a", 9.0), ("b", 0.9), ("idle", 0.0)]), &counts);
    assert_eq!(
        (check.status, check.message.as_str()),
        (CheckStatus::Ok, "99.0 % of the busy time of 10 minutes; at worst 90.0 % (b)")
    );
    for wrong in [0.7, 1.3] {
        let classes = nodes(&[("a", 9.0), ("b", wrong)]);
        assert_eq!(attributed(&classes, &counts).status, CheckStatus::Warning);
        let early = attributed(&classes, &nodes(&[("a", 10.0), ("b", 9.0)]));
        assert_eq!(early.status, CheckStatus::Skipped);
        assert!(early.message.ends_with(" (b), of 9 samples: too few to judge by"), "{early:?}");
    }
    assert_eq!(attributed(&nodes(&[]), &counts).status, CheckStatus::Skipped);
}

#[test]
fn pods_without_a_name_are_reported() {
    let with = [("a", 20.0), ("b", 3.0)];
    let names = |with: &[(&str, f64)], without: &[(&str, f64)]| {
        Data { pods_with_name: nodes(with), pods_without_name: nodes(without), ..Data::default() }
            .check_names()
    };
    let check = names(&with, &[]);
    assert_eq!(
        (check.status, check.message.as_str()),
        (CheckStatus::Ok, "all of 23 pods that work have their name")
    );
    let check = names(&with, &[("a", 1.0), ("b", 2.0)]);
    assert_eq!(check.status, CheckStatus::Warning);
    assert!(
        check.message.starts_with("3 of 26 pods that work are counted under their UID, 2 of them on b: "),
        "{check:?}"
    );
    assert_eq!(names(&[], &[]).status, CheckStatus::Skipped);
}

#[test]
fn the_dearest_node_is_named() {
    let cost = |own_cpu| Data { own_cpu: nodes(own_cpu), ..Data::default() }.check_cost();
    let check = cost(&[("a", 0.001), ("b", 0.003)]);
    assert_eq!(
        (check.status, check.message.as_str()),
        (CheckStatus::Ok, "0.0020 cores a node on average, at most 0.0030 (b)")
    );
    assert_eq!(cost(&[("a", 0.06)]).status, CheckStatus::Warning);
    assert_eq!(cost(&[]).status, CheckStatus::Skipped);
}
