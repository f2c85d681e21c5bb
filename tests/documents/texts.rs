//! The documents for people, as both test programs read them.

#[path = "../shared/files.rs"]
pub(crate) mod shared;

use shared::files;
use std::fs;
use std::path::{Path, PathBuf};

/// The top of the tree.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every document for people, by its path in the tree.
pub(crate) fn documents() -> Vec<(PathBuf, String)> {
    let is_document = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let found: Vec<PathBuf> = files(root()).into_iter().filter(is_document).collect();
    assert!(found.len() > 8, "only {found:?}");
    let text =
        |path: PathBuf| (path.strip_prefix(root()).unwrap().to_owned(), fs::read_to_string(&path).unwrap());
    found.into_iter().map(text).collect()
}
