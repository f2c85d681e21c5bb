//! Finds the node's own cgroup v2 tree among the mounts.

use super::holds_unit;
use crate::parse;
use crate::read::{Outcome, Reader};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// The tree, or why there is none to count by.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Tree(PathBuf),
    None(String),
}

/// A tree that was asked for by name. Fails when it is no cgroup of version 2.
pub(crate) fn named(path: &Path) -> Result<Found> {
    for file in ["cgroup.procs", "cpu.stat"] {
        if !path.join(file).is_file() {
            bail!(
                "{} is no cgroup v2 tree, it has no {file}: name the mount of cgroup2 (findmnt -t cgroup2), or \
                 leave --cgroupfs out",
                path.display()
            );
        }
    }
    Ok(Found::Tree(path.to_owned()))
}

/// The tree among the mounts that this process sees.
pub(crate) fn mounted(procfs: &Path, reader: &mut Reader) -> Found {
    let table = procfs.join("self/mountinfo");
    let Outcome::Got(mounts) = reader.read(&table, |text| Some(parse::cgroup2_mounts(text))) else {
        return Found::None(format!("{} cannot be read", table.display()));
    };
    let mut why = "cgroup v2 is not mounted".to_owned();
    for mount in mounts {
        why = match why_not(&mount) {
            None => return Found::Tree(mount),
            Some(why) => format!("{} {why}", mount.display()),
        };
    }
    Found::None(why)
}

fn why_not(mount: &Path) -> Option<&'static str> {
    if named(mount).is_err() {
        return Some("has no cpu.stat");
    }
    // Every cgroup but the root of the hierarchy has this file.
    if mount.join("cgroup.events").exists() {
        return Some("is a container's part of the tree");
    }
    // Where systemd counts by version 1, it may still mount version 2 beside it and leave it empty.
    (!holds_unit(mount)).then_some("holds no unit")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A procfs whose only cgroup2 mount is a directory beside it; `files` and `dirs` are what that holds.
    fn found(files: &[&str], dirs: &[&str]) -> (tempfile::TempDir, Found) {
        let dir = tempfile::tempdir().unwrap();
        let mount = dir.path().join("cgroup");
        fs::create_dir_all(dir.path().join("proc/self")).unwrap();
        fs::create_dir(&mount).unwrap();
        let line = format!("41 31 0:38 / {} rw shared:9 - cgroup2 cgroup2 rw\n", mount.display());
        fs::write(dir.path().join("proc/self/mountinfo"), line).unwrap();
        files.iter().for_each(|name| fs::write(mount.join(name), "").unwrap());
        dirs.iter().for_each(|name| fs::create_dir(mount.join(name)).unwrap());
        let found = mounted(&dir.path().join("proc"), &mut Reader::new());
        (dir, found)
    }

    #[test]
    fn only_the_nodes_own_tree_counts() {
        let root = ["cgroup.procs", "cpu.stat"];
        let view = ["cgroup.procs", "cpu.stat", "cgroup.events"];
        let (dir, tree) = found(&root, &["docker", "system.slice"]);
        assert_eq!(tree, Found::Tree(dir.path().join("cgroup")));
        let cases: [(&[&str], &[&str], &str); 4] = [
            (&view, &["system.slice"], "is a container's part of the tree"),
            (&root, &["docker"], "holds no unit"),
            (&root, &[], "holds no unit"),
            (&["cgroup.procs"], &["system.slice"], "has no cpu.stat"),
        ];
        for (files, dirs, want) in cases {
            let (_dir, none) = found(files, dirs);
            assert!(matches!(&none, Found::None(why) if why.ends_with(want)), "{none:?}, not {want}");
        }
    }

    #[test]
    fn a_named_directory_must_be_a_cgroup() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("cgroup.procs"), "").unwrap();
        let error = named(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&dir.path().display().to_string()) && error.contains("cpu.stat"), "{error}");
        fs::write(dir.path().join("cpu.stat"), "").unwrap();
        assert_eq!(named(dir.path()).unwrap(), Found::Tree(dir.path().to_owned()));
    }
}
