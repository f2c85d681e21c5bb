//! Lower bound of a pass's cost: a loop that opens, reads and closes the same files, and does nothing else.

use std::fs::{File, read_dir, read_to_string};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};

/// Files that a pass reads if all processes have used CPU.
pub(crate) struct Floor {
    files: Vec<PathBuf>,
    buffer: Vec<u8>,
}

impl Floor {
    /// Lists the files: every cgroup's `cpu.stat` and `cgroup.procs`, and the `stat` of every process and thread of the
    /// slice's units. The list also has the `stat` of the root's processes, which are the kernel's threads.
    pub(crate) fn new(root: &Path) -> Result<Floor> {
        let mut files = vec![PathBuf::from("/proc/stat")];
        let mut cgroups = vec![root.to_owned()];
        while let Some(cgroup) = cgroups.pop() {
            let (procs, below) = (cgroup.join("cgroup.procs"), read_dir(&cgroup)?.flatten());
            cgroups.extend(below.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()));
            for pid in read_to_string(&procs)?.lines() {
                let process = Path::new("/proc").join(pid);
                if cgroup != root {
                    let tasks = read_dir(process.join("task")).into_iter().flatten().flatten();
                    files.extend(tasks.map(|task| task.path().join("stat")));
                }
                files.push(process.join("stat"));
            }
            files.extend([cgroup.join("cpu.stat"), procs]);
        }
        Ok(Floor { files, buffer: vec![0; 128 * 1024] })
    }

    /// Returns the number of files.
    pub(crate) fn file_count(&self) -> usize {
        self.files.len()
    }

    /// Reads each file once. Returns the CPU of that, in milliseconds.
    pub(crate) fn read(&mut self) -> f64 {
        let now = || {
            let now = clock_gettime(ClockId::ThreadCPUTime);
            now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6
        };
        let before = now();
        for file in &self.files {
            // A process that has ended since makes the loop cheaper, not dearer.
            let _ = File::open(file).and_then(|mut file| file.read(&mut self.buffer));
        }
        now() - before
    }
}
