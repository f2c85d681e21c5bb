//! The two lanes of tests hold every test program between them: what `cargo test` leaves out, `tests/all` runs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how tests fail, helpers included")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The names that a list of `tests/all` holds.
fn listed(script: &str, list: &str) -> BTreeSet<String> {
    let start = format!("\n{list}='");
    let (_, rest) = script.split_once(&start).unwrap_or_else(|| panic!("no list {list} in tests/all"));
    rest.split('\'').next().unwrap().split_whitespace().map(str::to_owned).collect()
}

#[test]
fn what_cargo_leaves_out_the_full_lane_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut metadata = Command::new(env!("CARGO"));
    metadata.current_dir(root).args(["metadata", "--no-deps", "--locked", "--format-version=1"]);
    let metadata: Value = serde_json::from_slice(&metadata.output().unwrap().stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let packages = metadata.pointer("/packages").and_then(Value::as_array).unwrap();
    let targets = packages.iter().filter_map(|package| package.get("targets")?.as_array()).flatten();
    let left_out = targets.filter(|target| {
        target.pointer("/kind/0").unwrap() == "test" && target.get("test") == Some(&Value::Bool(false))
    });
    let left_out: BTreeSet<String> = left_out.map(|target| text(target.get("name").unwrap())).collect();

    let script = fs::read_to_string(root.join("tests/all")).unwrap();
    let (plain, apart) = (listed(&script, "plain"), listed(&script, "in_namespace"));
    assert!(plain.is_disjoint(&apart), "a program is in both lists");
    assert_eq!(&plain | &apart, left_out, "the lists of tests/all, and what is `test = false`, differ");
    // A program that is forgotten in `default-members` would be in neither lane.
    let of = |field: &str| {
        metadata.get(field).and_then(Value::as_array).unwrap().iter().map(text).collect::<BTreeSet<_>>()
    };
    assert_eq!(of("workspace_default_members"), of("workspace_members"));
}
