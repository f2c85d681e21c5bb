//! Cgroups of a test's own in this machine's tree, and loads of known size in them.

use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::namespace::program;
use crate::wait::until;

/// A cgroup that is a tree's root to who is told so; removed when dropped, with all in it.
pub struct Cgroups {
    root: PathBuf,
}

/// A program that runs until its standard input ends; that is ended, and the program waited for, when this is dropped.
pub struct Load(Child);

impl Cgroups {
    /// An empty one called `name`, with a number. None, which is said on stderr and an error with CI=true, where this machine has no
    /// cgroup v2 tree that we may change.
    pub fn new(name: &str) -> Result<Option<Self>> {
        Self::called(name, &format!("{name}{}", std::process::id()))
    }

    /// As [`Cgroups::new`], and one that holds pods to who looks at the machine's own tree.
    pub fn of_pods(name: &str) -> Result<Option<Self>> {
        Self::called(name, &format!("{name}{}-kubepods.slice", std::process::id()))
    }

    fn called(name: &str, folder: &str) -> Result<Option<Self>> {
        let root = mount().map(|mount| mount.join(folder));
        match root.filter(|root| fs::create_dir(root).is_ok()) {
            Some(root) => Ok(Some(Self { root })),
            None => {
                ensure!(
                    std::env::var_os("CI").is_none(),
                    "{name} must run in CI: it needs root and cgroup v2"
                );
                writeln!(stderr(), "SKIPPED: {name} needs root and a cgroup v2 tree")?;
                Ok(None)
            }
        }
    }

    /// Path of its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes a cgroup in it, with those above.
    pub fn make(&self, path: &str) -> Result<PathBuf> {
        let path = self.root.join(path);
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(path)
    }

    /// Starts a load in a new cgroup: a share of a core, in a burst every so many ms.
    pub fn load(&self, path: &str, share: f64, period_ms: u32) -> Result<Load> {
        let (cgroup, program) = (self.make(path)?, program("test-load")?);
        let mut load = Command::new(&program);
        load.args([share.to_string(), period_ms.to_string()]).arg(cgroup).stdin(Stdio::piped());
        Ok(Load(load.spawn().with_context(|| format!("starting {}", program.display()))?))
    }

    /// Starts what names a pod: the monitor of a container, in its own scope of the pod's cgroup. It uses nothing.
    pub fn monitor(&self, pod: &str, namespace: &str, name: &str, uid: &str) -> Result<Load> {
        let cgroup = self.make(&format!("{pod}/crio-conmon-{}.scope", "c0".repeat(32)))?;
        let script = format!("echo 0 > '{}/cgroup.procs'; read end", cgroup.display());
        let called = format!("k8s_main_{name}_{namespace}_{uid}_0");
        let mut monitor = Command::new("sh");
        monitor.args(["-c", &script, "conmon", "-n", &called]).stdin(Stdio::piped());
        Ok(Load(monitor.spawn().context("starting sh")?))
    }

    /// CPU seconds that have been used in a cgroup and below.
    pub fn used(&self, path: &str) -> Result<f64> {
        let stat = fs::read_to_string(self.root.join(path).join("cpu.stat"))?;
        let used = stat.lines().find_map(|line| line.strip_prefix("usage_usec ")).context("no usage")?;
        Ok(used.parse::<f64>()? / 1e6)
    }

    /// Removes an empty cgroup, as soon as what ran in it has ended.
    pub fn remove(&self, path: &str) -> Result<()> {
        removed(&self.root.join(path))
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        // If it remains, the next cgroup of that name fails with the reason.
        let _ = removed(&self.root);
    }
}

impl Load {
    /// A child whose standard input is a pipe.
    pub fn from_child(child: Child) -> Self {
        Self(child)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.stdin.take();
        let _ = self.0.wait();
    }
}

/// Returns the mount point of a cgroup v2 tree.
fn mount() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let path = fields.next()?;
        (fields.next()? == "cgroup2").then(|| path.into())
    })
}

fn removed(cgroup: &Path) -> Result<()> {
    for inside in fs::read_dir(cgroup)?.flatten().filter(|entry| entry.path().is_dir()) {
        removed(&inside.path())?;
    }
    // A process is there for a moment after its end.
    until("a cgroup to go", Duration::from_secs(5), || {
        fs::remove_dir(cgroup).with_context(|| format!("removing {}", cgroup.display()))
    })
}
