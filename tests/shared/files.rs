//! Every file below a folder, for tests that read the tree.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns them in the order of their names. Builds, and folders that begin with a dot, are left out.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if !path.is_dir() {
            all.push(path);
        } else if !name.starts_with('.') && name != "target" {
            all.extend(files(&path));
        }
    }
    all.sort();
    all
}
