//! PID limit of the machine, raised for the processes of the bench.

use std::fs;

use anyhow::{Context, Result};

/// PID limit of the machine. It is raised to systemd's value if it is too low, and restored when dropped.
pub(crate) struct Pids(Option<String>);

/// Number of PIDs for the machine's other processes and threads, and for those that ended a moment ago.
const OTHERS: usize = 30_000;
const LIMIT: &str = "/proc/sys/kernel/pid_max";

impl Pids {
    /// Raises the limit if it is too low for `needed` processes or threads.
    pub(crate) fn raise_limit(needed: usize) -> Result<Pids> {
        let limit = fs::read_to_string(LIMIT)?;
        if limit.trim().parse::<usize>()? >= needed + OTHERS {
            return Ok(Pids(None));
        }
        fs::write(LIMIT, "4194304").with_context(|| format!("{LIMIT} is too low for {needed} processes"))?;
        Ok(Pids(Some(limit)))
    }
}

impl Drop for Pids {
    fn drop(&mut self) {
        if let Some(limit) = &self.0 {
            let _ = fs::write(LIMIT, limit);
        }
    }
}
