//! Test that `docs/metrics.md` names every metric of the program and of the recording rules, and no others.

use crate::program::Program;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn names<'a>(text: &'a str, line: impl Fn(&'a str) -> Option<&'a str>) -> BTreeSet<&'a str> {
    text.lines().filter_map(line).collect()
}

#[test]
fn every_metric_has_its_line() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    fs::write(&config, "process_names: []\n").unwrap();
    let exposition = Program::start(&["--config.path", config.to_str().unwrap()]).metrics();
    let mut all = names(&exposition, |line| line.strip_prefix("# TYPE ")?.split(' ').next());
    // These exist only with TLS, or only while a pass hangs. Other tests check them.
    all.insert("namedprocess_exporter_tls_last_reload_successful");
    all.insert("namedprocess_exporter_pass_running_seconds");
    // These exist only on a node whose command line isolates CPUs.
    all.insert("namedprocess_node_cpuset_info");
    all.insert("namedprocess_node_cpuset_cpu_seconds_total");
    all.insert("namedprocess_namegroup_cpuset_cpu_seconds_total");
    all.insert("namedprocess_pod_cpuset_cpu_seconds_total");
    // And these if something strays there.
    all.insert("namedprocess_namegroup_stray_threads");
    all.insert("namedprocess_pod_stray_threads");
    let rules = fs::read_to_string(root.join("manifests/prometheusrule.yaml")).unwrap();
    all.extend(names(&rules, |line| line.trim_start().strip_prefix("- record: ")));
    assert!(all.len() > 25, "{all:?}");

    let document = fs::read_to_string(root.join("docs/metrics.md")).unwrap();
    // The first column of each table, between backticks.
    let cells =
        document.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    let documented: BTreeSet<_> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert_eq!(documented, all, "docs/metrics.md and what there is differ");
}
