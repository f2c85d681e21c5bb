//! Labels of the objects, and texts of `--config`. For the options' effect on manifests, see
//! tests/golden/manifests.rs.
use super::*;
use crate::golden::Page;
use crate::install::resources::LABELS;

#[test]
fn every_object_is_of_a_known_place_and_labelled_as_ours() {
    let objects =
        render(&Settings::default(), &Program::Image("registry.example/exporter:1".into())).unwrap();
    assert_eq!(objects.len(), MANIFESTS.len());
    for object in &objects {
        for (key, value) in LABELS {
            assert_eq!(object.value["metadata"]["labels"][key], value, "{}", object.title());
        }
    }
}

#[test]
fn groups_of_ones_own_are_checked() {
    assert!(validate_config("process_names: []".into()).is_ok());
    let mut page =
        Page::new("Texts that --config does not take, and what is said of each after the file's name.");
    let second = |item: &str| format!("process_names:\n- comm: [a]\n- {item}\n");
    for bad in [
        String::new(),
        "a: [".to_owned(),
        "[]".to_owned(),
        "--- {}\n--- {}".to_owned(),
        "process_names: x".to_owned(),
        "process_names: []\nproces_name: []\n".to_owned(),
        "process_names:\n- name: a\n  exes: [a]\n".to_owned(),
        second("cmdline: ['(']"),
        second("comm: [b]\n  cmdline: ['.{1000}{1000}']"),
        second("comm: [b]\n  name: '{{.PID}}'"),
        second("comm: [b]\n  name: '{{.Com}}'"),
        second("comm: [b]\n  name: '{{.Comm'"),
        second("cmdline: ['(?P<y>.)']\n  name: '{{.Matches.x}}'"),
        second("name: lonely"),
        second("comm: b"),
        second("comm: [b]\n  ppid: -1"),
        second("comm: [b]\n  comm: [c]"),
        second("just text"),
    ] {
        page.add(&format!("{bad:?}"), &validate_config(bad.clone()).unwrap_err().to_string());
    }
    page.check("tests/golden/install/config.txt");
}
