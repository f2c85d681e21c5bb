//! Documents are sound: links lead somewhere, and tables are complete. `commands`, in the full lane, runs their commands.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

mod glossary;
mod krew;
#[path = "../shared/tables.rs"]
mod tables;
mod texts;
mod workflows;

use regex::Regex;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use texts::{documents, root};

/// Returns the anchors of a page's headings.
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

/// Turned red by a page that outgrows the screens it is read on, or that the README does not lead to.
#[test]
fn the_first_pages_are_short_and_linked() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.lines().count() <= 150, "README.md is longer than three screens");
    let mut pages = 0;
    for (document, text) in documents() {
        if document.starts_with("docs/design") {
            assert!(text.lines().count() <= 100, "{} is longer than two screens", document.display());
            assert!(
                readme.contains(&format!("]({})", document.display())),
                "{}: no link",
                document.display()
            );
            pages += 1;
        }
    }
    assert!(pages >= 5, "only {pages} pages of the design");
}
