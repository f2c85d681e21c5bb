//! Slice of the machine's own cgroup v2 tree for all processes of a part of the bench, and a memory cgroup beside it. The
//! kernel counts each unit to the microsecond and the byte.

use std::fs::{self, read_to_string};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Slice that is removed when dropped, once its processes have ended.
pub(crate) struct Slice {
    /// Root of the tree, which holds the kernel's threads.
    pub(crate) root: PathBuf,
    path: PathBuf,
    /// Folder of the slice below a memory controller of version 1. `None` if there is none.
    memory: Option<PathBuf>,
}

/// Cgroup of the slice.
#[derive(Clone)]
pub(crate) struct Unit {
    pub(crate) path: PathBuf,
    memory: PathBuf,
}

impl Slice {
    /// Makes a slice. Needs root, and a cgroup v2 tree.
    pub(crate) fn new() -> Result<Slice> {
        let mounts = read_to_string("/proc/self/mounts")?;
        let mounted = |kind: &str, option: &str| {
            mounts.lines().find_map(|line| {
                let mut fields = line.split(' ').skip(1);
                let (at, fs_type, options) = (fields.next()?, fields.next()?, fields.next()?);
                (fs_type == kind && options.split(',').any(|o| o == option)).then(|| PathBuf::from(at))
            })
        };
        let root =
            mounted("cgroup2", "rw").context("the bench needs a cgroup v2 tree that it may write to")?;
        let name = format!("bench-{}.slice", std::process::id());
        let path = root.join(&name);
        let memory = mounted("cgroup", "memory").map(|root| root.join(&name));
        for path in [Some(&path), memory.as_ref()].into_iter().flatten() {
            fs::create_dir(path)
                .with_context(|| format!("making {}: the bench needs root", path.display()))?;
        }
        Ok(Slice { root, path, memory })
    }

    /// Makes a unit.
    pub(crate) fn unit(&self, name: &str) -> Result<Unit> {
        let path = self.path.join(format!("{name}.service"));
        fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Unit { memory: path.clone(), path })
    }

    /// Makes a unit whose memory is counted.
    pub(crate) fn measured_unit(&self, name: &str) -> Result<Unit> {
        let mut unit = self.unit(name)?;
        if let Some(memory) = &self.memory {
            unit.memory = memory.join(name);
            fs::create_dir(&unit.memory)?;
        }
        Ok(unit)
    }
}

impl Unit {
    /// Returns the commands of a script that move its shell into the unit.
    pub(crate) fn enter(&self) -> String {
        let file = |path: &Path| format!("echo 0 > '{}/cgroup.procs'", path.display());
        format!("{} && {}", file(&self.path), file(&self.memory))
    }

    /// Returns the CPU since the unit was made, in milliseconds, including processes that have ended.
    pub(crate) fn used_ms(&self) -> Result<f64> {
        let text = read_to_string(self.path.join("cpu.stat"))?;
        let usage =
            text.lines().find_map(|line| line.strip_prefix("usage_usec ")).context("no usage_usec")?;
        Ok(usage.parse::<f64>()? / 1000.0)
    }

    /// Limits the memory. Above `mib` the kernel reclaims memory, and kills processes of the unit if it cannot.
    pub(crate) fn limit_memory_mib(&self, mib: f64) -> Result<()> {
        let names = ["memory.limit_in_bytes", "memory.max"].map(|name| self.memory.join(name));
        let file = names.iter().find(|file| file.exists()).context("no memory limit to set")?;
        fs::write(file, format!("{}", mib * 1024.0 * 1024.0))
            .with_context(|| format!("writing {}", file.display()))
    }

    /// Returns the unit's memory in MiB: now, the peak, and the part that is page cache now. It includes the kernel's
    /// memory for the unit, and its page cache.
    pub(crate) fn memory_mib(&self) -> Result<(f64, f64, f64)> {
        let read = |names: [&str; 2]| {
            let text = names.iter().find_map(|name| read_to_string(self.memory.join(name)).ok());
            let text = text.with_context(|| format!("no memory controller at {}", self.memory.display()))?;
            anyhow::Ok(text.trim().parse::<f64>()? / 1024.0 / 1024.0)
        };
        let stat = read_to_string(self.memory.join("memory.stat"))?;
        let cache = stat.lines().find_map(|l| l.strip_prefix("cache ").or_else(|| l.strip_prefix("file ")));
        Ok((
            read(["memory.usage_in_bytes", "memory.current"])?,
            read(["memory.max_usage_in_bytes", "memory.peak"])?,
            cache.context("no page cache in memory.stat")?.parse::<f64>()? / 1024.0 / 1024.0,
        ))
    }
}

impl Drop for Slice {
    fn drop(&mut self) {
        let paths = [Some(&self.path), self.memory.as_ref()];
        for path in paths.into_iter().flatten() {
            if let Err(error) = remove_cgroup(path, Duration::from_secs(60)) {
                use std::io::Write;
                let _ = writeln!(std::io::stderr(), "{error:#}");
            }
        }
    }
}

/// Removes a cgroup and those below it, as soon as their last process has ended. Errors if one remains after `limit`.
pub(crate) fn remove_cgroup(cgroup: &Path, limit: Duration) -> Result<()> {
    let begun = Instant::now();
    for entry in fs::read_dir(cgroup)?.flatten() {
        if entry.file_type()?.is_dir() {
            remove_cgroup(&entry.path(), limit)?;
        }
    }
    while let Err(error) = fs::remove_dir(cgroup) {
        if begun.elapsed() > limit {
            bail!("{} remains: {error}", cgroup.display());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
