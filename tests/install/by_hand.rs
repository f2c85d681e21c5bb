//! `oc apply -k manifests`: what those do who would rather apply by hand, with oc itself.
use crate::site::{DAEMON_SET, Site, site};
use serde_json::Value;
use std::fs;
use std::path::Path;
use test_cluster::{Login, Plugin, tool};

const IMAGE: &str = "registry.test.example/process-exporter:1";

/// `oc`, in a folder that holds the tree's manifests, with the image of one's own that their last lines tell how to name.
fn oc(site: &Site) -> Plugin {
    let oc = Plugin::new(tool("oc").unwrap().to_str().unwrap()).unwrap();
    let oc = oc.kubeconfig(site.cluster.kubeconfig(Login::Installer));
    let folder = oc.home().join("manifests");
    fs::create_dir(&folder).unwrap();
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    let kustomization = folder.join("kustomization.yaml");
    let text = fs::read_to_string(&kustomization).unwrap();
    let (objects, hint) = text.split_once("# images:").unwrap();
    let hint = format!("# images:{hint}").replace("# ", "");
    assert!(hint.contains("newName: registry.example.com/process-exporter"), "{hint}");
    let hint = hint
        .replace("registry.example.com", "registry.test.example")
        .replace(&format!("\"{}\"", env!("CARGO_PKG_VERSION")), "\"1\"");
    fs::write(&kustomization, format!("{objects}{hint}")).unwrap();
    oc
}

#[test]
fn what_oc_applies_by_hand_is_what_install_makes() {
    let site = site();
    let oc = oc(&site);
    let applied = oc.run(["apply", "-k", "manifests"]).unwrap();
    assert_eq!(applied.code, 0, "{applied:?}");
    assert_eq!(applied.stdout.matches(" created\n").count(), 11, "{}", applied.stdout);
    assert_eq!(site.get(DAEMON_SET)["spec"]["template"]["spec"]["containers"][0]["image"], IMAGE);
    let by_hand = site.ours();

    // `install` takes it over as it is, and changes no field of it.
    let installed = site.plugin.run(["install", "--image", IMAGE, "--timeout", "60s"]).unwrap();
    assert_eq!(installed.code, 0, "{installed:?}");
    for (hand, ours) in by_hand.iter().zip(site.ours()) {
        assert_eq!(comparable(hand), comparable(&ours));
    }
    assert_eq!(by_hand.len(), site.ours().len());
}

#[test]
fn what_oc_applies_over_it_is_seen_and_taken_back_by_the_remedy() {
    let site = site();
    let installed = site.install(&["--wait=false"]);
    assert_eq!(installed.code, 0, "{installed:?}");
    let applied = oc(&site).run(["apply", "-k", "manifests"]).unwrap();
    assert_eq!(applied.code, 0, "{applied:?}");
    let seen = site.checked("image");
    assert_eq!(seen["status"], "warning", "{seen}");
    let remedy = seen["remedy"].as_str().unwrap();
    assert!(
        remedy.starts_with("run oc interrogate install --force-conflicts, since others have set"),
        "{remedy}"
    );
    let without = site.install(&["--wait=false"]);
    assert!(without.code == 1 && without.stderr.contains("--force-conflicts"), "{without:?}");
    let healed = site.install(&["--wait=false", "--force-conflicts"]);
    assert_eq!(healed.code, 0, "{healed:?}");
    assert_eq!(site.checked("image")["status"], "ok");
}

/// An object without what `oc apply` writes for itself, and the version that `install` adds.
fn comparable(object: &Value) -> Value {
    let mut object = object.clone();
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata["labels"].as_object_mut().unwrap().remove("app.kubernetes.io/version");
    let annotations = metadata.get_mut("annotations").and_then(Value::as_object_mut);
    if let Some(annotations) = annotations {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    object
}
