//! What the documents say holds: links lead somewhere, commands are ones, tables are whole, and the workflows are sound.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

use regex::Regex;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use test_cluster::{Login, Plugin, shared, tool};

/// Commands that are somebody else's, or whose check is elsewhere: how they begin, and why.
const OTHERS: [(&str, &str); 15] = [
    ("cargo install cargo-fuzz", "fuzzing takes a nightly compiler"),
    ("cargo +nightly fuzz", "the same"),
    ("cargo test", ".ci/run runs all of them"),
    ("OC_INTERROGATE_DIST=target/dist cargo test", "the same, of a release's archives"),
    ("cargo run --release -- top --local", "tests/local.rs runs the same program"),
    ("cargo bench", "half an hour of a machine with nothing else to do"),
    ("cargo deny", ".ci/run runs it"),
    ("cargo doc", ".ci/run runs it"),
    ("cargo fmt", ".ci/run runs it"),
    ("packaging/dist", "release builds; what it packs is in tests/packaged"),
    ("exporter/build", "tests/chain installs what it builds"),
    ("oc get pods", "oc's own"),
    ("oc login", "oc's own"),
    ("kubectl krew install", "tests/packaged installs the archive; the index is not reached from here"),
    ("source <(oc completion bash)", "tests/packaged asks kubectl what the shell would"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every document for people, by its path in the tree.
fn documents() -> Vec<(PathBuf, String)> {
    let mut listed = Command::new("git");
    listed.args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"]);
    let listed = listed.current_dir(root()).output().unwrap();
    let paths: Vec<PathBuf> = String::from_utf8(listed.stdout).unwrap().lines().map(PathBuf::from).collect();
    assert!(paths.len() > 8, "only {paths:?}");
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(root().join(path)).unwrap())).collect()
}

/// As a page's headings are addressed.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let plain = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"));
    plain.map(|line| line.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()).collect()
}

#[test]
fn links_and_paths_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let path = Regex::new(
        r"`((?:\.ci|\.github|benches|completions|docs|exporter|manifests|packaging|src|tests)/[\w./-]*|[\w-]+\.(?:md|toml|yaml))`",
    );
    let path = path.unwrap();
    let mut seen = 0;
    for (document, text) in documents() {
        let folder = root().join(&document).parent().unwrap().to_owned();
        for found in link.captures_iter(&text).map(|found| found.get(1).unwrap().as_str()) {
            if found.starts_with("https://") {
                continue;
            }
            let (file, anchor) = found.split_once('#').unwrap_or((found, ""));
            let file = if file.is_empty() { root().join(&document) } else { folder.join(file) };
            assert!(file.exists(), "{}: {found} leads nowhere", document.display());
            if !anchor.is_empty() {
                let there = anchors(&fs::read_to_string(&file).unwrap());
                assert!(there.contains(anchor), "{}: {found}: only {there:?}", document.display());
            }
            seen += 1;
        }
        for found in path.captures_iter(&text).map(|found| found.get(1).unwrap().as_str()) {
            let known = ["config.yaml", "interrogate.yaml"]; // not of this tree
            let exists = root().join(found).exists() || folder.join(found).exists() || known.contains(&found);
            assert!(exists, "{}: there is no {found}", document.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} found: the patterns have gone blind");
}

/// The commands of a text: lines of blocks, and what stands between backticks, without what follows in the shell.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fence: Option<String> = None;
    const BEGINS: &str = r"(?:(?:oc|kubectl|cargo|git|podman|source) |packaging/\w|exporter/build|OC_\w+=)";
    let inline = Regex::new(&format!("`({BEGINS}[^`]*)`")).unwrap();
    let begins = Regex::new(&format!("^{BEGINS}")).unwrap();
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language.to_owned()) };
            continue;
        }
        let code = match &fence {
            // A page of help is text, but for its examples.
            Some(language) => (language.is_empty() || line.starts_with("  oc interrogate ")).then_some(line),
            None => line.strip_prefix("    "),
        };
        match code.map(str::trim).filter(|code| begins.is_match(code)) {
            Some(code) => found.push(code.to_owned()),
            None if fence.is_none() => {
                found.extend(inline.captures_iter(line).map(|found| found[1].to_owned()));
            }
            None => {}
        }
    }
    // What the shell does with it; `<(` stands for a command.
    let ends = Regex::new(r" *(\||>|#|&&|<[^(]).*").unwrap();
    let alone = |command: &String| ends.replace(command, "").trim().to_owned();
    // Without a command, it is the program's name.
    let whole = |command: &String| !command.ends_with("...") && !command.ends_with(" interrogate");
    found.iter().map(alone).filter(whole).collect()
}

/// What asks runs in a real cluster, and answers. What changes a cluster, and what measures this machine for a while, is
/// only parsed: the exit code tells whether it is understood; that it works is for tests/install and tests/local.rs.
#[test]
fn commands_run() {
    let _door = shared().door();
    let plugin = |kubeconfig: PathBuf| {
        let plugin = Plugin::new(env!("CARGO_BIN_EXE_oc-interrogate")).unwrap().kubeconfig(kubeconfig);
        let folder = plugin.home().join("bin");
        fs::create_dir(&folder).unwrap();
        // Where `completion --install` puts what it does.
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_oc-interrogate"), folder.join("oc-interrogate"))
            .unwrap();
        plugin.variable("PATH", format!("{}:/usr/bin:/bin", folder.display()))
    };
    let nobody = plugin("/nonexistent".into());
    let [viewer, installer] =
        [Login::Viewer, Login::Installer].map(|login| plugin(shared().kubeconfig(login)));
    let (mut ran, mut parsed, mut others) = (0, 0, BTreeSet::new());
    for (document, text) in documents() {
        for command in commands(&text) {
            let at = document.display();
            let words: Vec<_> = command.split_whitespace().map(|word| word.trim_matches('\'')).collect();
            let ["oc" | "kubectl", "interrogate", words @ ..] = words.as_slice() else {
                let known = OTHERS.iter().find(|(begin, _)| command.starts_with(begin));
                let (begin, _) = known.unwrap_or_else(|| panic!("{at}: nothing checks `{command}`"));
                others.insert(begin);
                continue;
            };
            // After its help nobody waits for a measurement; what stands before it is parsed all the same.
            let help: &[&str] = if words.contains(&"--local") { &["--help"] } else { &[] };
            let (plugin, most) = match words[0] {
                "top" => (&viewer, 0),
                "version" => (&installer, 0),
                "completion" | "__complete" => (&nobody, 0),
                _ => (&nobody, 1),
            };
            let outcome = plugin.run([words, help].concat()).unwrap();
            assert!(outcome.code <= most, "{at}: `{command}`: {}", outcome.stderr);
            *(if most == 0 { &mut ran } else { &mut parsed }) += 1;
        }
    }
    assert_eq!(others, OTHERS.iter().map(|(begin, _)| begin).collect(), "what no document says any more");
    assert!(ran > 15 && parsed > 10, "only {ran} and {parsed} commands found: the pattern has gone blind");
}

#[test]
fn queries_are_promql() {
    let blocks = Regex::new(r"(?s)```promql\n(.*?)```").unwrap();
    let (mut seen, file) = (0, test_cluster::directory().unwrap().join("queries.yaml"));
    for (document, text) in documents() {
        let queries = blocks.captures_iter(&text).flat_map(|block| {
            let lines = block.get(1).unwrap().as_str().lines();
            lines.map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>()
        });
        for query in queries {
            let rules = serde_json::json!({"groups": [{"name": "documents", "rules": [{"record": "a", "expr": query}]}]});
            fs::write(&file, rules.to_string()).unwrap();
            let checked =
                Command::new(tool("promtool").unwrap()).args(["check", "rules"]).arg(&file).output();
            assert!(checked.unwrap().status.success(), "{}: {query}", document.display());
            seen += 1;
        }
    }
    assert!(seen > 1, "no queries found");
}

#[test]
fn every_dependency_has_its_reason() {
    let mut metadata = Command::new(env!("CARGO"));
    let metadata = metadata
        .current_dir(root())
        .args(["metadata", "--no-deps", "--locked", "--format-version=1"])
        .output();
    let metadata: Value = serde_json::from_slice(&metadata.unwrap().stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let all = packages.iter().flat_map(|package| package["dependencies"].as_array().unwrap());
    let named = all.filter(|dependency| dependency["source"].is_string());
    let used: BTreeSet<_> = named.map(|dependency| dependency["name"].as_str().unwrap()).collect();
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let (_, table) = text.split_once("| crate | for |\n|---|---|\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let told: BTreeSet<_> = rows.map(|row| row.split('|').nth(1).unwrap().trim()).collect();
    assert_eq!(told, used, "CONTRIBUTING.md's table and the Cargo.toml files differ");
}

#[test]
fn the_workflows_are_sound() {
    let lint = Command::new(tool("actionlint").unwrap()).current_dir(root()).output().unwrap();
    assert!(lint.status.success(), "{}", String::from_utf8_lossy(&lint.stdout));
}
