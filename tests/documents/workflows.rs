//! The workflows agree with the scripts that they run: platforms, lanes, and what a release waits for. That they are
//! sound YAML for the service is for `commands`, which has its linter.
use crate::texts::root;
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn workflow(name: &str) -> Value {
    serde_yaml::from_str(&read(&format!(".github/workflows/{name}.yml"))).unwrap()
}

/// Returns what a pattern captures in a text.
fn captured(text: &str, pattern: &str) -> BTreeSet<String> {
    Regex::new(pattern).unwrap().captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// Turned red by a platform that krew offers and no job builds, and by one that `packaging/build` does not know.
#[test]
fn a_release_builds_what_the_manifest_offers() {
    let release = workflow("release");
    let matrix = release.pointer("/jobs/build/strategy/matrix/include").and_then(Value::as_array).unwrap();
    let built: BTreeSet<String> =
        matrix.iter().map(|entry| entry["what"].as_str().unwrap().to_owned()).collect();
    let mut offered = captured(&read(".krew.yaml"), r"/oc-interrogate-([\w-]+)\.tar\.gz");
    assert_eq!(offered.len(), 5);
    offered.extend(["exporter-amd64", "exporter-arm64"].map(str::to_owned));
    assert_eq!(built, offered);
    let script = read("packaging/build");
    let known: BTreeSet<String> = captured(&script, r"(?m)^  ([\w| -]+)\) targets=")
        .iter()
        .flat_map(|names| names.split(" | ").map(str::to_owned))
        .collect();
    assert_eq!(built, known);
    for entry in matrix {
        let target = entry["target"].as_str().unwrap();
        assert!(script.contains(target), "packaging/build does not try {target}");
    }
}

/// Turned red by a draft that does not wait for the tests, and by a lane that `.ci/run` does not have.
#[test]
fn a_draft_waits_for_every_lane() {
    let (release, test) = (workflow("release"), workflow("test"));
    assert_eq!(release.pointer("/jobs/test/uses").unwrap(), "./.github/workflows/test.yml");
    assert_eq!(release.pointer("/jobs/draft/needs").unwrap(), &serde_json::json!(["test", "build"]));
    let jobs: Vec<&String> = test.pointer("/jobs").and_then(Value::as_object).unwrap().keys().collect();
    assert_eq!(jobs, ["fast", "full", "other-platforms"]);
    assert_eq!(test.pointer("/jobs/full/needs").unwrap(), "fast");
    let lanes = captured(&read(".ci/run"), r"(?m)^  (\w+)\)$");
    for lane in captured(&read(".github/workflows/test.yml"), r"\.ci/run (\w+)") {
        assert!(lanes.contains(&lane), ".ci/run has no lane {lane}: {lanes:?}");
    }
}

/// Turned red by a script that is renamed, or that may not be executed.
#[test]
fn scripts_that_workflows_run_are_there() {
    let mut seen = 0;
    for name in ["test", "release", "krew"] {
        let text = read(&format!(".github/workflows/{name}.yml"));
        let steps = text.lines().filter(|line| line.contains("run: "));
        for script in steps.flat_map(|line| captured(line, r"\s((?:\.ci|packaging|tests)/[\w-]+)")) {
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                let mode =
                    fs::metadata(root().join(&script)).unwrap_or_else(|error| panic!("{script}: {error}"));
                assert!(mode.permissions().mode() & 0o111 != 0, "{script} may not be executed");
            }
            seen += 1;
        }
    }
    assert!(seen > 3, "only {seen} scripts found");
}
