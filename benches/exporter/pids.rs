//! Enough PIDs for what a part of the bench starts.

use std::fs;

use anyhow::{Context, Result};

/// The machine's limit of PIDs, raised to what systemd sets where it is lower, and set back when dropped.
pub(crate) struct Pids(Option<String>);

/// Processes and threads of the machine's own that need PIDs too, and those that ended a moment ago.
const OTHERS: usize = 30_000;
const LIMIT: &str = "/proc/sys/kernel/pid_max";

impl Pids {
    /// Room for so many processes or threads.
    pub(crate) fn enough(needed: usize) -> Result<Pids> {
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
