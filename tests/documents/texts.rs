//! The documents for people, as both test programs read them.

use std::fs;
use std::path::{Path, PathBuf};

/// The top of the tree.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every document for people, by its path in the tree.
pub(crate) fn documents() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    collect(root(), &mut found);
    assert!(found.len() > 8, "only {found:?}");
    let text =
        |path: PathBuf| (path.strip_prefix(root()).unwrap().to_owned(), fs::read_to_string(&path).unwrap());
    found.into_iter().map(text).collect()
}

/// Adds the documents of a folder and those below. Builds, and folders that begin with a dot, hold none of ours.
fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            collect(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
    found.sort();
}
