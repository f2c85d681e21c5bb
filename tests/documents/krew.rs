//! The manifest is as the reviewers of krew's index ask: packaging/krew-index.md lists what, one by one.
use crate::tables::rows;
use crate::texts::root;
use regex::Regex;
use serde_json::Value;
use std::fs;

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

fn text<'a>(manifest: &'a Value, path: &str) -> &'a str {
    manifest.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("no {path}"))
}

fn manifest() -> Value {
    serde_yaml::from_str(&read("plugin.yaml")).unwrap()
}

/// Turned red by a name such as `kube-interrogate`, `Interrogate` or `node-po`.
#[test]
fn the_name_is_as_the_guide_says() {
    let manifest = manifest();
    let name = text(&manifest, "/metadata/name");
    assert!(Regex::new("^[a-z0-9]+(-[a-z0-9]+)*$").unwrap().is_match(name), "{name}");
    let acronyms = [
        "cm", "cs", "deploy", "ds", "ep", "ev", "ing", "no", "ns", "po", "pv", "pvc", "rs", "sa", "sts",
        "svc",
    ];
    for word in name.split('-') {
        assert!(!word.starts_with("kube") && !acronyms.contains(&word), "{name}: {word}");
    }
}

/// Turned red by a usage line in the description, by a word that every plugin could have, and by a long line.
#[test]
fn descriptions_and_caveats_say_what_they_are_for() {
    let manifest = manifest();
    let [short, long, caveats] =
        ["shortDescription", "description", "caveats"].map(|name| text(&manifest, &format!("/spec/{name}")));
    assert!(short.chars().count() <= 50 && !short.ends_with('.'), "{short}");
    assert!(short.starts_with(char::is_uppercase), "{short}");
    for word in ["kubectl", "plugin", "kubernetes", "krew", "interrogate"] {
        assert!(!short.to_lowercase().contains(word), "{short}: {word} is redundant");
    }
    for line in long.lines().chain(caveats.lines()) {
        assert!(line.chars().count() <= 80, "longer than 80 characters: {line}");
    }
    let usage = Regex::new(r"(?i)usage|example|kubectl |oc interrogate|--\w").unwrap();
    assert!(!usage.is_match(long), "the description has usage: {long}");
    assert!(long.lines().count() <= 8 && caveats.lines().count() <= 5, "documentation is for the README");
    assert!(caveats.contains("OpenShift"), "what must be there: {caveats}");
    for step in ["completion --install", "completion --remove"] {
        assert!(caveats.contains(&format!("  kubectl interrogate {step}\n")), "{step}: {caveats}");
    }
}

/// Turned red by a homepage that is not the repository's, by another licence, and by a platform without its `.exe`.
#[test]
fn where_it_is_from_and_what_it_runs_on() {
    let (manifest, cargo) = (manifest(), read("Cargo.toml"));
    let homepage = text(&manifest, "/spec/homepage");
    assert!(cargo.contains(&format!("repository = \"{homepage}\"\n")), "{homepage}");
    assert!(cargo.contains("license = \"Apache-2.0\"") && read("LICENSE").contains("Apache License"));
    assert_eq!(text(&manifest, "/spec/version"), format!("v{}", env!("CARGO_PKG_VERSION")));
    let platforms = manifest.pointer("/spec/platforms").and_then(Value::as_array).unwrap();
    let mut systems: Vec<String> = Vec::new();
    for platform in platforms {
        let [os, arch] =
            ["os", "arch"].map(|label| text(platform, &format!("/selector/matchLabels/{label}")));
        assert_eq!(text(platform, "/bin").ends_with(".exe"), os == "windows", "{platform}");
        assert!(platform.get("files").is_none(), "a list of files without need: {platform}");
        assert!(text(platform, "/uri").ends_with(&format!("-{os}-{arch}.tar.gz")), "{platform}");
        systems.push(format!("{os}/{arch}"));
    }
    assert_eq!(systems, ["linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64"]);
}

/// Turned red by a test program that is renamed, and by a demand that nobody checks.
#[test]
fn each_demand_has_its_check() {
    let page = read("packaging/krew-index.md");
    let table = rows(&page, "| asked | here | checked by |");
    assert!(table.len() > 15, "{table:?}");
    for row in &table {
        let [asked, _, checks] = row[..] else { panic!("{row:?}") };
        for check in checks.split(", ") {
            let is_person = check.starts_with("a person") || check == "at the time of the offer";
            assert!(
                is_person || root().join("tests").join(check).is_dir(),
                "{asked}: there is no tests/{check}"
            );
        }
    }
}
