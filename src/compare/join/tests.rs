//! Every kind of workload is joined over a restart, by its owner or by the names of its pods.
use super::{Key, Level, Pair, Side, SideRow, join};
use crate::compare::report::SideReport;
use crate::report::{Class, Window};
use std::collections::BTreeMap;

const NAMESPACE: &str = "shop";

fn side(rows: Vec<SideRow>, nodes: &[&str]) -> Side {
    let window = Window {
        start: jiff::Timestamp::UNIX_EPOCH,
        end: jiff::Timestamp::UNIX_EPOCH,
        interval_seconds: 3600.0,
        asked_seconds: None,
        step_seconds: 15.0,
    };
    let report = SideReport {
        asked: String::new(),
        window,
        coverage: 1.0,
        source: "exporter".to_owned(),
        url: None,
        nodes: nodes.len(),
        blocks: 0,
        notes: Vec::new(),
    };
    let (classes, nodes) = (BTreeMap::new(), nodes.iter().map(|node| (*node).to_owned()).collect());
    let (busy, unattributed, excluded) = (None, None, None);
    Side {
        report,
        level: Level::Group,
        rows,
        classes,
        busy,
        unattributed,
        excluded,
        places: Default::default(),
        nodes,
    }
}

/// A pod, or the workload of a type.
fn row(name: &str, of: Option<&str>) -> SideRow {
    SideRow {
        class: Class::Workload,
        namespace: Some(NAMESPACE.to_owned()),
        name: name.to_owned(),
        workload_type: of.map(str::to_owned),
        avg: 1.0,
        blocks: vec![1.0, 2.0],
    }
}

fn joined(a: Vec<SideRow>, b: Vec<SideRow>) -> Vec<Pair> {
    join(&side(a, &["master-0"]), &side(b, &["master-0"]), Level::Workload)
}

#[test]
fn pods_of_each_kind_are_joined_over_a_restart() {
    for (before, after, name) in [
        ("web-7c6b5d4f8-x2x4z", "web-5d4f8c7b69-bcdfg", "web"),
        ("agent-x7k2p", "agent-zzzzz", "agent"),
        ("db-0", "db-0", "db"),
        ("migrate-bcdfg", "migrate-ghjkl", "migrate"),
        ("backup-28812345-bcdfg", "backup-28812405-ghjkl", "backup"),
        ("etcd-master-0", "etcd-master-0", "etcd"),
        ("bare", "bare", "bare"),
    ] {
        let pairs = joined(vec![row(before, None)], vec![row(after, None)]);
        assert_eq!(pairs.len(), 1, "{before}: {pairs:?}");
        assert!(pairs[0].a.is_some() && pairs[0].b.is_some() && pairs[0].key.name == name, "{pairs:?}");
    }
}

#[test]
fn owners_of_one_side_are_joined_with_names_of_the_other() {
    for (owner, of, pod) in [
        ("web", "deployment", "web-5d4f8c7b69-bcdfg"),
        ("agent", "daemonset", "agent-zzzzz"),
        ("db", "statefulset", "db-1"),
        ("backup-28812345", "job", "backup-28812405-ghjkl"),
        ("etcd-master-0", "staticpod", "etcd-master-0"),
    ] {
        for (a, b) in [(row(owner, Some(of)), row(pod, None)), (row(pod, None), row(owner, Some(of)))] {
            let pairs = joined(vec![a], vec![b]);
            let both = |pair: &Pair| pair.a.is_some() && pair.b.is_some() && pair.key.workload_type.is_some();
            assert!(pairs.len() == 1 && both(&pairs[0]), "{owner}: {pairs:?}");
        }
    }
}

#[test]
fn workloads_of_two_types_are_two_if_both_sides_know_them() {
    let both = || vec![row("web", Some("deployment")), row("web", Some("statefulset"))];
    assert_eq!(joined(both(), both()).len(), 2);
    // A pod of that name may be of either, so that only both together compare.
    let pairs = joined(both(), vec![row("web-bcdfg", None), row("web-0", None)]);
    assert_eq!(pairs.len(), 1, "{pairs:?}");
    let (a, b) = (pairs[0].a.clone().unwrap(), pairs[0].b.clone().unwrap());
    assert_eq!((a.avg, b.avg, a.blocks), (2.0, 2.0, vec![2.0, 4.0]));
}

#[test]
fn pods_without_a_name_are_one_row_and_groups_keep_theirs() {
    let of =
        |class: Class, name: &str| SideRow { class, namespace: None, name: name.to_owned(), ..row("", None) };
    let uid = "1b4e28ba-2fa1-11d2-883f-0016d3cca427";
    let rows = vec![of(Class::Pod, uid), of(Class::Pod, "(exited)"), of(Class::Host, "unit-bcdfg")];
    let pairs = joined(rows, vec![of(Class::Pod, "another")]);
    let names: Vec<(Class, &str)> =
        pairs.iter().map(|pair| (pair.key.class, pair.key.name.as_str())).collect();
    assert_eq!(names, [(Class::Host, "unit-bcdfg"), (Class::Pod, "(exited)"), (Class::Pod, "(unnamed)")]);
}

#[test]
fn fine_rows_add_up_to_coarse_ones() {
    let host = SideRow { class: Class::Host, namespace: None, ..row("crio", None) };
    let rows = || vec![row("web-0", None), row("web-1", None), host.clone()];
    for (level, names) in [
        (Level::Class, vec![""; 2]),
        (Level::Namespace, vec![""; 2]),
        (Level::Group, vec!["crio", "web-0", "web-1"]),
    ] {
        let pairs = join(&side(rows(), &[]), &side(rows(), &[]), level);
        let keys: Vec<&Key> = pairs.iter().map(|pair| &pair.key).collect();
        assert_eq!(keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), names, "{level:?}");
        let sum: f64 = pairs.iter().filter_map(|pair| pair.a.as_ref()).map(|usage| usage.avg).sum();
        assert_eq!(sum, 3.0);
    }
}
