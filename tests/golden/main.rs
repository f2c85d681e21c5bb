//! What the program prints without a cluster, whole. `README.md` beside this says where the golden files are, and which
//! test makes each.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

mod check;
mod compare;
mod completion;
mod dashboards;
mod help;
mod kubeconfig;
mod manifests;
mod plugin;
#[path = "../shared/files.rs"]
mod shared;
mod usage;
mod version;

use check::check;
use regex::Regex;
use shared::files;
use std::fs;
use std::path::Path;

#[test]
fn every_golden_file_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources =
        ["src", "tests/golden", "tests/pictures"].into_iter().flat_map(|folder| files(&root.join(folder)));
    let sources = sources.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let sources: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
    let literal = Regex::new(r#""(tests/golden/[^"]+)""#).unwrap();
    // A name that a test puts together stands for every file that it could be.
    let variable = Regex::new(r"\\\{\w+\\\}").unwrap();
    let named: Vec<Regex> = literal
        .captures_iter(&sources)
        .map(|found| format!("^{}$", variable.replace_all(&regex::escape(&found[1]), "[^/.]+")))
        .map(|pattern| Regex::new(&pattern).unwrap())
        .collect();
    assert!(named.len() > 50, "only {} names found: the pattern has gone blind", named.len());
    for path in files(&root.join("tests/golden")) {
        let path = path.strip_prefix(root).unwrap().to_str().unwrap();
        let source = path.ends_with(".rs") || path.ends_with("README.md");
        assert!(source || named.iter().any(|name| name.is_match(path)), "{path}: no test compares it");
    }
}
