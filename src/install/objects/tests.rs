//! What the options make of the manifests.
use super::*;
use crate::install::place::LABELS;
use serde_json::json;

fn wanted() -> Wanted {
    Wanted { threads: true, node_selector: Vec::new(), scrape_interval: 15_000, config: None }
}

fn image() -> Program {
    Program::Image("registry.example/exporter:1".into())
}

fn object(objects: &[Object], kind: &str) -> Value {
    objects.iter().find(|object| object.place.kind == kind).unwrap().value.clone()
}

#[test]
fn every_object_is_of_a_known_place_and_labelled_as_ours() {
    let objects = all(&wanted(), &image()).unwrap();
    assert_eq!(objects.len(), MANIFESTS.len());
    for object in &objects {
        for (key, value) in LABELS {
            assert_eq!(object.value["metadata"]["labels"][key], value, "{}", object.title());
        }
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests");
    let files = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(files, MANIFESTS.len() + 1, "kustomization.yaml and the manifests: one is not installed");
}

#[test]
fn an_image_is_all_that_it_takes() {
    let set = object(&all(&wanted(), &image()).unwrap(), "DaemonSet");
    let pod = &set["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["image"], "registry.example/exporter:1");
    assert!(pod.get("initContainers").is_none());
    assert_eq!(set["metadata"]["labels"]["app.kubernetes.io/version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn threads_and_nodes_are_chosen() {
    let node_selector = vec![("zone".to_owned(), "a".to_owned())];
    let set =
        object(&all(&Wanted { threads: false, node_selector, ..wanted() }, &image()).unwrap(), "DaemonSet");
    let pod = &set["spec"]["template"]["spec"];
    assert_eq!(pod["nodeSelector"], json!({"kubernetes.io/os": "linux", "zone": "a"}));
    let args: Vec<_> =
        pod["containers"][0]["args"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(args.contains(&"--threads=false") && !args.contains(&"--threads=true"), "{args:?}");
}

#[test]
fn the_rules_follow_the_scrape_interval_and_the_pods_do_not() {
    let objects = all(&Wanted { scrape_interval: 5_000, ..wanted() }, &image()).unwrap();
    let endpoint = object(&objects, "ServiceMonitor")["spec"]["endpoints"][0].clone();
    assert_eq!((&endpoint["interval"], &endpoint["scrapeTimeout"]), (&json!("5s"), &json!("5s")));
    let groups = object(&objects, "PrometheusRule")["spec"]["groups"].clone();
    assert_eq!((&groups[0]["interval"], &groups[1]["interval"]), (&json!("5s"), &json!("30s")));
    let ranges = groups.to_string();
    assert!(ranges.contains("[20s]") && !ranges.contains(USUAL_RANGE), "{ranges}");
}

#[test]
fn the_usual_interval_changes_nothing() {
    let text: Value = serde_yaml::from_str(include_str!("../../../manifests/prometheusrule.yaml")).unwrap();
    assert_eq!(object(&all(&wanted(), &image()).unwrap(), "PrometheusRule"), text);
}

#[test]
fn groups_of_ones_own_are_checked() {
    assert!(checked_config("process_names: []".into()).is_ok());
    for (bad, expected) in [
        ("", "at line 1"),
        ("a: [", "unknown field `a`, expected `process_names` at line 1 column 1"),
        ("process_names: x", "at line 1"),
        ("process_names:\n- name: a\n  exes: [a]\n", "unknown field `exes`"),
        ("process_names:\n- comm: [a]\n- cmdline: ['(']\n", "at line 3"),
    ] {
        let error = checked_config(bad.into()).unwrap_err().to_string();
        assert!(error.contains(expected) && error.ends_with(": correct it"), "{bad}: {error}");
    }
}
