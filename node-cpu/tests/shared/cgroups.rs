//! Tree of real cgroups, created in the machine's own tree and counted as if it were a node's.

use crate::shell::{DETAIL, Shell, skip};
use node_cpu::{Method, Node, Paths};
use std::fs;
use std::path::{Path, PathBuf};

/// Tree of real cgroups, removed when the test ends.
pub(crate) struct Cgroups {
    pub(crate) root: PathBuf,
    pub(crate) links: tempfile::TempDir,
}

impl Cgroups {
    /// Creates the tree. `None`, with a message, if this process may create no cgroups.
    pub(crate) fn new(test: &str) -> Option<Cgroups> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "));
        let Some(mount) = mount.and_then(|line| line.split(' ').nth(4)) else {
            skip(test, "no cgroup v2 is mounted");
            return None;
        };
        let root = Path::new(mount).join(format!("oc-interrogate-{test}-{}", std::process::id()));
        if let Err(error) = fs::create_dir(&root) {
            skip(test, &format!("{} cannot be made: {error}", root.display()));
            return None;
        }
        let tree = Cgroups { root, links: tempfile::tempdir().unwrap() };
        tree.make("system.slice");
        Some(tree)
    }

    /// Creates a cgroup.
    pub(crate) fn make(&self, name: &str) {
        fs::create_dir(self.root.join(name)).unwrap();
    }

    /// Creates a unit of system.slice and starts a shell in it.
    pub(crate) fn unit(&self, name: &str) -> Shell {
        let unit = format!("system.slice/{name}.service");
        self.make(&unit);
        let shell = Shell::child(name, self.links.path());
        fs::write(self.root.join(unit).join("cgroup.procs"), shell.pid.to_string()).unwrap();
        shell
    }

    /// Ends a unit of system.slice and removes it. Returns its CPU in microseconds.
    pub(crate) fn end(&self, name: &str, shell: Shell) -> u64 {
        shell.end();
        let unit = format!("system.slice/{name}.service");
        let used = self.used(&unit);
        fs::remove_dir(self.root.join(&unit)).unwrap();
        fs::remove_file(self.links.path().join(name)).unwrap();
        used
    }

    /// Returns the kernel's count of a cgroup's CPU since its creation, in microseconds.
    pub(crate) fn used(&self, name: &str) -> u64 {
        let stat = fs::read_to_string(self.root.join(name).join("cpu.stat")).unwrap();
        let usage = stat.lines().find_map(|line| line.strip_prefix("usage_usec ")).unwrap();
        usage.parse().unwrap()
    }

    /// Opens the tree as a node.
    pub(crate) fn open(&self) -> Node {
        let paths = Paths { procfs: "/proc".into(), cgroupfs: Some(self.root.clone()) };
        let node = Node::open(&paths, DETAIL).unwrap();
        assert_eq!(node.method(), Method::Cgroup);
        node
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        remove(&self.root);
    }
}

/// Removes a cgroup and the cgroups below it. Its files cannot be removed.
fn remove(cgroup: &Path) {
    let below = fs::read_dir(cgroup).into_iter().flatten().flatten();
    below
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .for_each(|dir| remove(&dir.path()));
    // A failing test's shell may still be ending in the cgroup. A test cannot change that.
    let _ = fs::remove_dir(cgroup);
}
