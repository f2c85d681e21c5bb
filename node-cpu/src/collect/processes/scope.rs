//! Which processes are counted, and their PIDs.
use crate::kernel::ProcFs;
use crate::kernel::parse;
use crate::kernel::{Outcome, Reader};
use anyhow::{Result, bail};
use std::path::PathBuf;

/// Which processes are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All that procfs shows.
    All,
    /// Those in this `cgroup.procs`, the root's.
    Root(PathBuf),
}

impl Scope {
    /// The PIDs to count, in order; not where only those of the root are missed, which is counted as an error.
    pub(super) fn list(&self, pids: &mut Vec<u32>, procfs: &ProcFs, reader: &mut Reader) -> Result<bool> {
        pids.clear();
        match self {
            Scope::All => {
                if procfs.processes(pids, reader) != Outcome::Got(()) {
                    bail!("cannot list the processes in {}", procfs.path().display());
                }
                pids.sort_unstable();
            }
            Scope::Root(path) => {
                if reader.read(path, |text| parse::pids_into(text, pids)) != Outcome::Got(()) {
                    return Ok(false);
                }
                pids.sort_unstable();
                if pids.first() == Some(&0) {
                    reader.count("invisible_process");
                    pids.retain(|pid| *pid != 0);
                }
            }
        }
        Ok(true)
    }
}
