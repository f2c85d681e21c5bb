//! Options of the counting: where the kernel's files are, and how much detail a pass counts.

use std::path::PathBuf;

/// Locations of the kernel's files.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Mount point of procfs, usually `/proc`.
    pub procfs: PathBuf,
    /// Root of the cgroup v2 tree to count by. `None` if the node's own is to be found among the mounts, or none is used.
    pub cgroupfs: Option<PathBuf>,
}

/// Level of detail of a pass. Details that are not requested cost nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Counts CPU by thread name if `true`.
    pub threads: bool,
}
