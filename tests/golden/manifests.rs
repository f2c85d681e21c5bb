//! What `install` prints and would apply, with an image of one's own: no cluster is needed for that.
use crate::check;
use crate::plugin::{Plugin, printed};
use serde::Deserialize as _;
use serde_json::{Value, json};
use similar::TextDiff;
use std::fs;
use std::path::Path;

const INSTALL: [&str; 5] =
    ["install", "--image", "registry.example/exporter:1", "--server", "https://127.0.0.1:1"];

/// Returns the objects that are printed with more options. The program's version, which they hold, is `0.0.0` in them.
fn yaml(options: &[&str]) -> String {
    let printed = printed(&[&INSTALL[..], &["-o", "yaml"], options].concat());
    let label = |version: &str| format!("app.kubernetes.io/version: {version}\n");
    assert_eq!(printed.matches(&label(env!("CARGO_PKG_VERSION"))).count(), 1, "{printed}");
    printed.replace(&label(env!("CARGO_PKG_VERSION")), &label("0.0.0"))
}

fn documents(text: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(text);
    documents.map(|document| Value::deserialize(document).unwrap()).collect()
}

#[test]
fn objects() {
    let page = yaml(&[]);
    check("tests/golden/manifests/default.yaml", &page);
    assert_eq!(yaml(&["--dry-run=client"]), page);
    assert_eq!(yaml(&["--threads=true", "--scrape-interval", "15s"]), page, "the defaults");
}

/// A file of a user's own, in the working directory of the program that reads it.
fn with_config(text: &str) -> Plugin {
    let plugin = Plugin::new();
    fs::write(plugin.home().join("groups.yaml"), text).unwrap();
    plugin
}

#[test]
fn what_each_option_changes() {
    let default = yaml(&[]);
    let diff = |text: &str, title: &str| {
        TextDiff::from_lines(&default, text).unified_diff().header("install", title).to_string()
    };
    for (file, options) in [
        (
            "tests/golden/manifests/threads-false-node-selector.diff",
            &["--threads=false", "--node-selector", "zone=a"][..],
        ),
        ("tests/golden/manifests/scrape-interval-5s.diff", &["--scrape-interval", "5s"]),
        ("tests/golden/manifests/scrape-interval-30s.diff", &["--scrape-interval", "30s"]),
        ("tests/golden/manifests/scrape-interval-1500ms.diff", &["--scrape-interval", "1s500ms"]),
    ] {
        check(file, &diff(&yaml(options), &format!("install {}", options.join(" "))));
    }
    let plugin = with_config("process_names:\n- name: mine\n  comm: [mine]\n");
    let outcome = plugin.run(&[&INSTALL[..], &["-o", "yaml", "--config", "groups.yaml"]].concat());
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{outcome:?}");
    let version = format!("app.kubernetes.io/version: {}\n", env!("CARGO_PKG_VERSION"));
    let text = outcome.stdout.replace(&version, "app.kubernetes.io/version: 0.0.0\n");
    check("tests/golden/manifests/config.diff", &diff(&text, "install --config groups.yaml"));
}

#[test]
fn lines_of_a_dry_run() {
    let lines = printed(&[&INSTALL[..], &["--dry-run=client"]].concat());
    check("tests/golden/manifests/dry-run-client.txt", &lines);
}

/// The manifests in the tree are what is installed, but for the image and the version, and kustomize applies all of them.
#[test]
fn the_tree_holds_what_is_printed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    let read = |file: &str| documents(&fs::read_to_string(folder.join(file)).unwrap()).remove(0);
    let kustomization = read("kustomization.yaml");
    let mut listed: Vec<&str> =
        kustomization["resources"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    let key = |object: &Value| (object["kind"].to_string(), object["metadata"]["name"].to_string());
    let mut tree: Vec<Value> = listed.iter().map(|file| read(file)).collect();
    for object in tree.iter_mut().filter(|object| object["kind"] == "DaemonSet") {
        object["metadata"]["labels"]["app.kubernetes.io/version"] = json!("0.0.0");
        object["spec"]["template"]["spec"]["containers"][0]["image"] = json!(INSTALL[2]);
    }
    tree.sort_by_key(key);
    let mut printed = documents(&yaml(&[]));
    printed.sort_by_key(key);
    assert_eq!(printed, tree);

    let there = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut there: Vec<String> = there.filter(|file| file != "kustomization.yaml").collect();
    there.sort();
    listed.sort_unstable();
    assert_eq!(there, listed, "manifests/ and its kustomization.yaml");
}
