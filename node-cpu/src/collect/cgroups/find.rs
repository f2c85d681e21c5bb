//! Finds the node's own cgroup v2 tree among the mounts.

use super::files::directories;
use crate::kernel::parse;
use crate::kernel::{Outcome, Reader};
use crate::naming;
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
    // The root's own cpu.stat is no sign: kernels before 5.8 have none, and nothing here reads it.
    let why = match (path.join("cgroup.procs").is_file(), path.join("tasks").exists()) {
        (true, false) => return Ok(Found::Tree(path.to_owned())),
        (false, _) => "it has no cgroup.procs",
        (true, true) => "it is of version 1",
    };
    bail!(
        "{} is no cgroup v2 tree, {why}: name the mount of cgroup2 (findmnt -t cgroup2), or leave --cgroupfs out",
        path.display()
    )
}

/// The tree among the mounts that this process sees.
pub(crate) fn mounted(procfs: &Path, reader: &mut Reader) -> Found {
    let table = procfs.join("self/mountinfo");
    let Outcome::Got(mounts) = reader.read(&table, |text| Some(parse::cgroup2_mounts(text))) else {
        return Found::None(format!("{} cannot be read", table.display()));
    };
    let mut why = "cgroup v2 is not mounted".to_owned();
    for mount in mounts {
        why = match why_not(&mount, reader) {
            None => return Found::Tree(mount),
            Some(why) => format!("{} {why}", mount.display()),
        };
    }
    Found::None(why)
}

fn why_not(mount: &Path, reader: &mut Reader) -> Option<&'static str> {
    if named(mount).is_err() {
        return Some("has no cgroup.procs");
    }
    // Every cgroup but the root of the hierarchy has this file.
    if mount.join("cgroup.events").exists() {
        return Some("is a container's part of the tree");
    }
    // Where systemd counts by version 1, it may still mount version 2 beside it and leave it empty.
    if !holds_unit(mount, reader) {
        return Some("holds no unit with a process");
    }
    // systemd is in a unit itself; where PID 1 is in none, some program has made a unit of its own.
    let root = reader.read(&mount.join("cgroup.procs"), parse::pids);
    matches!(root, Outcome::Got(pids) if pids.contains(&1)).then_some("does not hold PID 1 in a unit")
}

/// Whether a process is in one of systemd's units; a directory called like one may be left over from anything.
fn holds_unit(mount: &Path, reader: &mut Reader) -> bool {
    let Outcome::Got(found) = directories(mount, reader) else { return false };
    let units = found.iter().filter(|(name, _)| naming::is_unit(name));
    let mut events = units.map(|(name, _)| mount.join(name).join("cgroup.events"));
    events.any(|path| reader.read(&path, |text| Some(parse::is_populated(text))) == Outcome::Got(true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A procfs whose only cgroup2 mount is a directory beside it, which holds these files, some in directories.
    fn found(files: &[(&str, &str)]) -> (tempfile::TempDir, Found) {
        let dir = tempfile::tempdir().unwrap();
        let mount = dir.path().join("cgroup");
        fs::create_dir_all(dir.path().join("proc/self")).unwrap();
        let line = format!("41 31 0:38 / {} rw shared:9 - cgroup2 cgroup2 rw\n", mount.display());
        fs::write(dir.path().join("proc/self/mountinfo"), line).unwrap();
        for (name, text) in files {
            let path = mount.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let found = mounted(&dir.path().join("proc"), &mut Reader::new());
        (dir, found)
    }

    #[test]
    fn only_the_nodes_own_tree_counts() {
        let (procs, stat) = (("cgroup.procs", ""), ("cpu.stat", ""));
        let lives = ("system.slice/cgroup.events", "populated 1\nfrozen 0\n");
        let stray = ("x.slice/cgroup.events", "populated 0\nfrozen 0\n");
        let docker = ("docker/cgroup.events", "populated 1\nfrozen 0\n");
        let (dir, tree) = found(&[procs, stat, stray, docker, lives]);
        assert_eq!(tree, Found::Tree(dir.path().join("cgroup")));
        let (dir, older) = found(&[procs, lives]);
        assert_eq!(
            older,
            Found::Tree(dir.path().join("cgroup")),
            "before Linux 5.8 the root has no cpu.stat"
        );
        let cases = [
            (vec![procs, stat, lives, ("cgroup.events", "")], "is a container's part of the tree"),
            (vec![procs, stat, docker], "holds no unit with a process"),
            (vec![procs, stat, stray], "holds no unit with a process"),
            (vec![procs, stat], "holds no unit with a process"),
            (vec![("cgroup.procs", "2\n1\n"), stat, lives], "does not hold PID 1 in a unit"),
            (vec![stat, lives], "has no cgroup.procs"),
        ];
        for (files, want) in cases {
            let (_dir, none) = found(&files);
            assert!(matches!(&none, Found::None(why) if why.ends_with(want)), "{none:?}, not {want}");
        }
    }

    #[test]
    fn a_named_directory_must_be_a_cgroup() {
        let dir = tempfile::tempdir().unwrap();
        let error = named(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains(&dir.path().display().to_string()) && error.contains("cgroup.procs"),
            "{error}"
        );
        fs::write(dir.path().join("cgroup.procs"), "").unwrap();
        assert_eq!(named(dir.path()).unwrap(), Found::Tree(dir.path().to_owned()));
        fs::write(dir.path().join("tasks"), "").unwrap();
        assert!(named(dir.path()).unwrap_err().to_string().contains("it is of version 1"));
    }
}
