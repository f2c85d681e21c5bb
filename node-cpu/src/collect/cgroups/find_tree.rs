//! Discovery of the node's own cgroup v2 tree among the mounts.

use super::directories::list_directories;
use crate::kernel::parse;
use crate::kernel::{Outcome, Reader};
use crate::naming;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// Tree to count by, or the reason why there is none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Discovered {
    Tree(PathBuf),
    None(String),
}

/// Returns the tree at a path that the user named. Fails if that is no cgroup of version 2.
pub(crate) fn check_tree(path: &Path) -> Result<Discovered> {
    // The root's own `cpu.stat` is no criterion: kernels before 5.8 have none, and nothing here reads it.
    let why = match (path.join("cgroup.procs").is_file(), path.join("tasks").exists()) {
        (true, false) => return Ok(Discovered::Tree(path.to_owned())),
        (false, _) => "it has no cgroup.procs",
        (true, true) => "it is of version 1",
    };
    bail!(
        "{} is no cgroup v2 tree, {why}: name the mount of cgroup2 (findmnt -t cgroup2), or leave --cgroupfs out",
        path.display()
    )
}

/// Returns the tree among the mounts that this process sees.
pub(crate) fn find_mounted(procfs: &Path, reader: &mut Reader) -> Discovered {
    let table = procfs.join("self/mountinfo");
    let Outcome::Got(mounts) = reader.read(&table, |text| Some(parse::cgroup2_mounts(text))) else {
        return Discovered::None(format!("{} cannot be read", table.display()));
    };
    let mut why = "cgroup v2 is not mounted".to_owned();
    for mount in mounts {
        why = match reason_against(&mount, reader) {
            None => return Discovered::Tree(mount),
            Some(why) => format!("{} {why}", mount.display()),
        };
    }
    Discovered::None(why)
}

fn reason_against(mount: &Path, reader: &mut Reader) -> Option<&'static str> {
    if check_tree(mount).is_err() {
        return Some("has no cgroup.procs");
    }
    // Every cgroup but the root of the hierarchy has this file.
    if mount.join("cgroup.events").exists() {
        return Some("is a container's part of the tree");
    }
    // A systemd that counts by version 1 may still mount version 2 beside it, and leave it empty.
    if !has_populated_unit(mount, reader) {
        return Some("holds no unit with a process");
    }
    // systemd is in a unit itself. Another program has made a unit of its own if PID 1 is in none.
    let root = reader.read(&mount.join("cgroup.procs"), parse::pids);
    matches!(root, Outcome::Got(pids) if pids.contains(&1)).then_some("does not hold PID 1 in a unit")
}

/// Returns true if a process is in one of systemd's units. A directory with the name of a unit alone may be a leftover
/// of anything.
fn has_populated_unit(mount: &Path, reader: &mut Reader) -> bool {
    let Outcome::Got(directories) = list_directories(mount, reader) else { return false };
    let units = directories.iter().filter(|(name, _)| naming::is_unit(name));
    let mut events = units.map(|(name, _)| mount.join(name).join("cgroup.events"));
    events.any(|path| reader.read(&path, |text| Some(parse::is_populated(text))) == Outcome::Got(true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Makes a procfs with one cgroup2 mount: a directory beside it with these files, some in subdirectories.
    fn discover(files: &[(&str, &str)]) -> (tempfile::TempDir, Discovered) {
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
        let discovered = find_mounted(&dir.path().join("proc"), &mut Reader::new());
        (dir, discovered)
    }

    #[test]
    fn only_the_nodes_own_tree_counts() {
        let (procs, stat) = (("cgroup.procs", ""), ("cpu.stat", ""));
        let lives = ("system.slice/cgroup.events", "populated 1\nfrozen 0\n");
        let stray = ("x.slice/cgroup.events", "populated 0\nfrozen 0\n");
        let docker = ("docker/cgroup.events", "populated 1\nfrozen 0\n");
        let (dir, tree) = discover(&[procs, stat, stray, docker, lives]);
        assert_eq!(tree, Discovered::Tree(dir.path().join("cgroup")));
        let (dir, older) = discover(&[procs, lives]);
        assert_eq!(
            older,
            Discovered::Tree(dir.path().join("cgroup")),
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
            let (_dir, none) = discover(&files);
            assert!(matches!(&none, Discovered::None(why) if why.ends_with(want)), "{none:?}, not {want}");
        }
    }

    #[test]
    fn a_named_directory_must_be_a_cgroup() {
        let dir = tempfile::tempdir().unwrap();
        let error = check_tree(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains(&dir.path().display().to_string()) && error.contains("cgroup.procs"),
            "{error}"
        );
        fs::write(dir.path().join("cgroup.procs"), "").unwrap();
        assert_eq!(check_tree(dir.path()).unwrap(), Discovered::Tree(dir.path().to_owned()));
        fs::write(dir.path().join("tasks"), "").unwrap();
        assert!(check_tree(dir.path()).unwrap_err().to_string().contains("it is of version 1"));
    }
}
