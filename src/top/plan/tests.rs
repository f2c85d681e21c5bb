//! Golden files of the plan of each kind of question.
use super::{Plan, plan};
use crate::golden::check;
use crate::prometheus::Grid;
use crate::query::Span;
use crate::report::{Class, SortBy, SourceKind};
use crate::time::Timestamp;
use crate::top::filter::{Filter, Namespaces};
use crate::top::question::{By, KnownSets, Question, SourceChoice};
use std::time::Duration;

const WINDOW: Span =
    Span { start: Timestamp::from_millis(1_769_996_400_000), end: Timestamp::from_millis(1_770_000_000_000) };
const GRID: Grid = Grid {
    start: Timestamp::from_millis(1_769_996_407_250),
    end: Timestamp::from_millis(1_769_999_992_250),
    step: Duration::from_secs(15),
};

fn question(by: By) -> Question {
    Question {
        source: SourceChoice::Auto,
        end: WINDOW.end,
        interval: WINDOW.length(),
        by,
        per_node: false,
        filter: Filter::default(),
        percentiles: Vec::new(),
        present: false,
        trend: 0,
        at_peak: false,
        node_names: false,
        sets: KnownSets::default(),
        sort: SortBy::Avg,
        limit: None,
    }
}

fn planned(question: &Question, kind: SourceKind) -> Plan<'_> {
    plan(question, kind, WINDOW, GRID, 200)
}

#[test]
fn each_kind_of_question_has_its_plan() {
    let nodes = || Some(vec!["node-1".to_owned(), "node-2".to_owned()]);
    let skip = Namespaces::parse("openshift-logging").unwrap();
    let by = [
        ("class", By::Class),
        ("namespace", By::Namespace),
        ("workload", By::Workload),
        ("group", By::Group),
        ("thread", By::Thread),
        ("cpuset", By::Cpuset),
    ];
    for (kind, name) in [(SourceKind::Exporter, "exporter"), (SourceKind::Platform, "platform")] {
        let mut text = String::new();
        for (level, by) in by {
            let whole = question(by);
            let per_node = Question { per_node: true, ..question(by) };
            let some = Question { filter: Filter { nodes: nodes(), ..Filter::default() }, ..question(by) };
            let skipped =
                Question { filter: Filter { skip: skip.clone(), ..Filter::default() }, ..question(by) };
            let one = Filter { namespace: Some("shop".to_owned()), ..Filter::default() };
            let host = Filter { classes: vec![Class::Host], ..Filter::default() };
            for (flags, question) in [
                ("", whole),
                (" --per-node", per_node),
                (" --node node-1,node-2", some),
                (" -S openshift-logging", skipped),
                (" -n shop", Question { filter: one, ..question(by) }),
                (" --class host", Question { filter: host, ..question(by) }),
                (" --at-peak", Question { at_peak: true, ..question(by) }),
            ] {
                text.push_str(&format!("top --by {level}{flags}\n{}\n", planned(&question, kind)));
            }
        }
        check(&format!("tests/golden/plan/{name}.txt"), &text);
    }
}

/// A plan depends on the question and the probe alone.
#[test]
fn the_same_question_has_the_same_plan() {
    for by in [By::Class, By::Namespace, By::Workload, By::Group, By::Thread] {
        let once = planned(&question(by), SourceKind::Exporter).to_string();
        assert_eq!(planned(&question(by), SourceKind::Exporter).to_string(), once);
    }
}
