//! `oc apply -k manifests`: what those do who would rather apply by hand, with oc itself.
use crate::site::{DAEMON_SET, site};
use std::fs;
use std::path::Path;
use test_cluster::{Login, Plugin, tool};

#[test]
fn what_oc_applies_by_hand_is_what_install_makes() {
    let site = site();
    let image = "registry.test.example/process-exporter:1";
    let oc = Plugin::new(tool("oc").unwrap().to_str().unwrap()).unwrap();
    let oc = oc.kubeconfig(site.cluster.kubeconfig(Login::Installer));
    // The folder as the tree has it, with the image of one's own that its last lines tell how to name.
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

    let applied = oc.run(["apply", "-k", "manifests"]).unwrap();
    assert_eq!(applied.code, 0, "{applied:?}");
    assert_eq!(applied.stdout.matches(" created\n").count(), 10, "{}", applied.stdout);
    assert_eq!(site.get(DAEMON_SET)["spec"]["template"]["spec"]["containers"][0]["image"], image);
    let by_hand = site.ours();

    // `install` takes it over as it is, and changes no field of it.
    let installed = site.plugin.run(["install", "--image", image, "--timeout", "60s"]).unwrap();
    assert_eq!(installed.code, 0, "{installed:?}");
    for (hand, ours) in by_hand.iter().zip(site.ours()) {
        assert_eq!(comparable(hand), comparable(&ours));
    }
    assert_eq!(by_hand.len(), site.ours().len());
}

/// An object without what `oc apply` writes for itself, and the version that `install` adds.
fn comparable(object: &serde_json::Value) -> serde_json::Value {
    let mut object = object.clone();
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata["labels"].as_object_mut().unwrap().remove("app.kubernetes.io/version");
    let annotations = metadata.get_mut("annotations").and_then(serde_json::Value::as_object_mut);
    if let Some(annotations) = annotations {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    object
}
